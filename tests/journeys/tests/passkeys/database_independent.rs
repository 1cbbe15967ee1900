//! What does not depend on the database: responses that lie, are malformed or too large, and the well-known addresses.

use kayan_authenticator::{Authenticator, BACKED_UP, BACKUP_ELIGIBLE, Lies, Model, USER_VERIFIED, spoil};
use kayan_journeys::{Home, Person, Service, ask};
use serde_json::{Value, json};

use super::{Begun, LOGIN, ORIGIN, Owner, REGISTRATION, begin, finish};

const USER_PRESENT: u8 = 1;

/// Origins that are not the service's, and what is wrong with each response of a page there.
const FOREIGN: [&str; 8] = [
    "https://localhost",
    "http://localhost:8080",
    "http://localhost.evil.example",
    "http://evil.example",
    "http://app.localhost",
    "http://localhost/",
    "null",
    "",
];

/// Lies that are found out at a registration and at a login alike.
fn lies() -> Vec<(Lies, &'static str)> {
    let text = |text: &str| Some(text.to_owned());
    vec![
        (Lies { client_type: text("webauthn.other"), ..Lies::default() }, "another type of ceremony"),
        (Lies { challenge: text("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), ..Lies::default() }, "the challenge"),
        (Lies { challenge: text(""), ..Lies::default() }, "the challenge"),
        (Lies { cross_origin: true, ..Lies::default() }, "in a frame of another site"),
        (Lies { top_origin: text("https://evil.example"), ..Lies::default() }, "in a frame of another site"),
        (Lies { rp_id: text("evil.example"), ..Lies::default() }, "the RP id"),
        (Lies { flags_cleared: USER_PRESENT, ..Lies::default() }, "the user was not present"),
        (Lies { flags_cleared: BACKUP_ELIGIBLE, ..Lies::default() }, "backed up"),
    ]
}

async fn reasons(service: &Service) -> Vec<String> {
    let reasons = "SELECT metadata FROM audit_events WHERE type = 'auth.login.failure' ORDER BY created_at, id";
    service.home().database().await.texts(reasons).await
}

#[tokio::test]
async fn i_20_a_registration_that_lies_is_refused_with_the_reason() {
    let service = Service::start().await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    let mut cases: Vec<_> = lies().into_iter().map(|(lies, why)| (lies, ORIGIN, why)).collect();
    cases.extend(FOREIGN.map(|origin| (Lies::default(), origin, "the origin")));
    let get = Lies { client_type: Some("webauthn.get".to_owned()), ..Lies::default() };
    cases.push((get, ORIGIN, "another type of ceremony"));
    for algorithm in [-8, -7, -36, -37, -65535, 0] {
        // A key of ES384 that says to be of another algorithm.
        cases.push((Lies { algorithm: Some(algorithm), ..Lies::default() }, ORIGIN, ""));
    }
    let begin = async || Begun::by(begin(&client, REGISTRATION, &json!({})).bearer_auth(&ada.session_token)).await;
    for (lies, origin, why) in cases {
        let begun = begin().await;
        let model = Model { algorithm: kayan_authenticator::Algorithm::Es384, ..Model::phone() };
        let mut key = Authenticator::new(model);
        key.lies = lies.clone();
        let credential = key.register(&begun.options.to_string(), origin).unwrap();
        let answer = ask(finish(&client, REGISTRATION, &begun.body(&credential)).bearer_auth(&ada.session_token)).await;
        let message = answer.refused(400, "ceremony_failed").at("/message");
        assert!(message.contains(why), "{lies:?} {origin}: {message}");
    }
    // One that tells the truth is accepted after all that.
    let begun = begin().await;
    let body = begun.body(&begun.made_by(&mut Authenticator::default()));
    ask(finish(&client, REGISTRATION, &body).bearer_auth(&ada.session_token)).await.expect(200);
}

#[tokio::test]
async fn i_20_a_login_that_lies_is_refused_and_the_reason_is_audited() {
    let service = Service::start().await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    let mut cases: Vec<_> = lies().into_iter().map(|(lies, why)| (lies, ORIGIN, why)).collect();
    cases.extend(FOREIGN.map(|origin| (Lies::default(), origin, "the origin")));
    let create = Lies { client_type: Some("webauthn.create".to_owned()), ..Lies::default() };
    cases.push((create, ORIGIN, "another type of ceremony"));
    cases.push((Lies { flags_cleared: USER_VERIFIED, ..Lies::default() }, ORIGIN, "the user was not verified"));
    cases.push((Lies { user_handle: Some(vec![1; 16]), ..Lies::default() }, ORIGIN, "the user handle"));
    cases.push((Lies { credential_id: Some(vec![1; 16]), ..Lies::default() }, ORIGIN, "the passkey is not known here"));
    let begin_login = async || Begun::by(begin(&client, LOGIN, &json!({}))).await;
    for (lies, origin, why) in &cases {
        let begun = begin_login().await;
        let mut key = ada.key.clone();
        key.lies = lies.clone();
        let credential = key.log_in(&begun.options.to_string(), origin).unwrap();
        let refused = ask(finish(&client, LOGIN, &begun.body(&credential))).await.refused(401, "invalid_credentials");
        assert_eq!(refused.at("/message"), "the passkey was not accepted; the audit trail has the reason");
        let told = reasons(&service).await.pop().unwrap();
        assert!(told.contains(why), "{lies:?} {origin}: {told}");
    }
    for member in ["signature", "authenticatorData", "clientDataJSON"] {
        let begun = begin_login().await;
        let mut credential = begun.signed_by(&mut ada.key);
        spoil(&mut credential, member);
        ask(finish(&client, LOGIN, &begun.body(&credential))).await.refused(401, "invalid_credentials");
    }
    let mut thief = ada.key.clone();
    thief.lies.ignores_excluded = true;
    let other = Person::register(&client, "eve").await;
    let request = begin(&client, REGISTRATION, &json!({})).bearer_auth(&other.session_token);
    Begun::by(request).await.made_by(&mut thief);
    thief.mix_up_keys();
    let mut named = ada.begin_login().await;
    let signed = named.body(&named.signed_by(&mut thief));
    ask(finish(&client, LOGIN, &signed)).await.refused(401, "invalid_credentials");
    assert!(reasons(&service).await.pop().unwrap().contains("signature"));
    named = ada.begin_login().await;
    ada.finish_login(&named).await.expect(200);
    let told = reasons(&service).await;
    assert_eq!(told.len(), cases.len() + 4);
    assert!(told.iter().all(|event| event.contains(r#""method":"webauthn""#)), "{told:?}");
}

#[tokio::test]
async fn a_passkey_that_was_not_eligible_for_backup_cannot_be_backed_up() {
    let service = Service::start().await;
    let model = Model { verifies_user: true, ..Model::security_key() };
    let mut ada = Owner::register(&service.client(), "ada", model).await;
    ada.key.lies.flags_set = BACKED_UP;
    ada.try_log_in().await.refused(401, "invalid_credentials");
    ada.key.lies.flags_set = BACKED_UP | BACKUP_ELIGIBLE;
    ada.try_log_in().await.refused(401, "invalid_credentials");
    ada.key.lies = Lies::default();
    ada.try_log_in().await.expect(200);
}

/// Changes to a credential of both ceremonies, and the member that is wrong.
fn malformed() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("/type", json!("password"), "/credential/type"),
        ("/rawId", json!("+/=="), "/credential/rawId"),
        ("/rawId", json!("a"), "/credential/rawId"),
        ("/rawId", json!("AAAA"), "/credential/id"),
        ("/id", json!("é"), "/credential/id"),
        ("/response/clientDataJSON", json!("{}"), "/credential/response/clientDataJSON"),
        ("/response/clientDataJSON", json!(7), ""),
        ("/rawId", Value::Null, ""),
        ("/response", json!([]), ""),
        ("/response", json!("AAAA"), ""),
    ]
}

#[tokio::test]
async fn a_malformed_response_is_refused_with_the_member_that_is_wrong() {
    let service = Service::start().await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    let bert = Person::register(&client, "bert").await;
    let login = ada.begin_login().await;
    let registration = Begun::by(begin(&client, REGISTRATION, &json!({})).bearer_auth(&bert.session_token)).await;
    let (signed, made) = (login.signed_by(&mut ada.key), registration.made_by(&mut Authenticator::default()));
    for (begun, credential, ceremony, own) in [
        (&login, &signed, LOGIN, ["/response/signature", "/response/authenticatorData"]),
        (&registration, &made, REGISTRATION, ["/response/attestationObject", "/response/clientDataJSON"]),
    ] {
        let mut cases = malformed();
        cases.extend(own.map(|member| (member, json!("*"), "")));
        for (member, value, pointer) in cases {
            let mut credential = credential.clone();
            *credential.pointer_mut(member).unwrap() = value;
            let body = begun.body(&credential);
            let refused = ask(finish(&client, ceremony, &body).bearer_auth(&bert.session_token)).await;
            let refused = refused.refused(400, "invalid_input");
            let told = refused.at("/details/fields/0/pointer");
            assert!(told.starts_with("/credential") && told.ends_with(pointer), "{member}: {told}");
        }
        for body in [json!({}), json!({ "session_id": begun.session_id }), json!([]), json!({ "session_id": 1 })] {
            ask(finish(&client, ceremony, &body).bearer_auth(&bert.session_token)).await.refused(400, "invalid_input");
        }
        for text in ["{", "", "\u{feff}{}", "{\"session_id\":\"a\",\"session_id\":\"b\"}", "nul"] {
            let request = client.post(&format!("{ceremony}/finish")).header("Content-Type", "application/json");
            ask(request.body(text).bearer_auth(&bert.session_token)).await.refused(400, "invalid_input");
        }
    }
    // What can't be read leaves the ceremonies open.
    ada.finish_login(&login).await.expect(200);
    // Well-formed base64url of what is neither JSON nor CBOR.
    for (member, text) in [("clientDataJSON", "AAAA"), ("authenticatorData", ""), ("signature", "")] {
        let login = ada.begin_login().await;
        let mut credential = login.signed_by(&mut ada.key);
        credential["response"][member] = json!(text);
        ask(finish(&client, LOGIN, &login.body(&credential))).await.refused(401, "invalid_credentials");
    }
    for (member, text) in [("clientDataJSON", "AAAA"), ("attestationObject", "AAAA"), ("attestationObject", "")] {
        let registration = Begun::by(begin(&client, REGISTRATION, &json!({})).bearer_auth(&bert.session_token)).await;
        let mut credential = registration.made_by(&mut Authenticator::default());
        credential["response"][member] = json!(text);
        let request = finish(&client, REGISTRATION, &registration.body(&credential)).bearer_auth(&bert.session_token);
        ask(request).await.refused(400, "ceremony_failed");
    }
    ask(finish(&client, REGISTRATION, &registration.body(&made)).bearer_auth(&bert.session_token)).await.expect(200);
}

#[tokio::test]
async fn a_response_that_is_too_large_is_refused() {
    let service = Service::start().await;
    let client = service.client();
    let ada = Owner::register(&client, "ada", Model::phone()).await;
    let bert = Person::register(&client, "bert").await;
    let begin_registration =
        async || Begun::by(begin(&client, REGISTRATION, &json!({})).bearer_auth(&bert.session_token)).await;
    // 100,000 bytes.
    let large = json!("A".repeat(133_336));
    for (member, value) in [("attestationObject", &large), ("clientDataJSON", &large)] {
        let registration = begin_registration().await;
        let mut credential = registration.made_by(&mut Authenticator::default());
        credential["response"][member] = value.clone();
        let request = finish(&client, REGISTRATION, &registration.body(&credential)).bearer_auth(&bert.session_token);
        let refused = ask(request).await.refused(400, "ceremony_failed");
        assert_eq!(refused.at("/message"), "the response is too large", "{member}");
    }
    for member in ["authenticatorData", "clientDataJSON", "signature", "userHandle"] {
        let login = ada.begin_login().await;
        let mut credential = login.signed_by(&mut ada.key.clone());
        credential["response"][member] = large.clone();
        ask(finish(&client, LOGIN, &login.body(&credential))).await.refused(401, "invalid_credentials");
    }
    let registration = begin_registration().await;
    let mut transports = registration.made_by(&mut Authenticator::default());
    transports["response"]["transports"] = json!(vec!["x".repeat(100); 1_000]);
    let body = registration.body(&transports);
    ask(finish(&client, REGISTRATION, &body).bearer_auth(&bert.session_token)).await.expect(200);
}

#[tokio::test]
async fn the_other_hosts_of_a_tenant_are_related_origins_of_its_first() {
    let hosts = "acme.example=acme,login.acme.example=acme,acme.test=acme,*.example.com=*,globex.example=globex";
    let service = Service::start_in(Home::new().with("KAYAN_TENANT_HOSTS", hosts)).await;
    assert_eq!(service.home().run("admin tenant create --id acme").await.code, 0);
    let client = service.client();
    let related = |host: &str| ask(client.get("/.well-known/webauthn").header("Host", host));
    // Hosts below the first one need not be listed.
    let expected = json!({ "origins": ["https://acme.test", "https://acme.example.com"] });
    for host in ["acme.example", "acme.test", "acme.example.com"] {
        assert_eq!(related(host).await.expect(200).json(), expected, "{host}");
    }
    let globex = related("globex.example").await.expect(200);
    assert_eq!(globex.json(), json!({ "origins": ["https://globex.example.com"] }));
    related("initech.example.com").await.refused(404, "not_found");
    related("-.example.com").await.refused(404, "tenant_not_found");
    related("localhost").await.refused(404, "not_found");

    let at = |request: reqwest::RequestBuilder| request.header("Host", "acme.example");
    let made = ask(at(Person::registration(&client, "ada@example.com"))).await.expect(201);
    let token = made.at("/session/session_token");
    for (origin, status) in [("https://globex.example", 400), ("https://acme.test", 200)] {
        let begun = Begun::by(at(begin(&client, REGISTRATION, &json!({})).bearer_auth(&token))).await;
        assert_eq!(begun.options["rp"]["id"], "acme.example");
        let credential = Authenticator::default().register(&begun.options.to_string(), origin).unwrap();
        ask(at(finish(&client, REGISTRATION, &begun.body(&credential)).bearer_auth(&token))).await.expect(status);
    }
}

#[tokio::test]
async fn browsers_find_related_origins_and_password_managers_the_pages_of_an_account() {
    let service = Service::start().await;
    for path in ["webauthn", "passkey-endpoints", "change-password"] {
        let refused = ask(service.client().get(&format!("/.well-known/{path}"))).await.refused(404, "not_found");
        let setting = if path == "webauthn" { "KAYAN_WEBAUTHN_ORIGINS" } else { "KAYAN_ACCOUNT_URL" };
        assert!(refused.at("/message").contains(setting), "{refused:?}");
    }
    let origins = "http://localhost:3000,https://example.org,https://shop.example.net";
    let page = "https://login.example.com/account";
    let home = Home::new().with("KAYAN_WEBAUTHN_ORIGINS", origins).with("KAYAN_ACCOUNT_URL", page);
    let service = Service::start_in(home).await;
    let client = service.client();
    let related = ask(client.get("/.well-known/webauthn")).await.expect(200);
    assert_eq!(related.json(), json!({ "origins": ["https://example.org", "https://shop.example.net"] }));
    assert!(related.header("content-type").starts_with("application/json"), "{related:?}");
    let pages = ask(client.get("/.well-known/passkey-endpoints")).await.expect(200);
    assert_eq!(pages.json(), json!({ "enroll": page, "manage": page }));
    assert_eq!(ask(client.get("/.well-known/change-password")).await.expect(302).header("location"), page);
    // A page of a related origin may use the passkeys, one of the usual origin no longer.
    let ada = Person::register(&client, "ada").await;
    let mut key = Authenticator::default();
    for (origin, status) in [(ORIGIN, 400), ("https://example.org.evil.example", 400), ("https://example.org", 200)] {
        let begun = Begun::by(begin(&client, REGISTRATION, &json!({})).bearer_auth(&ada.session_token)).await;
        let credential = key.register(&begun.options.to_string(), origin).unwrap();
        let request = finish(&client, REGISTRATION, &begun.body(&credential)).bearer_auth(&ada.session_token);
        ask(request).await.expect(status);
    }
}
