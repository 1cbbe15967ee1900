//! Every write the service knows.

use crate::{
    AttemptKey, AuditEvent, Client, Credential, CredentialId, Identity, IdentityId, KeptAnswer, NamedIdentifier,
    RefreshToken, Revocation, Role, Scope, Seal, SealedKey, Session, SessionId, State, Tenant, TenantId, Timestamp,
    TokenHash, Traits, Version, WrappedKey,
};
use uuid::Uuid;

/// One write. A list of them is committed whole or not at all; a guard that does not hold rolls the list back.
///
/// A list locks rows in one order ([`Locked`](crate::Locked)): the tenant, the identity, what belongs to it.
///
/// Variants carry their own tenant and touch no row of another one.
#[derive(Debug, Clone)]
pub enum Change {
    /// Adds an identity with its identifiers. Guards: the tenant is there and active (`Guard::Tenant`), the id is
    /// nobody's in any tenant (`Unique::Identity`), no identifier is taken in the tenant (`Unique::Identifier`).
    CreateIdentity {
        /// The new identity.
        identity: Box<Identity>,
        /// What it logs in with; may be empty. A value that two fields share counts once.
        identifiers: Vec<NamedIdentifier>,
    },
    /// Replaces traits and identifiers. Guards: `expected` is the present version (`Guard::Identity`), no identifier is
    /// another's (`Unique::Identifier`).
    ReplaceTraits {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// The version that was read.
        expected: Version,
        /// The new traits.
        traits: Traits,
        /// The new identifiers.
        identifiers: Vec<NamedIdentifier>,
        /// Those of its verified addresses that it keeps.
        verified: Vec<String>,
        /// When.
        at: Timestamp,
    },
    /// Sets an identity's state. Guard: it is there, and of the expected version if one is given (`Guard::Identity`).
    SetState {
        /// What may be touched.
        scope: Scope,
        /// Whose.
        identity: IdentityId,
        /// The version that was read, where that matters.
        expected: Option<Version>,
        /// The new state.
        state: State,
        /// When a lock is over; nothing: when somebody sets another state.
        until: Option<Timestamp>,
        /// When.
        at: Timestamp,
    },
    /// Removes an identity with its identifiers, credentials, sessions and refresh tokens; its audit events stay.
    /// Guard: it is there, and of the expected version if one is given (`Guard::Identity`).
    DeleteIdentity {
        /// What may be touched.
        scope: Scope,
        /// Whose.
        identity: IdentityId,
        /// The version that was read, where that matters.
        expected: Option<Version>,
    },
    /// Sets an identity's roles. Guard: `expected` is the present version (`Guard::Identity`).
    SetRoles {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// The version that was read.
        expected: Version,
        /// The names of the new roles.
        roles: Vec<String>,
        /// When.
        at: Timestamp,
    },
    /// Changes nothing, and keeps an identity as it is until the list is committed. Guard: it is still of this version
    /// (`Guard::Identity`).
    HoldIdentity {
        /// The tenant.
        tenant: TenantId,
        /// Which.
        identity: IdentityId,
        /// The version that was read.
        version: Version,
    },
    /// Keeps a tenant's role definitions, and who has which, as they are until the list is committed. Guard: the
    /// definitions are still of this version (`Guard::Roles`).
    HoldRoles {
        /// The tenant.
        tenant: TenantId,
        /// The version that was read.
        version: Version,
    },
    /// Adds a role and counts the change of the tenant's definitions. Guard: no role of it has the name
    /// (`Unique::Role`).
    CreateRole(Box<Role>),
    /// Replaces a role's definition and counts the change of the tenant's definitions; `version` is the new version.
    /// Guard: the one before it is the present one (`Guard::Role`).
    ReplaceRole(Box<Role>),
    /// Removes a role and counts the change of the tenant's definitions. Guards: nobody has it (`Guard::RoleInUse`), and
    /// `expected` is its present version (`Guard::Role`).
    DeleteRole {
        /// The tenant.
        tenant: TenantId,
        /// Its name.
        name: String,
        /// The version that was read.
        expected: Version,
    },
    /// Changes nothing. Guard: somebody active has the role `admin` in the tenant now (`Guard::LastAdmin`). Only with
    /// `HoldRoles` before it is that still so when the list is committed.
    KeepAdmin(TenantId),
    /// Adds a tenant. Guard: its name is free (`Unique::Tenant`).
    CreateTenant(Box<Tenant>),
    /// Replaces what can be changed of a tenant; `version` is the new version. Guard: the one before it is the present
    /// one (`Guard::Tenant`).
    ReplaceTenant(Box<Tenant>),
    /// Removes a tenant and its roles; its audit events stay. Guards: it has no identities (`Guard::TenantInUse`), and
    /// `expected` is its present version (`Guard::Tenant`).
    DeleteTenant {
        /// Which.
        tenant: TenantId,
        /// The version that was read.
        expected: Version,
    },
    /// Adds a credential. Guards: the identity is there (`Guard::Identity`) and has none of that kind
    /// (`Unique::Credential`).
    AddCredential(Box<Credential>),
    /// Replaces a credential's secret; `credential.version` is the new version. Guard: the one before it is the present
    /// one (`Guard::Credential`).
    ReplaceCredential(Box<Credential>),
    /// Marks that a credential has just proven its owner. Guard: it still has this version (`Guard::Credential`), so
    /// that a password that was changed in the meantime opens nothing.
    UseCredential {
        /// The tenant.
        tenant: TenantId,
        /// Which.
        credential: CredentialId,
        /// The version that was verified.
        version: Version,
        /// When.
        at: Timestamp,
    },
    /// Opens a session, notes the login on its identity and the client's network as known to it. Guard: the identity is there and active
    /// (`Guard::Identity`).
    OpenSession(Box<Session>),
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
    RenewSession {
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
    SeeSession {
        /// The tenant.
        tenant: TenantId,
        /// Which.
        session: SessionId,
        /// When.
        at: Timestamp,
    },
    /// Revokes an identity's active sessions, but for an exception; none is no error.
    RevokeSessions {
        /// What may be touched.
        scope: Scope,
        /// Whose.
        identity: IdentityId,
        /// All but this one.
        except: Option<SessionId>,
    },
    /// Revokes every session of a tenant, or of the whole system, access and refresh alike, and those with them that are
    /// being opened by whoever began to log in before; none is no error. It costs the same however many there are.
    RevokeAllSessions {
        /// What may be touched.
        scope: Scope,
        /// The new epoch: a number that was drawn for it, so that no older epoch is ever the present one again.
        epoch: i64,
    },
    /// Revokes one session of an identity. Guard: it was active (`Guard::Session`).
    RevokeSession {
        /// The tenant.
        tenant: TenantId,
        /// Whose it must be.
        identity: IdentityId,
        /// Which.
        session: SessionId,
    },
    /// Forgets the attempts that were counted under a key; none is no error.
    ForgetAttempts(AttemptKey),
    /// Keeps the data key. Guard: there is none (`Unique::DataKey`).
    KeepDataKey(Box<WrappedKey>),
    /// Keeps the same data key, wrapped anew; `version` is the new version. Guard: the one before it is the present one
    /// (`Guard::DataKey`).
    RewrapDataKey(Box<WrappedKey>),
    /// Keeps a signing key. Guard: its owner has none for its purpose (`Unique::SigningKey`).
    KeepSigningKey(Box<SealedKey>),
    /// Revokes an admin token. Guard: it was not revoked before by the same (`Unique::Revocation`).
    RevokeToken(Box<Revocation>),
    /// Keeps an answer. Guard: the operator has none under that key in the tenant (`Unique::Answer`).
    KeepAnswer(Box<KeptAnswer>),
    /// Removes some of what is out of date, a thousand rows of each kind at most; there is no guard.
    RemoveOutdated(Outdated),
    /// Adds a seal to its tenant's chain. Guard: there is none of that number yet (`Unique::Seal`), so that of two who
    /// go on from the same seal one wins, and a chain has no forks.
    AddSeal(Box<Seal>),
    /// Takes, keeps or gives back the right to seal. Guard: nobody else has it (`Guard::Sealing`).
    KeepSealing(Sealing),
    /// Removes audit events by their age; none is no error, and there is no guard. How much one such change removes, and so
    /// how long others wait for it, is up to whoever makes it.
    PurgeEvents {
        /// What may be touched.
        scope: Scope,
        /// Every event from before this goes.
        until: Timestamp,
        /// Of the whole system, a database that keeps the trail in parts (partitions) may drop every part that lies wholly
        /// before this; the others do nothing more. Not before `until`.
        parts_until: Timestamp,
    },
    /// Writes an audit event.
    Record(Box<AuditEvent>),
}

/// The right to seal: one process at a time has it, so that others don't do the same work for nothing. Nothing rests on
/// it but that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealing {
    /// Who has it: a number that this process has drawn.
    pub holder: Uuid,
    /// It is free when its last holder's time is over now.
    pub now: Timestamp,
    /// How long it is kept; `now` gives it back.
    pub until: Timestamp,
    /// Everything up to this moment is sealed in all tenants; it moves forward only.
    pub sealed_until: Timestamp,
}

/// What nobody needs any more, in all tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outdated {
    /// Sessions whose absolute end was before this, with their refresh tokens.
    pub sessions: Timestamp,
    /// Attempts whose last was before this.
    pub attempts: Timestamp,
    /// Known networks that nobody has logged in from since this.
    pub networks: Timestamp,
    /// Revocations of admin tokens that ended before this.
    pub revocations: Timestamp,
    /// Answers that were kept before this.
    pub answers: Timestamp,
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
    /// The one end of an admin token, by the system or by a tenant.
    Revocation,
    /// An operator's idempotency key, within a tenant.
    Answer,
}
