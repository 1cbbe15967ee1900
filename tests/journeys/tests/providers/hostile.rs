//! Hostile answers of a provider: ID tokens, documents, sizes and times.

use std::time::Instant;

use kayan_journeys::{Browser, Home, HostileProvider, Service, ask};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{NATIVE, redirecting, with_provider};

const NONCE: &str = "a nonce of the application";

/// This many seconds from the moment when a token is made.
fn from_now(seconds: i64) -> Value {
    json!({ "now": seconds })
}

fn exchange(service: &Service) -> RequestBuilder {
    let verifier = "a".repeat(43);
    let body = json!({ "code": "code", "code_verifier": verifier, "redirect_uri": NATIVE, "nonce": NONCE });
    service.client().tell("/api/v1/oidc/idp/exchange", &body)
}

async fn stage(more: &Value) -> (HostileProvider, Service) {
    let provider = HostileProvider::start().await;
    let service = Service::start_in(redirecting(with_provider(Home::new(), &provider.issuer(), more))).await;
    (provider, service)
}

/// A token that is good but for these members.
fn with(claims: &Value, others: &Value) -> Value {
    let mut all = json!({ "nonce": NONCE, "email_verified": true });
    for (name, value) in claims.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    let mut next = others.clone();
    next["claims"] = all;
    next
}

