//! Users and their own account.

use kayan_journeys::{PASSWORD, Person, Service, ask, events};
use reqwest::Method;
use serde_json::{Value, json};

const NEW: &str = "another horse, another stable 9";

fn changing(person: &Person, current: &str, new: &str) -> reqwest::RequestBuilder {
    let body = json!({ "current_password": current, "new_password": new });
    person.client.tell("/api/v1/password", &body).bearer_auth(&person.session_token)
}

fn patching(person: &Person, traits: Value) -> reqwest::RequestBuilder {
    let request = person.client.request(Method::PATCH, "/api/v1/me").json(&json!({ "traits": traits }));
    request.bearer_auth(&person.session_token)
}

fn deleting(person: &Person, password: &str) -> reqwest::RequestBuilder {
    let request = person.client.delete("/api/v1/me").json(&json!({ "password": password }));
    request.bearer_auth(&person.session_token)
}

#[tokio::test]
async fn i_22_a_changed_password_ends_every_other_session() {
    let service = Service::start().await;
    let first = Person::register(&service.client(), "ada").await;
    let second = first.log_in().await;
    ask(changing(&first, "wrong horse battery staple 8", NEW)).await.refused(403, "invalid_credentials");
    second.who_am_i().await.expect(200);
    ask(changing(&first, PASSWORD, NEW)).await.expect(204);
    first.who_am_i().await.expect(200);
    second.assert_out().await;
    ask(Person::login(&first.client, &first.email, PASSWORD)).await.refused(401, "invalid_credentials");
    ask(Person::login(&first.client, &first.email, NEW)).await.expect(200);
    assert_eq!(events(&service.home().database().await, "auth.password.changed", &first.id).await, 1);
}

#[tokio::test]
async fn i_17_a_password_of_73_bytes_is_refused_and_never_cut() {
    let service = Service::start().await;
    let client = service.client();
    let whole = format!("{:-<72}", "seventeen mauve otters");
    let body = |email: &str, password: &str| json!({ "traits": { "email": email }, "password": password });
    let too_long = ask(client.tell("/api/v1/registration", &body("a@example.com", &format!("{whole}!")))).await;
    assert_eq!(too_long.refused(400, "weak_password").at("/details/fields/0/pointer"), "/password");
    ask(client.tell("/api/v1/registration", &body("b@example.com", &whole))).await.expect(201);
    let cut = ask(Person::login(&client, "b@example.com", &format!("{whole}!"))).await;
    cut.refused(401, "invalid_credentials");
    ask(Person::login(&client, "b@example.com", &whole)).await.expect(200);
}

#[tokio::test]
async fn ones_own_traits_are_patched_and_an_address_stays_until_the_new_one_is_proven() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    Person::register(&service.client(), "eve").await;
    let patched = ask(patching(&ada, json!({ "name": "Ada" }))).await.expect(200);
    assert_eq!((patched.at("/traits/name"), patched.at("/traits/email")), ("Ada".to_owned(), ada.email.clone()));
    let removed = ask(patching(&ada, json!({ "name": null }))).await.expect(200);
    assert_eq!(removed.json()["traits"], json!({ "email": ada.email }));
    let taken = ask(patching(&ada, json!({ "email": "EVE@example.com" }))).await.expect(200);
    let odd = ask(patching(&ada, json!({ "email": 7 }))).await.refused(400, "invalid_input");
    assert_eq!(odd.at("/details/fields/0/pointer"), "/traits/email");
    let free = ask(patching(&ada, json!({ "email": "countess@example.com" }))).await.expect(200);
    assert_eq!((taken.at("/traits/email"), taken.json()), (ada.email.clone(), free.json()), "the same for both");
    ask(Person::login(&ada.client, "countess@example.com", PASSWORD)).await.refused(401, "invalid_credentials");
    let log = service.log_with("/flow/email-change#token=").await;
    let link = log.split_once("/flow/email-change#token=").unwrap().1;
    let token = link.split(|c: char| !c.is_ascii_alphanumeric() && !"_-".contains(c)).next().unwrap();
    let complete = ada.client.tell("/api/v1/email-change/complete", &json!({ "token": token }));
    assert_eq!(ask(complete).await.expect(200).at("/address"), "countess@example.com");
    ask(Person::login(&ada.client, &ada.email, PASSWORD)).await.refused(401, "invalid_credentials");
    ask(Person::login(&ada.client, "countess@example.com", PASSWORD)).await.expect(200);
    Person::register(&service.client(), "ada").await;
}

