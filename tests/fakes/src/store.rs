//! A database inside the process: one lock over plain maps.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_ports::{
    AccessTokens, Account, AccountQuery, Accounts, AdminTokenId, AuditEvent, AuditTrail, AuthenticatedSession, Backlog,
    Change, Cleanup, Client, Commit, CommitError, Credential, Credentials, DefinedRoles, Device, Devices, EventCursor,
    EventPage, EventQuery, Expired, Factor, FactorKind, Factors, Failure, Identifier, Identity, IdentityId,
    IdentityQuery, IssuerKey, IssuerKeyState, IssuerKeys, JwsAlgorithm, KeyId, KeyPurpose, KeyUse, LoginCandidate,
    Lookup, Message, MessageId, MessageQuery, OneTimePurpose, OneTimeToken, OneTimeTokens, Outbox, Page, PasswordHash,
    ProviderAccount, ProviderLink, Refreshing, Revocations, Roles, Scope, Seal, SealedKey, Seals, Session, SessionId,
    SessionQuery, Sessions, StoredKeys, StoredResponse, StoredResponses, Stretch, Tenant, TenantId, TenantQuery,
    Tenants, Timestamp, TokenHash, TrailEvent, Unsealed, WrappedKey,
};
use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
use uuid::Uuid;

use crate::{
    rows::{Rows, takes_in},
    tenants::TenantRows,
};

/// A store for tests. It begins with the tenant `default` and nothing else.
///
/// **Invariant**: a commit works on a copy of everything and swaps it in at its end, so it is whole or nothing.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Inside>);

#[derive(Debug, Default)]
struct Inside {
    rows: Rows,
    failing_read: Option<Failure>,
    failing_commit: Option<CommitError>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tenant, or sets whether one that is there is active.
    pub fn add_tenant(&self, name: TenantId, active: bool) {
        self.0.lock().rows.tenants.insert(name.clone(), TenantRows::new(name, active));
    }

    /// Every audit event, in the order in which they were written.
    pub fn events(&self) -> Vec<AuditEvent> {
        self.0.lock().rows.events.clone()
    }

    /// The number of sessions, revoked and expired ones included.
    pub fn count_sessions(&self) -> usize {
        self.0.lock().rows.sessions.len()
    }

    /// The responses that are stored.
    pub fn responses(&self) -> Vec<StoredResponse> {
        self.0.lock().rows.responses.clone()
    }

    /// How many revocations of admin tokens are kept.
    pub fn count_revocations(&self) -> usize {
        self.0.lock().rows.revocations.len()
    }

    /// Lets the next read fail, once.
    pub fn fail_next_read(&self, error: Failure) {
        self.0.lock().failing_read = Some(error);
    }

    /// Lets the next commit fail, once and with nothing changed.
    pub fn fail_next_commit(&self, error: CommitError) {
        self.0.lock().failing_commit = Some(error);
    }

    pub(crate) fn rows(&self) -> MappedMutexGuard<'_, Rows> {
        MutexGuard::map(self.0.lock(), |inside| &mut inside.rows)
    }

    fn read(&self) -> Result<MappedMutexGuard<'_, Rows>, Failure> {
        let mut inside = self.0.lock();
        match inside.failing_read.take() {
            Some(error) => Err(error),
            None => Ok(MutexGuard::map(inside, |inside| &mut inside.rows)),
        }
    }
}

#[async_trait]
impl Commit for MemoryStore {
    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let mut inside = self.0.lock();
        if let Some(error) = inside.failing_commit.take() {
            return Err(error);
        }
        if !Change::in_lock_order(&changes) {
            return Err(CommitError::Failed(Failure::Fault(format!(
                "the list breaks the order of locks (`Locked`): {changes:?}"
            ))));
        }
        let mut rows = inside.rows.clone();
        changes.into_iter().try_for_each(|change| rows.apply(change))?;
        inside.rows = rows;
        Ok(())
    }
}

#[async_trait]
impl Accounts for MemoryStore {
    async fn identity(&self, scope: &Scope, id: IdentityId) -> Result<Option<Identity>, Failure> {
        Ok(self.read()?.identity(scope, id).cloned())
    }

    async fn identities_named(&self, scope: &Scope, identifier: &Identifier) -> Result<Vec<Identity>, Failure> {
        Ok(self.read()?.identities_named(scope, identifier))
    }

    async fn ended_locks(&self, now: Timestamp) -> Result<Vec<Identity>, Failure> {
        Ok(self.read()?.ended_locks(now))
    }

    async fn identities(&self, query: &IdentityQuery) -> Result<Page<Identity>, Failure> {
        Ok(self.read()?.page(query))
    }

