//! The findings and advice of `kayan doctor`.

use std::{fs, os::unix::fs::PermissionsExt as _, time::Instant};

use kayan_journeys::{Database, Done, Home, Kind, PASSWORD, Person, Server, Service, count};
use serde_json::Value;

use crate::{second_factors::App, starting::files};

/// More than the promised few seconds, as the machine may be busy, and less than the time limit of a command.
const ENOUGH: u64 = 20;

/// The findings of a run.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) code: i32,
    findings: Vec<Value>,
    done: Done,
}

impl Found {
    /// The words of the first finding of a check, which must have this status.
    #[track_caller]
    pub(crate) fn is(&self, check: &str, status: &str) -> String {
        let found = self.findings.iter().find(|it| it["check"] == check && it["status"] == status);
        let found = found.unwrap_or_else(|| panic!("{check} is not {status}: {self:#?}"));
        format!("{}; {}", found["message"].as_str().unwrap(), found["hint"].as_str().unwrap_or_default())
    }

    fn with_status(&self, status: &str) -> Vec<&str> {
        let such = self.findings.iter().filter(|it| it["status"] == status);
        such.map(|it| it["check"].as_str().unwrap()).collect()
    }

    /// Asserts that a secret is in neither output.
    #[track_caller]
    fn hides(&self, secret: &str) {
        assert!(!self.done.stdout.contains(secret) && !self.done.stderr.contains(secret), "{:?}", self.done);
    }
}

/// Runs it as a script does.
pub(crate) async fn doctor(home: &Home, options: &str) -> Found {
    let began = Instant::now();
    let done = home.run(&format!("doctor --format json {options}")).await;
    assert!(began.elapsed().as_secs() < ENOUGH, "it took {:?}", began.elapsed());
    let findings = serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"));
    Found { code: done.code, findings, done }
}

/// Finds nothing wrong with a working database, and changes nothing.
pub(crate) async fn finds_a_sound_database_in_order(kind: Kind) {
    let home = Home::on(kind).with("KAYAN_AUTO_MIGRATE", "false");
    assert_eq!(home.run("migrate up").await.code, 0);
    let service = Service::start_in(home).await;
    Person::register(&service.client(), "ada").await;
    service.terminate();
    let (_, _, home) = service.ended().await;
    let found = doctor(&home, "").await;
    assert_eq!((found.code, found.with_status("failed")), (0, vec![]), "{found:#?}");
    for check in ["reachable", "version", "rights", "isolation", "connections", "clock"] {
        found.is(&format!("database.{check}"), "ok");
    }
    for check in ["migrations.pending", "secrets.strength", "secrets.reuse", "audit.sealing", "audit.seals"] {
        found.is(check, "ok");
    }
    let told = found.is("recovery.sessions", "skipped");
    assert!(told.contains("kayan admin sessions revoke-all"), "I-25: {told}");
    let table = home.run("doctor").await;
    assert_eq!(table.code, 0, "{table:?}");
    assert!(table.stdout.contains("what to do") && table.stdout.contains("database.reachable"), "{table:?}");
}

#[tokio::test]
async fn a_sound_database_is_found_in_order() {
    finds_a_sound_database_in_order(Kind::chosen()).await;
}

#[tokio::test]
async fn pending_migrations_alone_are_exit_3_and_nothing_is_made() {
    let home = Home::new().with("KAYAN_AUTO_MIGRATE", "false");
    let found = doctor(&home, "").await;
    assert_eq!((found.code, found.with_status("failed")), (3, vec!["migrations.pending"]), "{found:#?}");
    assert!(found.is("migrations.pending", "failed").contains("run kayan migrate up"));
    assert_eq!(files(&home), Vec::new());
    assert_eq!(home.run("migrate status").await.code, 3);
    // If the service migrates by itself, that is no failure.
    let found = doctor(&home.with("KAYAN_AUTO_MIGRATE", "true"), "").await;
    assert_eq!(found.code, 0, "{found:#?}");
    found.is("migrations.pending", "warning");
}

