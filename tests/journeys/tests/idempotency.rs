//! `Idempotency-Key` on requests of administrators.

use futures_util::future::join_all;
use kayan_journeys::{Answer, Home, PASSWORD, Person, Service, ask, count};
use reqwest::Method;
use serde_json::{Value, json};

use crate::administration::Office;

async fn make(office: &Office, key: &str, body: &Value) -> Answer {
    ask(office.request(Method::POST, "/admin/users").header("Idempotency-Key", key).json(body)).await
}

#[tokio::test]
async fn the_same_post_gets_the_same_answer_and_another_one_422() {
    let office = Office::open().await;
    let body = json!({ "traits": { "email": "ada@example.com" }, "password": PASSWORD });
    let first = make(&office, "\"k\"", &body).await.expect(201);
    let path = format!("/admin/users/{}", first.at("/id"));
    office.tell(Method::PATCH, &path, &json!({ "traits": { "name": "Ada" } })).await.expect(200);
    let second = make(&office, "k", &body).await.expect(201);
    assert_eq!((second.text(), second.header("etag")), (first.text(), first.header("etag")));
    for other in [
        json!({ "traits": { "email": "ada@example.com" }, "password": "another one, and long" }),
        json!({ "traits": { "email": "bert@example.com" } }),
    ] {
        make(&office, "k", &other).await.refused(422, "idempotency_key_reused");
    }
    let lock = office.request(Method::POST, &format!("{path}/lock")).header("Idempotency-Key", "k");
    ask(lock).await.refused(422, "idempotency_key_reused");
    for bad in ["", "a b", &"x".repeat(256)] {
        make(&office, bad, &body).await.refused(400, "invalid_input");
    }
    // The same key of another session is a different key.
    let (_, token) = office.colleague("second", &["admin"]).await;
    let theirs = office.client.post("/admin/users").bearer_auth(token).header("Idempotency-Key", "k");
    ask(theirs.json(&json!({ "traits": { "email": "bert@example.com" } }))).await.expect(201);
}

#[tokio::test]
async fn i_36_what_is_kept_of_a_request_tells_no_password() {
    let office = Office::open().await;
    let body = json!({ "traits": { "email": "ada@example.com" }, "password": PASSWORD });
    make(&office, "k", &body).await.expect(201);
    let kept = office.service.home().database().await.texts("SELECT answer FROM kept_answers").await;
    assert_eq!(kept.len(), 1);
    assert!(!kept[0].contains("battery") && !kept[0].contains('$'), "{}", kept[0]);
}

#[tokio::test]
async fn sixteen_at_once_make_one_user_and_get_one_answer() {
    let office = Office::open().await;
    let body = json!({ "traits": { "email": "ada@example.com" }, "password": PASSWORD });
    let answers = join_all((0..16).map(|_| make(&office, "k", &body))).await;
    let mut texts: Vec<_> = answers.into_iter().map(|answer| answer.expect(201).text()).collect();
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:?}");
    let database = office.service.home().database().await;
    assert_eq!(count(&database, "SELECT COUNT(*) FROM identities").await, 2, "root and ada");
}

#[tokio::test]
async fn a_second_revoke_all_tells_what_the_first_one_did() {
    let office = Office::open().await;
    let ada = Person::register(&office.client, "ada").await;
    let end = || {
        let request = office.request(Method::POST, "/admin/sessions/revoke-all").header("Idempotency-Key", "end-ada");
        request.json(&json!({ "user_id": ada.id }))
    };
    assert_eq!(ask(end()).await.expect(200).json(), json!({ "revoked": 1 }));
    let again = ada.log_in().await;
    assert_eq!(ask(end()).await.expect(200).json(), json!({ "revoked": 1 }));
    again.who_am_i().await.expect(200);
}

/// The holder of a narrowed token must not learn what its parent did, nor the response.
#[tokio::test]
async fn i_30_a_narrowed_token_is_not_given_the_answer_to_its_parents_key() {
    let service = Service::start().await;
    let (client, home) = (service.client(), service.home());
    let parent = admin_token(home, "create --permissions users:* --ttl 1h", "").await;
    let child = admin_token(home, "attenuate --permissions users:write", &parent).await;
    let body = json!({ "traits": { "email": "ada@example.com" }, "password": PASSWORD });
    let make = |token: &str| {
        let request = client.post("/admin/users").bearer_auth(token).header("Idempotency-Key", "k");
        ask(request.json(&body))
    };
    let first = make(&parent).await.expect(201);
    make(&child).await.refused(409, "already_exists");
    assert_eq!(make(&parent).await.expect(201).text(), first.text());
}

#[tokio::test]
async fn i_29_a_key_means_something_else_in_each_tenant_and_in_all_of_them() {
    let service = Service::start().await;
    let (client, home) = (service.client(), service.home());
    assert_eq!(home.run("admin tenant create --id acme").await.code, 0);
    let token = admin_token(home, "create --permissions users:*,sessions:* --ttl 1h", "").await;
    let post = |path: &str, tenant: Option<&str>, body: &Value| {
        let request = client.post(path).bearer_auth(&token).header("Idempotency-Key", "k").json(body);
        ask(tenant.into_iter().fold(request, |request, tenant| request.header("X-Tenant-ID", tenant)))
    };
    let ada = json!({ "traits": { "email": "ada@example.com" }, "password": PASSWORD });
    for tenant in ["default", "acme"] {
        let made = post("/admin/users", Some(tenant), &ada).await.expect(201);
        assert_eq!(made.at("/tenant_id"), tenant);
    }
    ask(Person::login(&client, "ada@example.com", PASSWORD)).await.expect(200);
    ask(Person::login(&client, "ada@example.com", PASSWORD).header("X-Tenant-ID", "acme")).await.expect(200);
    let everybody = json!({ "reason": "drill" });
    let path = "/admin/sessions/revoke-all";
    assert_eq!(post(path, None, &everybody).await.expect(200).json(), json!({ "revoked": 2 }));
    let refused = post(path, Some("default"), &everybody).await;
    refused.refused(422, "idempotency_key_reused");
}

async fn admin_token(home: &Home, line: &str, input: &str) -> String {
    let done = home.run_with(&format!("admin token {line}"), input).await;
    assert_eq!(done.code, 0, "{done:?}");
    done.stdout.trim_end().to_owned()
}
