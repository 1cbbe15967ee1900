//! Sixty-four at once: one ceremony, one counter and one login are good for one session each.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use kayan_authenticator::{Authenticator, Model};
use kayan_journeys::{Answer, Client, Home, PASSWORD, Person, Service, ask, count};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{Begun, LOGIN, Owner, REGISTRATION, begin, finish, patient};

const MANY: usize = 64;

/// A security key with a PIN: it counts, and verifies its user.
fn counting() -> Model {
    Model { verifies_user: true, discoverable: true, ..Model::security_key() }
}

/// Sends all bodies at once, each until the service is not too busy for it.
async fn all_at_once(client: &Client, ceremony: &str, bodies: Vec<Value>, token: &str) -> Vec<Answer> {
    let asking = bodies.into_iter().map(|body| async move {
        loop {
            let request: RequestBuilder = finish(client, ceremony, &body);
            let request = if token.is_empty() { request } else { request.bearer_auth(token) };
            let answer = ask(request).await;
            if answer.status != 503 {
                return answer;
            }
        }
    });
    join_all(asking).await
}

/// One succeeded; the others got one of these codes.
fn one_wins(answers: &[Answer], codes: &[&str]) {
    let mut tally = tally(answers);
    assert_eq!(tally.remove(&(200, String::new())), Some(1), "{tally:?}");
    assert!(tally.keys().all(|(_, code)| codes.contains(&&**code)), "{tally:?}");
    assert_eq!(tally.values().sum::<usize>(), MANY - 1, "{tally:?}");
}

async fn sessions(service: &Service) -> i64 {
    count(&service.home().database().await, "SELECT COUNT(*) FROM sessions").await
}

#[tokio::test]
async fn i_01_of_64_finishes_of_one_login_one_opens_a_session() {
    let service = Service::start_in(patient()).await;
    let client = service.client();
    // Without a counter, so that only the ceremony is contested.
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    let before = sessions(&service).await;
    let begun = ada.begin_login().await;
    let body = begun.body(&begun.signed_by(&mut ada.key));
    let answers = all_at_once(&client, LOGIN, vec![body; MANY], "").await;
    one_wins(&answers, &["invalid_token"]);
    assert_eq!(sessions(&service).await, before + 1);
    let successes = "SELECT COUNT(*) FROM audit_events WHERE type = 'auth.login.success'";
    assert_eq!(count(&service.home().database().await, successes).await, 1);
}

#[tokio::test]
async fn i_01_of_64_finishes_of_one_registration_one_makes_a_passkey() {
    let service = Service::start_in(patient()).await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    ada.log_in().await;
    let begun = Begun::by(ada.begin_registration()).await;
    // Different passkeys, none of them the first, so that only the ceremony is contested.
    let bodies = (0..MANY).map(|_| begun.body(&begun.made_by(&mut Authenticator::default()))).collect();
    let answers = all_at_once(&client, REGISTRATION, bodies, &ada.person.session_token).await;
    one_wins(&answers, &["ceremony_failed"]);
    let database = service.home().database().await;
    for (kind, rows) in [("webauthn", 2), ("recovery_code", 10)] {
        let rows_of = format!("SELECT COUNT(*) FROM credentials WHERE kind = '{kind}'");
        assert_eq!(count(&database, &rows_of).await, rows, "{kind}");
    }
}

/// Begins this many registrations, each for an authenticator of its own, and gives the bodies that finish them.
async fn registrations(owner: &Person, count: usize) -> Vec<Value> {
    let mut bodies = Vec::new();
    for _ in 0..count {
        let request = begin(&owner.client, REGISTRATION, &json!({})).bearer_auth(&owner.session_token);
        let begun = Begun::by(request).await;
        bodies.push(begun.body(&begun.made_by(&mut Authenticator::default())));
    }
    bodies
}

fn tally(answers: &[Answer]) -> BTreeMap<(u16, String), usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        *tally.entry((answer.status, answer.at("/code"))).or_insert(0) += 1;
    }
    tally
}

#[tokio::test]
async fn of_16_first_passkeys_that_are_registered_at_once_one_is_and_gets_the_recovery_codes() {
    let service = Service::start_in(patient()).await;
    let client = service.client();
    let database = service.home().database().await;
    for round in 0..4 {
        let ada = Person::register(&client, &format!("ada{round}")).await;
        let bodies = registrations(&ada, 16).await;
        let answers = all_at_once(&client, REGISTRATION, bodies, &ada.session_token).await;
        let told = tally(&answers);
        // The others are told what they would have been told had they come a little later.
        let expected = BTreeMap::from([((200, String::new()), 1), ((403, "aal2_required".to_owned()), 15)]);
        assert_eq!(told, expected, "{answers:?}");
        for (kind, rows) in [("webauthn", 1), ("recovery_code", 10)] {
            let whose = format!("identity_id = '{}'", ada.id);
            let rows_of = format!("SELECT COUNT(*) FROM credentials WHERE kind = '{kind}' AND {whose}");
            assert_eq!(count(&database, &rows_of).await, rows, "{kind}");
        }
    }
}

