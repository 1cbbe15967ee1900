//! Tests of the verification of JWTs.

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

use super::*;

const NOW: u64 = 1_800_000_000;
const ISSUER: &str = "https://id.example.com";
const API: &str = "https://api.example.com";
const EXPECTED: Expected<'_> = Expected { issuer: ISSUER, audience: API, tenant: "default", now: NOW };
const SECRET: &[u8] = b"a secret of 32 bytes for HS256!!";

/// A key pair of a service.
enum Pair {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Pair {
    fn all() -> [Self; 3] {
        [
            Self::Ed(Ed25519KeyPair::generate().unwrap()),
            Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap()),
            Self::Rsa(RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap()),
        ]
    }

    fn alg(&self) -> &'static str {
        match self {
            Self::Ed(_) => "EdDSA",
            Self::Ec(_) => "ES256",
            Self::Rsa(_) => "RS256",
        }
    }

    /// The public key as bytes, as an attacker knows it.
    fn public(&self) -> Vec<u8> {
        match self {
            Self::Ed(pair) => pair.public_key().as_ref().to_vec(),
            Self::Ec(pair) => pair.public_key().as_ref().to_vec(),
            Self::Rsa(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    fn jwk(&self) -> Value {
        let (bytes, alg) = (self.public(), self.alg());
        let encoded = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ed(_) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k", "alg": alg, "use": "sig", "x": encoded(&bytes) })
            }
            Self::Ec(_) => json!({
                "kty": "EC", "crv": "P-256", "kid": "k", "alg": alg, "use": "sig",
                "x": encoded(&bytes[1..33]), "y": encoded(&bytes[33..]),
            }),
            Self::Rsa(pair) => {
                let key = pair.public_key();
                json!({
                    "kty": "RSA", "kid": "k", "alg": alg, "use": "sig",
                    "n": encoded(key.modulus().big_endian_without_leading_zero()),
                    "e": encoded(key.exponent().big_endian_without_leading_zero()),
                })
            }
        }
    }

    fn key(&self) -> Key {
        Key::from_jwk(&self.jwk()).unwrap()
    }

    fn sign(&self, header: &Value, claims: &str) -> String {
        compact(&header.to_string(), claims, |message| match self {
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Ec(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        })
    }

    fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), &claims.to_string())
    }

    fn header(&self) -> Value {
        json!({ "alg": self.alg(), "typ": "at+jwt", "kid": "k" })
    }
}

