//! The port to the database.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    Account, AccountQuery, AdminTokenId, AuditEvent, Change, Client, Credential, EventCursor, EventPage, EventQuery,
    Guard, Identifier, Identity, IdentityId, KeptAnswer, KeyPurpose, Outdated, RefreshToken, Roles, Scope, Seal,
    SealedKey, Session, SessionId, State, Stretch, Tenant, TenantId, TenantQuery, TenantSettings, Timestamp, TokenHash,
    TrailEvent, Unique, Unsealed, WrappedKey,
};

/// Why a read gave no answer. The text is for the operator's log, never for a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The database can't be reached or is too busy; the same question may be answered later.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A text holds a NUL character (U+0000), which not every database keeps. No database was asked.
    #[error("a text holds a NUL character")]
    Nul,
    /// The database answered something that can't be: a bug or a damaged row. Asking again won't help.
    #[error("the database answered something unexpected: {0}")]
    Fault(String),
}

/// Why a list of changes was not committed. In every case nothing of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// Something that must be unique is taken.
    #[error("already taken: {0:?}")]
    Conflict(Unique),
    /// What the changes were decided on is no longer so.
    #[error("no longer so: {0:?}")]
    Stale(Guard),
    /// The database can't be reached or is too busy.
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// A text holds a NUL character (U+0000), which not every database keeps. No database was asked.
    #[error("a text holds a NUL character")]
    Nul,
    /// The database refused for a reason that no use-case knows.
    #[error("the database failed: {0}")]
    Fault(String),
}

impl From<StoreError> for CommitError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(why) => Self::Unavailable(why),
            StoreError::Nul => Self::Nul,
            StoreError::Fault(why) => Self::Fault(why),
        }
    }
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

/// What a login needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    /// What its tenant has set.
    pub settings: TenantSettings,
    /// The tenant's epoch, for the session that may come of it.
    pub epoch: i64,
    /// Who has the identifier, if anybody has.
    pub known: Option<Known>,
}

/// Who has an identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Whose it is.
    pub identity: Identity,
    /// Its password, if it has one.
    pub password: Option<Credential>,
    /// Whether a session of its was opened from the client's network before.
    pub known_network: bool,
}

/// A session whose access token was presented, and its owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
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

/// Which identities to list.
#[derive(Debug, Clone)]
pub struct IdentityQuery {
    /// What may be seen.
    pub scope: Scope,
    /// Only in this state.
    pub state: Option<State>,
    /// Only those of whose identifiers one contains this text, whatever its case; `%` and `_` mean themselves (I-39).
    /// An empty text is no condition.
    pub contains: Option<String>,
    /// At most so many, 1 to 100.
    pub limit: u32,
    /// After so many.
    pub offset: u64,
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

/// Part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The rows asked for.
    pub rows: Vec<T>,
    /// The ids of rows that were asked for as well, and are damaged so that they can't be read.
    pub damaged: Vec<String>,
    /// How many there are in all.
    pub total: u64,
}

/// The database.
///
/// An implementor must
/// - apply a list of changes whole or not at all, and only then answer; what was acknowledged survives a crash (I-33);
/// - let exactly one of any number of parallel lists with the same guard win, and tell the others `Stale` or
///   `Conflict`, whatever else runs (I-01, I-13);
/// - show every read what was acknowledged before it began;
/// - confine reads and changes to their scope (I-29);
/// - answer `Unavailable` rather than hang, and leave nothing behind when the asking future is dropped (I-41).
#[async_trait]
pub trait Store: Send + Sync {
    /// Applies the changes in order, in one transaction.
    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError>;

    /// Who has this identifier, the password to verify, and whether they have come from where `client` is before;
    /// nothing when the tenant is unknown or inactive.
    async fn sign_in(
        &self,
        tenant: &TenantId,
        identifier: &Identifier,
        client: &Client,
    ) -> Result<Option<SignIn>, StoreError>;

    /// The session whose present access token has this hash, and its owner. Shared, because a cache may give the same
    /// answer to many.
    async fn presented(&self, tenant: &TenantId, token: &TokenHash) -> Result<Lookup<Arc<Presented>>, StoreError>;

    /// The refresh token with this hash, its session and its owner.
    async fn refreshing(&self, tenant: &TenantId, token: &TokenHash) -> Result<Lookup<Refreshing>, StoreError>;

    /// An identity.
    async fn identity(&self, scope: &Scope, id: IdentityId) -> Result<Option<Identity>, StoreError>;

    /// The identities that have this identifier: at most one in a tenant.
    async fn identities_named(&self, scope: &Scope, identifier: &Identifier) -> Result<Vec<Identity>, StoreError>;

    /// Identities that are locked, and whose locks were over by `now`, of all tenants: those first for which it was first,
    /// 100 at most.
    async fn ended_locks(&self, now: Timestamp) -> Result<Vec<Identity>, StoreError>;

