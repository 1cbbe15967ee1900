//! Typed ids, and the scope of a query.

use std::{
    fmt,
    str::FromStr,
    sync::{Arc, LazyLock},
};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! uuid_id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(s: &str) -> Result<Self, Self::Err> {
                Uuid::from_str(s).map(Self)
            }
        }
    )+};
}

uuid_id! {
    /// An identity. UUIDv7 (RFC 9562).
    IdentityId,
    /// A credential of an identity. UUIDv7.
    CredentialId,
    /// A session and its family of refresh tokens. UUIDv7.
    SessionId,
    /// A browser that an identity has logged in from. UUIDv7.
    DeviceId,
    /// An audit event. UUIDv7, so that ids sort by time.
    EventId,
    /// A signing key. UUIDv7.
    KeyId,
    /// A message in the outbox. UUIDv7.
    MessageId,
    /// An admin token, or one block of it. UUIDv7 for a token, version 8 for a later block.
    AdminTokenId,
}

/// A tenant's name: 1 to 63 characters of `a-z`, `0-9`, `-` and `_`, beginning with a letter or digit.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(Arc<str>);

/// A text that is not a valid tenant name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a tenant is 1 to 63 characters of a-z, 0-9, '-' and '_', beginning with a letter or digit")]
pub struct TenantIdError;

impl TenantId {
    /// The tenant of requests that name none.
    pub const DEFAULT: &'static str = "default";

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for TenantId {
    fn default() -> Self {
        static DEFAULT: LazyLock<Arc<str>> = LazyLock::new(|| TenantId::DEFAULT.into());
        Self(DEFAULT.clone())
    }
}

impl FromStr for TenantId {
    type Err = TenantIdError;

    fn from_str(s: &str) -> Result<Self, Self::Err> {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let starts_plain = s.bytes().next().is_some_and(plain);
        if s.len() <= 63 && starts_plain && s.bytes().all(|b| plain(b) || b == b'-' || b == b'_') {
            Ok(Self(Arc::from(s)))
        } else {
            Err(TenantIdError)
        }
    }
}

impl TryFrom<String> for TenantId {
    type Error = TenantIdError;

    fn try_from(s: String) -> Result<Self, Self::Error> {
        s.parse()
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.0.as_ref().to_owned()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({})", self.0)
    }
}

/// What a read or a change may touch: one tenant or, spelled out, all of them.
///
/// **Invariant**: every read and every change carries one; a row outside it does not exist for them (I-29).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// This tenant's rows only.
    Tenant(TenantId),
    /// Every tenant's rows, for the operator's own tools.
    System,
}

impl Scope {
    /// The tenant, or `None` for the whole system.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::Tenant(tenant) => Some(tenant),
            Self::System => None,
        }
    }
}

impl From<TenantId> for Scope {
    fn from(tenant: TenantId) -> Self {
        Self::Tenant(tenant)
    }
}

impl From<&TenantId> for Scope {
    fn from(tenant: &TenantId) -> Self {
        Self::Tenant(tenant.clone())
    }
}
