//! Journeys on every database that is a server.

use kayan_journeys::{Home, Kind, Person, Service, ask};

/// Migrations go up and down, and an account outlives the service.
pub(crate) async fn keeps_an_account(kind: Kind) {
    let home = Home::on(kind).with("KAYAN_AUTO_MIGRATE", "false");
    for (line, code) in [
        ("migrate status", 3),
        ("migrate up", 0),
        ("migrate status", 0),
        ("migrate down", 0),
        ("migrate status", 3),
        ("migrate up", 0),
    ] {
        let done = home.run(line).await;
        assert_eq!(done.code, code, "{line}: {}", done.stderr);
    }
    let service = Service::start_in(home).await;
    let ada = Person::register(&service.client(), "ada").await.log_in().await;
    ask(Person::asking(&service.client(), &ada.session_token)).await.expect(200);
    let service = Service::start_in(service.kill().await).await;
    let client = service.client();
    ask(Person::asking(&client, &ada.session_token)).await.expect(200);
    ask(Person::refreshing(&client, &ada.refresh_token)).await.expect(200);
    ask(Person::login(&client, &ada.email, "not the password 7")).await.expect(401);
    ask(Person::registration(&client, &ada.email)).await.expect(409);
}

/// Asserts that a command fails with an error that names the setting, but not the secret in it.
pub(crate) async fn refuses(home: &Home, secret: &str) {
    let done = home.run("migrate status").await;
    let dsn = home.dsn();
    assert!([1, 78].contains(&done.code), "{dsn}: {done:?}");
    assert!(done.stderr.contains("KAYAN_DB_DSN") && !done.stderr.contains(secret), "{dsn}: {done:?}");
    assert!(!done.stderr.contains("panicked"), "{dsn}: {done:?}");
}
