//! Secrets are rotated while two replicas serve and are restarted one after the other.

use kayan_journeys::{Home, Kind, Person, Service, ask};

const OLD: &str = "n5Vq9xRb2Lw8Tz4Jc7Ym1Kf6Hd3Gs0Pa";
const NEW: &str = "Qe7Zt1Wm5Xk9Bv3Rn8Lc2Hy6Fj4Ds0Gu";
const DATA_KEY: &str = "Tb4Yk8Pz2Nd6Vw1Hs5Mq9Jx3Rf7Lc0Ge";

/// Restarts the replica with other settings, after its requests in flight.
async fn restarted(service: Service, change: impl Fn(Home) -> Home) -> Service {
    service.terminate();
    let (code, log, home) = service.ended().await;
    assert_eq!(code, 0, "{log}");
    Service::start_in(change(home)).await
}

/// Asserts that no user was logged out and nothing is unreadable, on either replica.
async fn all_is_well(replicas: [&Service; 2], ada: &Person, token: &str) {
    for replica in replicas {
        let ada = Person { client: replica.client(), ..ada.clone() };
        ada.who_am_i().await.expect(200);
        ada.log_in().await.refresh().await.expect(200);
        ask(replica.client().get("/admin/users").bearer_auth(token)).await.expect(200);
        ask(replica.client().get("/health/ready")).await.expect(200);
    }
    let verified = replicas[0].home().run("audit verify --database").await;
    assert_eq!(verified.code, 0, "{verified:?}");
}

/// Restarts both with `during`, and then with `after`.
async fn rotate(before: &[(&str, &str)], during: impl Fn(Home) -> Home, after: impl Fn(Home) -> Home) {
    let with = |home: Home| before.iter().fold(home, |home, (name, value)| home.with(name, *value));
    let mut one = Service::start_in(with(Home::on(Kind::Postgres))).await;
    let dsn = one.home().dsn().to_owned();
    let mut other = Service::start_in(with(Home::at(Kind::Postgres, &dsn))).await;
    let ada = Person::register(&one.client(), "ada").await;
    let made = one.home().run("admin token create --permissions users:read --ttl 1h").await;
    assert_eq!(made.code, 0, "{made:?}");
    let token = made.stdout.trim();
    all_is_well([&one, &other], &ada, token).await;
    for change in [&during as &dyn Fn(Home) -> Home, &after] {
        one = restarted(one, change).await;
        all_is_well([&one, &other], &ada, token).await;
        other = restarted(other, change).await;
        all_is_well([&one, &other], &ada, token).await;
    }
}

#[tokio::test]
async fn with_a_data_key_the_two_secrets_are_exchanged_without_the_ones_before() {
    let before = [("KAYAN_DATA_KEY", DATA_KEY), ("KAYAN_SESSION_SECRET", OLD), ("KAYAN_JWT_SECRET", OLD)];
    let exchange = |home: Home| home.with("KAYAN_SESSION_SECRET", NEW).with("KAYAN_JWT_SECRET", NEW);
    rotate(&before, exchange, exchange).await;
}

#[tokio::test]
async fn without_a_data_key_the_session_secret_is_exchanged_with_the_one_before() {
    let exchange = |home: Home| home.with("KAYAN_SESSION_SECRET", NEW).with("KAYAN_SESSION_SECRET_PREVIOUS", OLD);
    rotate(&[("KAYAN_SESSION_SECRET", OLD)], exchange, |home| home.without("KAYAN_SESSION_SECRET_PREVIOUS")).await;
}

#[tokio::test]
async fn the_data_key_is_exchanged_with_the_one_before() {
    let before = [("KAYAN_SESSION_SECRET", OLD), ("KAYAN_DATA_KEY", DATA_KEY)];
    let exchange = |home: Home| home.with("KAYAN_DATA_KEY", NEW).with("KAYAN_DATA_KEY_PREVIOUS", DATA_KEY);
    rotate(&before, exchange, |home| home.without("KAYAN_DATA_KEY_PREVIOUS")).await;
}
