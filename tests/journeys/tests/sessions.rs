//! Registering, logging in and out, and who is logged in where.
use kayan_journeys::Service;
#[tokio::test]
async fn it_starts() {
    let service = Service::start().await;
    kayan_journeys::Person::register(&service.client(), "ada").await.who_am_i().await.expect(200);
}
