//! Two processes on one database server and one Redis, also while Redis is away.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use kayan_journeys::{Answer, Home, Kind, Metrics, PASSWORD, Person, Service, ask};
use kayan_mail_server::MailServer;

/// The Redis of the tests.
fn redis() -> String {
    let given = std::env::var_os("KAYAN_TEST_REDIS_URL").and_then(|url| url.into_string().ok());
    given.expect("KAYAN_TEST_REDIS_URL is not set: run `cargo xtask test`")
}

/// The URL of a Redis that does not exist.
const NOWHERE: &str = "redis://:hunter2@127.0.0.1:1/0";

/// Replicas share their secrets.
const SECRET: &str = "n5Vq9xRb2Lw8Tz4Jc7Ym1Kf6Hd3Gs0Pa";

/// Two processes with the same database; the one that created it must run until the end.
pub(crate) async fn pair(settings: &[(&str, &str)]) -> (Service, Service) {
    let with = |home: Home| {
        let home = home.with("KAYAN_SESSION_SECRET", SECRET);
        settings.iter().fold(home, |home, (name, value)| home.with(name, *value))
    };
    let kind = Kind::of_replicas();
    let one = Service::start_in(with(Home::on(kind))).await;
    let dsn = one.home().dsn().to_owned();
    let other = Service::start_in(with(Home::at(kind, &dsn))).await;
    (one, other)
}

/// Retries until the response has this status, for at most five seconds; returns how long it took.
pub(crate) async fn until(status: u16, mut asking: impl AsyncFnMut() -> Answer) -> Duration {
    let began = Instant::now();
    loop {
        let answer = asking().await;
        if answer.status == status {
            return began.elapsed();
        }
        assert!(began.elapsed() < Duration::from_secs(5), "still {answer:?}");
    }
}

/// A user whose session both processes have cached.
async fn known_to_both(one: &Service, other: &Service) -> (Person, Person) {
    let here = Person::register(&one.client(), "ada").await;
    let there = Person { client: other.client(), ..here.clone() };
    here.who_am_i().await.expect(200);
    there.who_am_i().await.expect(200);
    (here, there)
}

#[tokio::test]
async fn i_22_a_session_revoked_on_one_replica_is_dead_at_once_on_the_other() {
    let redis = redis();
    let (one, other) = pair(&[("KAYAN_REDIS_URL", &redis)]).await;
    let (here, there) = known_to_both(&one, &other).await;
    here.log_out().await.expect(204);
    let took = until(401, async || there.who_am_i().await).await;
    assert!(took < Duration::from_secs(2), "told by Redis, not by age: {took:?}");
}

#[tokio::test]
async fn news_of_sessions_may_have_a_redis_of_their_own() {
    let (one, other) = pair(&[("KAYAN_REDIS_URL", NOWHERE), ("KAYAN_REDIS_SESSION_URL", &redis())]).await;
    let (here, there) = known_to_both(&one, &other).await;
    here.log_out().await.expect(204);
    let took = until(401, async || there.who_am_i().await).await;
    assert!(took < Duration::from_secs(2), "told by Redis, not by age: {took:?}");
}

#[tokio::test]
async fn i_22_without_redis_a_session_revoked_on_one_replica_is_dead_within_5_s_on_the_other() {
    let (one, other) = pair(&[]).await;
    let (here, there) = known_to_both(&one, &other).await;
    here.log_out().await.expect(204);
    until(401, async || there.who_am_i().await).await;
}

