//! The operations guide, run from its first block to its last.

use std::{fs, time::Duration};

use kayan_journeys::{Database, Kind, Metrics, Person, Server, ask, count};
use serde_json::Value;
use tokio::process::Command;

use crate::{
    machine::Machine,
    page::Page,
    runner::{Stage, perform},
};

/// What each block must say, besides that it must end well.
const EXPECTED: &[(&str, &[&str])] = &[
    ("Doctor: kayan doctor", &["database.reachable", "3 × KAYAN_DB_MAX_OPEN_CONNS"]),
    (
        "Migrations: kayan migrate status",
        &["checksum", "0001", "nothing is pending", "migrations/postgres/0001_add_new_table.up.sql"],
    ),
    ("Migrations: kayan migrate down", &["reverted"]),
    (
        "Maintenance: VACUUM ANALYZE identities",
        &["VACUUM", "pg_size_pretty", "identities", "audit_events_default", "count"],
    ),
    ("Logs and audit log: docker logs kayan", &["\"status\": 503", "\"level\":\"debug\""]),
    ("Logs and audit log: jq", &["auth.login.failure", "auth.login.blocked", "security.rate_limited"]),
    ("Profiles: curl http", &["Type: inuse_space", "Type: cpu", "resident"]),
    ("Backup and recovery: install", &["identities", "audit_events"]),
    ("Backup and recovery: export KAYAN_DB_TYPE", &["identities", "all sessions are ended"]),
    ("After a restore: kayan doctor", &["recovery.sessions", "0001", "revoked", "admin.action"]),
    ("Point in time: ALTER SYSTEM SET", &["ALTER SYSTEM"]),
    ("Connection refused: curl", &["200 OK", "LISTEN", "listening"]),
    (
        "Database connection errors: psql",
        &["(1 row)", "\"status\": \"healthy\"", "kayan_db_connections{state=\"waiting\"}"],
    ),
    ("Redis connection errors: redis-cli", &["PONG", "\"status\": \"healthy\""]),
    ("Log everybody out: kayan admin sessions", &[" revoked", "{\"revoked\":"]),
    ("Log everybody out: UPDATE sessions SET", &["UPDATE "]),
    ("Lock a user: kayan admin user", &["\"state\":\"locked\""]),
    ("Export the audit trail: kayan audit export", &["auth.login.failure", "auth.login.blocked"]),
    ("Prove the audit trail: kayan audit seal", &["public key: "]),
];

/// What can't be run here, and why not.
const NAMED: &[(&str, &str)] = &[];

impl Stage for Machine {
    fn rewrites(&self) -> Vec<(&'static str, String)> {
        let (address, here) = (self.address(), |name: &str| self.home().path(name).display().to_string());
        let (_, port) = address.rsplit_once(':').unwrap();
        let (_, maria) = self.maria.dsn().split_once(")/").unwrap();
        let maria = maria.split('?').next().unwrap();
        vec![
            // Addresses
            ("grep 8080", format!("grep {port}")),
            ("localhost:8080", address.clone()),
            ("utf8mb4 kayan |", format!("utf8mb4 {maria} |")),
            // Places
            ("/var/log/kayan/audit.log", here("audit.log")),
            ("/var/", here("var/")),
            ("/backup/", here("backup/")),
            ("postgres://kayan:password@localhost:5432/restored?sslmode=prefer", self.beside("restored")),
            // What was made today, as the guide's own commands name it
            ("kayan_20240118.backup", "kayan_$(date +%Y%m%d).backup".to_owned()),
            ("kayan_20240118.dump", "kayan_$(date +%Y%m%d).dump".to_owned()),
            ("base_20240118", "base_$(date +%Y%m%d)".to_owned()),
            ("2024-01-18 10:00:00", self.moment.clone()),
            // What the guide leaves open
            ("<user-id>", self.bert.id.clone()),
            ("<id>", self.bert.id.clone()),
            ("<public-key>", "$(kayan audit verify --database 2>&1 | sed -n 's/^public key: //p')".to_owned()),
            ("<head>", "$(kayan audit verify --database --format json | jq -r '.[0].head')".to_owned()),
        ]
    }

    fn script(&self, script: &str) -> Command {
        Self::script(self, script)
    }

    fn sql(&self, sql: &str) -> Command {
        let psql = "psql \"$KAYAN_DB_DSN\" --no-psqlrc --set=ON_ERROR_STOP=1";
        Self::script(self, &format!("{psql} <<'END'\n{sql}END\n"))
    }

