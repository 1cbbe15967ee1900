//! Sixty-four requests at once: one succeeds, and the others get the right error.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use kayan_journeys::{Answer, Home, PASSWORD, Person, Service, ask, count, events};
use reqwest::RequestBuilder;

const MANY: usize = 64;

/// The number of responses with each status and code.
fn tally(answers: &[Answer]) -> BTreeMap<(u16, String), usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        *tally.entry((answer.status, answer.at("/code"))).or_default() += 1;
    }
    tally
}

fn told<const N: usize>(expected: [(u16, &str, usize); N]) -> BTreeMap<(u16, String), usize> {
    expected.into_iter().map(|(status, code, times)| ((status, code.to_owned()), times)).collect()
}

/// Retries while the database is too busy, as clients should.
async fn insisting(request: impl Fn() -> RequestBuilder) -> Answer {
    loop {
        let answer = ask(request()).await;
        if answer.status != 503 {
            return answer;
        }
    }
}

#[tokio::test]
async fn i_13_of_64_registrations_of_one_address_one_comes_about() {
    let service = Service::start().await;
    let client = service.client();
    // Spelled in many ways, it is still one address.
    let emails = (0..MANY).map(|n| if n % 2 == 0 { "ada@example.com" } else { "ADA@Example.com" });
    let answers = join_all(emails.map(|email| insisting(|| Person::registration(&client, email)))).await;
    assert_eq!(tally(&answers), told([(201, "", 1), (409, "already_exists", MANY - 1)]));
    let winner = answers.iter().find(|answer| answer.status == 201).unwrap();
    let database = service.home().database().await;
    for (table, rows) in
        [("identities", 1), ("identifiers", 1), ("credentials", 1), ("sessions", 1), ("refresh_tokens", 1)]
    {
        assert_eq!(count(&database, &format!("SELECT COUNT(*) FROM {table}")).await, rows, "{table}");
    }
    assert_eq!(count(&database, "SELECT COUNT(*) FROM audit_events WHERE type = 'identity.created'").await, 1);
    assert_eq!(events(&database, "identity.created", &winner.at("/identity/id")).await, 1);
    // The failed registrations have not changed the account.
    ask(Person::asking(&client, &winner.at("/session/session_token"))).await.expect(200);
    ask(Person::login(&client, "ada@example.com", PASSWORD)).await.expect(200);
}

#[tokio::test]
async fn i_01_of_64_retries_of_one_refresh_by_one_client_one_rotates_and_all_get_its_tokens() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let answers = join_all((0..MANY).map(|_| ada.refresh())).await;
    assert_eq!(tally(&answers), told([(200, "", MANY)]));
    let mut tokens: Vec<_> =
        answers.iter().map(|answer| (answer.at("/session_token"), answer.at("/refresh_token"))).collect();
    tokens.dedup();
    assert_eq!(tokens.len(), 1, "{tokens:?}");
    let database = service.home().database().await;
    assert_eq!(events(&database, "auth.session.refreshed", &ada.id).await, 1);
    assert_eq!(count(&database, "SELECT COUNT(*) FROM refresh_tokens").await, 2);
    ask(Person::asking(&ada.client, &tokens[0].0)).await.expect(200);
    ask(Person::refreshing(&ada.client, &tokens[0].1)).await.expect(200);
}

#[tokio::test]
async fn i_04_a_refresh_token_that_64_clients_hold_is_stolen_and_its_family_ends() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let elsewhere = ada.log_in().await;
    let by_many = (0..MANY).map(|n| {
        let request = Person::refreshing(&ada.client, &ada.refresh_token);
        ask(request.header("User-Agent", format!("client {n}")))
    });
    let answers = join_all(by_many).await;
    let tally = tally(&answers);
    // A request after the end of the family gets the error of an invalid token.
    let ended: usize = [(401, "token_reused"), (401, "invalid_token")]
        .iter()
        .filter_map(|(status, code)| tally.get(&(*status, (*code).to_owned())))
        .sum();
    assert_eq!((tally.get(&(200, String::new())), ended), (Some(&1), MANY - 1), "{tally:?}");
    assert!(tally.contains_key(&(401, "token_reused".to_owned())), "{tally:?}");
    let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
    ask(Person::asking(&ada.client, &winner.at("/session_token"))).await.refused(401, "unauthorized");
    ask(Person::refreshing(&ada.client, &winner.at("/refresh_token"))).await.refused(401, "invalid_token");
    ada.assert_out().await;
    let database = service.home().database().await;
    assert_eq!(events(&database, "auth.session.refreshed", &ada.id).await, 1);
    assert_eq!(count(&database, "SELECT COUNT(*) FROM audit_events WHERE type = 'auth.refresh.reused'").await, 1);
    elsewhere.who_am_i().await.expect(200);
}