    async fn without_factor(
        &self,
        tenant: &TenantId,
        role: Option<&str>,
        among: u32,
    ) -> Result<Vec<IdentityId>, Failure> {
        Ok(self.read()?.without_factor(tenant, role, among))
    }

    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>, Failure> {
        Ok(self.read()?.accounts(query))
    }

    async fn tenant_with_accounts(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, Failure> {
        Ok(self.read()?.tenant_with_accounts(after))
    }
}

#[async_trait]
impl Credentials for MemoryStore {
    async fn login_candidate(
        &self,
        tenant: &TenantId,
        identifier: &Identifier,
        client: &Client,
        device: Option<&TokenHash>,
    ) -> Result<Option<LoginCandidate>, Failure> {
        Ok(self.read()?.login_candidate(tenant, identifier, client, device))
    }

    async fn password(&self, scope: &Scope, identity: IdentityId) -> Result<Option<Credential>, Failure> {
        Ok(self.read()?.password(scope, identity).cloned())
    }

    async fn former_passwords(&self, scope: &Scope, identity: IdentityId) -> Result<Vec<PasswordHash>, Failure> {
        Ok(self.read()?.former_passwords(scope, identity))
    }

    async fn link(&self, tenant: &TenantId, account: &ProviderAccount) -> Result<Option<ProviderLink>, Failure> {
        Ok(self.read()?.link(tenant, account).cloned())
    }