    fn expected(&self) -> &'static [(&'static str, &'static [&'static str])] {
        EXPECTED
    }

    fn named(&self) -> &'static [(&'static str, &'static str)] {
        NAMED
    }

    async fn before(&mut self, key: &str) {
        match key {
            "Backup and recovery: export KAYAN_DB_TYPE" => {
                self.server().await.execute("CREATE DATABASE restored").await;
            }
            "Backup and recovery: createdb" => {
                self.stop().await;
                self.server().await.execute("DROP DATABASE kayan WITH (FORCE)").await;
            }
            _ => {}
        }
    }

    async fn after(&mut self, key: &str, _said: &str) {
        match key {
            "Migrations: kayan migrate down" => {
                let waiting = ask(self.service().client().get("/health/ready")).await.refused(503, "unavailable");
                self.succeeds("kayan migrate status && exit 1 || [[ $? == 3 ]]\nkayan migrate up").await;
                assert!(waiting.text().contains("kayan migrate up"), "{waiting:?}");
                ask(self.service().client().get("/health/ready")).await.expect(200);
            }
            "Backup and recovery: createdb" => {
                self.begin().await;
                self.ada.who_am_i().await.expect(200);
            }
            "Backup and recovery: mysqldump" => {
                let tables = self.succeeds("zcat kayan_*.sql.gz | grep 'CREATE TABLE'").await;
                assert!(tables.contains("`identities`") && tables.contains("`audit_events`"), "{tables}");
            }
            "Backup and recovery: sqlite3 kayan.db" => {
                let tables = self.succeeds("sqlite3 kayan_*.db .tables").await;
                assert!(tables.contains("identities") && tables.contains("audit_events"), "{tables}");
            }
            "Point in time: ALTER SYSTEM SET" => self.server_restarts().await,
            "Point in time: pg_basebackup" => self.time_goes_by().await,
            "Point in time: cat" => self.the_moment_is_back().await,
            "Rotate secrets: NEW_SESSION_SECRET" => {
                self.roll_out("rolled").await;
                self.ada.who_am_i().await.expect(200);
            }
            "Rotate secrets: OLD" => {
                // Once with both keys, and then without the one before.
                self.roll_out("rolled").await;
                self.ada.who_am_i().await.expect(200);
                self.roll_out(".").await;
                assert!(!self.home().settings().contains_key("KAYAN_DATA_KEY_PREVIOUS"));
                self.ada.who_am_i().await.expect(200);
            }
            "After a restore: kayan doctor"
            | "Log everybody out: kayan admin sessions"
            | "Log everybody out: UPDATE sessions SET" => self.everybody_was_logged_out().await,
            "Lock a user: kayan admin user" => {
                self.bert.assert_out().await;
                self.succeeds(&format!("kayan admin user unlock --id {}", self.bert.id)).await;
                self.bert = self.bert.log_in().await;
            }
            "Export the audit trail: kayan audit export" => {
                let january = fs::read_to_string(self.home().path("audit-2024-01.json")).unwrap();
                let january: Vec<Value> = serde_json::from_str(&january).unwrap();
                assert!(january.iter().any(|event| event["type"] == "identity.created"), "{january:?}");
            }
            _ => {}
        }
    }
}

/// To a moment of PostgreSQL's.
impl Machine {
    async fn server_restarts(&mut self) {
        self.postgres.kill();
        self.postgres.revive().await;
        Metrics::until(&self.service().client(), |metrics| metrics.count("kayan_health_status") == Some(1)).await;
        // The guide's second command logs in as the server's superuser, who has another name here.
        self.database().await.execute("CREATE ROLE postgres SUPERUSER LOGIN PASSWORD 'throw-away'").await;
    }

    /// A user registers, a moment passes, and another one registers; all of it is archived.
    async fn time_goes_by(&mut self) {
        let (client, database) = (self.service().client(), self.database().await);
        Person::register(&client, "early").await;
        let moment = "SELECT to_char(clock_timestamp(), 'YYYY-MM-DD HH24:MI:SS.US')";
        self.moment = database.texts(moment).await.remove(0);
        Person::register(&client, "late").await;
        self.archived(&database).await;
        // The plain way, which the guide only mentions.
        let plain =
            format!("ALTER SYSTEM SET archive_command = 'cp %p {}/%f'", self.home().path("backup/wal").display());
        database.execute(&plain).await;
        database.execute("SELECT pg_reload_conf()").await;
        Person::register(&client, "later").await;
        self.archived(&database).await;
    }

    /// Waits until all that was written is archived: another process's work is no event one could wait for.
    async fn archived(&self, database: &Database) {
        let last = database.texts("SELECT pg_walfile_name(pg_switch_wal())").await.remove(0);
        while !self.home().path("backup/wal").join(&last).is_file() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn the_moment_is_back(&self) {
        let base = self.succeeds("echo -n backup/base_$(date +%Y%m%d)").await;
        let restored = Server::on_copy_of(&self.home().path(&base)).await;
        let database = Database::connect(Kind::Postgres, &restored.dsn()).await.unwrap();
        while count(&database, "SELECT CAST(pg_is_in_recovery() AS integer)").await == 1 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let came =
            database.texts("SELECT value FROM identifiers WHERE value IN ('early@example.com', 'late@example.com')");
        assert_eq!(came.await, ["early@example.com"]);
    }
}

#[tokio::test]
async fn every_block_of_the_operations_guide_runs_as_printed() {
    let page = Page::read("docs/operations.md");
    let mut machine = Machine::start().await;
    let table = perform(&page, &mut machine).await;
    println!("docs/operations.md, block by block:\n{table}");
}