/// The reason of the last failed login in the audit trail.
async fn reason(service: &Service) -> String {
    let sql = "SELECT metadata FROM audit_events WHERE type = 'auth.login.failure' ORDER BY created_at DESC, id DESC";
    let found = service.home().database().await.texts(sql).await;
    let metadata: Value = serde_json::from_str(&found[0]).expect("JSON");
    metadata["reason"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn an_id_token_with_anything_wrong_opens_no_session() {
    let (provider, service) = stage(&json!({})).await;
    let (none, mut other_reasons) = (json!({}), Vec::new());
    for (claims, others, why) in [
        (json!({ "iss": "https://evil.example" }), &none, "(iss)"),
        (json!({ "iss": format!("{}/", provider.issuer()) }), &none, "(iss)"),
        (json!({ "iss": null }), &none, "no signed JWT"),
        (json!({ "aud": "another" }), &none, "(aud)"),
        (json!({ "aud": null }), &none, "(aud)"),
        (json!({ "aud": [] }), &none, "(aud)"),
        (json!({ "aud": ["kayan", "another"] }), &none, "(aud)"),
        (json!({ "aud": ["kayan", "another"], "azp": "kayan" }), &none, "(aud)"),
        (json!({ "azp": "another" }), &none, "(azp)"),
        (json!({ "azp": "" }), &none, "(azp)"),
        (json!({ "nonce": "of another login" }), &none, "(nonce)"),
        (json!({ "nonce": null }), &none, "(nonce)"),
        (json!({ "nonce": "" }), &none, "(nonce)"),
        (json!({ "exp": from_now(-40) }), &none, "(exp)"),
        (json!({ "exp": 0 }), &none, "(exp)"),
        (json!({ "exp": null }), &none, "no signed JWT"),
        (json!({ "exp": "tomorrow" }), &none, "no signed JWT"),
        (json!({ "iat": from_now(60) }), &none, "(iat)"),
        (json!({ "iat": from_now(-700) }), &none, "(iat)"),
        (json!({ "iat": null }), &none, "no signed JWT"),
        (json!({ "sub": "" }), &none, "subject"),
        (json!({ "sub": "a".repeat(256) }), &none, "subject"),
        (json!({ "sub": "\u{e4}" }), &none, "subject"),
        (json!({ "sub": null }), &none, "no signed JWT"),
        (json!({ "at_hash": "AAAAAAAAAAAAAAAAAAAAAA" }), &none, "another access token"),
        (json!({}), &json!({ "token": { "access_token": null } }), "did not come"),
        (json!({}), &json!({ "header": { "kid": null } }), "(kid)"),
        (json!({}), &json!({ "header": { "kid": "b" } }), "does not verify"),
        (json!({}), &json!({ "header": { "kid": "e" } }), "unknown key"),
        (json!({}), &json!({ "header": { "alg": "none" } }), "(alg)"),
        (json!({}), &json!({ "header": { "alg": "none" }, "sign": "none" }), "(alg)"),
        (json!({}), &json!({ "header": { "alg": "NONE" }, "sign": "none" }), "no signed JWT"),
        (json!({}), &json!({ "header": { "alg": null } }), "no signed JWT"),
        (json!({}), &json!({ "header": { "alg": "HS256" }, "sign": "public" }), "(alg)"),
        (json!({}), &json!({ "header": { "alg": "PS256" } }), "(alg)"),
        (json!({}), &json!({ "header": { "alg": "ES256" } }), "unknown key"),
        (json!({}), &json!({ "sign": "none" }), "does not verify"),
        (json!({}), &json!({ "header": { "crit": ["exp"] } }), "does not verify"),
        (json!({}), &json!({ "header": { "typ": "at+jwt" } }), "does not verify"),
        (json!({}), &json!({ "key": "c" }), "unknown key"),
        (json!({}), &json!({ "key": "c", "header": { "kid": "a" } }), "does not verify"),
        (json!({}), &json!({ "token": { "id_token": null } }), "no ID token"),
        (json!({}), &json!({ "token": { "id_token": "a.b.c" } }), "no signed JWT"),
        (json!({}), &json!({ "token": { "id_token": "" } }), "no signed JWT"),
        (json!({}), &json!({ "status": 400, "token": { "error": "invalid_grant" } }), "invalid_grant"),
        (json!({}), &json!({ "status": 401, "token": { "error": "<script>" } }), "status 401"),
        (json!({}), &json!({ "status": 500 }), "status 500"),
        (json!({}), &json!({ "redirect": "/token" }), "status 302"),
    ] {
        provider.next(&with(&claims, others)).await;
        let refused = ask(exchange(&service)).await.refused(401, "oidc_failed");
        let reason = reason(&service).await;
        if !reason.contains(why) {
            other_reasons.push(format!("{claims} {others}: {reason}"));
        }
        assert!(!refused.text().contains(&reason), "the reason is not told: {refused:?}");
    }
    assert!(other_reasons.is_empty(), "{other_reasons:#?}");
    for (claims, others) in [
        (json!({}), &none),
        (json!({ "azp": "kayan", "aud": ["kayan"] }), &none),
        (json!({ "exp": from_now(-20), "iat": from_now(-60) }), &none),
        (json!({ "iat": from_now(20) }), &none),
        (json!({ "at_hash": null }), &none),
        (json!({}), &json!({ "key": "b" })),
        (json!({}), &json!({ "key": "e" })),
    ] {
        provider.next(&with(&claims, others)).await;
        ask(exchange(&service)).await.expect(200);
    }
    // A nonce of one login is none of another, and a redirect URI must be registered.
    let body = json!({ "code": "c", "code_verifier": "a".repeat(43), "redirect_uri": "evil.app:/", "nonce": NONCE });
    ask(service.client().tell("/api/v1/oidc/idp/exchange", &body)).await.refused(401, "oidc_failed");
}

#[tokio::test]
async fn keys_are_fetched_for_an_unknown_key_at_most_once_a_minute() {
    let (provider, service) = stage(&json!({})).await;
    provider.next(&with(&json!({}), &json!({}))).await;
    ask(exchange(&service)).await.expect(200);
    assert_eq!(provider.calls("/jwks").await, 1);
    provider.next(&with(&json!({}), &json!({ "key": "c", "publish": true }))).await;
    ask(exchange(&service)).await.expect(200);
    assert_eq!(provider.calls("/jwks").await, 2, "a new key is found at once");
    provider.next(&with(&json!({}), &json!({ "header": { "kid": "x" } }))).await;
    for _ in 0..8 {
        ask(exchange(&service)).await.refused(401, "oidc_failed");
    }
    assert_eq!(provider.calls("/jwks").await, 2, "an invented one costs nothing");
    assert_eq!(provider.calls("/.well-known/openid-configuration").await, 1);
}

#[tokio::test]
async fn documents_that_are_wrong_huge_slow_or_elsewhere_are_refused() {
    for (next, why) in [
        (json!({ "metadata": { "issuer": "https://evil.example" } }), "names the issuer"),
        (json!({ "metadata": { "token_endpoint": "ftp://evil.example/" } }), "which is not https"),
        (json!({ "metadata": { "token_endpoint": "https://evil.example/" } }), "which is not https"),
        (json!({ "metadata": { "jwks_uri": "http://u:p@127.0.0.1/" } }), "has a user in it"),
        (json!({ "metadata": { "jwks_uri": null } }), "not what it should be"),
        (json!({ "huge": "/.well-known/openid-configuration" }), "more than 524288 bytes"),
        (json!({ "redirect": "/.well-known/openid-configuration" }), "status 302"),
    ] {
        let (provider, service) = stage(&json!({})).await;
        provider.next(&next).await;
        let browser = Browser::new();
        let begin = || browser.open(&format!("http://{}/api/v1/oidc/idp", service.address()));
        ask(begin()).await.refused(503, "unavailable");
        let log = service.log_with("an identity provider is not available").await;
        assert!(log.contains(why), "{next}: {log}");
    }
    for (next, why) in [
        (json!({ "huge": "/jwks" }), "more than 524288 bytes"),
        (json!({ "huge": "/token" }), "more than 524288 bytes"),
        (json!({ "metadata": { "jwks_uri": "http://169.254.169.254/keys" } }), "not a public one"),
        (json!({ "metadata": { "token_endpoint": "http://10.0.0.1/token" } }), "not a public one"),
    ] {
        let (provider, service) = stage(&json!({})).await;
        provider.next(&with(&json!({}), &next)).await;
        ask(exchange(&service)).await.refused(401, "oidc_failed");
        let reason = reason(&service).await;
        assert!(reason.contains(why), "{next}: {reason}");
    }
}

#[tokio::test]
async fn a_provider_that_never_answers_is_waited_for_ten_seconds() {
    let (provider, service) = stage(&json!({})).await;
    provider.next(&with(&json!({}), &json!({ "slow": "/token" }))).await;
    let begun = Instant::now();
    ask(exchange(&service)).await.refused(401, "oidc_failed");
    assert!((9..20).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn userinfo_of_another_user_is_refused() {
    let (provider, service) = stage(&json!({})).await;
    let endpoint = json!({ "userinfo_endpoint": format!("{}/userinfo", provider.issuer()) });
    let none = json!({ "email": null });
    let others = json!({ "metadata": endpoint, "userinfo": { "sub": "2", "email": "eve@example.com" } });
    provider.next(&with(&none, &others)).await;
    ask(exchange(&service)).await.refused(401, "oidc_failed");
    assert!(reason(&service).await.contains("another subject"));
    let own = json!({ "metadata": others["metadata"], "userinfo": { "sub": "1", "email": "eve@example.com" } });
    provider.next(&with(&none, &own)).await;
    let opened = ask(exchange(&service)).await.expect(200);
    assert_eq!(opened.at("/identity/traits/email"), "eve@example.com");
}

#[tokio::test]
async fn two_factors_at_the_provider_count_only_where_the_configuration_says_so() {
    for (more, aal) in
        [(json!({}), "aal1"), (json!({ "mfa_amr": ["mfa"] }), "aal2"), (json!({ "mfa_acr": ["gold"] }), "aal2")]
    {
        let (provider, service) = stage(&more).await;
        provider.next(&with(&json!({ "amr": ["pwd", "mfa"], "acr": "gold" }), &json!({}))).await;
        let opened = ask(exchange(&service)).await.expect(200);
        assert_eq!(opened.at("/aal"), aal, "{more}");
    }
}

#[tokio::test]
async fn an_authentication_that_is_too_old_is_refused() {
    let (provider, service) = stage(&json!({ "max_age": 300 })).await;
    for (claims, status) in
        [(json!({}), 401), (json!({ "auth_time": from_now(-400) }), 401), (json!({ "auth_time": from_now(-100) }), 200)]
    {
        provider.next(&with(&claims, &json!({}))).await;
        ask(exchange(&service)).await.expect(status);
    }
}