#[tokio::test]
async fn i_04_a_token_spent_longer_ago_than_a_retry_takes_is_stolen_even_by_the_same_client() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let fresh = ada.refresh().await.expect(200);
    let database = service.home().database().await;
    let long_ago = database.earlier("spent_at", 11);
    let sql = format!("UPDATE refresh_tokens SET spent_at = {long_ago} WHERE spent_at IS NOT NULL");
    assert_eq!(database.execute(&sql).await, 1);
    ada.refresh().await.refused(401, "token_reused");
    ask(Person::asking(&ada.client, &fresh.at("/session_token"))).await.refused(401, "unauthorized");
    ask(Person::refreshing(&ada.client, &fresh.at("/refresh_token"))).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn of_64_logouts_of_one_session_one_ends_it() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let answers = join_all((0..MANY).map(|_| ada.log_out())).await;
    let tally = tally(&answers);
    let done = tally.get(&(204, String::new())).copied().unwrap_or_default();
    let late = tally.get(&(401, "unauthorized".to_owned())).copied().unwrap_or_default();
    assert!(done >= 1 && done + late == MANY, "{tally:?}");
    assert_eq!(events(&service.home().database().await, "auth.logout", &ada.id).await, 1);
    ada.assert_out().await;
}

#[tokio::test]
async fn i_22_a_refresh_that_races_a_logout_leaves_nobody_logged_in() {
    let service = Service::start().await;
    let client = service.client();
    for round in 0..8 {
        let ada = Person::register(&client, &format!("ada{round}")).await;
        let (refreshes, logout) = tokio::join!(join_all((0..8).map(|_| ada.refresh())), ada.log_out());
        // A logout after the refresh has a token that is no longer the session's, and gets an error.
        let out = logout.status == 204;
        assert!(out || logout.at("/code") == "unauthorized", "{logout:?}");
        for answer in refreshes.into_iter().filter(|answer| answer.status == 200) {
            let mut last = ada.clone();
            (last.session_token, last.refresh_token) = (answer.at("/session_token"), answer.at("/refresh_token"));
            if out { last.assert_out().await } else { drop(last.who_am_i().await.expect(200)) }
        }
    }
}

#[tokio::test]
async fn of_64_changes_to_one_identifier_one_comes_about() {
    let identifier = serde_json::json!({ "type": "string", "x-kayan-identifier": true });
    let properties = serde_json::json!({ "email": identifier, "badge": identifier });
    let schema = serde_json::json!({ "type": "object", "properties": properties });
    let service = Service::start_in(Home::new().with("KAYAN_IDENTITY_SCHEMA", schema.to_string())).await;
    let client = service.client();
    let names: Vec<String> = (0..16).map(|n| format!("p{n}")).collect();
    let people = join_all(names.iter().map(|name| Person::register(&client, name))).await;
    let wanting = people.iter().cycle().take(MANY).map(|person| {
        let body = serde_json::json!({ "traits": { "badge": "wanted" } });
        ask(person.client.request(reqwest::Method::PATCH, "/api/v1/me").json(&body).bearer_auth(&person.session_token))
    });
    let answers = join_all(wanting).await;
    let owners: std::collections::BTreeSet<String> =
        answers.iter().filter(|answer| answer.status == 200).map(|answer| answer.at("/id")).collect();
    assert_eq!(owners.len(), 1, "{:?}", tally(&answers));
    assert!(answers.iter().all(|answer| [200, 409].contains(&answer.status)), "{:?}", tally(&answers));
    let sql = "SELECT COUNT(*) FROM identifiers WHERE value = 'wanted'";
    assert_eq!(count(&service.home().database().await, sql).await, 1);
}
