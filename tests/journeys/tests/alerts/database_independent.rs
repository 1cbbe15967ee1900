//! Alerts about what is the same on every database.

use kayan_journeys::{Connection, Home, Metrics, PASSWORD, Person, Service, ask};

use super::{between, fires};

#[tokio::test]
async fn a_high_failure_rate_is_told_and_a_typing_mistake_is_not() {
    let service = Service::start_in(Home::new().with("KAYAN_BCRYPT_COST", "4")).await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    let logins = async |good: u32, bad: u32| {
        for _ in 0..bad {
            ask(Person::login(&client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");
        }
        for _ in 0..good {
            ask(Person::login(&client, &ada.email, PASSWORD)).await.expect(200);
        }
    };
    let (before, after) = between(&client, async || logins(8, 2).await).await;
    assert!(fires("KayanHighAuthFailureRate", &before, &after));
    let (before, after) = between(&client, async || logins(19, 1).await).await;
    assert!(!fires("KayanHighAuthFailureRate", &before, &after));
    assert!(!fires("KayanHighLatency", &before, &after));
}

#[tokio::test]
async fn a_service_that_is_not_there_is_told() {
    let service = Service::start().await;
    let there = Metrics::until(&service.client(), |metrics| metrics.count("kayan_health_status") == Some(1)).await;
    assert!(!fires("KayanMissing", &there, &there));
    let gone = Metrics { series: [("up".to_owned(), 0.0)].into(), text: String::new() };
    assert!(fires("KayanMissing", &gone, &gone));
}

#[tokio::test]
async fn slow_logins_are_told() {
    let service = Service::start_in(Home::new().with("KAYAN_BCRYPT_COST", "15")).await;
    let client = service.client();
    let slow = async || {
        ask(Person::login(&client, "nobody@example.com", "wrong")).await.refused(401, "invalid_credentials");
    };
    let (before, after) = between(&client, slow).await;
    assert!(fires("KayanHighLatency", &before, &after));
}

#[tokio::test]
async fn a_service_that_has_hardly_a_connection_left_is_told() {
    let service = Service::start_in(Home::new().with("KAYAN_MAX_CONNECTIONS", "10")).await;
    let client = service.client();
    let calm = Metrics::of(&client).await;
    assert!(!fires("KayanFewConnectionsLeft", &calm, &calm));
    let silent = [(); 9].map(|()| Connection::to(service.address()));
    let silent = futures_util::future::join_all(silent).await;
    let crowded = Metrics::until(&client, |metrics| metrics.get("kayan_http_connections") > 9.0).await;
    drop(silent);
    assert!(fires("KayanFewConnectionsLeft", &crowded, &crowded));
}
