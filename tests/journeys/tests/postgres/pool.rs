//! The service's connections, as the server sees them.

use std::time::Duration;

use futures_util::future::join_all;
use kayan_journeys::{Database, Home, Kind, Metrics, PASSWORD, Person, Service, ask};
use tokio::{
    process::Command,
    time::{sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(45);

/// The connections to its database, without the one that asks.
async fn connections(database: &Database) -> Vec<String> {
    let others = "datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'";
    database.texts(&format!("SELECT pid FROM pg_stat_activity WHERE {others}")).await
}

/// Checks them until the condition holds.
async fn until(database: &Database, such: impl Fn(&[String]) -> bool) {
    let looking = async {
        while !such(&connections(database).await) {
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, looking).await.expect("it becomes so in time");
}

/// Many requests at once.
async fn burst(ada: &Person) {
    let answers = join_all((0..64).map(|_| ada.who_am_i())).await;
    assert!(answers.iter().all(|answer| [200, 503].contains(&answer.status)), "{answers:?}");
}

fn home() -> Home {
    Home::on(Kind::Postgres).with("KAYAN_SESSION_CACHE_TTL", "0s")
}

#[tokio::test]
async fn no_more_connections_are_open_than_may_be() {
    let service = Service::start_in(home().with("KAYAN_DB_MAX_OPEN_CONNS", "3")).await;
    let (client, database) = (service.client(), service.home().database().await);
    assert_eq!(Metrics::of(&client).await.count("kayan_db_connections_max"), Some(3));
    let ada = Person::register(&client, "ada").await;
    for _ in 0..3 {
        burst(&ada).await;
        assert_eq!(connections(&database).await.len(), 3);
    }
}

#[tokio::test]
async fn of_idle_connections_only_so_many_stay_open() {
    // The job that delivers messages asks every second, so one more is open that is not idle.
    for (idle, left) in [("2", 3), ("0", 1)] {
        let home = home().with("KAYAN_DB_MAX_OPEN_CONNS", "9").with("KAYAN_DB_MAX_IDLE_CONNS", idle);
        let service = Service::start_in(home).await;
        let database = service.home().database().await;
        burst(&Person::register(&service.client(), "ada").await).await;
        until(&database, |open| open.len() <= left).await;
        assert!(connections(&database).await.len() <= 9);
    }
}

#[tokio::test]
async fn a_connection_is_closed_at_the_end_of_its_life() {
    let home = home().with("KAYAN_DB_CONN_MAX_LIFETIME", "1s").with("KAYAN_DB_MAX_IDLE_CONNS", "9");
    let service = Service::start_in(home).await;
    let database = service.home().database().await;
    burst(&Person::register(&service.client(), "ada").await).await;
    let first = connections(&database).await;
    assert!(!first.is_empty());
    until(&database, |open| open.iter().all(|id| !first.contains(id))).await;
}

#[tokio::test]
async fn what_may_lag_is_asked_of_the_replica() {
    let replica = Home::on(Kind::Postgres);
    assert_eq!(replica.run("migrate up").await.code, 0);
    let create = "admin user create --email elsewhere@example.com --password-stdin";
    assert_eq!(replica.run_with(create, PASSWORD).await.code, 0);
    let service = Service::start_in(home().with("KAYAN_DB_READ_DSN", replica.dsn())).await;
    let ada = Person::register(&service.client(), "ada").await;
    ada.log_in().await.who_am_i().await.expect(200);
    let token = service.home().run("admin token create --permissions users:read --ttl 1h").await.stdout;
    let users = ask(service.client().get("/admin/users").bearer_auth(token.trim())).await.expect(200).text();
    assert!(users.contains("elsewhere@example.com") && !users.contains(&ada.email), "{users}");
}

/// The log of a service behind `PgBouncer`, which gives each transaction another connection.
async fn pooled(statements: &str, told: &str) -> String {
    let own = home();
    assert_eq!(own.run("migrate up").await.code, 0);
    let bouncer = std::env::var_os("KAYAN_TEST_PGBOUNCER_DSN").and_then(|dsn| dsn.into_string().ok());
    let bouncer = bouncer.expect("KAYAN_TEST_PGBOUNCER_DSN is not set: run `cargo xtask test`");
    let (_, name) = own.dsn().rsplit_once('/').unwrap();
    let dsn = format!("{}/{name}", bouncer.rsplit_once('/').unwrap().0);
    let home = Home::at(Kind::Postgres, &dsn).with("KAYAN_SESSION_CACHE_TTL", "0s");
    let service = Service::launch_in(home.with("KAYAN_DB_STATEMENTS", statements)).await;
    for _ in 0..4 {
        let email = "nobody@example.com";
        join_all((0..8).map(|_| ask(Person::login(&service.client(), email, "wrong")))).await;
    }
    service.log_with(told).await
}

#[tokio::test]
async fn unnamed_statements_get_through_a_pooler_that_loses_prepared_ones() {
    let advice = "set KAYAN_DB_STATEMENTS=unnamed";
    let log = pooled("unnamed", "status=401").await;
    assert!(!log.contains(advice), "{log}");
    // From 1.21 on PgBouncer supports prepared statements itself.
    let version = Command::new("/usr/sbin/pgbouncer").arg("--version").output().await.unwrap();
    if String::from_utf8_lossy(&version.stdout).starts_with("PgBouncer 1.1") {
        pooled("prepared", advice).await;
    }
}
