//! I-08 and I-36: what begins and finishes passkeys tells nothing of accounts, and nothing of a ceremony is written anywhere.

use std::{collections::BTreeSet, fs};

use kayan_authenticator::{Authenticator, Model, spoil};
use kayan_journeys::{Answer, Home, Person, Service, ask};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Begun, LOGIN, ORIGIN, Owner, REGISTRATION, begin, bytes, finish};
use crate::administration::Office;

/// The paths of all members, with the length of each text.
fn outline(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(name, it)| outline(it, &format!("{path}/{name}"), found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(n, it)| outline(it, &format!("{path}/{n}"), found)),
        Value::String(text) => drop(found.insert(format!("{path} {}", text.len()))),
        other => drop(found.insert(format!("{path} {other}"))),
    }
}

/// What can be seen of a response: its status, the names of its headers, its length and its members.
fn seen(answer: &Answer) -> (u16, Vec<String>, usize, BTreeSet<String>) {
    let headers = answer.headers.keys().map(ToString::to_string).collect();
    let mut members = BTreeSet::new();
    outline(&answer.json(), "", &mut members);
    (answer.status, headers, answer.body.len(), members)
}

#[tokio::test]
async fn i_08_the_beginning_of_a_passkey_login_looks_alike_for_every_identifier() {
    let office = Office::open().await;
    let client = &office.client;
    // As long as those of the usual authenticators.
    let mut people = Vec::new();
    for (number, length) in [16, 20, 32].into_iter().enumerate() {
        let person = Person::register(client, &format!("with{number}")).await;
        let mut key = Authenticator::default();
        key.lies.credential_id = Some(vec![u8::try_from(length).unwrap(); length]);
        let request = begin(client, REGISTRATION, &json!({})).bearer_auth(&person.session_token);
        let begun = Begun::by(request).await;
        let body = begun.body(&begun.made_by(&mut key));
        ask(finish(client, REGISTRATION, &body).bearer_auth(&person.session_token)).await.expect(200);
        people.push(person.email);
    }
    for name in ["without", "locked", "inactive"] {
        let person = Person::register(client, name).await;
        let path = format!("/admin/users/{}", person.id);
        match name {
            "locked" => drop(office.tell(Method::POST, &format!("{path}/lock"), &json!({})).await.expect(200)),
            "inactive" => drop(office.tell(Method::PATCH, &path, &json!({ "state": name })).await.expect(200)),
            _ => {}
        }
        people.push(person.email);
    }
    let naming = |identifier: &str| {
        let request = begin(client, LOGIN, &json!({ "identifier": identifier }));
        ask(request.header("X-Request-Id", "the-same-for-all"))
    };
    // Decoys are as long as passkeys are, the same for an identifier each time, and different for different ones.
    let (mut unknown, mut ids) = (BTreeSet::new(), BTreeSet::new());
    for number in 0..64 {
        let identifier = format!("nobody{number}@example.com");
        let (first, second) = (naming(&identifier).await, naming(&identifier).await);
        assert_eq!(seen(&first), seen(&second));
        let id = first.at("/publicKey/allowCredentials/0/id");
        assert_eq!(id, second.at("/publicKey/allowCredentials/0/id"));
        assert!(ids.insert(id), "{identifier}");
        unknown.insert(seen(&first));
    }
    let known: BTreeSet<_> = {
        let mut known = BTreeSet::new();
        for email in &people {
            known.insert(seen(&naming(email).await));
        }
        known
    };
    assert_eq!(unknown.len(), 3, "{unknown:?}");
    assert_eq!(known, unknown);
    for odd in ["", "no address", "\u{0}", "x".repeat(4_000).as_str()] {
        assert!(unknown.contains(&seen(&naming(odd).await)), "{odd:.20}");
    }
}

