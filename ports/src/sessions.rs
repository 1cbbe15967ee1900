//! Sessions and their refresh tokens.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    Affected, Concerns, Failure, Identity, IdentityId, Locked, MethodUse, Page, Scope, SessionId, TenantId,
    TenantSettings, Timestamp,
};

/// The SHA-256 of a token, which is all that is stored of it (I-01).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash(pub [u8; 32]);

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash([redacted])")
    }
}

/// The authenticator assurance level (NIST SP 800-63B).
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

/// The client of a request, as sessions and audit events store it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// The address, behind trusted proxies (I-37).
    pub ip: Option<String>,
    /// The `User-Agent` header, cut to 512 bytes.
    pub user_agent: Option<String>,
}

impl Client {
    /// The address, or for IPv6 its /64: what a provider assigns to one customer, and so what is counted as one client
    /// (I-37).
    pub fn network(&self) -> Option<String> {
        let ip = self.ip.as_deref()?;
        match ip.parse::<IpAddr>().map(|ip| ip.to_canonical()) {
            Ok(IpAddr::V6(v6)) => Some(format!("{}/64", Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64))),
            Ok(IpAddr::V4(v4)) => Some(v4.to_string()),
            Err(_) => Some(ip.to_owned()),
        }
    }
}

/// A session: opened by a login, valid for a limited time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, also that of its family of refresh tokens.
    pub id: SessionId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// The identity it belongs to.
    pub identity: IdentityId,
    /// The hash of its current access token.
    pub token: TokenHash,
    /// False once it has been revoked.
    pub active: bool,
    /// The tenant's epoch when the login began. If the tenant's current epoch differs, the tenant has revoked all
    /// sessions since.
    pub epoch: i64,
    /// The assurance level.
    pub aal: Aal,
    /// The methods of the login.
    pub methods: Vec<MethodUse>,
    /// When it was opened.
    pub issued_at: Timestamp,
    /// When its current access token expires.
    pub expires_at: Timestamp,
    /// Its absolute end, beyond which no refresh extends it (I-24).
    pub ends_at: Timestamp,
    /// When it was last used, at most a minute out of date.
    pub last_seen_at: Timestamp,
    /// The client that opened it.
    pub client: Client,
}

/// How a refresh token was spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spent {
    /// When it was spent.
    pub at: Timestamp,
    /// The salt its successor was derived with, so that a retry gets the same one (I-04).
    pub salt: [u8; 32],
    /// The client that spent it.
    pub client: Client,
}

/// A refresh token. Its family is its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its hash.
    pub hash: TokenHash,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its session.
    pub session: SessionId,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// When it expires if it is not spent before.
    pub expires_at: Timestamp,
    /// Whether and how it was spent.
    pub spent: Option<Spent>,
}

/// The result of a lookup that tells a missing tenant from a missing row, in one round trip.
#[derive(Debug, Clone, PartialEq)]
pub enum Lookup<T> {
    /// The tenant is unknown or inactive.
    NoTenant,
    /// The tenant exists, the row does not.
    Absent,
    /// The row.
    Found(T),
}

impl<T> Lookup<T> {
    /// Maps the found value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Lookup<U> {
        match self {
            Self::NoTenant => Lookup::NoTenant,
            Self::Absent => Lookup::Absent,
            Self::Found(found) => Lookup::Found(f(found)),
        }
    }
}

/// The session of a presented access token, and its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatedSession {
    /// The session, active or not, expired or not.
    pub session: Session,
    /// Its owner, in any state.
    pub identity: Identity,
    /// The tenant's settings.
    pub settings: TenantSettings,
}

/// A presented refresh token, its session and its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refreshing {
    /// The tenant's settings.
    pub settings: TenantSettings,
    /// The token, spent or not, expired or not.
    pub token: RefreshToken,
    /// The session, active or not.
    pub session: Session,
    /// Its owner, in any state.
    pub identity: Identity,
}

/// Which sessions to list.
#[derive(Debug, Clone)]
pub struct SessionQuery {
    /// The tenant to read, or all of them.
    pub scope: Scope,
    /// Only this identity's.
    pub identity: Option<IdentityId>,
    /// Only those that are active and before their absolute end at this time.
    pub at: Timestamp,
    /// The most rows to return, 1 to 100.
    pub limit: u32,
    /// The number of rows to skip.
    pub offset: u64,
}

/// Looks up access tokens: the read of every authenticated request.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait AccessTokens: Send + Sync {
    /// The session whose current access token has this hash, and its owner. Shared, because a cache may return it many
    /// times.
    async fn authenticated_session(
        &self,
        tenant: &TenantId,
        token: &TokenHash,
    ) -> Result<Lookup<Arc<AuthenticatedSession>>, Failure>;
}