    /// Identities, newest first.
    async fn identities(&self, query: &IdentityQuery) -> Result<Page<Identity>, StoreError>;

    /// A tenant's accounts in the order of their creation, and of their ids where that was at the same moment. Whoever is
    /// there all the time that the pages are read is on exactly one of them.
    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>, StoreError>;

    /// The next tenant that has an identity, in the database's order of their names; the first one after none.
    async fn tenant_with_accounts(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, StoreError>;

    /// An identity's password.
    async fn password(&self, scope: &Scope, identity: IdentityId) -> Result<Option<Credential>, StoreError>;

    /// An identity's sessions that something can still open at `at`, newest first: they are active, before their absolute
    /// end, and their access token or an unspent refresh token of theirs has not expired.
    async fn sessions(
        &self,
        tenant: &TenantId,
        identity: IdentityId,
        at: Timestamp,
    ) -> Result<Vec<Session>, StoreError>;

    /// Sessions that are active, newest first.
    async fn active_sessions(&self, query: &SessionQuery) -> Result<Page<Session>, StoreError>;

    /// How many sessions are active: of a tenant or in the whole system, of an identity or of all.
    async fn count_active_sessions(&self, scope: &Scope, identity: Option<IdentityId>) -> Result<u64, StoreError>;

    /// How many sessions are active and before their absolute end at `at`, in each tenant that has any. The database may be
    /// asked where what it knows lags behind.
    async fn active_sessions_by_tenant(&self, at: Timestamp) -> Result<Vec<(TenantId, u64)>, StoreError>;

    /// A session, whatever has become of it.
    async fn session(&self, scope: &Scope, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// A tenant, active or not.
    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError>;

    /// Tenants by name.
    async fn tenants(&self, query: &TenantQuery) -> Result<Page<Tenant>, StoreError>;

    /// The roles that a tenant has defined, by name; nothing when there is no such tenant.
    async fn roles(&self, tenant: &TenantId) -> Result<Option<Roles>, StoreError>;

    /// The data key, if there is one.
    async fn data_key(&self) -> Result<Option<WrappedKey>, StoreError>;

    /// The signing key that the tenant, or the system itself, has for this purpose.
    async fn signing_key(&self, scope: &Scope, purpose: KeyPurpose) -> Result<Option<SealedKey>, StoreError>;

    /// Those of these ids, of an admin token that is good in this scope, that are revoked: by the system, or by that tenant.
    async fn revocations(&self, of: &Scope, ids: &[AdminTokenId]) -> Result<Vec<AdminTokenId>, StoreError>;

    /// The answer that was kept for this operator under this key.
    async fn kept_answer(&self, tenant: &TenantId, operator: &str, key: &str)
    -> Result<Option<KeptAnswer>, StoreError>;

    /// Whether there is anything out of date.
    async fn has_outdated(&self, outdated: &Outdated) -> Result<bool, StoreError>;

    /// Everything up to this moment is sealed in all tenants, as the last `Change::KeepSealing` said.
    async fn sealed_until(&self) -> Result<Timestamp, StoreError>;

    /// The tenants of the events after `after` and not after `until`; of a part of these when they are many, as `up_to`
    /// then tells. Finds them by time: tenants in which nothing happened cost nothing.
    async fn unsealed(&self, after: Timestamp, until: Timestamp) -> Result<Unsealed, StoreError>;

    /// The seal with the highest number.
    async fn last_seal(&self, tenant: &TenantId) -> Result<Option<Seal>, StoreError>;

    /// The seals with a higher number than `after`, in order; at most `limit`, 1 to 100.
    async fn seals(&self, tenant: &TenantId, after: i64, limit: u32) -> Result<Vec<Seal>, StoreError>;

    /// The events of a stretch as they are kept, in order. `Fault` when a row is damaged so that no event could have been
    /// written like that.
    async fn trail(&self, stretch: &Stretch) -> Result<Vec<TrailEvent>, StoreError>;

    /// The next tenant after this one, by name, that has events or seals, whether or not there is such a tenant.
    async fn next_trail(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, StoreError>;

    /// The audit events that an identity did or that were done to it, oldest first.
    async fn events_about(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<AuditEvent>, StoreError>;

    /// Looks at the next `limit` events of the scope, actor, subject and period behind `after`, and gives those that the
    /// query takes. That costs the same however long the trail is, so there may be few of them, or none, and more to come.
    ///
    /// Pages are disjoint, and hold every event that was committed before the first of them was asked for. One that is
    /// committed later may lie before `after`, as events are dated before they are committed.
    async fn events(&self, query: &EventQuery, after: Option<EventCursor>, limit: u32)
    -> Result<EventPage, StoreError>;

    /// How many events from before `until` there are, of each tenant that has any, in the order of their names.
    async fn count_events(&self, scope: &Scope, until: Timestamp) -> Result<Vec<(TenantId, u64)>, StoreError>;
}
