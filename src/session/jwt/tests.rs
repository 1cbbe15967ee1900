//! Tests of session tokens as JWTs.

use kayan_ports::{Clock as _, JwtAudience, KeyUse};
use serde_json::Value;

use super::*;
use crate::{
    AuthenticateError, IdentitySchema, RefreshSession, Settings,
    session::mint_jwt::tests::read,
    stage::{ISSUER, Stage},
};

const TTL: Duration = Duration::from_mins(15);

/// The algorithms of session JWTs; `None`: HS256.
fn algorithms() -> impl Iterator<Item = Option<JwsAlgorithm>> {
    std::iter::once(None).chain(JwsAlgorithm::ALL.map(Some))
}

fn secret(byte: u8) -> JwtSecret {
    JwtSecret(vec![byte; 32].into())
}

fn issuing(algorithm: Option<JwsAlgorithm>) -> impl FnOnce(&mut Settings) {
    move |settings| {
        settings.session_jwts = Some(SessionJwts { ttl: TTL, algorithm });
        settings.jwt_secrets = vec![secret(1)];
    }
}

/// The session that a presented token opens.
async fn who_am_i(stage: &Stage, tenant: &TenantId, text: &str) -> Result<kayan_ports::SessionId, AuthenticateError> {
    let token = stage.kayan.presented_token(tenant, text).await?;
    let caller = crate::Caller { tenant: tenant.clone(), token, ..Stage::stranger() };
    Ok(stage.kayan.who_am_i(&caller).await?.session.id)
}

#[tokio::test]
async fn a_session_token_is_a_jwt_of_every_algorithm_and_opens_its_session_as_the_opaque_one_does() {
    for algorithm in algorithms() {
        let stage = Stage::with(issuing(algorithm));
        let ada = stage.person("ada@example.com").await;
        let jwt = ada.jwt.clone().unwrap();
        let (header, claims) = read(&jwt);
        assert_eq!(
            (header["alg"].as_str(), header["typ"].as_str()),
            (Some(algorithm.map_or("HS256", JwsAlgorithm::as_str)), Some("at+jwt"))
        );
        assert_eq!(header.get("kid").is_some(), algorithm.is_some());
        let now = stage.clock.now().unix_timestamp();
        let expected = json!({
            "iss": ISSUER, "sub": ada.identity.id, "aud": ISSUER, "client_id": ISSUER,
            "jti": URL_SAFE_NO_PAD.encode(ada.session.token.0), "iat": now, "exp": now + 900, "auth_time": now,
            "sid": ada.session.id, "tid": "default", "aal": "aal1", "amr": ["pwd"],
        });
        assert_eq!(claims, expected);
        let tenant = TenantId::default();
        for text in [&*jwt, &*ada.session_token.expose()] {
            assert_eq!(who_am_i(&stage, &tenant, text).await, Ok(ada.session.id), "{algorithm:?}");
        }
        assert!(!format!("{ada:?}").contains(&**jwt));
    }
}

#[tokio::test]
async fn either_kind_of_token_is_taken_whatever_the_service_issues() {
    let issuing = Stage::with(issuing(None));
    let ada = issuing.person("ada@example.com").await;
    let opaque = Stage::with(|settings| settings.jwt_secrets = vec![secret(2), secret(1)]);
    let text = ada.jwt.unwrap();
    let token = opaque.kayan.presented_token(&TenantId::default(), &text).await;
    assert_eq!(token, Ok(Some(ada.session.token)), "by the previous secret");
    let rotated = Stage::with(|settings| settings.jwt_secrets = vec![secret(2)]);
    assert_eq!(rotated.kayan.presented_token(&TenantId::default(), &text).await, Ok(None));
    assert_eq!(Stage::new().kayan.presented_token(&TenantId::default(), &text).await, Ok(None), "no secret");
}

#[tokio::test]
async fn i_22_a_revocation_holds_for_the_jwt_at_once() {
    for algorithm in [None, Some(JwsAlgorithm::EdDsa)] {
        let stage = Stage::with(issuing(algorithm));
        let ada = stage.person("ada@example.com").await;
        let jwt = ada.jwt.clone().unwrap();
        assert!(who_am_i(&stage, &TenantId::default(), &jwt).await.is_ok());
        stage.kayan.log_out(&Stage::bearer(ada.session_token.hash())).await.unwrap();
        assert_eq!(who_am_i(&stage, &TenantId::default(), &jwt).await, Err(AuthenticateError::Unauthorized));
    }
}

#[tokio::test]
async fn i_23_a_signing_key_alone_opens_no_session() {
    let stage = Stage::with(issuing(None));
    let ada = stage.person("ada@example.com").await;
    let Value::Object(mut claims) = read(&ada.jwt.unwrap()).1 else { panic!("no object") };
    claims.insert("jti".to_owned(), URL_SAFE_NO_PAD.encode([7; 32]).into());
    let forged = stage.kayan.sign_jwt_with_secret(&claims).unwrap();
    assert_eq!(who_am_i(&stage, &TenantId::default(), &forged).await, Err(AuthenticateError::Unauthorized));
}