    async fn links(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<ProviderLink>, Failure> {
        Ok(self.read()?.links(tenant, identity))
    }
}

#[async_trait]
impl Factors for MemoryStore {
    async fn factors(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<Factor>, Failure> {
        Ok(self.read()?.factors(tenant, identity))
    }

    async fn passkeys(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<Factor>, Failure> {
        let mut factors = self.read()?.factors(tenant, identity);
        factors.retain(|factor| matches!(factor.kind, FactorKind::Webauthn(_)));
        Ok(factors)
    }

    async fn passkey(&self, tenant: &TenantId, credential_id: &[u8]) -> Result<Option<Factor>, Failure> {
        Ok(self.read()?.passkey(tenant, credential_id).cloned())
    }

    async fn newest_apps(&self, among: u32) -> Result<Vec<Factor>, Failure> {
        Ok(self.read()?.newest_apps(among))
    }
}

#[async_trait]
impl Devices for MemoryStore {
    async fn devices(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<Device>, Failure> {
        Ok(self.read()?.devices(tenant, identity))
    }
}

#[async_trait]
impl OneTimeTokens for MemoryStore {
    async fn one_time(
        &self,
        tenant: &TenantId,
        purpose: OneTimePurpose,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, Failure> {
        Ok(self.read()?.one_time(tenant, purpose, hash, now).cloned())
    }
}

#[async_trait]
impl Outbox for MemoryStore {
    async fn message(&self, scope: &Scope, id: MessageId) -> Result<Option<Message>, Failure> {
        Ok(self.read()?.message(scope, id).cloned())
    }

    async fn messages(&self, query: &MessageQuery) -> Result<Page<Message>, Failure> {
        Ok(self.read()?.message_page(query))
    }

    async fn leased(&self, lease: Uuid) -> Result<Vec<Message>, Failure> {
        Ok(self.read()?.leased(lease))
    }

    async fn backlog(&self) -> Result<Backlog, Failure> {
        Ok(self.read()?.backlog())
    }
}

#[async_trait]
impl AccessTokens for MemoryStore {
    async fn authenticated_session(
        &self,
        tenant: &TenantId,
        token: &TokenHash,
    ) -> Result<Lookup<Arc<AuthenticatedSession>>, Failure> {
        Ok(self.read()?.authenticated_session(tenant, token).map(Arc::new))
    }
}

#[async_trait]
impl Sessions for MemoryStore {
    async fn refreshing(&self, tenant: &TenantId, token: &TokenHash) -> Result<Lookup<Refreshing>, Failure> {
        Ok(self.read()?.refreshing(tenant, token))
    }

    async fn sessions(&self, tenant: &TenantId, identity: IdentityId, at: Timestamp) -> Result<Vec<Session>, Failure> {
        Ok(self.read()?.live_sessions(tenant, identity, at))
    }

    async fn active_sessions(&self, query: &SessionQuery) -> Result<Page<Session>, Failure> {
        Ok(self.read()?.active_sessions(query))
    }

    async fn count_active_sessions(&self, scope: &Scope, identity: Option<IdentityId>) -> Result<u64, Failure> {
        Ok(self.read()?.count_active_sessions(scope, identity))
    }

    async fn active_sessions_by_tenant(&self, at: Timestamp) -> Result<Vec<(TenantId, u64)>, Failure> {
        Ok(self.read()?.active_sessions_by_tenant(at))
    }

    async fn session(&self, scope: &Scope, id: SessionId) -> Result<Option<Session>, Failure> {
        Ok(self.read()?.sessions.get(&id).filter(|session| takes_in(scope, &session.tenant)).cloned())
    }
}

#[async_trait]
impl Roles for MemoryStore {
    async fn roles(&self, tenant: &TenantId) -> Result<Option<DefinedRoles>, Failure> {
        Ok(self.read()?.roles(tenant))
    }
}

#[async_trait]
impl Tenants for MemoryStore {
    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, Failure> {
        Ok(self.read()?.tenant(id))
    }

    async fn tenants(&self, query: &TenantQuery) -> Result<Page<Tenant>, Failure> {
        Ok(self.read()?.tenant_page(query))
    }
}

#[async_trait]
impl StoredKeys for MemoryStore {
    async fn data_key(&self) -> Result<Option<WrappedKey>, Failure> {
        Ok(self.read()?.data_key.clone())
    }

    async fn signing_key(&self, scope: &Scope, purpose: KeyPurpose) -> Result<Option<SealedKey>, Failure> {
        Ok(self.read()?.signing_key(scope, purpose).cloned())
    }
}

#[async_trait]
impl IssuerKeys for MemoryStore {
    async fn issuer_key(
        &self,
        tenant: &TenantId,
        usage: KeyUse,
        algorithm: JwsAlgorithm,
        state: IssuerKeyState,
    ) -> Result<Option<IssuerKey>, Failure> {
        Ok(self.read()?.issuer_key(tenant, (usage, algorithm), state).cloned())
    }

    async fn issuer_key_of_id(&self, scope: &Scope, id: KeyId) -> Result<Option<IssuerKey>, Failure> {
        Ok(self.read()?.issuer_keys_in(scope).into_iter().find(|key| key.id == id))
    }

    async fn issuer_keys(&self, scope: &Scope) -> Result<Vec<IssuerKey>, Failure> {
        Ok(self.read()?.issuer_keys_in(scope))
    }

    async fn due_issuer_keys(&self, state: IssuerKeyState, until: Timestamp) -> Result<Vec<IssuerKey>, Failure> {
        Ok(self.read()?.due_issuer_keys(state, until))
    }
}

#[async_trait]
impl AuditTrail for MemoryStore {
    async fn events_about(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<AuditEvent>, Failure> {
        Ok(self.read()?.events_about(tenant, identity))
    }

    async fn events(&self, query: &EventQuery, after: Option<EventCursor>, limit: u32) -> Result<EventPage, Failure> {
        Ok(self.read()?.event_page(query, after, limit))
    }

    async fn count_events(&self, scope: &Scope, until: Timestamp) -> Result<Vec<(TenantId, u64)>, Failure> {
        Ok(self.read()?.count_events(scope, until))
    }
}

#[async_trait]
impl Seals for MemoryStore {
    async fn sealed_until(&self) -> Result<Timestamp, Failure> {
        Ok(self.read()?.sealed_until)
    }

    async fn unsealed(&self, after: Timestamp, until: Timestamp) -> Result<Unsealed, Failure> {
        Ok(self.read()?.unsealed(after, until))
    }

    async fn last_seal(&self, tenant: &TenantId) -> Result<Option<Seal>, Failure> {
        Ok(self.read()?.last_seal(tenant))
    }

    async fn seals(&self, tenant: &TenantId, after: i64, limit: u32) -> Result<Vec<Seal>, Failure> {
        Ok(self.read()?.seals_after(tenant, after, limit))
    }

    async fn trail(&self, stretch: &Stretch) -> Result<Vec<TrailEvent>, Failure> {
        Ok(self.read()?.trail(stretch))
    }

    async fn next_trail(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, Failure> {
        Ok(self.read()?.next_trail(after))
    }
}

#[async_trait]
impl Revocations for MemoryStore {
    async fn revocations(&self, of: &Scope, ids: &[AdminTokenId]) -> Result<Vec<AdminTokenId>, Failure> {
        Ok(self.read()?.revocations(of, ids))
    }
}

#[async_trait]
impl StoredResponses for MemoryStore {
    async fn stored_response(
        &self,
        tenant: &TenantId,
        operator: &str,
        key: &str,
    ) -> Result<Option<StoredResponse>, Failure> {
        Ok(self.read()?.stored_response(tenant, operator, key).cloned())
    }
}

#[async_trait]
impl Cleanup for MemoryStore {
    async fn has_expired(&self, outdated: &Expired) -> Result<bool, Failure> {
        Ok(self.read()?.has_expired(outdated))
    }
}
