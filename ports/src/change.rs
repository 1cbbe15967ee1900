//! Every write the service knows.

use async_trait::async_trait;

use crate::{
    AccountChange, AttemptKey, AuditEvent, CommitError, CredentialChange, Expired, IdentityId, KeyChange, Locked,
    PurgeEvents, Revocation, RoleChange, SealChange, SessionChange, SessionId, StoredResponse, TenantChange,
};

/// One write. A list of them is committed whole or not at all; a guard that does not hold rolls the list back.
///
/// A list locks rows in one order ([`Locked`]): the tenant, the identity, what belongs to it.
///
/// Variants carry their own tenant and touch no row of another one.
#[derive(Debug, Clone)]
pub enum Change {
    /// A write to identities.
    Account(AccountChange),
    /// A write to credentials.
    Credential(CredentialChange),
    /// A write to sessions and refresh tokens.
    Session(SessionChange),
    /// A write to role definitions, and to who has which role.
    Role(RoleChange),
    /// A write to tenants.
    Tenant(TenantChange),
    /// A write to stored keys.
    Key(KeyChange),
    /// A write to seals.
    Seal(SealChange),
    /// Forgets the attempts that were counted under a key; none is no error.
    ForgetAttempts(AttemptKey),
    /// Revokes an admin token. Guard: it was not revoked before by the same (`Unique::Revocation`).
    RevokeAdminToken(Box<Revocation>),
    /// Stores a response. Guard: the operator has none under that key in the tenant (`Unique::Response`).
    StoreResponse(Box<StoredResponse>),
    /// Removes some of what has expired, a thousand rows of each kind at most; there is no guard.
    RemoveExpired(Expired),
    /// Removes audit events by their age.
    PurgeEvents(PurgeEvents),
    /// Writes an audit event.
    Record(Box<AuditEvent>),
}

impl Change {
    /// What it affects of sessions and their owners; `None` when what was read of them before is still right.
    pub fn concerns(&self) -> Option<Concerns> {
        match self {
            Self::Account(change) => change.concerns(),
            Self::Session(change) => change.concerns(),
            Self::Role(change) => change.concerns(),
            Self::Tenant(change) => change.concerns(),
            Self::Credential(_)
            | Self::Key(_)
            | Self::Seal(_)
            | Self::ForgetAttempts(_)
            | Self::RevokeAdminToken(_)
            | Self::StoreResponse(_)
            | Self::RemoveExpired(_)
            | Self::PurgeEvents(_)
            | Self::Record(_) => None,
        }
    }

    /// The rows that it locks first; `None` when others never wait for it while they hold something.
    pub fn locks(&self) -> Option<Locked> {
        match self {
            Self::Account(_) => Some(Locked::Identity),
            Self::Credential(_) => Some(Locked::Belonging),
            Self::Session(change) => Some(change.locks()),
            Self::Role(change) => Some(change.locks()),
            Self::Tenant(_) => Some(Locked::Tenant),
            Self::Key(_)
            | Self::Seal(_)
            | Self::ForgetAttempts(_)
            | Self::RevokeAdminToken(_)
            | Self::StoreResponse(_)
            | Self::RemoveExpired(_)
            | Self::PurgeEvents(_)
            | Self::Record(_) => None,
        }
    }
}

/// Whose session, read together with its owner, a change makes out of date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affected {
    /// Every session of this identity.
    Identity(IdentityId),
    /// This session.
    Session(SessionId),
    /// Every session of every tenant.
    Everybody,
}

/// What a change affects of sessions and their owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concerns {
    /// Whom.
    pub affected: Affected,
    /// Whether a token may be dead or its owner another after it; false when it only notes when something was used.
    pub access: bool,
}

impl Concerns {
    pub(crate) fn access(affected: Affected) -> Self {
        Self { affected, access: true }
    }

    pub(crate) fn note(affected: Affected) -> Self {
        Self { affected, access: false }
    }
}

/// The only writer.
///
/// An implementor must
/// - apply a list of changes whole or not at all, and only then answer; what was acknowledged survives a crash (I-33);
/// - let exactly one of any number of parallel lists with the same guard win, and tell the others `Stale` or
///   `Conflict`, whatever else runs (I-01, I-13);
/// - confine changes to their scope (I-29);
/// - answer `Unavailable` rather than hang, and leave nothing behind when the asking future is dropped (I-41).
#[async_trait]
pub trait Commit: Send + Sync {
    /// Applies the changes in order, in one transaction.
    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError>;
}

/// What a guard found changed: the use-case knows what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The tenant is not there or not active.
    Tenant,
    /// A tenant that is to be removed still has identities.
    TenantInUse,
    /// The identity is not there, not active, or was changed since it was read.
    Identity,
    /// A tenant's role definitions were changed since they were read.
    Roles,
    /// The role is not there, or was changed since it was read.
    Role,
    /// Somebody has the role.
    RoleInUse,
    /// Nobody active would have the role `admin`.
    LastAdmin,
    /// The credential was changed since it was read.
    Credential,
    /// The session is not active.
    Session,
    /// Somebody else has the right to seal.
    Sealing,
    /// The refresh token was spent before.
    RefreshToken,
    /// The data key was wrapped anew since it was read.
    DataKey,
}

/// What is taken already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// An identity's id, over all tenants.
    Identity,
    /// An identifier, within its tenant.
    Identifier,
    /// A seal's number, within its tenant.
    Seal,
    /// The one credential of its kind that an identity may have.
    Credential,
    /// A role's name, within its tenant.
    Role,
    /// A tenant's name.
    Tenant,
    /// The data key: there is one.
    DataKey,
    /// The one signing key that its owner may have for a purpose.
    SigningKey,
    /// The one revocation of an admin token, by the system or by a tenant.
    Revocation,
    /// An operator's idempotency key, within a tenant.
    Response,
}
