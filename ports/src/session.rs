//! Sessions and the refresh tokens that keep them alive.

use std::net::{IpAddr, Ipv6Addr};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{IdentityId, SessionId, TenantId, Timestamp};

/// SHA-256 of a token: all that is kept of it (I-01).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash([redacted])")
    }
}

/// How sure we are of who it is (authenticator assurance level, NIST SP 800-63B).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aal {
    /// One factor.
    Aal1,
    /// Two distinct factors.
    Aal2,
    /// Two distinct factors, one of them a hardware key that resists phishing.
    Aal3,
}

impl Aal {
    /// The name used in JSON and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::Aal3 => "aal3",
        }
    }

    /// The level of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Aal1, Self::Aal2, Self::Aal3].into_iter().find(|aal| aal.as_str() == name)
    }
}

/// A way of proving who one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Something known.
    Password,
}

impl Method {
    /// The authentication method reference (RFC 8176).
    pub fn amr(self) -> &'static str {
        match self {
            Self::Password => "pwd",
        }
    }

    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
        }
    }
}

/// A method and when it was carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodUse {
    /// The method.
    pub method: Method,
    /// When it was completed.
    #[serde(with = "time::serde::rfc3339")]
    pub completed_at: Timestamp,
}

/// Where a request came from, as far as a session or an audit event keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The address, behind trusted proxies (I-37).
    pub ip: Option<String>,
    /// The `User-Agent` header, at most 512 bytes of it.
    pub user_agent: Option<String>,
}

impl Client {
    /// The address, or for IPv6 its /64: what one customer of a provider holds, so what is counted as one (I-37).
    pub fn network(&self) -> Option<String> {
        let ip = self.ip.as_deref()?;
        match ip.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            Ok(IpAddr::V6(v6)) => Some(format!("{}/64", Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64))),
            Ok(IpAddr::V4(v4)) => Some(v4.to_string()),
            Err(_) => Some(ip.to_owned()),
        }
    }
}

/// A session: the proof, good for a while, that somebody has authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, and that of its family of refresh tokens.
    pub id: SessionId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Whose it is.
    pub identity: IdentityId,
    /// The hash of its present access token.
    pub token: TokenHash,
    /// False once it has been revoked.
    pub active: bool,
    /// Its tenant's when whoever has it began to log in: with another one, the tenant has ended all sessions since.
    pub epoch: i64,
    /// How sure we are.
    pub aal: Aal,
    /// What was done to open it.
    pub methods: Vec<MethodUse>,
    /// When it was opened.
    pub issued_at: Timestamp,
    /// When its present access token expires.
    pub expires_at: Timestamp,
    /// Its absolute end, which no refresh passes (I-24).
    pub ends_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// Who opened it.
    pub client: Client,
}

/// How a refresh token came to be spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// When.
    pub at: Timestamp,
    /// What its successor was derived with, so that a retry gets the same one (I-04).
    pub salt: [u8; 32],
    /// Who spent it.
    pub client: Client,
}

/// A refresh token; its family is its session's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its hash.
    pub hash: TokenHash,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The session it keeps alive.
    pub session: SessionId,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it expires, if it is not spent before.
    pub expires_at: Timestamp,
    /// Whether and how it was spent.
    pub spent: Option<Spent>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i_37_ipv6_is_counted_by_its_64() {
        let network = |ip: &str| Client { ip: Some(ip.to_owned()), user_agent: None }.network();
        assert_eq!(network("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::/64"));
        assert_eq!(network("2001:db8:1:2::").as_deref(), Some("2001:db8:1:2::/64"));
        assert_eq!(network("::ffff:192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(network("192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(Client::default().network(), None);
    }
}
