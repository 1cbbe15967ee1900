//! The keys that tokens are verified by.

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;

/// A key for one algorithm. Prints without the secret of a symmetric one.
#[derive(Debug, Clone)]
pub struct Key {
    pub(crate) id: Option<String>,
    pub(crate) algorithm: Algorithm,
    pub(crate) decoding: DecodingKey,
}

/// Why a key can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is no JWK with `kid` and `alg` (RFC 7517, section 4).
    #[error("the key is not a JWK with `kid` and `alg`")]
    Malformed,
    /// Its algorithm is none of `EdDSA`, `ES256` and `RS256`, or its type or curve is not that of the algorithm.
    #[error("the algorithm of the key is not supported, or is not that of its type")]
    Unsupported,
    /// It is for something else than signatures.
    #[error("the key is not for signatures (use)")]
    OtherUse,
    /// The secret has fewer than 32 bytes (RFC 7518, section 3.2).
    #[error("the secret has fewer than 32 bytes")]
    Short,
}

/// The members of a JWK that matter here (RFC 7518, section 6; RFC 8037, section 2).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: String,
    alg: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

/// The fewest bytes of a secret for HS256 (RFC 7518, section 3.2).
const SHORTEST_SECRET: usize = 32;

impl Key {
    /// The public key in a JWK. It verifies tokens that name its `kid` and its `alg`, and no others.
    ///
    /// # Errors
    ///
    /// [`KeyError`], if the key can't be used.
    pub fn from_jwk(jwk: &serde_json::Value) -> Result<Self, KeyError> {
        let jwk = Jwk::deserialize(jwk).map_err(|_| KeyError::Malformed)?;
        if jwk.usage.is_some_and(|usage| usage != "sig") {
            return Err(KeyError::OtherUse);
        }
        let (algorithm, decoding) = match (&*jwk.alg, &*jwk.kty, jwk.crv.as_deref(), (&jwk.x, &jwk.y), (&jwk.n, &jwk.e))
        {
            ("EdDSA", "OKP", Some("Ed25519"), (Some(x), _), _) => {
                (Algorithm::EdDSA, DecodingKey::from_ed_components(x))
            }
            ("ES256", "EC", Some("P-256"), (Some(x), Some(y)), _) => {
                (Algorithm::ES256, DecodingKey::from_ec_components(x, y))
            }
            ("RS256", "RSA", _, _, (Some(n), Some(e))) => (Algorithm::RS256, DecodingKey::from_rsa_components(n, e)),
            _ => return Err(KeyError::Unsupported),
        };
        Ok(Self { id: Some(jwk.kid), algorithm, decoding: decoding.map_err(|_| KeyError::Malformed)? })
    }

    /// The secret that a service shares with Kayan (`KAYAN_JWT_SECRET`), for HS256. Who can verify with it can sign with it.
    ///
    /// # Errors
    ///
    /// [`KeyError::Short`].
    pub fn from_secret(secret: &[u8]) -> Result<Self, KeyError> {
        if secret.len() < SHORTEST_SECRET {
            return Err(KeyError::Short);
        }
        let decoding = DecodingKey::from_secret(secret).map_err(|_| KeyError::Malformed)?;
        Ok(Self { id: None, algorithm: Algorithm::HS256, decoding })
    }

    /// The `kid` of the tokens that it verifies; `None` for a secret.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}