#[tokio::test]
async fn of_16_passkeys_that_are_registered_at_once_no_more_are_than_there_is_room_for() {
    let service = Service::start_in(patient()).await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    ada.log_in().await;
    for _ in 1..16 {
        ada.add().await;
    }
    let bodies = registrations(&ada.person, 16).await;
    let answers = all_at_once(&client, REGISTRATION, bodies, &ada.person.session_token).await;
    let expected = BTreeMap::from([((200, String::new()), 4), ((400, "ceremony_failed".to_owned()), 12)]);
    assert_eq!(tally(&answers), expected, "{answers:?}");
    assert_eq!(ada.passkeys().await.len(), 20);
}

#[tokio::test]
async fn i_10_beginning_a_login_counts_for_nothing_also_64_times_at_once() {
    let home = Home::new().with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_LOCKOUT_MAX_FAILURES", "1");
    let service = Service::start_in(home).await;
    let client = service.client();
    Person::register(&client, "ada").await;
    for identifier in ["ada@example.com", "nobody@example.com"] {
        let asking = (0..MANY).map(|_| ask(begin(&client, LOGIN, &json!({ "identifier": identifier }))));
        let answers = join_all(asking).await;
        assert_eq!(tally(&answers), BTreeMap::from([((200, String::new()), MANY)]), "{identifier}: {answers:?}");
    }
    assert_eq!(count(&service.home().database().await, "SELECT COUNT(*) FROM attempts").await, 0, "nothing is written");
}

#[tokio::test]
async fn i_20_of_64_uses_of_one_counter_one_opens_a_session() {
    let service = Service::start_in(patient()).await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", counting()).await;
    let before = sessions(&service).await;
    ada.key.lies.counter = Some(7);
    let mut bodies = Vec::new();
    for _ in 0..MANY {
        let begun = ada.begin_login().await;
        bodies.push(begun.body(&begun.signed_by(&mut ada.key)));
    }
    let answers = all_at_once(&client, LOGIN, bodies, "").await;
    one_wins(&answers, &["invalid_credentials"]);
    assert_eq!(sessions(&service).await, before + 1);
}

#[tokio::test]
async fn i_20_a_counter_that_goes_backwards_is_refused_and_audited() {
    let service = Service::start_in(patient()).await;
    let mut ada = Owner::register(&service.client(), "ada", counting()).await;
    let mut copy = ada.clone();
    for _ in 0..3 {
        ada.try_log_in().await.expect(200);
    }
    let refused = copy.try_log_in().await.refused(401, "invalid_credentials");
    assert!(refused.at("/message").contains("there may be a copy"), "{refused:?}");
    let database = service.home().database().await;
    let told =
        "SELECT metadata FROM audit_events WHERE type = 'auth.passkey.counter' AND status = 'failure' AND subject";
    let told = database.texts(&format!("{told} = '{}'", ada.person.id)).await;
    assert!(told.len() == 1 && told[0].contains(&ada.id), "{told:?}");
    let step_up = begin(ada.client(), LOGIN, &json!({ "step_up": true })).bearer_auth(&ada.person.session_token);
    let begun = Begun::by(step_up).await;
    copy.key.lies.counter = Some(2);
    let body = begun.body(&begun.signed_by(&mut copy.key));
    let refused = ask(finish(ada.client(), LOGIN, &body).bearer_auth(&ada.person.session_token)).await;
    refused.refused(401, "invalid_credentials");
    ada.try_log_in().await.expect(200);
    // A counter that has counted does not return to none.
    ada.key.lies.counter = Some(0);
    ada.try_log_in().await.refused(401, "invalid_credentials");
    ada.key.lies.counter = Some(u32::MAX);
    ada.try_log_in().await.expect(200);
}

#[tokio::test]
async fn i_01_of_64_passkeys_for_one_mfa_token_one_opens_a_session() {
    let service = Service::start_in(patient()).await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    let required = "UPDATE tenants SET settings = '{\"mfa_required\":true}' WHERE id = 'default'";
    service.home().database().await.execute(required).await;
    let refused = ask(Person::login(&client, &ada.person.email, PASSWORD)).await.refused(403, "mfa_required");
    let token = refused.json()["details"]["mfa_token"].clone();
    let before = sessions(&service).await;
    let mut bodies = Vec::new();
    for _ in 0..MANY {
        let begun = Begun::by(begin(&client, LOGIN, &json!({ "mfa_token": token }))).await;
        let mut body = begun.body(&begun.signed_by(&mut ada.key));
        body["mfa_token"] = token.clone();
        bodies.push(body);
    }
    let answers = all_at_once(&client, LOGIN, bodies, "").await;
    one_wins(&answers, &["invalid_token"]);
    assert_eq!(sessions(&service).await, before + 1);
}
