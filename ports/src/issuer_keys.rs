//! Issuer keys: the keys of a tenant that sign JWTs and biscuits for others to verify, replaced in turn.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Failure, KeyId, Scope, Sealed, TenantId, Timestamp, TokenHash};

/// The algorithm of a JWS (RFC 7518, section 3.1; RFC 8037, section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum JwsAlgorithm {
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, and a key of 2,048 bits.
    #[serde(rename = "RS256")]
    Rs256,
}

impl JwsAlgorithm {
    /// Every algorithm.
    pub const ALL: [Self; 3] = [Self::EdDsa, Self::Es256, Self::Rs256];

    /// The value of `alg`, also the name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

/// What an issuer key signs. A key signs one kind of tokens only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUse {
    /// JWTs.
    Jwt,
    /// Biscuits, with Ed25519.
    Biscuit,
}

impl KeyUse {
    /// Every use.
    pub const ALL: [Self; 2] = [Self::Jwt, Self::Biscuit];

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Biscuit => "biscuit",
        }
    }

    /// The use of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|usage| usage.as_str() == name)
    }
}

/// The state of an issuer key; it only moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssuerKeyState {
    /// Published, but does not sign yet: verifiers that cache keys learn it in time.
    Next,
    /// Published, and signs.
    Active,
    /// Published, as tokens that it has signed are still valid; it signs no more.
    Retiring,
    /// Not published: no token that it has signed is valid.
    Retired,
}

impl IssuerKeyState {
    /// Every state, in order.
    pub const ALL: [Self; 4] = [Self::Next, Self::Active, Self::Retiring, Self::Retired];

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
            Self::Retired => "retired",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether a tenant can have only one key of a use and an algorithm in this state.
    pub fn is_single(self) -> bool {
        matches!(self, Self::Next | Self::Active)
    }
}

/// A public key as a JWK (RFC 7517, section 4; RFC 7518, section 6; RFC 8037, section 2).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwk {
    /// The type of the key: `OKP`, `EC` or `RSA`.
    pub kty: String,
    /// What the key is for: `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// The algorithm.
    pub alg: String,
    /// The id of the key.
    pub kid: String,
    /// The curve of an `OKP` or `EC` key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// The public key of an `OKP` key, or the x coordinate of an `EC` key, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// The y coordinate of an `EC` key, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub y: Option<String>,
    /// The modulus of an `RSA` key, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// The exponent of an `RSA` key, in base64url.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
}

/// An issuer key as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerKey {
    /// Its id, the `kid` of the JWTs that it signs.
    pub id: KeyId,
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// What it signs.
    pub usage: KeyUse,
    /// Its algorithm.
    pub algorithm: JwsAlgorithm,
    /// Its state.
    pub state: IssuerKeyState,
    /// The private half, sealed; erased when it signs no more.
    pub private: Option<Sealed>,
    /// The public half.
    pub public: Jwk,
    /// When it was created.
    pub created_at: Timestamp,
    /// Since when it is in its state.
    pub since: Timestamp,
}

/// A write to issuer keys. None of them locks rows that others wait for.
#[derive(Debug, Clone)]
pub enum IssuerKeyChange {
    /// Adds a key that is `next` or `active`. Guards: the tenant exists (`Guard::Tenant`), and has no key of the use and the
    /// algorithm in that state (`Unique::IssuerKey`).
    Add(Box<IssuerKey>),
    /// Makes the key that is `next` the `active` one. Guards: it is `next` (`Guard::IssuerKey`), and no other of its use and
    /// algorithm is `active` (`Unique::IssuerKey`).
    Activate {
        /// The tenant.
        tenant: TenantId,
        /// The key.
        key: KeyId,
        /// The current time.
        at: Timestamp,
    },
    /// Moves a key to `retiring` or `retired`, and erases its private half. Guard: it is in the state `from`
    /// (`Guard::IssuerKey`).
    Retire {
        /// The tenant.
        tenant: TenantId,
        /// The key.
        key: KeyId,
        /// The state that it leaves.
        from: IssuerKeyState,
        /// `retiring` or `retired`.
        to: IssuerKeyState,
        /// The current time.
        at: Timestamp,
    },
}

/// Reads issuer keys.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait IssuerKeys: Send + Sync {
    /// The tenant's key of this use and algorithm that is `next` or `active`.
    async fn issuer_key(
        &self,
        tenant: &TenantId,
        usage: KeyUse,
        algorithm: JwsAlgorithm,
        state: IssuerKeyState,
    ) -> Result<Option<IssuerKey>, Failure>;

    /// The key with this id, in whatever state.
    async fn issuer_key_of_id(&self, scope: &Scope, id: KeyId) -> Result<Option<IssuerKey>, Failure>;

    /// The keys in the scope, in whatever state, the newest first; at most a thousand.
    async fn issuer_keys(&self, scope: &Scope) -> Result<Vec<IssuerKey>, Failure>;

    /// Keys of all tenants that are in this state since `until` or longer, the longest first; at most a hundred. Of the `active`
    /// ones only those whose tenant has no `next` key of the use and the algorithm.
    async fn due_issuer_keys(&self, state: IssuerKeyState, until: Timestamp) -> Result<Vec<IssuerKey>, Failure>;
}

/// Generates private keys, and loads those that sign JWSs.
#[async_trait]
pub trait JwsKeys: Send + Sync {
    /// A new private key, as PKCS #8 (RFC 5208). An RSA key can take a second, in which other tasks run.
    async fn generate(&self, algorithm: JwsAlgorithm) -> Result<Zeroizing<Vec<u8>>, Failure>;

    /// Loads a private key.
    fn load(&self, algorithm: JwsAlgorithm, private: &[u8]) -> Result<Arc<dyn JwsKey>, Failure>;

    /// What verifies a session JWT, as its header says; `None` if it is no access token that anything could verify.
    fn verified_by(&self, token: &str) -> Option<VerifiedBy>;

    /// Verifies a session JWT: its type, its algorithm, which must be that of the key, its signature, issuer, audience, tenant and
    /// expiry. Returns the hash of the session token in it; `None` if anything is not as it must be. A fault if the key can't be used.
    fn session_token(
        &self,
        token: &str,
        key: JwtKey<'_>,
        expected: &ExpectedJwt<'_>,
    ) -> Result<Option<TokenHash>, Failure>;
}

/// What verifies a JWT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifiedBy {
    /// A secret.
    Secret,
    /// The issuer key with this id.
    Key(KeyId),
}

/// A key that verifies a JWT.
#[derive(Clone, Copy)]
pub enum JwtKey<'a> {
    /// A secret, for HS256.
    Secret(&'a [u8]),
    /// A public key, for its own algorithm.
    Public(&'a Jwk),
}

/// What a session JWT must say.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedJwt<'a> {
    /// Its issuer, which must also be one of its audiences.
    pub issuer: &'a str,
    /// Its tenant.
    pub tenant: &'a TenantId,
    /// The current time, at which it must not have expired.
    pub at: Timestamp,
}

/// A private key that was loaded.
pub trait JwsKey: Send + Sync {
    /// Its public half, with this id.
    fn public(&self, id: KeyId) -> Jwk;

    /// The signature of a message (RFC 7518, section 3).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Failure>;
}

impl fmt::Debug for dyn JwsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwsKey([redacted])")
    }
}
