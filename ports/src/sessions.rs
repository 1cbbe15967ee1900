//! Sessions and the refresh tokens that keep them alive.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Affected, Concerns, Failure, Identity, IdentityId, Locked, Page, Scope, SessionId, TenantId, TenantSettings,
    Timestamp,
};

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
    /// Every method there is.
    pub const ALL: &[Self] = &[Self::Password];

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
    #[serde(with = "crate::timestamp")]
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

/// An answer that also tells a missing tenant from a missing row, in one round trip.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup<T> {
    /// The tenant is unknown or inactive.
    NoTenant,
    /// The tenant is there, the row is not.
    Absent,
    /// Here it is.
    Found(T),
}

impl<T> Lookup<T> {
    /// The same answer about something else.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Lookup<U> {
        match self {
            Self::NoTenant => Lookup::NoTenant,
            Self::Absent => Lookup::Absent,
            Self::Found(found) => Lookup::Found(f(found)),
        }
    }
}

/// A session whose access token was presented, and its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatedSession {
    /// The session, active or not, expired or not.
    pub session: Session,
    /// Its owner, in whatever state.
    pub identity: Identity,
}

/// A refresh token that was presented, its session and its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshing {
    /// What its tenant has set.
    pub settings: TenantSettings,
    /// The token, spent or not, expired or not.
    pub token: RefreshToken,
    /// The session, active or not.
    pub session: Session,
    /// Its owner, in whatever state.
    pub identity: Identity,
}

/// Which sessions to list.
#[derive(Debug, Clone)]
pub struct SessionQuery {
    /// What may be seen.
    pub scope: Scope,
    /// Only this identity's.
    pub identity: Option<IdentityId>,
    /// Those that are active and before their absolute end at this moment.
    pub at: Timestamp,
    /// At most so many, 1 to 100.
    pub limit: u32,
    /// After so many.
    pub offset: u64,
}

/// Looks up access tokens: what every request of a session asks.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait AccessTokens: Send + Sync {
    /// The session whose present access token has this hash, and its owner. Shared, because a cache may give the same
    /// answer to many.
    async fn authenticated_session(
        &self,
        tenant: &TenantId,
        token: &TokenHash,
    ) -> Result<Lookup<Arc<AuthenticatedSession>>, Failure>;
}

/// Reads sessions and refresh tokens.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// The refresh token with this hash, its session and its owner.
    async fn refreshing(&self, tenant: &TenantId, token: &TokenHash) -> Result<Lookup<Refreshing>, Failure>;

    /// An identity's sessions that something can still open at `at`, newest first: they are active, before their absolute
    /// end, and their access token or an unspent refresh token of theirs has not expired.
    async fn sessions(&self, tenant: &TenantId, identity: IdentityId, at: Timestamp) -> Result<Vec<Session>, Failure>;

    /// Sessions that are active, newest first.
    async fn active_sessions(&self, query: &SessionQuery) -> Result<Page<Session>, Failure>;

    /// How many sessions are active: of a tenant or in the whole system, of an identity or of all.
    async fn count_active_sessions(&self, scope: &Scope, identity: Option<IdentityId>) -> Result<u64, Failure>;

    /// How many sessions are active and before their absolute end at `at`, in each tenant that has any. The database may be
    /// asked where what it knows lags behind.
    async fn active_sessions_by_tenant(&self, at: Timestamp) -> Result<Vec<(TenantId, u64)>, Failure>;

    /// A session, whatever has become of it.
    async fn session(&self, scope: &Scope, id: SessionId) -> Result<Option<Session>, Failure>;
}

/// A write to sessions and refresh tokens.
#[derive(Debug, Clone)]
pub enum SessionChange {
    /// Opens a session, notes the login on its identity and the client's network as known to it. Guard: the identity is there
    /// and active (`Guard::Identity`).
    Open(Box<Session>),
    /// Stores a refresh token. Guard: its session is there (`Guard::Session`).
    IssueRefresh(Box<RefreshToken>),
    /// Spends a refresh token and stores its successor; the change of its session comes first. Guards: it is unspent
    /// (`Guard::RefreshToken`), the successor's session is there (`Guard::Session`).
    RotateRefresh {
        /// The hash of the one that is spent.
        spent: TokenHash,
        /// When.
        at: Timestamp,
        /// What the successor was derived with.
        salt: [u8; 32],
        /// Who spends it.
        client: Client,
        /// The successor.
        next: Box<RefreshToken>,
    },
    /// Gives a session a new access token. Guard: the session is active (`Guard::Session`).
    Renew {
        /// The tenant.
        tenant: TenantId,
        /// Which.
        session: SessionId,
        /// The hash of the new access token.
        token: TokenHash,
        /// When that one expires.
        expires_at: Timestamp,
        /// When.
        at: Timestamp,
    },
    /// Notes that a session is in use; the note moves forward only, and there is no guard.
    Touch {
        /// The tenant.
        tenant: TenantId,
        /// Which.
        session: SessionId,
        /// When.
        at: Timestamp,
    },
    /// Revokes one session of an identity. Guard: it was active (`Guard::Session`).
    Revoke {
        /// The tenant.
        tenant: TenantId,
        /// Whose it must be.
        identity: IdentityId,
        /// Which.
        session: SessionId,
    },
    /// Revokes an identity's active sessions, but for an exception; none is no error.
    RevokeOf {
        /// What may be touched.
        scope: Scope,
        /// Whose.
        identity: IdentityId,
        /// All but this one.
        except: Option<SessionId>,
    },
    /// Revokes every session of a tenant, or of the whole system, access and refresh alike, and with them those that are
    /// being opened by a login that began before; none is no error. It costs the same however many there are.
    RevokeAll {
        /// What may be touched.
        scope: Scope,
        /// The new epoch: a number that was drawn for it, so that no older epoch is ever the present one again.
        epoch: i64,
    },
}

impl SessionChange {
    pub(crate) fn locks(&self) -> Locked {
        match self {
            Self::RevokeAll { .. } => Locked::Tenant,
            Self::Open(_) | Self::RevokeOf { .. } => Locked::Identity,
            Self::IssueRefresh(_) | Self::Renew { .. } | Self::Touch { .. } | Self::Revoke { .. } => Locked::Belonging,
            Self::RotateRefresh { .. } => Locked::RefreshToken,
        }
    }

    pub(crate) fn concerns(&self) -> Option<Concerns> {
        match self {
            Self::Open(session) => Some(Concerns::note(Affected::Identity(session.identity))),
            Self::Touch { session, .. } => Some(Concerns::note(Affected::Session(*session))),
            Self::Renew { session, .. } | Self::Revoke { session, .. } => {
                Some(Concerns::access(Affected::Session(*session)))
            }
            Self::RevokeOf { identity, .. } => Some(Concerns::access(Affected::Identity(*identity))),
            Self::RevokeAll { .. } => Some(Concerns::access(Affected::Everybody)),
            Self::IssueRefresh(_) | Self::RotateRefresh { .. } => None,
        }
    }
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
