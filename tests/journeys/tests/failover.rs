//! After a failover: the old server has become read-only, the new one accepts writes, and the service is not restarted.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use kayan_journeys::{Client, Database, Home, Kind, Person, Proxy, Server, Service, ask, count};
use tokio::time::timeout;

use crate::doctor::doctor;

/// How soon writes must succeed once a server accepts them: twice the promised two seconds, for a busy machine.
const SOON: Duration = Duration::from_secs(4);
/// The time limit of everything here.
const PATIENCE: Duration = Duration::from_mins(1);

/// The same for all services on one database.
const SECRET: &str = "q8Zr!mWx2Lt0p9Vk_7Yd-uEo4HsNcBa1";

/// Connections are kept forever, and nothing is cached.
fn home(kind: Kind, dsn: &str) -> Home {
    let home = Home::at(kind, dsn).with("KAYAN_SESSION_CACHE_TTL", "0s").with("KAYAN_DB_CONN_MAX_LIFETIME", "0s");
    home.with("KAYAN_LOG_LEVEL", "warn").with("KAYAN_SESSION_SECRET", SECRET)
}

/// The DSN for a user to whom `read_only` applies: on `MySQL` administrators may still write.
async fn bound(kind: Kind, dsn: &str) -> String {
    if kind != Kind::Mysql {
        return dsn.to_owned();
    }
    let database = Database::connect(kind, dsn).await.unwrap();
    database.execute("CREATE USER 'app'@'%' IDENTIFIED BY 'throw-away'").await;
    database.execute("GRANT ALL ON kayan.* TO 'app'@'%'").await;
    dsn.replacen("kayan:", "app:", 1)
}

async fn set_read_only(kind: Kind, dsn: &str, on: bool) {
    let database = Database::connect(kind, dsn).await.unwrap();
    let word = if on { "on" } else { "off" };
    if kind == Kind::Mysql {
        database.execute(&format!("SET GLOBAL read_only = {word}")).await;
        return;
    }
    database.execute(&format!("ALTER SYSTEM SET default_transaction_read_only = {word}")).await;
    database.rows("SELECT pg_reload_conf()").await;
    let took = async {
        while Database::connect(kind, dsn).await.unwrap().texts("SHOW transaction_read_only").await != [word] {}
    };
    timeout(PATIENCE, took).await.expect("the server reads its settings");
}

/// Waits until the service is ready or not; the health report says the same of the database.
async fn readiness(client: &Client, status: u16) {
    let asking = async { while ask(client.get("/health/ready")).await.status != status {} };
    timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("it is never {status}"));
    let health = ask(client.get("/health")).await.expect(status);
    let checks = health.json()["checks"].clone();
    let database = checks.as_array().unwrap().iter().find(|check| check["name"] == "database").unwrap();
    let told = database["message"].as_str().unwrap_or_default();
    assert_eq!(told.contains("read-only"), status == 503, "{health:?}");
}

/// Registers a new user and logs in several at once, soon after `since`.
async fn writes_soon(client: &Client, name: &str, since: Instant) {
    let email = format!("{name}@example.com");
    while ask(Person::registration(client, &email)).await.status != 201 {
        assert!(since.elapsed() < SOON, "no write succeeds {:?} later", since.elapsed());
    }
    assert!(since.elapsed() < SOON, "the first write succeeded {:?} later", since.elapsed());
    let logins = join_all((0..8).map(|_| ask(Person::login(client, &email, kayan_journeys::PASSWORD)))).await;
    assert!(logins.iter().all(|answer| answer.status == 200), "{logins:?}");
}

/// Opens many connections and uses each.
async fn warm(person: &Person) {
    let logins = (0..8).map(|_| ask(Person::login(&person.client, &person.email, kayan_journeys::PASSWORD)));
    assert!(join_all(logins).await.iter().all(|answer| answer.status == 200));
}

