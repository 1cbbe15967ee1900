//! A store whose audit events are also written to the audit log, once they are committed.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_ports::{
    Account, AccountQuery, AdminTokenId, AuditEvent, Change, Client, CommitError, Credential, EventCursor, EventPage,
    EventQuery, Identifier, Identity, IdentityId, IdentityQuery, KeptAnswer, KeyPurpose, Lookup, Outdated, Page,
    Presented, Refreshing, Roles, Scope, Seal, SealedKey, Session, SessionId, SessionQuery, SignIn, Store, StoreError,
    Stretch, Tenant, TenantId, TenantQuery, Timestamp, TokenHash, TrailEvent, Unsealed, WrappedKey,
};
use opentelemetry::trace::FutureExt as _;

use crate::AuditLog;

/// Decorates a store with the audit log. Needs a tokio runtime.
pub struct Audited {
    inner: Arc<dyn Store>,
    log: Arc<AuditLog>,
}

impl Audited {
    /// Writes the audit events that are committed to `inner` to `log`.
    pub fn new(inner: Arc<dyn Store>, log: Arc<AuditLog>) -> Self {
        Self { inner, log }
    }
}

impl AuditLog {
    /// Writes the audit events of changes that were committed without [`Audited`].
    pub fn record(&self, changes: &[Change]) {
        let (text, count) = lines(changes);
        if count > 0 {
            self.write(text, count);
        }
    }
}

/// The audit events of the changes as JSON lines, and their number.
fn lines(changes: &[Change]) -> (Vec<u8>, u64) {
    let (mut text, mut count) = (Vec::new(), 0);
    for change in changes {
        let Change::Record(event) = change else { continue };
        if kayan_ports::terminal::write_json(&mut text, event).is_ok() {
            text.push(b'\n');
            count += 1;
        }
    }
    (text, count)
}

#[async_trait]
impl Store for Audited {
    /// Continues when the caller is cancelled, so that every committed event is written.
    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        let (text, count) = lines(&changes);
        if count == 0 {
            return self.inner.commit(changes).await;
        }
        let (inner, log) = (self.inner.clone(), self.log.clone());
        let committing = async move {
            let outcome = inner.commit(changes).await;
            if outcome.is_ok() {
                log.write(text, count);
            }
            outcome
        };
        let committing = tokio::spawn(committing.with_current_context());
        committing.await.unwrap_or_else(|_| Err(CommitError::Fault("the commit was aborted".to_owned())))
    }

    async fn presented(&self, tenant: &TenantId, token: &TokenHash) -> Result<Lookup<Arc<Presented>>, StoreError> {
        self.inner.presented(tenant, token).await
    }

    async fn sign_in(
        &self,
        tenant: &TenantId,
        identifier: &Identifier,
        client: &Client,
    ) -> Result<Option<SignIn>, StoreError> {
        self.inner.sign_in(tenant, identifier, client).await
    }

    async fn refreshing(&self, tenant: &TenantId, token: &TokenHash) -> Result<Lookup<Refreshing>, StoreError> {
        self.inner.refreshing(tenant, token).await
    }

    async fn identity(&self, scope: &Scope, id: IdentityId) -> Result<Option<Identity>, StoreError> {
        self.inner.identity(scope, id).await
    }

    async fn identities_named(&self, scope: &Scope, identifier: &Identifier) -> Result<Vec<Identity>, StoreError> {
        self.inner.identities_named(scope, identifier).await
    }

    async fn ended_locks(&self, now: Timestamp) -> Result<Vec<Identity>, StoreError> {
        self.inner.ended_locks(now).await
    }

    async fn identities(&self, query: &IdentityQuery) -> Result<Page<Identity>, StoreError> {
        self.inner.identities(query).await
    }

    async fn password(&self, scope: &Scope, identity: IdentityId) -> Result<Option<Credential>, StoreError> {
        self.inner.password(scope, identity).await
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        identity: IdentityId,
        at: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        self.inner.sessions(tenant, identity, at).await
    }

    async fn active_sessions(&self, query: &SessionQuery) -> Result<Page<Session>, StoreError> {
        self.inner.active_sessions(query).await
    }

    async fn count_active_sessions(&self, scope: &Scope, identity: Option<IdentityId>) -> Result<u64, StoreError> {
        self.inner.count_active_sessions(scope, identity).await
    }

    async fn active_sessions_by_tenant(&self, at: Timestamp) -> Result<Vec<(TenantId, u64)>, StoreError> {
        self.inner.active_sessions_by_tenant(at).await
    }

    async fn session(&self, scope: &Scope, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.inner.session(scope, id).await
    }

    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        self.inner.tenant(id).await
    }

    async fn tenants(&self, query: &TenantQuery) -> Result<Page<Tenant>, StoreError> {
        self.inner.tenants(query).await
    }

    async fn roles(&self, tenant: &TenantId) -> Result<Option<Roles>, StoreError> {
        self.inner.roles(tenant).await
    }

    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>, StoreError> {
        self.inner.accounts(query).await
    }

    async fn tenant_with_accounts(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, StoreError> {
        self.inner.tenant_with_accounts(after).await
    }

    async fn kept_answer(
        &self,
        tenant: &TenantId,
        operator: &str,
        key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        self.inner.kept_answer(tenant, operator, key).await
    }

    async fn has_outdated(&self, outdated: &Outdated) -> Result<bool, StoreError> {
        self.inner.has_outdated(outdated).await
    }

    async fn sealed_until(&self) -> Result<Timestamp, StoreError> {
        self.inner.sealed_until().await
    }

    async fn unsealed(&self, after: Timestamp, until: Timestamp) -> Result<Unsealed, StoreError> {
        self.inner.unsealed(after, until).await
    }

    async fn last_seal(&self, tenant: &TenantId) -> Result<Option<Seal>, StoreError> {
        self.inner.last_seal(tenant).await
    }

    async fn seals(&self, tenant: &TenantId, after: i64, limit: u32) -> Result<Vec<Seal>, StoreError> {
        self.inner.seals(tenant, after, limit).await
    }

    async fn trail(&self, stretch: &Stretch) -> Result<Vec<TrailEvent>, StoreError> {
        self.inner.trail(stretch).await
    }

    async fn next_trail(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, StoreError> {
        self.inner.next_trail(after).await
    }

    async fn data_key(&self) -> Result<Option<WrappedKey>, StoreError> {
        self.inner.data_key().await
    }

    async fn signing_key(&self, scope: &Scope, purpose: KeyPurpose) -> Result<Option<SealedKey>, StoreError> {
        self.inner.signing_key(scope, purpose).await
    }

    async fn revocations(&self, of: &Scope, ids: &[AdminTokenId]) -> Result<Vec<AdminTokenId>, StoreError> {
        self.inner.revocations(of, ids).await
    }

    async fn events_about(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<AuditEvent>, StoreError> {
        self.inner.events_about(tenant, identity).await
    }

    async fn events(
        &self,
        query: &EventQuery,
        after: Option<EventCursor>,
        limit: u32,
    ) -> Result<EventPage, StoreError> {
        self.inner.events(query, after, limit).await
    }

    async fn count_events(&self, scope: &Scope, until: Timestamp) -> Result<Vec<(TenantId, u64)>, StoreError> {
        self.inner.count_events(scope, until).await
    }
}

#[cfg(test)]
mod tests;
