//! Second factors that a tenant requires: from a date on, of some roles, and what an operator sees of them.

use kayan_journeys::{Answer, PASSWORD, Person, Service, ask, count};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{
    administration::Office,
    second_factors::{App, verify},
};

/// What `whoami` says of a session that is not good without a second factor.
fn lacks_factor(answer: Answer) {
    let refused = answer.refused(403, "aal2_required");
    let challenge = refused.header("www-authenticate");
    assert!(challenge.contains(r#"error="insufficient_user_authentication", acr_values="aal2""#), "{challenge}");
}

/// Confirms an app in a session, and steps the session up with another code.
async fn at_aal2(person: &Person) -> Person {
    let (app, _) = App::of(person).await;
    let stepping = verify(&person.client, &app.code(0), &Value::Null).bearer_auth(&person.session_token);
    let stepped = ask(stepping).await.expect(200);
    let (session_token, refresh_token) = (stepped.at("/session_token"), stepped.at("/refresh_token"));
    Person { session_token, refresh_token, ..person.clone() }
}

async fn set(office: &Office, settings: Value) -> Answer {
    office.tell(Method::PATCH, "/admin/tenants/default", &json!({ "settings": settings })).await
}

#[tokio::test]
async fn a_factor_that_is_required_from_a_date_is_asked_for_from_then_on() {
    let office = Office::open().await;
    let later = json!({ "mfa_required": true, "mfa_required_from": "2999-01-01T01:00:00+01:00" });
    let updated = set(&office, later).await.expect(200);
    assert_eq!(updated.at("/settings/mfa_required_from"), "2999-01-01T00:00:00.000000Z");
    let people = ["ada", "bert", "carl"].map(|name| (office.client.clone(), name));
    let mut unseen = Vec::new();
    for (client, name) in people {
        unseen.push(Person::register(&client, name).await);
    }
    unseen[0].log_in().await.who_am_i().await.expect(200);

    // The date comes: by SQL, because the service goes by its own clock. Its caches have not seen these sessions.
    let settings = r#"{"mfa_required":true,"mfa_required_from":"2020-01-01T00:00:00.000000Z"}"#;
    let come = format!("UPDATE tenants SET settings = '{settings}' WHERE id = 'default'");
    office.service.home().database().await.execute(&come).await;
    lacks_factor(unseen[0].who_am_i().await);
    unseen[0].refresh().await.refused(401, "invalid_token");
    ask(Person::login(&office.client, &unseen[0].email, PASSWORD)).await.refused(403, "mfa_required");
    ask(Person::registration(&office.client, "new@example.com")).await.refused(403, "mfa_required");
    unseen[1].log_out().await.expect(204);
    let carl = at_aal2(&unseen[2]).await;
    carl.who_am_i().await.expect(200);
    carl.refresh().await.expect(200);
}

#[tokio::test]
async fn a_factor_that_is_required_of_administrators_keeps_them_from_administering_without_it() {
    let office = Office::open().await;
    let (_, viewer) = office.colleague("viewer", &["viewer"]).await;
    for (settings, pointer, code) in [
        (json!({ "mfa_required_from": "2030-01-01T00:00:00Z" }), "/settings/mfa_required_from", "dependentRequired"),
        (json!({ "mfa_required_roles": ["admin"] }), "/settings/mfa_required_roles", "dependentRequired"),
        (json!({ "mfa_required": true, "mfa_required_roles": [] }), "/settings/mfa_required_roles", "minItems"),
        (json!({ "mfa_required": true, "mfa_required_roles": ["ghost"] }), "/settings/mfa_required_roles/0", "role"),
        (json!({ "mfa_required": true, "mfa_required_from": "tomorrow" }), "/settings/mfa_required_from", "type"),
    ] {
        let refused = set(&office, settings).await.refused(400, "invalid_input");
        let field = refused.json()["details"]["fields"][0].clone();
        assert_eq!((&field["pointer"], &field["code"]), (&json!(pointer), &json!(code)), "{field}");
    }
    let token = office.service.home().run("admin token create --permissions users:read --ttl 1h").await.stdout;
    set(&office, json!({ "mfa_required": true, "mfa_required_roles": ["admin"] })).await.expect(200);
    lacks_factor(office.get("/admin/users").await);
    lacks_factor(office.get("/api/v1/whoami").await);
    let users = |token: &str| ask(office.client.get("/admin/users").bearer_auth(token.trim()));
    users(&viewer).await.expect(200);
    users(&token).await.expect(200);
    Person::register(&office.client, "ada").await.log_in().await;
    let refusals = "SELECT COUNT(*) FROM audit_events WHERE type = 'admin.action' AND status = 'failure'";
    assert_eq!(count(&office.service.home().database().await, refusals).await, 1);

    let root = Person {
        client: office.client.clone(),
        id: office.id.clone(),
        email: "root@example.com".to_owned(),
        session_token: office.token().to_owned(),
        refresh_token: String::new(),
    };
    let root = at_aal2(&root).await;
    users(&root.session_token).await.expect(200);
    root.who_am_i().await.expect(200);
}

#[tokio::test]
async fn users_without_a_second_factor_are_listed_by_api_and_by_command() {
    let office = Office::open().await;
    for name in ["ada", "bert", "carl"] {
        let person = Person::register(&office.client, name).await;
        if name == "bert" {
            App::of(&person).await;
        }
    }
    let list = office.get("/admin/users?without_mfa=true&limit=2").await.expect(200).json();
    assert_eq!((&list["total"], list["data"].as_array().map(Vec::len)), (&json!(3), Some(2)));
    let rest = office.get("/admin/users?without_mfa=true&limit=2&offset=2").await.expect(200).json();
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(1));
    let searched = office.get("/admin/users?without_mfa=true&q=a&state=active").await.expect(200).text();
    assert!(searched.contains("ada@") && searched.contains("carl@") && !searched.contains("bert@"), "{searched}");
    assert_eq!(office.get("/admin/users?without_mfa=false").await.expect(200).json()["total"], 4);
    let ran = office.service.home().run("admin user list --without-mfa --tenant default").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.stdout.contains("ada@") && !ran.stdout.contains("bert@"), "{ran:?}");
    assert!(ran.stderr.contains("3 of 3"), "{ran:?}");
}

