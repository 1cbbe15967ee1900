//! The algorithms and the public keys of JWTs.

use kayan_ports::JwsAlgorithm;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

/// An algorithm that signs JWTs (RFC 7518, section 3.1; RFC 8037, section 3.1).
#[derive(Debug, Clone, Copy, Enum, Serialize, Deserialize)]
#[oai(rename = "SigningAlgorithm")]
pub(crate) enum Algorithm {
    /// Ed25519.
    #[oai(rename = "EdDSA")]
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    #[oai(rename = "ES256")]
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, and a key of 2,048 bits.
    #[oai(rename = "RS256")]
    #[serde(rename = "RS256")]
    Rs256,
}

impl From<Algorithm> for JwsAlgorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::EdDsa => Self::EdDsa,
            Algorithm::Es256 => Self::Es256,
            Algorithm::Rs256 => Self::Rs256,
        }
    }
}

impl From<JwsAlgorithm> for Algorithm {
    fn from(algorithm: JwsAlgorithm) -> Self {
        match algorithm {
            JwsAlgorithm::EdDsa => Self::EdDsa,
            JwsAlgorithm::Es256 => Self::Es256,
            JwsAlgorithm::Rs256 => Self::Rs256,
        }
    }
}

/// A public key (RFC 7517, section 4).
#[derive(Debug, Object, Serialize)]
#[oai(rename = "JsonWebKey", skip_serializing_if_is_none)]
struct Jwk {
    /// The type of the key: `OKP`, `EC` or `RSA`.
    kty: String,
    /// What the key is for: `sig`, to verify signatures.
    #[oai(rename = "use")]
    #[serde(rename = "use")]
    usage: String,
    /// The algorithm that it verifies, and no other.
    alg: String,
    /// The id of the key, as in the header of the tokens that it verifies.
    kid: String,
    /// The curve of an `OKP` or `EC` key.
    #[serde(skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    /// The public key of an `OKP` key, or the x coordinate of an `EC` key, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    /// The y coordinate of an `EC` key, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    /// The modulus of an `RSA` key, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    /// The exponent of an `RSA` key, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    e: Option<String>,
}

impl From<kayan_ports::Jwk> for Jwk {
    fn from(key: kayan_ports::Jwk) -> Self {
        let kayan_ports::Jwk { kty, usage, alg, kid, crv, x, y, n, e } = key;
        Self { kty, usage, alg, kid, crv, x, y, n, e }
    }
}

/// The public keys of a tenant (RFC 7517, section 5).
#[derive(Debug, Object, Serialize)]
#[oai(rename = "JsonWebKeySet")]
pub(crate) struct KeySet {
    /// The keys that verify tokens now or soon, the newest first.
    keys: Vec<Jwk>,
}

impl From<Vec<kayan_ports::Jwk>> for KeySet {
    fn from(keys: Vec<kayan_ports::Jwk>) -> Self {
        Self { keys: keys.into_iter().map(Jwk::from).collect() }
    }
}