#[tokio::test]
async fn i_08_the_end_of_a_passkey_login_is_refused_alike_for_a_decoy_and_for_a_passkey() {
    let service = Service::start().await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    Person::register(&client, "bert").await;
    let mut answers = BTreeSet::new();
    for identifier in ["ada@example.com", "bert@example.com", "nobody@example.com"] {
        let mut begun = Begun::by(begin(&client, LOGIN, &json!({ "identifier": identifier }))).await;
        let asked = begun.options["allowCredentials"][0]["id"].clone();
        begun.options["allowCredentials"] = json!([]);
        let mut credential = begun.signed_by(&mut ada.key);
        (credential["id"], credential["rawId"]) = (asked.clone(), asked);
        spoil(&mut credential, "signature");
        let request = finish(&client, LOGIN, &begun.body(&credential)).header("X-Request-Id", "the-same-for-all");
        let refused = ask(request).await.refused(401, "invalid_credentials");
        answers.insert((refused.text(), seen(&refused)));
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
}

/// Everything of a ceremony that nothing may repeat.
fn secrets(begun: &Begun, credential: &Value) -> Vec<String> {
    let mut secrets = vec![begun.session_id["kyc_".len()..].to_owned()];
    let challenge = begun.options["challenge"].as_str().unwrap();
    secrets.push(challenge.to_owned());
    let response = credential["response"].as_object().unwrap();
    let texts = response.values().filter_map(Value::as_str).filter(|text| text.len() > 16);
    secrets.extend(texts.map(str::to_owned));
    secrets.push(credential["rawId"].as_str().unwrap().to_owned());
    // As a debug output would print bytes.
    let bytes = bytes(challenge);
    secrets.push(format!("{:?}", &bytes[..8]).trim_matches(['[', ']']).to_owned());
    secrets.push(bytes[..8].iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")));
    secrets
}

#[tokio::test]
async fn i_36_nothing_of_a_ceremony_is_in_the_log_the_audit_trail_or_an_answer() {
    let home = Home::new().with("KAYAN_LOG_LEVEL", "debug").with("KAYAN_AUDIT_LOG", "audit.log");
    let service = Service::start_in(home).await;
    let client = service.client();
    let person = Person::register(&client, "ada").await;
    let mut ada = Owner { person, key: Authenticator::new(Model::security_key()), id: String::new() };
    ada.key.model.verifies_user = true;
    let (mut planted, mut answers) = (Vec::new(), Vec::new());
    for lie in ["origin", "id", "none"] {
        let begun = Begun::by(ada.begin_registration()).await;
        let origin = if lie == "origin" { "https://planted-origin.example" } else { ORIGIN };
        let mut credential = ada.key.register(&begun.options.to_string(), origin).unwrap();
        if lie == "id" {
            spoil(&mut credential, "attestationObject");
            credential["response"]["clientDataJSON"] = json!("cGxhbnRlZC1jbGllbnQtZGF0YQ");
        }
        planted.extend(secrets(&begun, &credential));
        let request = finish(&client, REGISTRATION, &begun.body(&credential)).bearer_auth(&ada.person.session_token);
        answers.push(ask(request).await.expect(if lie == "none" { 200 } else { 400 }));
    }
    for (lie, status) in [("none", 200), ("signature", 401), ("clientDataJSON", 401), ("counter", 401), ("shape", 400)]
    {
        let begun = ada.begin_login().await;
        let mut credential = begun.signed_by(&mut ada.key.clone());
        match lie {
            "none" => credential = begun.signed_by(&mut ada.key),
            "counter" => {
                ada.key.lies.counter = Some(1);
                credential = begun.signed_by(&mut ada.key);
                ada.key.lies.counter = None;
            }
            "shape" => credential["response"]["signature"] = json!("planted-signature-that-is-no-base64url-!"),
            member => spoil(&mut credential, member),
        }
        planted.extend(secrets(&begun, &credential));
        answers.push(ask(finish(&client, LOGIN, &begun.body(&credential))).await.expect(status));
        answers.push(ask(finish(&client, LOGIN, &begun.body(&credential))).await);
    }
    let key = service.home().database().await.texts("SELECT data FROM credentials WHERE kind = 'webauthn'").await;
    assert_eq!(key.len(), 1);
    let (_, public_key) = key[0].split_once("public_key").expect("the key is in this column");
    planted.push(public_key.split('"').nth(2).expect("a text").to_owned());
    planted.extend(["planted-origin".to_owned(), "planted-client-data".to_owned(), "planted-signature".to_owned()]);

    service.terminate();
    let (_, log, home) = service.ended().await;
    assert!(log.contains("webauthn/login/finish") && log.contains("DEBUG"), "the log is the real one: {log}");
    let trail = home.database().await.rows("SELECT * FROM audit_events").await;
    let trail: String = trail.into_iter().flatten().flatten().collect();
    assert!(trail.contains("auth.passkey.counter") && trail.contains("auth.mfa.enrolled"), "{trail}");
    let file = fs::read_to_string(home.path("audit.log")).unwrap();
    let answers = format!("{answers:?}");
    assert!(planted.len() > 60, "{}", planted.len());
    for secret in &planted {
        for (place, text) in [("log", &log), ("trail", &trail), ("audit log", &file), ("answers", &answers)] {
            assert!(!text.contains(secret), "{secret} is in the {place}");
        }
    }
}
