//! Tests of JWTs for other services.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kayan_ports::{Clock as _, JwsAlgorithm, JwtAudience, KeyUse, Method, State, TenantSettings};
use serde_json::{Value, json};

use super::*;
use crate::{
    SetUserState, UserRef,
    stage::{ISSUER, Stage},
};

const API: &str = "https://api.example";

fn audience(claims: Value) -> JwtAudience {
    let Value::Object(claims) = claims else { panic!("no object") };
    JwtAudience { audience: API.to_owned(), algorithm: None, ttl: Some(600), claims }
}

async fn stage(audience: JwtAudience) -> Stage {
    let stage = Stage::new();
    stage.set_tenant(TenantSettings { jwt_audiences: vec![audience], ..TenantSettings::default() }).await;
    stage
}

fn cmd(ttl: Option<u32>) -> MintJwt {
    MintJwt { audience: API.to_owned(), ttl }
}

/// The header and the claims of a token.
pub(crate) fn read(token: &str) -> (Value, Value) {
    let part = |at: usize| {
        let bytes = URL_SAFE_NO_PAD.decode(token.split('.').nth(at).unwrap()).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    assert_eq!(token.split('.').count(), 3);
    (part(0), part(1))
}

#[tokio::test]
async fn a_token_has_the_claims_of_rfc_9068_and_those_of_the_tenant() {
    let hasura = json!({ "https://hasura.io/jwt/claims": {
        "x-hasura-user-id": "{{identity.id}}", "x-hasura-allowed-roles": "{{identity.roles}}",
    }, "email": "{{identity.traits.email}}" });
    let stage = stage(audience(hasura)).await;
    let ada = stage.person("ada@example.com").await;
    let minted = stage.kayan.mint_jwt(&Stage::bearer(ada.session_token.hash()), cmd(Some(60))).await.unwrap();
    let (header, claims) = read(&minted.token);
    let key = stage.kayan.active_issuer_key(&ada.identity.tenant, KeyUse::Jwt, JwsAlgorithm::Es256).await.unwrap();
    assert_eq!(header, json!({ "alg": "ES256", "typ": "at+jwt", "kid": key.id }));
    let now = stage.clock.now();
    let jti: uuid::Uuid = serde_json::from_value(claims["jti"].clone()).unwrap();
    assert_eq!(jti.get_version_num(), 4);
    let expected = json!({
        "iss": ISSUER, "sub": ada.identity.id, "aud": API, "client_id": ISSUER, "jti": jti,
        "iat": now.unix_timestamp(), "exp": now.unix_timestamp() + 60, "auth_time": now.unix_timestamp(),
        "sid": ada.session.id, "tid": "default", "aal": "aal1", "amr": ["pwd"],
        "email": "ada@example.com",
        "https://hasura.io/jwt/claims": { "x-hasura-user-id": ada.identity.id, "x-hasura-allowed-roles": [] },
    });
    assert_eq!(claims, expected);
    assert_eq!(minted.expires_at.unix_timestamp(), now.unix_timestamp() + 60);
    let again = stage.kayan.mint_jwt(&Stage::bearer(ada.session_token.hash()), cmd(Some(60))).await.unwrap();
    assert_ne!(read(&again.token).1["jti"], claims["jti"]);
    assert!(!format!("{minted:?}").contains(&*minted.token));
}

#[tokio::test]
async fn every_algorithm_signs() {
    for algorithm in JwsAlgorithm::ALL {
        let stage = stage(JwtAudience { algorithm: Some(algorithm), ..audience(json!({})) }).await;
        let ada = stage.person("ada@example.com").await;
        let minted = stage.kayan.mint_jwt(&Stage::bearer(ada.session_token.hash()), cmd(None)).await.unwrap();
        assert_eq!(read(&minted.token).0["alg"], algorithm.as_str());
    }
}

#[tokio::test]
async fn the_keys_of_an_audience_are_published_before_its_first_token() {
    let stage = stage(JwtAudience { algorithm: Some(JwsAlgorithm::EdDsa), ..audience(json!({})) }).await;
    let published = stage.kayan.published_keys(&kayan_ports::TenantId::default()).await.unwrap();
    assert_eq!(published.iter().map(|key| key.alg.as_str()).collect::<Vec<_>>(), ["EdDSA"]);
}

#[tokio::test]
async fn an_audience_that_the_tenant_does_not_name_gets_no_token() {
    let stage = stage(audience(json!({}))).await;
    let ada = stage.person("ada@example.com").await;
    for other in ["https://api.example/", "https://API.example", "", "https://api.example.evil"] {
        let cmd = MintJwt { audience: other.to_owned(), ttl: None };
        let refused = stage.kayan.mint_jwt(&Stage::bearer(ada.session_token.hash()), cmd).await;
        assert_eq!(refused.unwrap_err(), MintJwtError::AudienceNotAllowed, "{other}");
    }
}

#[tokio::test]
async fn a_token_lives_no_longer_than_the_tenant_allows_and_its_session() {
    let stage = stage(audience(json!({}))).await;
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    for ttl in [0, 601, u32::MAX] {
        let refused = stage.kayan.mint_jwt(&caller, cmd(Some(ttl))).await.unwrap_err();
        let MintJwtError::Invalid(field) = refused else { panic!("{refused:?}") };
        assert_eq!((field.pointer.as_str(), field.code.as_str()), ("/ttl", "range"));
    }
    let longest = stage.kayan.mint_jwt(&caller, cmd(None)).await.unwrap();
    assert_eq!(longest.expires_at, (stage.clock.now() + Duration::seconds(600)).truncate_to_second());
    stage.clock.set(ada.session.expires_at - Duration::seconds(30));
    let last = stage.kayan.mint_jwt(&caller, cmd(None)).await.unwrap();
    assert_eq!(last.expires_at, ada.session.expires_at.truncate_to_second());
}

#[tokio::test]
async fn i_11_who_is_not_active_or_lacks_a_factor_gets_no_token() {
    let stage = stage(audience(json!({}))).await;
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    let unauthorized = MintJwtError::Authenticate(AuthenticateError::Unauthorized);
    assert_eq!(stage.kayan.mint_jwt(&Stage::stranger(), cmd(None)).await.unwrap_err(), unauthorized);
    let settings = |from| TenantSettings {
        jwt_audiences: vec![audience(json!({}))],
        mfa_required: true,
        mfa_required_from: Some(from),
        ..TenantSettings::default()
    };
    stage.set_tenant(settings(stage.clock.now() + Duration::HOUR)).await;
    assert!(stage.kayan.mint_jwt(&caller, cmd(None)).await.is_ok());
    stage.clock.advance(Duration::HOUR);
    let lacking = stage.kayan.mint_jwt(&caller, cmd(None)).await.unwrap_err();
    assert_eq!(lacking, MintJwtError::Authenticate(AuthenticateError::LacksFactor));
    let user = UserRef(ada.identity.id.to_string());
    let lock = SetUserState { user, state: State::Locked, until: None, reason: None, expected: None };
    stage.kayan.set_user_state(&Stage::operator(), lock).await.unwrap();
    assert_eq!(stage.kayan.mint_jwt(&caller, cmd(None)).await.unwrap_err(), unauthorized);
}

#[tokio::test]
async fn no_trait_of_a_user_becomes_another_claim() {
    let stage = stage(audience(json!({ "name": "{{identity.traits.name}}" }))).await;
    let hostile = r#"Ada", "sub": "root", "x": "{{identity.roles}}"#;
    let traits = serde_json::from_value(json!({ "email": "ada@example.com", "name": hostile })).unwrap();
    let register = crate::Register { traits, ..Stage::registration("ada@example.com") };
    let ada = stage.kayan.register(&Stage::stranger(), register).await.unwrap();
    let minted = stage.kayan.mint_jwt(&Stage::bearer(ada.session_token.hash()), cmd(None)).await.unwrap();
    let (_, claims) = read(&minted.token);
    assert_eq!(claims["name"], hostile);
    assert_eq!(claims["sub"], ada.identity.id.to_string());
    assert_eq!(ada.session.methods[0].method, Method::Password);
}