/// Reports a server that becomes read-only, keeps reading from it, and writes again as soon as possible.
pub(crate) async fn tells_of_a_read_only_server(kind: Kind) {
    let server = Server::start(kind).await;
    let service = Service::start_in(home(kind, &bound(kind, &server.dsn()).await)).await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    warm(&ada).await;
    set_read_only(kind, &server.dsn(), true).await;
    readiness(&client, 503).await;
    ask(Person::registration(&client, "bob@example.com")).await.refused(503, "unavailable");
    ada.who_am_i().await.expect(200);
    let found = doctor(service.home(), "").await;
    assert_eq!(found.code, 1, "{found:#?}");
    assert!(found.is("database.rights", "failed").contains("read-only"), "{found:#?}");
    set_read_only(kind, &server.dsn(), false).await;
    writes_soon(&client, "eve", Instant::now()).await;
    readiness(&client, 200).await;
}

/// The address leads to the new primary; open connections still lead to the old one, which accepts no writes.
pub(crate) async fn finds_the_new_primary(kind: Kind) {
    let mut old = Server::start(kind).await;
    let dsn = bound(kind, &old.dsn()).await;
    assert_eq!(home(kind, &dsn).run("migrate up").await.code, 0);
    old.kill();
    let new = old.twin().await;
    old.revive().await;
    let proxy = Proxy::to(old.port()).await;
    let dsn = dsn.replace(&old.port().to_string(), &proxy.port().to_string());
    let service = Service::start_in(home(kind, &dsn)).await;
    let client = service.client();
    warm(&Person::register(&client, "ada").await).await;
    set_read_only(kind, &old.dsn(), true).await;
    proxy.lead_to(new.port());
    writes_soon(&client, "bob", Instant::now()).await;
    readiness(&client, 200).await;
    let there = Database::connect(kind, &new.dsn()).await.unwrap();
    let found = "SELECT COUNT(*) FROM audit_events WHERE type = 'identity.created'";
    assert_eq!(count(&there, found).await, 1);
}

/// Of several hosts in the DSN, the writable one is found when the first has become read-only.
pub(crate) async fn finds_the_writable_host() {
    let kind = Kind::Postgres;
    let mut old = Server::start(kind).await;
    assert_eq!(home(kind, &old.dsn()).run("migrate up").await.code, 0);
    old.kill();
    let new = old.twin().await;
    old.revive().await;
    for attributes in ["any", "read-write"] {
        set_read_only(kind, &old.dsn(), false).await;
        let hosts = format!(":{},127.0.0.1:{}/", old.port(), new.port());
        let dsn = old.dsn().replace(&format!(":{}/", old.port()), &hosts);
        let dsn = format!("{dsn}?target_session_attrs={attributes}");
        let service = Service::start_in(home(kind, &dsn)).await;
        let client = service.client();
        warm(&Person::register(&client, &format!("ada-{attributes}")).await).await;
        set_read_only(kind, &old.dsn(), true).await;
        writes_soon(&client, &format!("bob-{attributes}"), Instant::now()).await;
        readiness(&client, 200).await;
    }
}

/// A `PostgreSQL` in recovery is read but not written, until it is promoted while connections are open.
pub(crate) async fn follows_a_promotion() {
    let kind = Kind::Postgres;
    let mut server = Server::start(kind).await;
    let first = Service::start_in(home(kind, &server.dsn())).await;
    let ada = Person::register(&first.client(), "ada").await;
    first.kill().await;
    server.kill();
    server.stand_by();
    server.revive().await;

    let service = Service::launch_in(home(kind, &server.dsn())).await;
    let client = service.client();
    readiness(&client, 503).await;
    let here = Person { client: client.clone(), ..ada.clone() };
    here.who_am_i().await.expect(200);
    ask(Person::login(&client, &ada.email, kayan_journeys::PASSWORD)).await.refused(503, "unavailable");
    assert!(doctor(service.home(), "").await.is("database.rights", "failed").contains("read-only"));

    let database = Database::connect(kind, &server.dsn()).await.unwrap();
    assert_eq!(database.texts("SELECT pg_promote()").await, ["t"]);
    writes_soon(&client, "bob", Instant::now()).await;
    readiness(&client, 200).await;
}
