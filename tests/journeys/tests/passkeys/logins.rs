//! Logging in by a passkey: alone, as the second factor, to step up, and when a factor has to be enrolled first.

use kayan_authenticator::{Authenticator, Lies, Model, Refusal};
use kayan_journeys::{PASSWORD, Person, Service, ask};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Begun, LOGIN, ORIGIN, Owner, REGISTRATION, begin, finish};
use crate::administration::Office;

/// Logs in by password, and gives the details of the factor that is missing.
async fn challenged(person: &Person) -> Value {
    let refused = ask(Person::login(&person.client, &person.email, PASSWORD)).await.refused(403, "mfa_required");
    assert!(refused.cookies().is_empty(), "{refused:?}");
    refused.json()["details"].clone()
}

async fn require_factors(office: &Office) {
    let required = json!({ "settings": { "mfa_required": true } });
    office.tell(Method::PATCH, "/admin/tenants/default", &required).await.expect(200);
}

fn with_token(mut body: Value, mfa_token: &Value) -> Value {
    body["mfa_token"] = mfa_token.clone();
    body
}

#[tokio::test]
async fn a_passkey_logs_in_with_an_identifier_and_without_and_asks_for_no_password() {
    let service = Service::start().await;
    let client = service.client();
    let mut ada =
        Owner { person: Person::register(&client, "ada").await, key: Authenticator::default(), id: String::new() };
    let begun = ask(ada.begin_registration()).await.expect(200);
    assert!(begun.cookies().is_empty(), "no browser asked: {begun:?}");
    let begun = Begun::in_answer(&begun);
    assert_eq!(
        (&begun.options["rp"]["id"], &begun.options["user"]["name"]),
        (&json!("localhost"), &json!(ada.person.email))
    );
    assert_eq!(begun.options["pubKeyCredParams"].as_array().map(Vec::len), Some(3));
    let body = begun.body(&begun.made_by(&mut ada.key));
    let made = ask(finish(&client, REGISTRATION, &body).bearer_auth(&ada.person.session_token)).await.expect(200);
    assert_eq!(made.json()["recovery_codes"].as_array().map(Vec::len), Some(10));
    assert_eq!((made.at("/message"), made.cookies().len()), ("the passkey \"Passkey\" was registered".to_owned(), 0));
    assert!(made.json()["session"].is_null() && !made.at("/credential_id").is_empty(), "{made:?}");
    ada.person.who_am_i().await.expect(200);
    ada.person.log_in().await;

    for named in [None, Some("ada@example.com"), Some("ADA@Example.com")] {
        let (request, offered) = match named {
            None => (client.post(&format!("{LOGIN}/begin")), 0),
            Some(identifier) => (begin(&client, LOGIN, &json!({ "identifier": identifier })), 1),
        };
        let begun = Begun::by(request).await;
        assert_eq!(begun.options["allowCredentials"].as_array().map(Vec::len), Some(offered), "{named:?}");
        assert_eq!(begun.options["userVerification"], "required");
        let opened = ada.finish_login(&begun).await.expect(200);
        assert_eq!((opened.at("/aal"), opened.at("/identity/id")), ("aal2".to_owned(), ada.person.id.clone()));
        assert_eq!(opened.json()["amr"], json!(["swk", "user", "mfa"]));
        assert!(opened.cookies()[0].starts_with(&format!("kayan_session={}", opened.at("/session_token"))));
        let whoami = client.get("/api/v1/whoami?min_aal=aal2&max_age=300");
        ask(whoami.bearer_auth(opened.at("/session_token"))).await.expect(200);
        ask(Person::refreshing(&client, &opened.at("/refresh_token"))).await.expect(200);
    }
}

