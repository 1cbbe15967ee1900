//! Every write of the service.

use async_trait::async_trait;

use crate::{
    AccountChange, AttemptKey, AuditEvent, CommitError, CredentialChange, DeviceChange, Expired, FactorChange,
    IdentityId, IssuerKeyChange, KeyChange, Locked, OneTimeChange, OutboxChange, PurgeEvents, Revocation, RoleChange,
    SealChange, SessionChange, SessionId, StoredResponse, TenantChange,
};

/// One write. A list of changes is committed as a whole or not at all; a failed guard rolls it back.
///
/// A list locks rows in one order ([`Locked`]): the tenant, the identity, what belongs to it.
///
/// Each variant carries its own tenant and touches no row of another.
#[derive(Debug, Clone)]
pub enum Change {
    /// A write to identities.
    Account(AccountChange),
    /// A write to credentials.
    Credential(CredentialChange),
    /// A write to factors.
    Factor(FactorChange),
    /// A write to devices.
    Device(DeviceChange),
    /// A write to one-time tokens.
    OneTime(OneTimeChange),
    /// A write to the outbox.
    Outbox(OutboxChange),
    /// A write to sessions and refresh tokens.
    Session(SessionChange),
    /// A write to role definitions and assignments.
    Role(RoleChange),
    /// A write to tenants.
    Tenant(TenantChange),
    /// A write to stored keys.
    Key(KeyChange),
    /// A write to issuer keys.
    IssuerKey(IssuerKeyChange),
    /// A write to seals.
    Seal(SealChange),
    /// Deletes the attempts counted under a key; none is no error.
    ForgetAttempts(AttemptKey),
    /// Revokes an admin token. Guard: the same revoker has not revoked it before (`Unique::Revocation`).
    RevokeAdminToken(Box<Revocation>),
    /// Stores a response. Guard: the operator has none under that key in the tenant (`Unique::Response`).
    StoreResponse(Box<StoredResponse>),
    /// Removes expired rows, at most a thousand of each kind; it has no guard.
    RemoveExpired(Expired),
    /// Purges audit events by age.
    PurgeEvents(PurgeEvents),
    /// Writes an audit event.
    Record(Box<AuditEvent>),
}

impl Change {
    /// The sessions and identities that it affects; `None` when what was read of them before stays valid.
    pub fn concerns(&self) -> Option<Concerns> {
        match self {
            Self::Account(change) => change.concerns(),
            Self::Session(change) => change.concerns(),
            Self::Role(change) => change.concerns(),
            Self::Tenant(change) => change.concerns(),
            Self::Credential(_)
            | Self::Factor(_)
            | Self::Device(_)
            | Self::OneTime(_)
            | Self::Outbox(_)
            | Self::Key(_)
            | Self::IssuerKey(_)
            | Self::Seal(_)
            | Self::ForgetAttempts(_)
            | Self::RevokeAdminToken(_)
            | Self::StoreResponse(_)
            | Self::RemoveExpired(_)
            | Self::PurgeEvents(_)
            | Self::Record(_) => None,
        }
    }

    /// The rows that it locks first; `None` when no other change waits for it while it holds other locks.
    pub fn locks(&self) -> Option<Locked> {
        match self {
            Self::Account(_) | Self::Factor(FactorChange::Pin { .. }) => Some(Locked::Identity),
            Self::Credential(_) | Self::Factor(_) | Self::Device(_) => Some(Locked::Belonging),
            Self::OneTime(change) => Some(change.locks()),
            Self::Session(change) => Some(change.locks()),
            Self::Role(change) => Some(change.locks()),
            Self::Tenant(_) => Some(Locked::Tenant),
            Self::Outbox(_)
            | Self::Key(_)
            | Self::IssuerKey(_)
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

/// The sessions that a change affects, each cached together with its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affected {
    /// Every session of this identity.
    Identity(IdentityId),
    /// This session.
    Session(SessionId),
    /// Every session of every tenant.
    All,
}

/// What a change affects of sessions and their owners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concerns {
    /// Which sessions.
    pub affected: Affected,
    /// Whether a token may have become invalid or its owner changed; false if only a time of use was noted.
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

/// Commits changes: the only way to write.
///
/// An implementation must
/// - apply a list of changes as a whole or not at all before it answers; what was acknowledged survives a crash (I-33);
/// - let exactly one of any number of concurrent lists with the same guard succeed, and answer the others `Stale` or
///   `Conflict` (I-01, I-13);
/// - confine changes to their scope (I-29);
/// - answer `Unavailable` rather than hang, and leave nothing behind when the caller drops the future (I-41).
#[async_trait]
pub trait Commit: Send + Sync {
    /// Applies the changes in order, in one transaction.
    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError>;
}

/// Which guard failed; the use-case decides what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// The tenant does not exist or is not active.
    Tenant,
    /// A tenant to delete still has identities.
    TenantInUse,
    /// The identity does not exist, is not active, or was changed since it was read.
    Identity,
    /// A tenant's role definitions were changed since they were read.
    Roles,
    /// The role does not exist, or was changed since it was read.
    Role,
    /// The role is assigned.
    RoleInUse,
    /// No active identity would have the role `admin`.
    LastAdmin,
    /// The credential was changed since it was read.
    Credential,
    /// The factor is not there, or what was shown of it was used before.
    Factor,
    /// The identity's second factors were changed since they were read.
    Factors,
    /// It is the last credential that the identity can log in with.
    LastCredential,
    /// The device is not there, or no longer trusted.
    Device,
    /// The one-time token is not there, expired, or has no try left.
    OneTime,
    /// The session is not active.
    Session,
    /// Another process holds the lease to seal.
    Sealing,
    /// The refresh token was spent before.
    RefreshToken,
    /// The message is not there, or not in the state or under the lease that the change is for.
    Message,
    /// The data key was wrapped again since it was read.
    DataKey,
    /// The issuer key is not in the state that the change is for.
    IssuerKey,
}

/// What must be unique and is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unique {
    /// An identity's id, across all tenants.
    Identity,
    /// An identifier, within its tenant.
    Identifier,
    /// A seal's number, within its tenant.
    Seal,
    /// The one credential of its kind that an identity may have, or within its tenant a passkey's credential id or an account
    /// at a provider.
    Credential,
    /// A role's name, within its tenant.
    Role,
    /// A tenant's name.
    Tenant,
    /// The data key: there is only one.
    DataKey,
    /// The one signing key that its owner may have for a purpose.
    SigningKey,
    /// The one `next` or `active` issuer key that a tenant may have of a use and an algorithm.
    IssuerKey,
    /// The one revocation of an admin token, by the system or by a tenant.
    Revocation,
    /// An operator's idempotency key, within a tenant.
    Response,
}
