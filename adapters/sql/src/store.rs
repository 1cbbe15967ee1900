//! The port's promises, each kept in its noun's file.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_ports::{
    Account, AccountQuery, AdminTokenId, AuditEvent, Change, Client, CommitError, Credential, EventCursor, EventPage,
    EventQuery, Identifier, Identity, IdentityId, IdentityQuery, KeptAnswer, KeyPurpose, Lookup, Outdated, Page,
    Presented, Refreshing, Roles, Scope, Seal, SealedKey, Session, SessionId, SessionQuery, SignIn, Store, StoreError,
    Stretch, Tenant, TenantId, TenantQuery, Timestamp, TokenHash, TrailEvent, Unsealed, WrappedKey,
};

use crate::{
    Driver, accounts, audit, changes, checked::Checked, credentials, events, identities, identity_lists, kept_answers,
    keys, outdated, revocations, roles, seals, sessions, tenants,
};

/// The store over a database that `D` speaks to.
#[derive(Debug)]
pub struct SqlStore<D> {
    driver: Checked<D>,
    replica: Option<Checked<D>>,
}

impl<D: Driver> SqlStore<D> {
    /// A store over this driver.
    pub fn new(driver: D) -> Self {
        Self { driver: Checked(driver), replica: None }
    }

    /// Reads that nothing is decided on, which may therefore lag, are sent to this replica.
    #[must_use]
    pub fn with_replica(self, replica: D) -> Self {
        Self { replica: Some(Checked(replica)), ..self }
    }

    /// Where to read what may lag.
    fn lagging(&self) -> &Checked<D> {
        self.replica.as_ref().unwrap_or(&self.driver)
    }

    /// The driver, for migrations and health.
    pub fn driver(&self) -> &D {
        &self.driver.0
    }
}

#[async_trait]
impl<D: Driver> Store for SqlStore<D> {
    async fn commit(&self, changes: Vec<Change>) -> Result<(), CommitError> {
        changes::commit(&self.driver, changes).await
    }

    async fn sign_in(
        &self,
        tenant: &TenantId,
        identifier: &Identifier,
        client: &Client,
    ) -> Result<Option<SignIn>, StoreError> {
        credentials::sign_in(&self.driver, tenant, identifier, client).await
    }

    async fn presented(&self, tenant: &TenantId, token: &TokenHash) -> Result<Lookup<Arc<Presented>>, StoreError> {
        Ok(sessions::presented(&self.driver, tenant, token).await?.map(Arc::new))
    }

    async fn refreshing(&self, tenant: &TenantId, token: &TokenHash) -> Result<Lookup<Refreshing>, StoreError> {
        sessions::refreshing(&self.driver, tenant, token).await
    }

    async fn identity(&self, scope: &Scope, id: IdentityId) -> Result<Option<Identity>, StoreError> {
        identities::by_id(&self.driver, scope, id).await
    }

    async fn identities_named(&self, scope: &Scope, identifier: &Identifier) -> Result<Vec<Identity>, StoreError> {
        identities::by_identifier(&self.driver, scope, identifier).await
    }

    async fn ended_locks(&self, now: Timestamp) -> Result<Vec<Identity>, StoreError> {
        identities::ended_locks(&self.driver, now).await
    }

    async fn identities(&self, query: &IdentityQuery) -> Result<Page<Identity>, StoreError> {
        identity_lists::page(self.lagging(), query).await
    }

    async fn accounts(&self, query: &AccountQuery) -> Result<Vec<Account>, StoreError> {
        accounts::page(self.lagging(), query).await
    }

    async fn tenant_with_accounts(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, StoreError> {
        accounts::tenant_after(self.lagging(), after).await
    }

    async fn password(&self, scope: &Scope, identity: IdentityId) -> Result<Option<Credential>, StoreError> {
        credentials::password(&self.driver, scope, identity).await
    }

    async fn sessions(
        &self,
        tenant: &TenantId,
        identity: IdentityId,
        at: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        sessions::live(&self.driver, tenant, identity, at).await
    }

    async fn active_sessions(&self, query: &SessionQuery) -> Result<Page<Session>, StoreError> {
        sessions::page(self.lagging(), query).await
    }

    async fn count_active_sessions(&self, scope: &Scope, identity: Option<IdentityId>) -> Result<u64, StoreError> {
        sessions::count_active(&self.driver, scope, identity).await
    }

    async fn active_sessions_by_tenant(&self, at: Timestamp) -> Result<Vec<(TenantId, u64)>, StoreError> {
        sessions::count_by_tenant(self.lagging(), at).await
    }

    async fn session(&self, scope: &Scope, id: SessionId) -> Result<Option<Session>, StoreError> {
        sessions::by_id(&self.driver, scope, id).await
    }

    async fn tenant(&self, id: &TenantId) -> Result<Option<Tenant>, StoreError> {
        tenants::by_id(&self.driver, id).await
    }

    async fn tenants(&self, query: &TenantQuery) -> Result<Page<Tenant>, StoreError> {
        tenants::page(self.lagging(), query).await
    }

    async fn roles(&self, tenant: &TenantId) -> Result<Option<Roles>, StoreError> {
        roles::of(&self.driver, tenant).await
    }

    async fn data_key(&self) -> Result<Option<WrappedKey>, StoreError> {
        keys::data_key(&self.driver).await
    }

    async fn signing_key(&self, scope: &Scope, purpose: KeyPurpose) -> Result<Option<SealedKey>, StoreError> {
        keys::signing_key(&self.driver, scope, purpose).await
    }

    async fn revocations(&self, of: &Scope, ids: &[AdminTokenId]) -> Result<Vec<AdminTokenId>, StoreError> {
        revocations::among(&self.driver, of, ids).await
    }

    async fn kept_answer(
        &self,
        tenant: &TenantId,
        operator: &str,
        key: &str,
    ) -> Result<Option<KeptAnswer>, StoreError> {
        kept_answers::read(&self.driver, tenant, operator, key).await
    }

    async fn has_outdated(&self, outdated: &Outdated) -> Result<bool, StoreError> {
        outdated::is_there(&self.driver, outdated).await
    }

    async fn sealed_until(&self) -> Result<Timestamp, StoreError> {
        seals::sealed_until(&self.driver).await
    }

    async fn unsealed(&self, after: Timestamp, until: Timestamp) -> Result<Unsealed, StoreError> {
        seals::unsealed(&self.driver, after, until).await
    }

    async fn last_seal(&self, tenant: &TenantId) -> Result<Option<Seal>, StoreError> {
        seals::last(&self.driver, tenant).await
    }

    async fn seals(&self, tenant: &TenantId, after: i64, limit: u32) -> Result<Vec<Seal>, StoreError> {
        seals::after(&self.driver, tenant, after, limit).await
    }

    async fn trail(&self, stretch: &Stretch) -> Result<Vec<TrailEvent>, StoreError> {
        seals::trail(&self.driver, stretch).await
    }

    async fn next_trail(&self, after: Option<&TenantId>) -> Result<Option<TenantId>, StoreError> {
        seals::next_trail(&self.driver, after).await
    }

    async fn events_about(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<AuditEvent>, StoreError> {
        audit::about(self.lagging(), tenant, identity).await
    }

    async fn events(
        &self,
        query: &EventQuery,
        after: Option<EventCursor>,
        limit: u32,
    ) -> Result<EventPage, StoreError> {
        events::page(&self.driver, query, after, limit).await
    }

    async fn count_events(&self, scope: &Scope, until: Timestamp) -> Result<Vec<(TenantId, u64)>, StoreError> {
        events::count(&self.driver, scope, until).await
    }
}