fn compact(header: &str, claims: &str, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

fn with_secret(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    compact(&header.to_string(), &claims.to_string(), |message| hmac::sign(&key, message).as_ref().to_vec())
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": "user", "aud": API, "client_id": ISSUER, "jti": "1", "iat": NOW, "exp": NOW + 60,
        "auth_time": NOW, "sid": "session", "tid": "default", "aal": "aal1", "amr": ["pwd"], "email": "ada@example.com",
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn without(name: &str) -> Value {
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

#[test]
fn a_token_of_every_algorithm_is_verified_and_read() {
    for pair in Pair::all() {
        let token = pair.token(&claims());
        assert_eq!(key_id(&token), Ok(Some("k".to_owned())));
        let read = verify(&token, &pair.key(), &EXPECTED).unwrap();
        assert_eq!((&*read.sub, &*read.tid, &*read.aal, read.amr), ("user", "default", "aal1", vec!["pwd".to_owned()]));
        assert_eq!(read.others, [("email".to_owned(), json!("ada@example.com"))].into_iter().collect());
    }
    let header = json!({ "alg": "HS256", "typ": "at+jwt" });
    let token = with_secret(&header, &claims(), SECRET);
    assert_eq!(key_id(&token), Ok(None));
    assert_eq!(verify(&token, &Key::from_secret(SECRET).unwrap(), &EXPECTED).unwrap().sub, "user");
}

#[test]
fn i_23_the_algorithm_is_that_of_the_key() {
    let pairs = Pair::all();
    for pair in &pairs {
        // The public key as the secret of an HMAC: as bytes, in PEM, and as its JWK.
        let jwk = pair.jwk().to_string();
        let pem = format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            URL_SAFE_NO_PAD.encode(pair.public())
        );
        for secret in [pair.public(), pem.into_bytes(), jwk.into_bytes()] {
            for kid in [Some("k"), None] {
                let mut header = json!({ "alg": "HS256", "typ": "at+jwt" });
                header.as_object_mut().unwrap().extend(kid.map(|kid| ("kid".to_owned(), kid.into())));
                let token = with_secret(&header, &claims(), &secret);
                assert_eq!(verify(&token, &pair.key(), &EXPECTED), Err(Refusal::Algorithm));
            }
        }
        for other in pairs.iter().filter(|other| other.alg() != pair.alg()) {
            assert_eq!(verify(&other.token(&claims()), &pair.key(), &EXPECTED), Err(Refusal::Algorithm));
            let header = json!({ "alg": pair.alg(), "typ": "at+jwt", "kid": "k" });
            let signed = other.sign(&header, &claims().to_string());
            assert_eq!(verify(&signed, &pair.key(), &EXPECTED), Err(Refusal::Signature));
        }
        for none in ["none", "None", "NONE", "nOnE", "", "HS256 ", "RS0"] {
            let header = json!({ "alg": none, "typ": "at+jwt", "kid": "k" });
            let unsigned = compact(&header.to_string(), &claims().to_string(), |_| Vec::new());
            assert!(verify(&unsigned, &pair.key(), &EXPECTED).is_err(), "{none}");
        }
        let header = json!({ "alg": pair.alg(), "typ": "at+jwt", "kid": "k" });
        let unsigned = compact(&header.to_string(), &claims().to_string(), |_| Vec::new());
        assert_eq!(verify(&unsigned, &pair.key(), &EXPECTED), Err(Refusal::Signature));
    }
    let asymmetric = pairs[0].token(&claims());
    assert_eq!(verify(&asymmetric, &Key::from_secret(SECRET).unwrap(), &EXPECTED), Err(Refusal::Algorithm));
}

#[test]
fn i_23_the_header_is_of_an_access_token_of_this_key_without_extensions() {
    let [pair, ..] = Pair::all();
    let with = |name: &str, value: Value| {
        let mut header = pair.header();
        header[name] = value;
        verify(&pair.sign(&header, &claims().to_string()), &pair.key(), &EXPECTED).map(|_| ())
    };
    assert_eq!(with("typ", json!("AT+JWT")), Ok(()));
    for kind in [json!("JWT"), json!("at+JWS"), json!(""), json!("application/at+jwt"), Value::Null] {
        assert_eq!(with("typ", kind), Err(Refusal::Type));
    }
    for kid in [json!("K"), json!(""), Value::Null] {
        assert_eq!(with("kid", kid), Err(Refusal::Key));
    }
    for crit in [json!(["b64"]), json!(["exp"]), json!([])] {
        assert_eq!(with("crit", crit), Err(Refusal::Critical));
    }
    assert_eq!(with("b64", json!(false)), Err(Refusal::Malformed));
    // Keys that the token brings along are not looked at.
    let [other, ..] = Pair::all();
    let mut header = pair.header();
    header["jwk"] = other.jwk();
    let own = other.sign(&header, &claims().to_string());
    assert_eq!(verify(&own, &pair.key(), &EXPECTED), Err(Refusal::Signature));
}

#[test]
fn i_23_every_claim_is_there_and_as_expected() {
    let [pair, ..] = Pair::all();
    let refusal = |claims: Value| verify(&pair.token(&claims), &pair.key(), &EXPECTED).err();
    let required = ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "sid", "tid", "aal", "amr", "auth_time"];
    for name in required {
        assert_eq!(refusal(without(name)), Some(Refusal::Malformed), "{name}");
        assert_eq!(refusal(with(name, Value::Null)), Some(Refusal::Malformed), "{name}");
        assert_eq!(refusal(with(name, json!({}))), Some(Refusal::Malformed), "{name}");
    }
    for issuer in ["https://id.example.com/", "https://ID.example.com", "", "http://id.example.com"] {
        assert_eq!(refusal(with("iss", json!(issuer))), Some(Refusal::Issuer));
    }
    assert_eq!(refusal(with("iss", json!([ISSUER]))), Some(Refusal::Malformed));
    for audience in [json!("https://other.example.com"), json!([]), json!(["https://api.example.com.evil"]), json!("")]
    {
        assert_eq!(refusal(with("aud", audience)), Some(Refusal::Audience));
    }
    assert_eq!(refusal(with("aud", json!([ISSUER, API]))), None);
    for tenant in ["other", "Default", ""] {
        assert_eq!(refusal(with("tid", json!(tenant))), Some(Refusal::Tenant));
    }
    for exp in [json!("1900000000"), json!(-1), json!(1.9e9), json!(1e300)] {
        assert_eq!(refusal(with("exp", exp)), Some(Refusal::Malformed));
    }
}

#[test]
fn a_token_is_valid_before_the_second_in_which_it_expires() {
    let [pair, ..] = Pair::all();
    let refusal = |claims: Value| verify(&pair.token(&claims), &pair.key(), &EXPECTED).err();
    assert_eq!(refusal(with("exp", json!(NOW))), Some(Refusal::Expired));
    assert_eq!(refusal(with("exp", json!(NOW + 1))), None);
    assert_eq!(refusal(with("exp", json!(0))), Some(Refusal::Expired));
    for name in ["iat", "nbf"] {
        assert_eq!(refusal(with(name, json!(NOW + 30))), None);
        assert_eq!(refusal(with(name, json!(NOW + 31))), Some(Refusal::Early));
        assert_eq!(refusal(with(name, json!(u64::MAX))), Some(Refusal::Early));
    }
}

#[test]
fn i_23_a_claim_that_is_there_twice_is_refused() {
    let [pair, ..] = Pair::all();
    let text = claims().to_string();
    for name in ["sub", "exp", "aud", "jti", "tid"] {
        let member = format!("\"{name}\":");
        let at = text.find(&member).unwrap();
        let value = text[at + member.len()..].split_inclusive([',', '}']).next().unwrap().trim_end_matches([',', '}']);
        let twice = format!("{{{member}{value},{}", &text[1..]);
        let token = pair.sign(&pair.header(), &twice);
        assert_eq!(verify(&token, &pair.key(), &EXPECTED), Err(Refusal::Malformed), "{name}");
    }
}

#[test]
fn i_23_what_is_no_token_is_refused_whatever_its_size_and_shape() {
    let [pair, ..] = Pair::all();
    let token = pair.token(&claims());
    let key = pair.key();
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(verify(&changed, &key, &EXPECTED).is_err(), "byte {at}");
    }
    let nested = pair.sign(&pair.header(), &format!("\"{token}\""));
    let deep = pair.sign(&pair.header(), &"[".repeat(3_000));
    for text in ["", ".", "..", "...", "a.b.c", "a.b.c.d", &format!("{token}."), &format!(".{token}"), &nested, &deep] {
        assert!(verify(text, &key, &EXPECTED).is_err(), "{text}");
        assert!(
            verify(&format!(" {token}"), &key, &EXPECTED).is_err()
                && verify(&format!("{token}="), &key, &EXPECTED).is_err()
        );
    }
    let large = pair.token(&with("large", json!("x".repeat(100 * 1024))));
    assert_eq!(verify(&large, &key, &EXPECTED), Err(Refusal::TooLong));
    assert_eq!(key_id(&large), Err(Refusal::TooLong));
}

#[test]
fn a_key_is_usable_for_its_own_algorithm_only() {
    use crate::KeyError;
    for pair in Pair::all() {
        let with = |name: &str, value: Value| {
            let mut jwk = pair.jwk();
            jwk[name] = value;
            Key::from_jwk(&jwk).map(|_| ())
        };
        assert_eq!(with("use", json!("enc")), Err(KeyError::OtherUse));
        assert_eq!(with("kid", Value::Null), Err(KeyError::Malformed));
        assert_eq!(with("kty", json!("oct")), Err(KeyError::Unsupported));
        for alg in ["HS256", "PS256", "ES384", "none"] {
            assert_eq!(with("alg", json!(alg)), Err(KeyError::Unsupported));
        }
    }
    assert_eq!(Key::from_secret(&[7; 31]).err(), Some(KeyError::Short));
    let secret = Key::from_secret(SECRET).unwrap();
    assert!(!format!("{secret:?}").contains("97, 32, 115"), "prints without the secret");
}
