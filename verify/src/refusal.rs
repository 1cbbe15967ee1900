//! The reasons for which a token is refused.

/// Why a token is refused. No variant holds anything of the token, so that each can be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// It is longer than any token of the service.
    #[error("the token is too long")]
    TooLong,
    /// It is no signed JWT with the claims of an access token (RFC 9068, section 2.2).
    #[error("the token is malformed")]
    Malformed,
    /// Its header names another type than `at+jwt` (RFC 9068, section 2.1).
    #[error("the token is of another type (typ)")]
    Type,
    /// Its header names another algorithm than that of the key.
    #[error("the token is signed by another algorithm than that of the key (alg)")]
    Algorithm,
    /// Its header requires extensions that are not understood (RFC 7515, section 4.1.11).
    #[error("the token requires extensions that are not supported (crit)")]
    Critical,
    /// Its header names another key.
    #[error("the token is signed by another key (kid)")]
    Key,
    /// Its signature does not verify.
    #[error("the signature of the token does not verify")]
    Signature,
    /// It is of another issuer.
    #[error("the token is of another issuer (iss)")]
    Issuer,
    /// It is for another audience.
    #[error("the token is for another audience (aud)")]
    Audience,
    /// It is of another tenant.
    #[error("the token is of another tenant (tid)")]
    Tenant,
    /// It has expired.
    #[error("the token has expired (exp)")]
    Expired,
    /// It is not valid yet, or was issued in the future.
    #[error("the token is not valid yet (nbf, iat)")]
    Early,
}