#[tokio::test]
async fn i_19_a_key_that_verifies_nobody_is_a_second_factor_but_no_login() {
    let office = Office::open().await;
    let mut ada = Owner::register(&office.client, "ada", Model::security_key()).await;
    let begun = ada.begin_login().await;
    assert_eq!(ada.key.log_in(&begun.options.to_string(), ORIGIN), Err(Refusal::NotAllowed));
    ada.key.lies.ignores_user_verification = true;
    ada.finish_login(&begun).await.refused(401, "invalid_credentials");
    ada.key.lies = Lies::default();
    ada.person.log_in().await;

    require_factors(&office).await;
    let details = challenged(&ada.person).await;
    assert_eq!((&details["methods"], &details["enroll"]), (&json!(["webauthn", "recovery_code"]), &json!([])));
    let token = &details["mfa_token"];
    let begun = Begun::by(begin(&office.client, LOGIN, &json!({ "mfa_token": token }))).await;
    assert_eq!(begun.options["userVerification"], "preferred");
    let body = begun.body(&begun.signed_by(&mut ada.key));
    ask(finish(&office.client, LOGIN, &body)).await.refused(401, "invalid_token");
    let foreign = &challenged(&ada.person).await["mfa_token"];
    ask(finish(&office.client, LOGIN, &with_token(body.clone(), foreign))).await.refused(401, "invalid_token");
    let opened = ask(finish(&office.client, LOGIN, &with_token(body, token))).await.expect(200);
    assert_eq!((opened.at("/aal"), &opened.json()["amr"]), ("aal2".to_owned(), &json!(["pwd", "hwk", "user", "mfa"])));
    assert_eq!(opened.cookies().len(), 2, "of the session and the device");
    ask(Person::asking(&office.client, &opened.at("/session_token"))).await.expect(200);
    ask(begin(&office.client, LOGIN, &json!({ "mfa_token": token }))).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_step_up_by_a_passkey_gives_the_session_new_tokens_and_voids_the_old_ones() {
    let service = Service::start().await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::security_key()).await;
    let recent = |token: &str| client.get("/api/v1/whoami?min_aal=aal2&max_age=300").bearer_auth(token);
    let token = ada.person.session_token.clone();
    ask(recent(&token)).await.refused(403, "aal2_required");
    ada.remove(&ada.id).await.refused(403, "aal2_required");
    ask(ada.begin_registration()).await.refused(403, "aal2_required");
    ask(begin(&client, LOGIN, &json!({ "step_up": true }))).await.refused(401, "unauthorized");
    let begun = Begun::by(begin(&client, LOGIN, &json!({ "step_up": true })).bearer_auth(&token)).await;
    let body = begun.body(&begun.signed_by(&mut ada.key));
    ask(finish(&client, LOGIN, &body)).await.refused(401, "unauthorized");
    let stepped = ask(finish(&client, LOGIN, &body).bearer_auth(&token)).await.expect(200);
    assert_eq!((stepped.at("/aal"), stepped.cookies().len()), ("aal2".to_owned(), 1));
    ada.person.assert_out().await;
    let old_id = ask(recent(&stepped.at("/session_token"))).await.expect(200).at("/session/id");
    let refreshed = ask(Person::refreshing(&client, &stepped.at("/refresh_token"))).await.expect(200);
    let same = ask(Person::asking(&client, &refreshed.at("/session_token"))).await.expect(200).at("/session/id");
    assert_eq!(old_id, same);

    let bert = Person::register(&client, "bert").await;
    let none = begin(&client, LOGIN, &json!({ "step_up": true })).bearer_auth(&bert.session_token);
    ask(none).await.refused(400, "ceremony_failed");
}

#[tokio::test]
async fn i_18_where_a_factor_is_required_a_passkey_is_enrolled_during_the_login() {
    let office = Office::open().await;
    require_factors(&office).await;
    let client = &office.client;
    let refused = ask(Person::registration(client, "ada@example.com")).await.refused(403, "mfa_required");
    let details = refused.json()["details"].clone();
    assert_eq!((&details["methods"], &details["enroll"]), (&json!([]), &json!(["totp", "webauthn"])));
    let token = &details["mfa_token"];
    ask(begin(client, LOGIN, &json!({ "mfa_token": token }))).await.refused(400, "ceremony_failed");
    let wanted = json!({ "mfa_token": token, "name": "Blue key", "resident_key": "required" });
    let begun = Begun::by(begin(client, REGISTRATION, &wanted)).await;
    assert_eq!(begun.options["authenticatorSelection"]["residentKey"], "required");
    let mut key = Authenticator::default();
    let body = begun.body(&begun.made_by(&mut key));
    ask(finish(client, REGISTRATION, &body)).await.refused(401, "invalid_token");
    let made = ask(finish(client, REGISTRATION, &with_token(body.clone(), token))).await.expect(200);
    assert_eq!(
        (made.at("/message"), made.at("/session/aal")),
        ("the passkey \"Blue key\" was registered".to_owned(), "aal2".to_owned())
    );
    assert_eq!(made.json()["recovery_codes"].as_array().map(Vec::len), Some(10));
    assert!(made.cookies()[0].starts_with(&format!("kayan_session={}", made.at("/session/session_token"))));
    ask(Person::asking(client, &made.at("/session/session_token"))).await.expect(200);
    ask(finish(client, REGISTRATION, &with_token(body, token))).await.refused(400, "ceremony_failed");

    // Who has a passkey can't enroll another factor by the password alone.
    let refused = ask(Person::login(client, "ada@example.com", PASSWORD)).await.refused(403, "mfa_required");
    let token = &refused.json()["details"]["mfa_token"];
    ask(begin(client, REGISTRATION, &json!({ "mfa_token": token }))).await.refused(401, "invalid_token");
    let begun = Begun::by(begin(client, LOGIN, &json!({ "mfa_token": token }))).await;
    let body = with_token(begun.body(&begun.signed_by(&mut key)), token);
    ask(finish(client, LOGIN, &body)).await.expect(200);
    // A passkey that verified its user lacks nothing.
    let begun = Begun::by(begin(client, LOGIN, &json!({}))).await;
    ask(finish(client, LOGIN, &begun.body(&begun.signed_by(&mut key)))).await.expect(200);
}