#[tokio::test]
async fn a_new_password_and_a_farewell_take_the_second_factor_that_the_user_has() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let client = ada.client.clone();
    let new = "another long phrase 8";
    let change = |token: &str, current: &str| {
        client.tell("/api/v1/password", &json!({ "current_password": current, "new_password": new })).bearer_auth(token)
    };
    let delete = |token: &str, password: &str| {
        client.request(Method::DELETE, "/api/v1/me").bearer_auth(token).json(&json!({ "password": password }))
    };
    let (app, _) = App::of(&ada).await;
    for guess in [PASSWORD, "wrong"] {
        lacks_factor(ask(change(&ada.session_token, guess)).await);
        lacks_factor(ask(delete(&ada.session_token, guess)).await);
    }
    let stepping = verify(&client, &app.code(0), &Value::Null).bearer_auth(&ada.session_token);
    let token = ask(stepping).await.expect(200).at("/session_token");
    ask(change(&token, "wrong")).await.refused(403, "invalid_credentials");
    ask(change(&token, PASSWORD)).await.expect(204);
    ask(delete(&token, new)).await.expect(204);
    // Without a factor it is as before.
    let bert = Person::register(&client, "bert").await;
    ask(change(&bert.session_token, PASSWORD)).await.expect(204);
    ask(delete(&bert.session_token, new)).await.expect(204);
}

#[tokio::test]
async fn the_first_factor_ends_the_sessions_that_were_opened_without_it() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let (other, bert) = (ada.log_in().await, Person::register(&service.client(), "bert").await);
    other.who_am_i().await.expect(200);
    App::of(&ada).await;
    other.assert_out().await;
    for kept in [&ada, &bert] {
        kept.who_am_i().await.expect(200);
        kept.refresh().await.expect(200);
    }
    let told = service.home().run("audit query --types auth.mfa.enrolled").await;
    assert!(told.stdout.contains("other sessions were revoked"), "{told:?}");
}
