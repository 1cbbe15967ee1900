//! Passkeys where accounts or tenants do not allow them, and what the audit trail and the metrics tell.

use kayan_authenticator::Model;
use kayan_journeys::{Home, Metrics, Person, Service, ask, events};
use reqwest::Method;
use serde_json::json;

use super::{Begun, LOGIN, Owner, REGISTRATION, begin, finish};
use crate::administration::Office;

#[tokio::test]
async fn i_11_a_passkey_of_an_account_that_is_not_active_opens_nothing() {
    let office = Office::open().await;
    let mut ada = Owner::register(&office.client, "ada", Model::phone()).await;
    let mut early = Vec::new();
    for is_right in [true, false, true, false] {
        let begun = ada.begin_login().await;
        let mut credential = begun.signed_by(&mut ada.key);
        if !is_right {
            kayan_authenticator::spoil(&mut credential, "signature");
        }
        early.push(begun.body(&credential));
    }
    let path = format!("/admin/users/{}", ada.person.id);
    office.tell(Method::PATCH, &path, &json!({ "state": "inactive" })).await.expect(200);
    for state in ["inactive", "locked"] {
        // The state is told after the proof alone.
        let (wrong, right) = (early.pop().expect("a response"), early.pop().expect("a response"));
        ask(finish(&office.client, LOGIN, &wrong)).await.refused(401, "invalid_credentials");
        ask(finish(&office.client, LOGIN, &right)).await.refused(403, "identity_inactive");
        let begun = Begun::by(begin(&office.client, LOGIN, &json!({}))).await;
        ada.finish_login(&begun).await.refused(403, "identity_inactive");
        ada.try_log_in().await.refused(403, "identity_inactive");
        let register = begin(&office.client, REGISTRATION, &json!({})).bearer_auth(&ada.person.session_token);
        ask(register).await.refused(401, "unauthorized");
        if state == "inactive" {
            office.tell(Method::POST, &format!("{path}/lock"), &json!({ "reason": "test" })).await.expect(200);
        }
    }
    office.tell(Method::POST, &format!("{path}/unlock"), &json!({})).await.expect(200);
    ada.try_log_in().await.expect(200);
}

#[tokio::test]
async fn i_10_an_identifier_that_was_guessed_at_begins_no_passkey_login_whether_it_exists_or_not() {
    let home = Home::new().with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_LOCKOUT_MAX_FAILURES", "3");
    let service = Service::start_in(home.with("KAYAN_LOCKOUT_KNOWN_NETWORKS", "false")).await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    Person::register(&client, "bert").await;
    let early = ada.begin_login().await;
    for identifier in ["ada@example.com", "bert@example.com", "nobody@example.com"] {
        let naming = || begin(&client, LOGIN, &json!({ "identifier": identifier }));
        for _ in 0..5 {
            ask(naming()).await.expect(200);
        }
        for _ in 0..3 {
            ask(Person::login(&client, identifier, "not the password 5")).await.refused(401, "invalid_credentials");
        }
        let locked = ask(naming()).await.refused(423, "account_locked");
        assert!(!locked.header("retry-after").is_empty() && locked.cookies().is_empty(), "{locked:?}");
        let capital = begin(&client, LOGIN, &json!({ "identifier": identifier.to_uppercase() }));
        ask(capital).await.refused(423, "account_locked");
    }
    // What can't be guessed is not locked: a login that was begun before, and one without an identifier.
    ada.finish_login(&early).await.expect(200);
    service.home().run("admin user unlock --id ada@example.com").await;
    ada.try_log_in().await.expect(200);
}