#[tokio::test]
async fn a_login_is_begun_for_one_thing_at_a_time() {
    let service = Service::start().await;
    let client = service.client();
    for several in [
        json!({ "identifier": "ada@example.com", "step_up": true }),
        json!({ "identifier": "ada@example.com", "mfa_token": "kym_x" }),
        json!({ "mfa_token": "kym_x", "step_up": true }),
    ] {
        ask(begin(&client, LOGIN, &several)).await.refused(400, "invalid_input");
    }
    ask(begin(&client, LOGIN, &json!({ "mfa_token": "kym_x" }))).await.refused(401, "invalid_token");
}

/// A session that can't be taken, and what an operation answers that needs one.
type Untaken = (fn(RequestBuilder, &Person, &Person) -> RequestBuilder, u16, &'static str);

#[tokio::test]
async fn a_whole_login_ignores_a_session_that_is_not_valid_and_a_step_up_says_what_is_wrong_with_it() {
    let service = Service::start().await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    let eve = Person::register(&client, "eve").await;
    let cookie = |person: &Person| format!("kayan_session={}", person.session_token);
    let untaken: [Untaken; 4] = [
        (|request, _, _| request.bearer_auth("kys_nonsense"), 401, "unauthorized"),
        (
            |request, ada, eve| request.bearer_auth(&ada.session_token).header("X-Session-Token", &eve.session_token),
            401,
            "unauthorized",
        ),
        (
            |request, ada, eve| {
                let both = format!("kayan_session={}; kayan_session={}", ada.session_token, eve.session_token);
                request.header("Cookie", both).header("Sec-Fetch-Site", "same-origin")
            },
            401,
            "unauthorized",
        ),
        (
            |request, ada, _| {
                let cookie = format!("kayan_session={}", ada.session_token);
                request.header("Cookie", cookie).header("Origin", "https://evil.example")
            },
            403,
            "csrf_rejected",
        ),
    ];
    for (number, (with, status, code)) in untaken.into_iter().enumerate() {
        let person = ada.person.clone();
        let send = |request: RequestBuilder| ask(with(request, &person, &eve));
        send(Person::login(&client, &person.email, PASSWORD)).await.expect(200);
        for wanted in [json!({}), json!({ "identifier": person.email })] {
            let answer = send(begin(&client, LOGIN, &wanted)).await.expect(200);
            let browser = answer.cookies().into_iter().map(|set| set.split(';').next().unwrap_or_default().to_owned());
            let begun = Begun::in_answer(&answer);
            let request = finish(&client, LOGIN, &begun.body(&begun.signed_by(&mut ada.key)));
            let request = browser.fold(request, |request, cookie| request.header("Cookie", cookie));
            assert_eq!(send(request).await.expect(200).at("/identity/id"), person.id, "{number}: {wanted}");
        }
        send(begin(&client, LOGIN, &json!({ "step_up": true }))).await.refused(status, code);
        send(begin(&client, REGISTRATION, &json!({}))).await.refused(status, code);
        send(client.tell("/api/v1/mfa/totp/enroll", &json!({}))).await.refused(status, code);
    }
    let mine = begin(&client, LOGIN, &json!({ "step_up": true })).header("Cookie", cookie(&ada.person));
    ask(mine.header("Sec-Fetch-Site", "same-origin")).await.expect(200);
}
