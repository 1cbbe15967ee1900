//! A service with people in it, as a reader of the guide has it, and all that the guide's commands speak to.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt as _, symlink},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use kayan_house::root;
use kayan_journeys::{Database, Home, Kind, PASSWORD, Person, Redis, Server, Service, ask, binary};
use serde_json::Value;
use tokio::process::Command;

/// Stand-ins for programs that can't run here: there is no container engine and no cluster.
const STAND_INS: [&str; 2] = ["docker", "kubectl"];
const SESSION_SECRET: &str = "n5Vq9xRb2Lw8Tz4Jc7Ym1Kf6Hd3Gs0Pa";
const DATA_KEY: &str = "Tz4Jc7Ym1Kf6Hd3Gs0Pan5Vq9xRb2Lw8";

/// The machine.
pub(crate) struct Machine {
    pub(crate) postgres: Server,
    _redis: Redis,
    // With a database on the tests' MariaDB.
    pub(crate) maria: Home,
    // One of the two: the service runs, or it does not.
    service: Option<Service>,
    parked: Option<Home>,
    pub(crate) ada: Person,
    pub(crate) bert: Person,
    // Up to which a server is restored.
    pub(crate) moment: String,
}

impl Machine {
    pub(crate) async fn start() -> Self {
        let (postgres, redis) = (Server::start(Kind::Postgres).await, Redis::start().await);
        let maria = Home::on(Kind::Mysql);
        assert_eq!(maria.run("migrate up").await.code, 0);
        let home = Home::at(Kind::Postgres, &postgres.dsn()).with("KAYAN_REDIS_URL", redis.url());
        let home = home.with("KAYAN_LOG_FORMAT", "json").with("KAYAN_AUDIT_LOG", "audit.log");
        let home = home.with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_SESSION_CACHE_TTL", "0s");
        let home = home.with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_REQUESTS", "100000");
        let home = home.with("KAYAN_RATE_LIMIT_LOGIN_REQUESTS", "12").with("KAYAN_RATE_LIMIT_WINDOW", "24h");
        let home = home.with("KAYAN_SESSION_SECRET", SESSION_SECRET).with("KAYAN_DATA_KEY", DATA_KEY);
        furnish(&home, &maria);
        happened_in_2024(&home).await;
        let service = Service::start_in(home).await;
        let client = service.client();
        let (ada, bert) = (Person::register(&client, "ada").await, Person::register(&client, "bert").await);
        let mallory = Person::register(&client, "mallory").await.email;
        // Locked out, and then not even heard.
        for (times, code) in [(5, 401), (7, 423), (1, 429)] {
            for _ in 0..times {
                ask(Person::login(&client, &mallory, "wrong, and long")).await.expect(code);
            }
        }
        let (service, parked, moment) = (Some(service), None, String::new());
        let machine = Self { postgres, _redis: redis, maria, service, parked, ada, bert, moment };
        let secret = "kubectl create secret generic kayan-database --from-literal=KAYAN_DATA_KEY=\"$KAYAN_DATA_KEY\"";
        machine.succeeds(secret).await;
        // Where nothing is set, an SQLite's file lies in the working folder.
        machine.succeeds("KAYAN_DB_TYPE=sqlite KAYAN_DB_DSN='file:kayan.db' kayan migrate up").await;
        machine
    }

    pub(crate) fn service(&self) -> &Service {
        self.service.as_ref().expect("the service runs")
    }

    pub(crate) fn home(&self) -> &Home {
        self.parked.as_ref().unwrap_or_else(|| self.service().home())
    }

    /// Where the service listens: while it does not run, nowhere.
    pub(crate) fn address(&self) -> String {
        self.service.as_ref().map_or_else(|| "localhost:8080".to_owned(), |service| service.address().to_string())
    }

    pub(crate) async fn database(&self) -> Database {
        Database::connect(Kind::Postgres, &self.postgres.dsn()).await.unwrap()
    }

    /// An unused database of the same server.
    pub(crate) async fn server(&self) -> Database {
        Database::connect(Kind::Postgres, &self.beside("postgres")).await.unwrap()
    }

    /// The DSN of another database of the same server.
    pub(crate) fn beside(&self, name: &str) -> String {
        let dsn = self.postgres.dsn();
        let (server, _) = dsn.rsplit_once('/').unwrap();
        format!("{server}/{name}")
    }