#[tokio::test]
async fn limits_and_lockout_add_up_across_replicas() {
    let redis = redis();
    let (one, other) = pair(&[
        ("KAYAN_REDIS_URL", &redis),
        ("KAYAN_RATE_LIMIT_ENABLED", "true"),
        ("KAYAN_RATE_LIMIT_REQUESTS", "1000000"),
        ("KAYAN_RATE_LIMIT_LOGIN_REQUESTS", "8"),
        ("KAYAN_RATE_LIMIT_WINDOW", "24h"),
        ("KAYAN_LOCKOUT_ENABLED", "true"),
        ("KAYAN_LOCKOUT_MAX_FAILURES", "6"),
    ])
    .await;
    // Other tests share the Redis.
    let email = format!("{:016x}@example.com", rand::random::<u64>());
    ask(Person::registration(&one.client(), &email)).await.expect(201);
    for service in [&one, &other, &one, &other, &one, &other] {
        ask(Person::login(&service.client(), &email, "wrong")).await.refused(401, "invalid_credentials");
    }
    ask(Person::login(&one.client(), &email, PASSWORD)).await.refused(423, "account_locked");
    ask(Person::login(&other.client(), &email, PASSWORD)).await.refused(423, "account_locked");
    for service in [&one, &other] {
        ask(Person::login(&service.client(), &email, PASSWORD)).await.refused(429, "rate_limited");
    }
    let health = ask(one.client().get("/health")).await.expect(200);
    assert!(health.text().contains(r#""name":"redis","status":"healthy""#), "{health:?}");
    let done = other.home().run(&format!("admin user unlock --id {email}")).await;
    assert_eq!(done.code, 0, "{done:?}");
}

#[tokio::test]
async fn lockout_adds_up_across_replicas_without_redis() {
    let (one, other) = pair(&[("KAYAN_LOCKOUT_ENABLED", "true"), ("KAYAN_LOCKOUT_MAX_FAILURES", "4")]).await;
    let ada = Person::register(&one.client(), "ada").await;
    for service in [&one, &other, &one, &other] {
        ask(Person::login(&service.client(), &ada.email, "wrong")).await.refused(401, "invalid_credentials");
    }
    for service in [&one, &other] {
        ask(Person::login(&service.client(), &ada.email, PASSWORD)).await.refused(423, "account_locked");
    }
}

#[tokio::test]
async fn without_its_redis_a_replica_goes_on_by_itself_and_says_so() {
    let home = Home::on(Kind::Sqlite).with("KAYAN_REDIS_URL", NOWHERE).with("KAYAN_RATE_LIMIT_ENABLED", "true");
    let home = home.with("KAYAN_RATE_LIMIT_WINDOW", "24h").with("KAYAN_LOCKOUT_ENABLED", "true");
    let service = Service::start_in(home.with("KAYAN_RATE_LIMIT_REQUESTS", "10")).await;
    let health = ask(service.client().get("/health")).await.expect(200);
    assert_eq!(health.at("/status"), "degraded", "{health:?}");
    assert!(health.text().contains(r#""name":"redis""#), "{health:?}");
    ask(service.client().get("/health/ready")).await.expect(200);
    let ada = Person::register(&service.client(), "ada").await;
    for _ in 0..5 {
        ask(Person::login(&ada.client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");
    }
    ask(Person::login(&ada.client, &ada.email, PASSWORD)).await.refused(423, "account_locked");
    for _ in 0..3 {
        ada.who_am_i().await.expect(200);
    }
    ada.who_am_i().await.refused(429, "rate_limited");
    let log = service.log();
    assert!(log.contains("each replica counts by itself") && !log.contains("hunter2"), "{log}");
}

#[tokio::test]
async fn each_of_300_mails_is_delivered_once_by_one_of_two_replicas() {
    for kind in [Kind::Postgres, Kind::Mysql] {
        let mut server = MailServer::start(&[]).await;
        let smtp = format!("smtp://127.0.0.1:{}?tls=none", server.port());
        let with = |home: Home| {
            let home = home.with("KAYAN_SESSION_SECRET", SECRET).with("KAYAN_SMTP_URL", &smtp);
            home.with("KAYAN_MAIL_FROM", "no-reply@example.com")
        };
        let one = Service::start_in(with(Home::on(kind))).await;
        let dsn = one.home().dsn().to_owned();
        let other = Service::start_in(with(Home::at(kind, &dsn))).await;
        let clients = [one.client(), other.client()];
        let registering = (0..300).map(|number| {
            let client = &clients[number % 2];
            ask(Person::registration(client, &format!("user{number}@example.com")))
        });
        let registered: Vec<_> = stream::iter(registering).buffered(16).collect().await;
        assert!(registered.iter().all(|answer| answer.status == 201));
        let mut ids = BTreeSet::new();
        for _ in 0..300 {
            let id = server.event("mail").await["headers"]["message-id"].to_string();
            assert!(ids.insert(id), "twice, on {kind:?}");
        }
        for client in &clients {
            let delivered = r#"kayan_messages_delivered_total{kind="verification"}"#;
            Metrics::until(client, |metrics| metrics.count(delivered) > Some(0)).await;
        }
    }
}
