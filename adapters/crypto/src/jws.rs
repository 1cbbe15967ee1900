//! Private keys that sign JWSs: Ed25519, ECDSA on P-256, and RSA.

use std::sync::Arc;

use async_trait::async_trait;
use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{ExpectedJwt, Failure, Jwk, JwsAlgorithm, JwsKey, JwsKeys, JwtKey, KeyId, TokenHash, VerifiedBy};
use zeroize::Zeroizing;

use crate::session_jwts::{self, VerifiedJwts};

/// The length of a coordinate of P-256, in bytes.
const COORDINATE: usize = 32;

/// Generates and loads keys with AWS-LC, which takes its randomness from the operating system; verifies JWTs.
#[derive(Default)]
pub struct SystemJwsKeys {
    verified: VerifiedJwts,
}

fn failed(what: impl std::fmt::Display) -> Failure {
    Failure::Fault(format!("a key that signs tokens can't be used: {what}"))
}

#[async_trait]
impl JwsKeys for SystemJwsKeys {
    async fn generate(&self, algorithm: JwsAlgorithm) -> Result<Zeroizing<Vec<u8>>, Failure> {
        // For RSA it looks for primes, and must not hold up other tasks.
        tokio::task::spawn_blocking(move || generate(algorithm)).await.map_err(failed)?
    }

    fn load(&self, algorithm: JwsAlgorithm, private: &[u8]) -> Result<Arc<dyn JwsKey>, Failure> {
        Ok(match algorithm {
            JwsAlgorithm::EdDsa => {
                Arc::new(EdDsa(Ed25519KeyPair::from_pkcs8_maybe_unchecked(private).map_err(failed)?))
            }
            JwsAlgorithm::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private).map_err(failed)?;
                Arc::new(Es256(pair))
            }
            JwsAlgorithm::Rs256 => Arc::new(Rs256(RsaKeyPair::from_pkcs8(private).map_err(failed)?)),
        })
    }

    fn verified_by(&self, token: &str) -> Option<VerifiedBy> {
        session_jwts::verified_by(token)
    }

    fn session_token(
        &self,
        token: &str,
        key: JwtKey<'_>,
        expected: &ExpectedJwt<'_>,
    ) -> Result<Option<TokenHash>, Failure> {
        self.verified.session_token(token, key, expected)
    }
}

fn generate(algorithm: JwsAlgorithm) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let pkcs8 = match algorithm {
        JwsAlgorithm::EdDsa => {
            let pair = Ed25519KeyPair::generate().map_err(failed)?;
            pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
        }
        JwsAlgorithm::Es256 => {
            let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
            pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec()
        }
        JwsAlgorithm::Rs256 => {
            let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).map_err(failed)?;
            pair.as_der().map_err(failed)?.as_ref().to_vec()
        }
    };
    Ok(Zeroizing::new(pkcs8))
}

/// What all public keys have in common.
fn jwk(id: KeyId, kty: &str, algorithm: JwsAlgorithm) -> Jwk {
    Jwk {
        kty: kty.to_owned(),
        usage: "sig".to_owned(),
        alg: algorithm.as_str().to_owned(),
        kid: id.to_string(),
        crv: None,
        x: None,
        y: None,
        n: None,
        e: None,
    }
}

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

struct EdDsa(Ed25519KeyPair);

impl JwsKey for EdDsa {
    fn public(&self, id: KeyId) -> Jwk {
        let x = Some(encoded(self.0.public_key().as_ref()));
        Jwk { crv: Some("Ed25519".to_owned()), x, ..jwk(id, "OKP", JwsAlgorithm::EdDsa) }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        Ok(self.0.try_sign(message).map_err(failed)?.as_ref().to_vec())
    }
}

struct Es256(EcdsaKeyPair);