#[tokio::test]
async fn i_23_a_jwt_is_of_its_tenant_and_its_published_key() {
    let stage = Stage::with(issuing(Some(JwsAlgorithm::Es256)));
    let ada = stage.person("ada@example.com").await;
    let (jwt, tenant) = (ada.jwt.clone().unwrap(), TenantId::default());
    let other: TenantId = "other".parse().unwrap();
    assert_eq!(stage.kayan.presented_token(&other, &jwt).await, Ok(None), "another tenant");
    assert_eq!(stage.kayan.presented_token(&tenant, &jwt).await, Ok(Some(ada.session.token)));
    let key = stage.kayan.active_issuer_key(&tenant, KeyUse::Jwt, JwsAlgorithm::Es256).await.unwrap();
    stage.kayan.retire_key(&Stage::operator(), key.id, None).await.unwrap();
    stage.clock.advance(KEY_CACHED);
    assert_eq!(stage.kayan.presented_token(&tenant, &jwt).await, Ok(None), "its key was retired five seconds ago");
}

#[tokio::test]
async fn a_jwt_expires_with_its_session_token_and_lives_no_longer_than_the_service_allows() {
    let stage = Stage::with(issuing(None));
    stage.set_tenant(TenantSettings { session_ttl: Some(86_400), ..TenantSettings::default() }).await;
    let ada = stage.person("ada@example.com").await;
    assert_eq!(ada.session.expires_at, stage.clock.now() + TTL);
    let (jwt, tenant) = (ada.jwt.clone().unwrap(), TenantId::default());
    stage.clock.set(ada.session.expires_at - time::Duration::microseconds(1));
    assert!(who_am_i(&stage, &tenant, &jwt).await.is_ok());
    stage.clock.set(ada.session.expires_at);
    assert_eq!(who_am_i(&stage, &tenant, &jwt).await, Err(AuthenticateError::Unauthorized));
}

#[tokio::test]
async fn a_refresh_gives_a_new_jwt_and_a_retry_the_same_session_token() {
    let stage = Stage::with(issuing(Some(JwsAlgorithm::EdDsa)));
    let ada = stage.person("ada@example.com").await;
    stage.clock.advance(time::Duration::minutes(20));
    let refresh = || RefreshSession { refresh_token: Some(ada.refresh_token.clone()) };
    let first = stage.kayan.refresh_session(&Stage::stranger(), refresh()).await.unwrap();
    let retried = stage.kayan.refresh_session(&Stage::stranger(), refresh()).await.unwrap();
    let (first, retried) = (first.jwt.unwrap(), retried.jwt.unwrap());
    assert_eq!(read(&first).1, read(&retried).1);
    assert_ne!(read(&first).1["jti"], read(&ada.jwt.unwrap()).1["jti"]);
    assert_eq!(who_am_i(&stage, &TenantId::default(), &first).await, Ok(ada.session.id));
}

#[tokio::test]
async fn a_tenant_adds_an_audience_and_its_claims() {
    let claims = Map::from_iter([("email".to_owned(), json!("{{identity.traits.email}}"))]);
    let (audience, algorithm) = ("https://api.example".to_owned(), Some(JwsAlgorithm::Es256));
    let settings = TenantSettings {
        session_audience: Some(audience.clone()),
        jwt_audiences: vec![JwtAudience { audience: audience.clone(), algorithm, ttl: Some(5), claims }],
        ..TenantSettings::default()
    };
    let stage = Stage::with(issuing(Some(JwsAlgorithm::EdDsa)));
    stage.set_tenant(settings.clone()).await;
    let ada = stage.person("ada@example.com").await;
    let jwt = ada.jwt.unwrap();
    let (header, claims) = read(&jwt);
    assert_eq!((&claims["aud"], &claims["email"]), (&json!([ISSUER, audience]), &json!("ada@example.com")));
    assert_eq!(header["alg"], "EdDSA", "the service chooses how session tokens are signed");
    assert_eq!(who_am_i(&stage, &TenantId::default(), &jwt).await, Ok(ada.session.id));

    let stage = Stage::with(issuing(None));
    stage.set_tenant(settings).await;
    let (_, claims) = read(&stage.person("ada@example.com").await.jwt.unwrap());
    assert_eq!((&claims["aud"], &claims["email"]), (&json!(ISSUER), &Value::Null), "one secret signs for all tenants");
}

#[tokio::test]
async fn claims_that_are_too_large_are_left_out_and_the_user_still_logs_in() {
    let claims = ["a", "b"].map(|name| (name.to_owned(), json!("{{identity.traits}}"))).into_iter().collect();
    let audience = "https://api.example".to_owned();
    let settings = TenantSettings {
        session_audience: Some(audience.clone()),
        jwt_audiences: vec![JwtAudience { audience: audience.clone(), algorithm: None, ttl: None, claims }],
        ..TenantSettings::default()
    };
    let schema = json!({ "properties": { "email": { "type": "string", "x-kayan-identifier": true }, "name": {} } });
    let schema = IdentitySchema::parse(&schema.to_string()).unwrap();
    let stage = Stage::of(schema, issuing(Some(JwsAlgorithm::EdDsa)));
    stage.set_tenant(settings).await;
    for (bytes, kept) in [(2_000, true), (3_000, false), (4_200, false), (60_000, false)] {
        let email = format!("ada{bytes}@example.com");
        let traits = serde_json::from_value(json!({ "email": email, "name": "x".repeat(bytes) })).unwrap();
        let cmd = crate::Register { traits, ..Stage::registration(&email) };
        let ada = stage.kayan.register(&Stage::stranger(), cmd).await.unwrap();
        let jwt = ada.jwt.unwrap();
        assert!(jwt.len() <= 8_192, "{}", jwt.len());
        let claims = read(&jwt).1;
        assert_eq!((claims.get("a").is_some(), &claims["aud"]), (kept, &json!([ISSUER, audience])));
        assert_eq!(who_am_i(&stage, &TenantId::default(), &jwt).await, Ok(ada.session.id));
    }
}