#[tokio::test]
async fn an_edited_migration_and_one_of_a_newer_version_are_failures() {
    let home = Home::new();
    assert_eq!(home.run("migrate up").await.code, 0);
    let database = home.database().await;
    database.execute("UPDATE schema_migrations SET checksum = 'x' WHERE version = 2").await;
    database.execute("UPDATE schema_migrations SET version = 77, name = 'later' WHERE version = 10").await;
    let found = doctor(&home, "").await;
    assert_eq!(found.code, 1, "{found:#?}");
    assert!(found.is("migrations.edited", "failed").contains("0002_lockout"));
    assert!(found.is("migrations.unknown", "failed").contains("0077_later"));
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_exit_78_and_what_does_not_rest_on_them_is_looked_at() {
    let home = Home::new().with("KAYAN_PORT", "many").with("KAYAN_TRUSTED_PROXIES", "nobody");
    let found = doctor(&home.with("KAYAN_DB_MAX_OPEN_CONN", "1"), "").await;
    assert_eq!(found.code, 78, "{found:#?}");
    assert!(found.is("settings.valid", "failed").contains("KAYAN_PORT"));
    assert!(found.is("settings.advice", "warning").contains("KAYAN_DB_MAX_OPEN_CONNS"));
    assert!(found.is("network.proxies", "skipped").contains("KAYAN_TRUSTED_PROXIES"));
    found.is("database.reachable", "ok");
    let wrong = Home::new().with("KAYAN_DB_TYPE", "oracle");
    let found = doctor(&wrong, "").await;
    assert_eq!(found.code, 78, "{found:#?}");
    assert!(found.is("database.reachable", "skipped").contains("KAYAN_DB_TYPE"));
}

#[tokio::test]
async fn a_schema_of_the_traits_that_is_none_is_found() {
    let home = Home::new().with("KAYAN_IDENTITY_SCHEMA", r#"{"type": 7}"#);
    let found = doctor(&home, "").await;
    assert_eq!(found.code, 78, "{found:#?}");
    found.is("settings.identity_schema", "failed");
}

#[tokio::test]
async fn secrets_that_are_weak_or_used_twice_are_found_and_not_shown() {
    let secret = "q8Zr!mWx2Lt0p9Vk_7Yd-uEo4HsNcBa1";
    let home = Home::new().with("KAYAN_SESSION_SECRET", secret).with("KAYAN_SESSION_SECRET_PREVIOUS", secret);
    let found = doctor(&home.with("KAYAN_DATA_KEY", secret).with("KAYAN_JWT_SECRET", "changeme-hunter2"), "").await;
    assert_eq!(found.code, 0, "{found:#?}");
    assert!(found.is("secrets.strength", "warning").contains("KAYAN_JWT_SECRET is a well-known value"));
    let reused: Vec<_> = found.with_status("warning").into_iter().filter(|check| *check == "secrets.reuse").collect();
    assert_eq!(reused.len(), 3, "{found:#?}");
    assert!(found.is("secrets.reuse", "warning").contains("nothing was rotated"));
    found.hides(secret);
    found.hides("hunter2");
}

#[tokio::test]
async fn keys_that_no_secret_opens_are_found_and_nothing_is_wrapped_anew() {
    let old = "q8Zr!mWx2Lt0p9Vk_7Yd-uEo4HsNcBa1";
    let home = Home::new().with("KAYAN_SESSION_SECRET", old);
    assert_eq!(home.run("migrate up").await.code, 0);
    assert_eq!(home.run("admin token create --permissions users:read --ttl 1h").await.code, 0);
    let today = doctor(&home, "").await.is("secrets.keys", "ok");
    assert!(today.contains("KAYAN_SESSION_SECRET wraps them since 20"), "{today}");
    let home = home.with("KAYAN_SESSION_SECRET", "7Yd-uEo4HsNcBa1q8Zr!mWx2Lt0p9Vk_");
    let found = doctor(&home, "").await;
    assert_eq!(found.code, 1, "{found:#?}");
    assert!(found.is("secrets.keys", "failed").contains("KAYAN_SESSION_SECRET_PREVIOUS"));
    let home = home.with("KAYAN_SESSION_SECRET_PREVIOUS", old);
    let found = doctor(&home, "").await;
    assert_eq!(found.code, 0, "{found:#?}");
    found.is("secrets.keys", "ok");
    assert_eq!(count(&home.database().await, "SELECT version FROM data_keys").await, 1);
}

#[tokio::test]
async fn proxies_cookies_and_origins_that_do_not_agree_with_the_public_url_are_found() {
    let https = Home::new().with("KAYAN_PUBLIC_URL", "https://login.example.com");
    let found = doctor(&https, "").await;
    assert!(found.is("network.proxies", "warning").contains("share one rate limit"));
    assert!(found.is("network.cookies", "warning").contains("KAYAN_ENV=production"));
    let trusting =
        https.with("KAYAN_TRUSTED_PROXIES", "10.0.0.0/8").with("KAYAN_CORS_ORIGINS", "http://localhost:3000");
    let found = doctor(&trusting, "").await;
    found.is("network.proxies", "ok");
    assert!(found.is("network.cors", "warning").contains("http://localhost:3000"));
    let everybody = trusting.with("KAYAN_TRUSTED_PROXIES", "0.0.0.0/0").without("KAYAN_PUBLIC_URL");
    let found = doctor(&everybody, "").await;
    assert_eq!(found.code, 1, "{found:#?}");
    found.is("network.proxies", "failed");
    let open = everybody.without("KAYAN_TRUSTED_PROXIES").with("KAYAN_HOST", "0.0.0.0");
    doctor(&open, "").await.is("network.proxies", "warning");
}

#[tokio::test]
async fn a_hash_that_costs_too_much_is_given_up_and_its_setting_is_named() {
    let told = doctor(&Home::new().with("KAYAN_BCRYPT_COST", "20"), "").await.is("hashing.cost", "warning");
    assert!(told.contains("bcrypt at cost 20") && told.contains("lower KAYAN_BCRYPT_COST"), "{told}");
}

#[tokio::test]
async fn the_place_of_the_audit_log_is_looked_at() {
    let home = Home::new().with("KAYAN_AUDIT_LOG", "nowhere/audit.log");
    assert!(doctor(&home, "").await.is("files.audit_log", "failed").contains("mkdir -p nowhere"));
    fs::create_dir(home.path("nowhere")).unwrap();
    doctor(&home, "").await.is("files.audit_log", "ok");
    assert_eq!(fs::read_dir(home.path("nowhere")).unwrap().count(), 0, "it is not made");
    fs::write(home.path("nowhere/audit.log"), "").unwrap();
    fs::set_permissions(home.path("nowhere/audit.log"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(doctor(&home, "").await.is("files.audit_log", "warning").contains("chmod o="));
}

pub(crate) async fn finds_a_file_that_others_may_read() {
    let home = Home::on(Kind::Sqlite);
    assert_eq!(home.run("migrate up").await.code, 0);
    doctor(&home, "").await.is("files.database", "ok");
    for (mode, status) in [(0o640, "warning"), (0o604, "failed")] {
        fs::set_permissions(home.path("kayan.db"), fs::Permissions::from_mode(mode)).unwrap();
        let told = doctor(&home, "").await.is("files.database", status);
        assert!(told.contains("chmod 600 kayan.db"), "{told}");
    }
    fs::set_permissions(home.path("kayan.db"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(home.path(".env"), "KAYAN_LOG_LEVEL=info\n").unwrap();
    fs::set_permissions(home.path(".env"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(doctor(&home, "").await.is("files.secrets", "failed").contains("chmod 600 .env"));
}

/// A home with an event that is an hour old.
async fn with_an_event(home: Home) -> (Home, Database) {
    let create = "admin user create --email ada@example.com --password-stdin";
    assert_eq!(home.run_with(create, &format!("{PASSWORD}\n")).await.code, 0);
    let database = home.database().await;
    let earlier = database.earlier("created_at", 3_600);
    database.execute(&format!("UPDATE audit_events SET created_at = {earlier}")).await;
    (home, database)
}

#[tokio::test]
async fn a_trail_that_nobody_seals_and_a_seal_that_was_changed_are_found() {
    let (home, database) = with_an_event(Home::new()).await;
    assert!(doctor(&home, "").await.is("audit.sealing", "warning").contains("kayan audit seal"));
    assert_eq!(home.run("audit seal").await.code, 0);
    let found = doctor(&home, "").await;
    found.is("audit.sealing", "ok");
    assert!(found.is("audit.seals", "ok").contains("of 1 trails"));
    let earlier = database.earlier("sealed_at", 60);
    database.execute(&format!("UPDATE audit_seals SET sealed_at = {earlier}")).await;
    let found = doctor(&home, "").await;
    assert_eq!(found.code, 1, "{found:#?}");
    assert!(found.is("audit.seals", "failed").contains("kayan audit verify --database"));
}

#[tokio::test]
async fn missing_factors_and_secrets_of_apps_that_do_not_open_are_found() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let found = doctor(service.home(), "").await;
    assert!(found.is("factors.required", "ok").contains("no tenant requires"), "{found:#?}");
    assert!(found.is("factors.secrets", "ok").contains("no authenticator app"), "{found:#?}");
    Person::register(&service.client(), "bert").await;
    App::of(&ada).await;
    let require = r#"admin tenant update --id default --settings {"mfa_required":true,"mfa_required_from":"2999-01-01T00:00:00Z"}"#;
    assert_eq!(service.home().run(require).await.code, 0);
    let found = doctor(service.home(), "").await;
    assert_eq!(found.code, 0, "{found:#?}");
    let told = found.is("factors.required", "warning");
    assert!(told.contains("from 2999-01-01T00:00:00.000000Z on") && told.contains("1 of the newest 1000"), "{told}");
    assert!(told.contains("kayan admin user list --without-mfa --tenant default"), "{told}");
    assert!(found.is("factors.secrets", "ok").contains("of 1 authenticator apps"), "{found:#?}");

    let database = service.home().database().await;
    database.execute("UPDATE credentials SET secret = 'AQAA' WHERE kind = 'totp'").await;
    let gone = r#"{"mfa_required":true,"mfa_required_roles":["gone"]}"#;
    database.execute(&format!("UPDATE tenants SET settings = '{gone}' WHERE id = 'default'")).await;
    let found = doctor(service.home(), "").await;
    assert_eq!(found.code, 1, "{found:#?}");
    assert!(found.is("factors.required", "warning").contains("roles that don't exist: gone"), "{found:#?}");
    let told = found.is("factors.secrets", "failed");
    assert!(told.contains(&ada.id) && told.contains("kayan admin user reset-mfa"), "{told}");
}

#[tokio::test]
async fn i_25_a_database_that_is_older_than_its_audit_log_is_told_to_end_all_sessions() {
    let home = Home::new().with("KAYAN_AUDIT_LOG", "audit.log");
    let create = "admin user create --email ada@example.com --password-stdin";
    assert_eq!(home.run_with(create, &format!("{PASSWORD}\n")).await.code, 0);
    doctor(&home, "").await.is("recovery.sessions", "ok");
    home.database().await.execute("DELETE FROM audit_events").await;
    let told = doctor(&home, "").await.is("recovery.sessions", "warning");
    assert!(told.contains("kayan admin sessions revoke-all"), "{told}");
}

/// Reports a server that is frozen, refuses the password or is down, without hanging.
pub(crate) async fn outlasts_a_server_that_does_not_answer(kind: Kind) {
    let mut server = Server::start(kind).await;
    let home = Home::at(kind, &server.dsn());
    assert_eq!(home.run("migrate up").await.code, 0);
    assert_eq!(doctor(&home, "").await.code, 0);

    server.freeze();
    let frozen = doctor(&home, "").await;
    server.thaw();
    let refused = doctor(&Home::at(kind, &server.dsn().replace(":throw-away@", ":hunter2@")), "").await;
    server.kill();
    let down = doctor(&home, "").await;
    for found in [&frozen, &refused, &down] {
        assert_eq!(found.code, 1, "{found:#?}");
        found.is("database.reachable", "failed");
        found.is("migrations.pending", "skipped");
        found.is("secrets.strength", "ok");
        found.hides("throw-away");
        found.hides("hunter2");
    }
    assert!(refused.is("database.reachable", "failed").contains("refuses"), "{refused:#?}");
}

/// Finds a user without the right to write, and pools that are too large together.
pub(crate) async fn finds_missing_rights_and_connections(kind: Kind) {
    let server = Server::start(kind).await;
    let home = Home::at(kind, &server.dsn());
    let administrator = Database::connect(kind, &server.dsn()).await.unwrap();
    let grants = match kind {
        Kind::Mysql => [
            "CREATE USER 'reader'@'%' IDENTIFIED BY 'throw-away'",
            "GRANT SELECT ON kayan.* TO 'reader'@'%'",
            "GRANT INSERT, UPDATE, DELETE ON kayan.* TO 'reader'@'%'",
        ],
        _ => [
            "CREATE ROLE reader LOGIN PASSWORD 'throw-away'",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader",
            "GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO reader",
        ],
    };
    let reader = Home::at(kind, &server.dsn().replace("kayan:throw-away@", "reader:throw-away@"));
    for grant in &grants[..2] {
        administrator.execute(grant).await;
    }
    // It does not claim that the service migrates where its user can't.
    let pending = doctor(&reader, "").await.is("migrations.pending", "failed");
    assert!(pending.contains("lacks the privileges to apply them"), "{pending}");

    assert_eq!(home.run("migrate up").await.code, 0);
    doctor(&home, "").await.is("database.rights", "ok");
    let many = doctor(&home, "--replicas 1000").await;
    assert_eq!(many.code, 1, "{many:#?}");
    assert!(many.is("database.connections", "failed").contains("set KAYAN_DB_MAX_OPEN_CONNS to 1 or less"));
    assert!(many.is("redis.reachable", "warning").contains("KAYAN_REDIS_URL"));

    administrator.execute(grants[1]).await;
    let found = doctor(&reader, "").await;
    assert_eq!(found.code, 1, "{found:#?}");
    assert!(found.is("database.rights", "failed").contains("sessions"), "{found:#?}");
    administrator.execute(grants[2]).await;
    let found = doctor(&reader, "").await;
    assert_eq!(found.code, 0, "{found:#?}");
    assert!(found.is("database.rights", "warning").contains("not migrate"), "{found:#?}");
}