#[tokio::test]
async fn beginning_counts_as_a_login_of_its_identifier_for_the_rate_limit() {
    let home = Home::new().with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_WINDOW", "24h");
    let home = home.with("KAYAN_RATE_LIMIT_REQUESTS", "1000").with("KAYAN_RATE_LIMIT_LOGIN_REQUESTS", "3");
    let service = Service::start_in(home).await;
    let client = service.client();
    Owner::register(&client, "ada", Model::phone()).await;
    for identifier in ["ada@example.com", "nobody@example.com"] {
        let naming = || begin(&client, LOGIN, &json!({ "identifier": identifier }));
        for _ in 0..3 {
            ask(naming()).await.expect(200);
        }
        let limited = ask(naming()).await.refused(429, "rate_limited");
        assert!(!limited.header("retry-after").is_empty(), "{limited:?}");
    }
}

#[tokio::test]
async fn a_tenant_that_does_not_allow_passkeys_begins_none_and_finishes_none() {
    let office = Office::open().await;
    let mut ada = Owner::register(&office.client, "ada", Model::phone()).await;
    ada.log_in().await;
    let (named, registering) = (ada.begin_login().await, Begun::by(ada.begin_registration()).await);
    let settings = json!({ "settings": { "methods": ["password"] } });
    office.tell(Method::PATCH, "/admin/tenants/default", &settings).await.expect(200);
    for body in [json!({}), json!({ "identifier": "ada@example.com" }), json!({ "identifier": "nobody@example.com" })] {
        ask(begin(&office.client, LOGIN, &body)).await.refused(403, "method_disabled");
    }
    ask(ada.begin_registration()).await.refused(403, "method_disabled");
    ada.finish_login(&named).await.refused(401, "invalid_token");
    let body = registering.body(&registering.made_by(&mut kayan_authenticator::Authenticator::default()));
    let request = finish(&office.client, REGISTRATION, &body).bearer_auth(&ada.person.session_token);
    ask(request).await.refused(400, "ceremony_failed");
    assert_eq!(ada.passkeys().await.len(), 1);
    // What is there can still be removed.
    ada.remove(&ada.id).await.expect(204);
}

#[tokio::test]
async fn passkeys_are_in_the_audit_trail_and_the_metrics() {
    let service = Service::start().await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    ada.try_log_in().await.expect(200);
    let begun = ada.begin_login().await;
    let mut wrong = begun.signed_by(&mut ada.key);
    kayan_authenticator::spoil(&mut wrong, "signature");
    ask(finish(&client, LOGIN, &begun.body(&wrong))).await.refused(401, "invalid_credentials");
    let token = &ada.person.session_token;
    for right in [false, true] {
        let begun = Begun::by(begin(&client, LOGIN, &json!({ "step_up": true })).bearer_auth(token)).await;
        let mut credential = begun.signed_by(&mut ada.key);
        if !right {
            kayan_authenticator::spoil(&mut credential, "signature");
        }
        let answer = ask(finish(&client, LOGIN, &begun.body(&credential)).bearer_auth(token)).await;
        answer.expect(if right { 200 } else { 401 });
    }
    let metrics = Metrics::of(&client).await;
    for (series, value) in [
        (r#"kayan_login_total{status="success",strategy="webauthn"}"#, 1),
        (r#"kayan_login_total{status="failure",strategy="webauthn"}"#, 1),
        (r#"kayan_mfa_total{status="success",type="webauthn"}"#, 1),
        (r#"kayan_mfa_total{status="failure",type="webauthn"}"#, 1),
        (r#"kayan_http_requests_total{operation="webauthnLoginFinish",status="401"}"#, 2),
    ] {
        assert_eq!(metrics.count(series), Some(value), "{series}");
    }
    let database = service.home().database().await;
    for kind in ["auth.mfa.enrolled", "auth.login.success", "auth.mfa.success"] {
        assert_eq!(events(&database, kind, &ada.person.id).await, 1, "{kind}");
    }
    for kind in ["auth.login.failure", "auth.mfa.failure"] {
        let failures = format!("SELECT metadata FROM audit_events WHERE type = '{kind}' AND status = 'failure'");
        let told = database.texts(&format!("{failures} AND subject = '{}'", ada.person.id)).await;
        assert!(told.len() == 1 && told[0].contains("webauthn"), "{kind}: {told:?}");
    }
}