/// Reads sessions and refresh tokens.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait Sessions: Send + Sync {
    /// The refresh token with this hash, its session and its owner.
    async fn refreshing(&self, tenant: &TenantId, token: &TokenHash) -> Result<Lookup<Refreshing>, Failure>;

    /// An identity's sessions that are still usable at `at`, newest first: active, before their absolute end, and with
    /// an access token or an unspent refresh token that has not expired.
    async fn sessions(&self, tenant: &TenantId, identity: IdentityId, at: Timestamp) -> Result<Vec<Session>, Failure>;

    /// The active sessions that the query selects, newest first.
    async fn active_sessions(&self, query: &SessionQuery) -> Result<Page<Session>, Failure>;

    /// The number of active sessions: of a tenant or the whole system, of one identity or all.
    async fn count_active_sessions(&self, scope: &Scope, identity: Option<IdentityId>) -> Result<u64, Failure>;

    /// The number of sessions that are active and before their absolute end at `at`, for each tenant that has any. A
    /// replica of the database may answer.
    async fn active_sessions_by_tenant(&self, at: Timestamp) -> Result<Vec<(TenantId, u64)>, Failure>;

    /// The session with this id, active or not.
    async fn session(&self, scope: &Scope, id: SessionId) -> Result<Option<Session>, Failure>;
}

/// A write to sessions and refresh tokens.
#[derive(Debug, Clone)]
pub enum SessionChange {
    /// Opens a session, and notes the time of the login on its identity and the client's network as known. Guard: the
    /// identity exists and is active (`Guard::Identity`).
    Open(Box<Session>),
    /// Stores a refresh token. Guard: its session exists (`Guard::Session`).
    IssueRefresh(Box<RefreshToken>),
    /// Spends a refresh token and stores its successor. The change of its session comes before it in the list. Guards:
    /// the token is unspent (`Guard::RefreshToken`), the successor's session exists (`Guard::Session`).
    RotateRefresh {
        /// The hash of the token that is spent.
        spent: TokenHash,
        /// The time of the change.
        at: Timestamp,
        /// The salt the successor was derived with.
        salt: [u8; 32],
        /// The client that spends it.
        client: Client,
        /// The new refresh token.
        next: Box<RefreshToken>,
    },
    /// Gives a session a new access token. Guard: the session is active (`Guard::Session`).
    Renew {
        /// The tenant.
        tenant: TenantId,
        /// The session.
        session: SessionId,
        /// The hash of the new access token.
        token: TokenHash,
        /// When the new access token expires.
        expires_at: Timestamp,
        /// The time of the change.
        at: Timestamp,
    },
    /// Puts a session at another assurance level, with new tokens; its refresh tokens are removed. Guard: the session
    /// is active, and the access token that was presented is still its own (`Guard::Session`).
    StepUp {
        /// The hash of the access token that was presented.
        presented: TokenHash,
        /// The session as it is from now on.
        session: Box<Session>,
    },
    /// Changes nothing. Guard: the session is active, and the access token that was presented is still its own
    /// (`Guard::Session`).
    Pin {
        /// The tenant.
        tenant: TenantId,
        /// Which.
        session: SessionId,
        /// The hash of the access token that was presented.
        token: TokenHash,
    },
    /// Notes that a session was used; the time only moves forward, and there is no guard.
    Touch {
        /// The tenant.
        tenant: TenantId,
        /// The session.
        session: SessionId,
        /// The time of the change.
        at: Timestamp,
    },
    /// Revokes one session of an identity. Guard: it was active (`Guard::Session`).
    Revoke {
        /// The tenant.
        tenant: TenantId,
        /// The identity it must belong to.
        identity: IdentityId,
        /// The session.
        session: SessionId,
    },
    /// Revokes an identity's active sessions, with an optional exception, and voids its one-time tokens, except those that put an
    /// old address back, and the trust in its devices; none is no error.
    RevokeOf {
        /// The tenant to change, or all of them.
        scope: Scope,
        /// The identity.
        identity: IdentityId,
        /// The session to keep.
        except: Option<SessionId>,
    },
    /// Revokes every session of a tenant or of the whole system, access and refresh tokens alike, including those of
    /// logins that are still running; none is no error. The cost does not depend on their number.
    RevokeAll {
        /// The tenant to change, or all of them.
        scope: Scope,
        /// The new epoch: a random number, so that no older epoch becomes current again.
        epoch: i64,
    },
}

impl SessionChange {
    pub(crate) fn locks(&self) -> Locked {
        match self {
            Self::RevokeAll { .. } => Locked::Tenant,
            Self::Open(_) | Self::RevokeOf { .. } => Locked::Identity,
            Self::IssueRefresh(_)
            | Self::Renew { .. }
            | Self::StepUp { .. }
            | Self::Pin { .. }
            | Self::Touch { .. }
            | Self::Revoke { .. } => Locked::Belonging,
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
            Self::StepUp { session, .. } => Some(Concerns::access(Affected::Session(session.id))),
            Self::RevokeOf { identity, .. } => Some(Concerns::access(Affected::Identity(*identity))),
            Self::RevokeAll { .. } => Some(Concerns::access(Affected::All)),
            Self::IssueRefresh(_) | Self::RotateRefresh { .. } | Self::Pin { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
