//! The shutdown of the service.

use futures_util::{StreamExt, stream::FuturesUnordered};
use kayan_journeys::{Answer, Home, PASSWORD, Person, Service, ask};

#[tokio::test]
async fn a_service_that_is_told_to_stop_says_so_and_finishes_what_it_has_begun() {
    let home = Home::new().with("KAYAN_BCRYPT_COST", "12").with("KAYAN_HASH_CONCURRENCY", "1");
    let service = Service::start_in(home).await;
    let ada = Person::register(&service.client(), "ada").await;
    let client = ada.client.clone();
    let mut logins: FuturesUnordered<_> = (0..8).map(|_| ask(Person::login(&client, &ada.email, PASSWORD))).collect();
    // One is answered, so all have arrived.
    logins.next().await.unwrap().expect(200);
    service.terminate();
    let refused = loop {
        let ready = Answer::to(client.get("/health/ready")).await;
        match ready {
            Ok(answer) if answer.status == 200 => {}
            Ok(answer) => break answer,
            Err(error) => panic!("it hung up before it said that it is not ready: {error}"),
        }
    };
    refused.refused(503, "unavailable");
    ada.who_am_i().await.expect(200);
    let mut finished = 0;
    while let Some(answer) = logins.next().await {
        answer.expect(200);
        finished += 1;
    }
    assert_eq!(finished, 7);
    let (code, log, home) = service.ended().await;
    assert_eq!(code, 0, "{log}");
    assert!(log.contains("stopped") && !log.contains("ERROR") && !log.contains("panicked"), "{log}");
    // No write-ahead log is left beside the database, and nothing was lost.
    let service = Service::start_in(home).await;
    ask(Person::asking(&service.client(), &ada.session_token)).await.expect(200);
}