    /// A script with the programs and the password files of this machine.
    pub(crate) fn script(&self, script: &str) -> Command {
        let home = self.home();
        let mut command = home.script(script);
        let path = std::env::var_os("PATH").unwrap_or_default().to_string_lossy().into_owned();
        command.env("PATH", format!("{}:{path}", home.path("bin").display())).env("HOME", home.path("me"));
        command.env("PGPORT", self.postgres.port().to_string());
        command.env("STAND_IN_LOG", home.path("serve.log")).env("STAND_IN_CLUSTER", home.path("cluster"));
        command.env("STAND_IN_MANIFESTS", root().join("deploy/kubernetes"));
        command
    }

    /// What a script says that must end well.
    pub(crate) async fn succeeds(&self, script: &str) -> String {
        let output = self.script(script).output().await.unwrap();
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{script}: {said}{errors}");
        said.into_owned()
    }

    /// Ends the service.
    pub(crate) async fn stop(&mut self) {
        let service = self.service.take().expect("the service runs");
        service.terminate();
        let (code, log, home) = service.ended().await;
        assert_eq!(code, 0, "{log}");
        self.parked = Some(home);
    }

    /// Starts it again.
    pub(crate) async fn begin(&mut self) {
        let home = self.parked.take().expect("the service does not run");
        let service = Service::start_in(home).await;
        // It listens elsewhere now.
        self.ada.client = service.client();
        self.bert.client = service.client();
        self.service = Some(service);
    }

    /// Starts it anew as a pod would be, with what is in the cluster's Secrets: in those that it was told of last, or as they are
    /// now.
    pub(crate) async fn roll_out(&mut self, folder: &str) {
        self.stop().await;
        let home = self.parked.take().expect("the service does not run").without("KAYAN_DATA_KEY_PREVIOUS");
        let secrets =
            ["kayan-secrets", "kayan-database"].map(|name| home.path(&format!("cluster/{folder}/{name}.json")));
        let mut settings = Vec::new();
        for secret in secrets {
            let secret: Value = serde_json::from_str(&fs::read_to_string(secret).unwrap()).unwrap();
            for (key, value) in secret["data"].as_object().unwrap() {
                let value = BASE64_STANDARD.decode(value.as_str().unwrap()).unwrap();
                settings.push((key.clone(), String::from_utf8(value).unwrap()));
            }
        }
        self.parked = Some(settings.into_iter().fold(home, |home, (name, value)| home.with(&name, value)));
        self.begin().await;
    }

    /// Both are known no longer; they log in again.
    pub(crate) async fn everybody_was_logged_out(&mut self) {
        self.ada.assert_out().await;
        self.bert.assert_out().await;
        self.ada = self.ada.log_in().await;
        self.bert = self.bert.log_in().await;
    }
}

/// The programs, and how those of the databases log in.
fn furnish(home: &Home, maria: &Home) {
    let open = |name: &str, mode| fs::set_permissions(home.path(name), Permissions::from_mode(mode)).unwrap();
    for folder in ["bin", "me", "cluster", "backup/wal", "var/backups", "var/lib/kayan"] {
        fs::create_dir_all(home.path(folder)).unwrap();
    }
    // PostgreSQL runs as another user, and archives into it.
    for (folder, mode) in [(".", 0o755), ("backup", 0o755), ("backup/wal", 0o777)] {
        open(folder, mode);
    }
    symlink(binary(), home.path("bin/kayan")).unwrap();
    for name in STAND_INS {
        symlink(root().join("tests/guide/stand-ins").join(name), home.path("bin").join(name)).unwrap();
    }
    fs::write(home.path("me/.pgpass"), "*:*:*:*:throw-away\n").unwrap();
    open("me/.pgpass", 0o600);
    let (user, rest) = maria.dsn().split_once(':').unwrap();
    let (password, rest) = rest.split_once("@tcp(").unwrap();
    let (host, rest) = rest.split_once(':').unwrap();
    let (port, _) = rest.split_once(')').unwrap();
    let client = format!("host={host}\nport={port}\nuser={user}\npassword={password}\nssl-verify-server-cert=off\n");
    fs::write(home.path("me/.my.cnf"), format!("[client]\n{client}")).unwrap();
}

/// An old event from before a service ran that would have sealed it.
async fn happened_in_2024(home: &Home) {
    assert_eq!(home.run("migrate up").await.code, 0);
    let create = "admin user create --email root@example.com --role admin --password-stdin";
    assert_eq!(home.run_with(create, PASSWORD).await.code, 0);
    let moved = "UPDATE audit_events SET created_at = '2024-01-31 12:00:00+00'";
    assert!(home.database().await.execute(moved).await > 0);
}