impl JwsKey for Es256 {
    /// The public key is an uncompressed point: a byte that says so, and two coordinates (SEC 1, section 2.3.3).
    fn public(&self, id: KeyId) -> Jwk {
        let point = self.0.public_key().as_ref().get(1..).unwrap_or_default();
        let (x, y) = point.split_at_checked(COORDINATE).unwrap_or_default();
        Jwk {
            crv: Some("P-256".to_owned()),
            x: Some(encoded(x)),
            y: Some(encoded(y)),
            ..jwk(id, "EC", JwsAlgorithm::Es256)
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        Ok(self.0.sign(&SystemRandom::new(), message).map_err(failed)?.as_ref().to_vec())
    }
}

struct Rs256(RsaKeyPair);

impl JwsKey for Rs256 {
    fn public(&self, id: KeyId) -> Jwk {
        let (n, e) = rsa_numbers(self.0.public_key().as_ref()).unwrap_or_default();
        Jwk { n: Some(encoded(n)), e: Some(encoded(e)), ..jwk(id, "RSA", JwsAlgorithm::Rs256) }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut signature = vec![0; self.0.public_modulus_len()];
        self.0.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
        Ok(signature)
    }
}

/// Modulus and exponent of an `RSAPublicKey` in DER: a sequence of two integers (RFC 8017, appendix A.1.1).
fn rsa_numbers(der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (sequence, _) = der_value(der, 0x30)?;
    let (n, rest) = der_value(sequence, 0x02)?;
    let (e, _) = der_value(rest, 0x02)?;
    Some((unsigned(n), unsigned(e)))
}

/// An integer whose first bit is set has a zero before it.
fn unsigned(number: &[u8]) -> &[u8] {
    number.strip_prefix(&[0]).unwrap_or(number)
}

/// The value of the first element, which has this tag, and what is behind it (X.690, section 8.1).
fn der_value(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    let (length, rest) = rest.split_first()?;
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (bytes, rest) = rest.split_at_checked(usize::from(length & 0x7f))?;
        (bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)), rest)
    };
    (*found == tag).then(|| rest.split_at_checked(length))?
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
    };
    use uuid::Uuid;

    use super::*;

    fn decoded(text: Option<&String>) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text.unwrap()).unwrap()
    }

    /// As a verifier does that knows the JWK only.
    fn verifies(jwk: &Jwk, message: &[u8], signature: &[u8]) -> bool {
        match jwk.alg.as_str() {
            "EdDSA" => UnparsedPublicKey::new(&ED25519, decoded(jwk.x.as_ref())).verify(message, signature).is_ok(),
            "ES256" => {
                let point = [&[4][..], &decoded(jwk.x.as_ref()), &decoded(jwk.y.as_ref())].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
            "RS256" => {
                let key = RsaPublicKeyComponents { n: decoded(jwk.n.as_ref()), e: decoded(jwk.e.as_ref()) };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
            }
            other => panic!("{other}"),
        }
    }

    #[tokio::test]
    async fn the_public_key_of_every_algorithm_verifies_what_its_private_key_signs() {
        for algorithm in JwsAlgorithm::ALL {
            let private = SystemJwsKeys::default().generate(algorithm).await.unwrap();
            let key = SystemJwsKeys::default().load(algorithm, &private).unwrap();
            let (public, signature) = (key.public(KeyId(Uuid::nil())), key.sign(b"header.claims").unwrap());
            assert_eq!((public.alg.as_str(), public.usage.as_str()), (algorithm.as_str(), "sig"));
            assert!(verifies(&public, b"header.claims", &signature), "{algorithm:?}");
            assert!(!verifies(&public, b"header.other", &signature), "{algorithm:?}");
        }
    }

    #[tokio::test]
    async fn a_key_loads_for_its_own_algorithm_only() {
        for algorithm in JwsAlgorithm::ALL {
            let private = SystemJwsKeys::default().generate(algorithm).await.unwrap();
            for other in JwsAlgorithm::ALL.into_iter().filter(|other| *other != algorithm) {
                assert!(SystemJwsKeys::default().load(other, &private).is_err(), "{algorithm:?} as {other:?}");
            }
        }
    }

    #[tokio::test]
    async fn an_rsa_key_has_2048_bits() {
        let private = SystemJwsKeys::default().generate(JwsAlgorithm::Rs256).await.unwrap();
        let public = SystemJwsKeys::default().load(JwsAlgorithm::Rs256, &private).unwrap().public(KeyId(Uuid::nil()));
        assert_eq!(decoded(public.n.as_ref()).len(), 256);
        assert_eq!(decoded(public.e.as_ref()), [1, 0, 1]);
    }
}
