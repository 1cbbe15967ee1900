//! Tests of session JWTs.

use kayan_ports::Timestamp;
use serde_json::{Value, json};
use time::macros::datetime;

use super::*;

const ISSUER: &str = "https://id.example.com";
const NOW: Timestamp = datetime!(2026-01-01 00:00 UTC);
const SECRET: &[u8] = &[7; 32];

fn sign(claims: &Value, secret: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", part(&json!({ "alg": "HS256", "typ": "at+jwt" })), part(claims));
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let signature = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, message.as_bytes()));
    format!("{message}.{signature}")
}

fn claims() -> Value {
    let now = NOW.unix_timestamp();
    json!({
        "iss": ISSUER, "sub": "user", "aud": ISSUER, "client_id": ISSUER, "jti": URL_SAFE_NO_PAD.encode([9; 32]),
        "iat": now, "exp": now + 60, "auth_time": now, "sid": "session", "tid": "default", "aal": "aal1", "amr": ["pwd"],
    })
}

fn read(jwts: &VerifiedJwts, token: &str, (tenant, at): (&str, Timestamp)) -> Option<TokenHash> {
    let tenant = tenant.parse().unwrap();
    jwts.session_token(token, JwtKey::Secret(SECRET), &ExpectedJwt { issuer: ISSUER, tenant: &tenant, at }).unwrap()
}

#[test]
fn i_23_what_is_remembered_still_expires_and_is_still_of_its_tenant() {
    let (jwts, token) = (VerifiedJwts::default(), sign(&claims(), SECRET));
    for _ in 0..2 {
        assert_eq!(read(&jwts, &token, ("default", NOW)), Some(TokenHash([9; 32])));
        assert_eq!(read(&jwts, &token, ("other", NOW)), None);
        let end = NOW + time::Duration::seconds(60);
        assert!(read(&jwts, &token, ("default", end - time::Duration::nanoseconds(1))).is_some());
        assert_eq!(read(&jwts, &token, ("default", end)), None);
    }
    let other = ExpectedJwt { issuer: "https://other.example.com", tenant: &"default".parse().unwrap(), at: NOW };
    assert_eq!(jwts.session_token(&token, JwtKey::Secret(SECRET), &other), Ok(None), "remembered for its issuer");
    let short = VerifiedJwts::default().session_token(&token, JwtKey::Secret(b"short"), &other);
    assert!(matches!(short, Err(Failure::Fault(_))), "no fault of the caller");
}

#[test]
fn i_23_a_token_without_a_session_token_in_it_is_refused() {
    let jwts = VerifiedJwts::default();
    for id in [json!("018f"), json!(URL_SAFE_NO_PAD.encode([9; 31])), json!("*"), json!("")] {
        let mut other = claims();
        other["jti"] = id;
        assert_eq!(read(&jwts, &sign(&other, SECRET), ("default", NOW)), None);
    }
    assert_eq!(read(&jwts, &sign(&claims(), &[8; 32]), ("default", NOW)), None, "another secret");
    let elsewhere =
        claims().to_string().replace("\"aud\":\"https://id.example.com\"", "\"aud\":\"https://api.example\"");
    assert_eq!(read(&jwts, &sign(&elsewhere.parse().unwrap(), SECRET), ("default", NOW)), None, "another audience");
}

#[test]
fn the_header_says_what_verifies_a_token() {
    let token = sign(&claims(), SECRET);
    assert_eq!(verified_by(&token), Some(VerifiedBy::Secret));
    let (_, rest) = token.split_once('.').unwrap();
    let with = |header: Value| format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()));
    let key = with(json!({ "alg": "ES256", "typ": "at+jwt", "kid": Uuid::nil() }));
    assert_eq!(verified_by(&key), Some(VerifiedBy::Key(KeyId(Uuid::nil()))));
    for none in [
        with(json!({ "alg": "ES256", "typ": "at+jwt", "kid": "../../etc" })),
        with(json!({ "alg": "ES256", "typ": "JWT" })),
        with(json!({ "alg": "none", "typ": "at+jwt" })),
        "kys_".to_owned(),
        String::new(),
        "..".to_owned(),
    ] {
        assert_eq!(verified_by(&none), None, "{none}");
    }
}