#[tokio::test]
async fn i_12_roles_state_and_verified_are_the_servers_alone() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let before = ada.who_am_i().await.json()["identity"].clone();
    for member in ["roles", "permissions", "state", "verified", "mfa", "id", "tenant_id", "is_admin"] {
        let value = if member == "state" { json!("active") } else { json!(["admin"]) };
        ask(patching(&ada, json!({ member: value }))).await.refused(400, "invalid_input");
        let traits = json!({ "email": format!("{member}@example.com"), member: value });
        let body = json!({ "traits": traits, "password": PASSWORD });
        ask(ada.client.tell("/api/v1/registration", &body)).await.refused(400, "invalid_input");
        // Beside the traits, unknown members are ignored.
        let email = format!("{member}@example.com");
        let mut beside = json!({ "traits": { "email": email }, "password": PASSWORD });
        beside[member] = value;
        let answer = ask(ada.client.tell("/api/v1/registration", &beside)).await;
        if answer.status == 201 {
            let identity = &answer.json()["identity"];
            let facts = (&identity["roles"], &identity["state"], &identity["verified"], &identity["tenant_id"]);
            assert_eq!(facts, (&json!([]), &json!("active"), &json!([]), &json!("default")), "{member}");
        } else {
            answer.refused(400, "invalid_input");
        }
    }
    let after = ada.who_am_i().await.json()["identity"].clone();
    assert_eq!(after, before);
}

#[tokio::test]
async fn an_account_is_deleted_with_its_password_only_and_its_trail_stays() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let elsewhere = ada.log_in().await;
    ask(deleting(&ada, "wrong horse battery staple 8")).await.refused(403, "invalid_credentials");
    let gone = ask(deleting(&ada, PASSWORD)).await.expect(204);
    assert!(gone.cookies()[0].contains("Max-Age=0"), "{gone:?}");
    ada.assert_out().await;
    elsewhere.assert_out().await;
    ask(Person::login(&ada.client, &ada.email, PASSWORD)).await.refused(401, "invalid_credentials");
    let database = service.home().database().await;
    assert_eq!(events(&database, "identity.deleted", &ada.id).await, 1);
    assert_eq!(events(&database, "identity.created", &ada.id).await, 1);
    for table in ["identities", "identifiers", "credentials", "sessions", "refresh_tokens"] {
        assert_eq!(kayan_journeys::count(&database, &format!("SELECT COUNT(*) FROM {table}")).await, 0, "{table}");
    }
    assert_ne!(Person::register(&service.client(), "ada").await.id, ada.id);
}

#[tokio::test]
async fn i_36_an_export_holds_all_that_is_known_but_no_secret() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let eve = Person::register(&service.client(), "eve").await;
    ada.log_in().await;
    let export = ask(ada.client.get("/api/v1/me/export").bearer_auth(&ada.session_token)).await.expect(200);
    let data = export.json();
    assert_eq!(data["identity"]["id"], ada.id);
    assert_eq!(
        (data["credentials"][0]["kind"].as_str(), data["sessions"].as_array().map(Vec::len)),
        (Some("password"), Some(2))
    );
    let kinds: Vec<&str> =
        data["events"].as_array().unwrap().iter().filter_map(|event| event["type"].as_str()).collect();
    for kind in ["identity.created", "auth.session.created", "auth.login.success"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    let text = export.text();
    for secret in ["$2b$", "kys_", "kyr_", PASSWORD, &eve.id, &eve.email] {
        assert!(!text.contains(secret), "{secret}");
    }
}
