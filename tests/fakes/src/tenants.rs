//! Tenants, the roles that they define, and who has which.

use std::collections::BTreeMap;

use kayan_ports::{
    ADMIN, CommitError, DefinedRoles, Guard, IdentityId, Page, Role, Scope, Session, SessionQuery, State, Tenant,
    TenantId, TenantQuery, TenantSettings, Timestamp, Unique, Version,
};

use crate::rows::{Rows, takes_in};

/// A tenant and its roles.
#[derive(Debug, Clone)]
pub(crate) struct TenantRows {
    pub(crate) tenant: Tenant,
    roles: BTreeMap<String, Role>,
    roles_version: Version,
}

impl TenantRows {
    /// A tenant that nothing is set for.
    pub(crate) fn new(id: TenantId, active: bool) -> Self {
        let (created_at, settings) = (Timestamp::UNIX_EPOCH, TenantSettings::default());
        Self::of(Tenant {
            id,
            name: String::new(),
            active,
            settings,
            created_at,
            updated_at: created_at,
            version: 1,
            epoch: 0,
        })
    }

    fn of(tenant: Tenant) -> Self {
        Self { tenant, roles: BTreeMap::new(), roles_version: 1 }
    }
}

const STALE: CommitError = CommitError::Stale(Guard::Tenant);

impl Rows {
    pub(crate) fn tenant(&self, id: &TenantId) -> Option<Tenant> {
        self.tenants.get(id).map(|rows| rows.tenant.clone())
    }

    pub(crate) fn settings(&self, id: &TenantId) -> Option<TenantSettings> {
        self.tenant(id).filter(|tenant| tenant.active).map(|tenant| tenant.settings)
    }

    pub(crate) fn epoch(&self, id: &TenantId) -> Option<i64> {
        self.tenants.get(id).map(|rows| rows.tenant.epoch)
    }

    pub(crate) fn begin_epoch(&mut self, scope: &Scope, epoch: i64) {
        let meant = self.tenants.iter_mut().filter(|(id, _)| takes_in(scope, id));
        meant.for_each(|(_, rows)| rows.tenant.epoch = epoch);
    }

    pub(crate) fn tenant_page(&self, query: &TenantQuery) -> Page<Tenant> {
        let all = self.tenants.values().map(|rows| &rows.tenant);
        let found: Vec<_> = all.filter(|it| query.only.as_ref().is_none_or(|only| *only == it.id)).collect();
        page(&found, query.limit, query.offset)
    }

    pub(crate) fn roles(&self, tenant: &TenantId) -> Option<DefinedRoles> {
        let rows = self.tenants.get(tenant)?;
        Some(DefinedRoles { defined: rows.roles.values().cloned().collect(), version: rows.roles_version })
    }

    pub(crate) fn create_tenant(&mut self, tenant: Tenant) -> Result<(), CommitError> {
        match self.tenants.insert(tenant.id.clone(), TenantRows::of(tenant)) {
            None => Ok(()),
            Some(_) => Err(CommitError::Conflict(Unique::Tenant)),
        }
    }

    pub(crate) fn replace_tenant(&mut self, tenant: Tenant) -> Result<(), CommitError> {
        let rows = self.tenants.get_mut(&tenant.id).ok_or(STALE)?;
        if rows.tenant.version != tenant.version.saturating_sub(1) {
            return Err(STALE);
        }
        rows.tenant = Tenant { created_at: rows.tenant.created_at, epoch: rows.tenant.epoch, ..tenant };
        Ok(())
    }

    pub(crate) fn delete_tenant(&mut self, id: &TenantId, expected: Version) -> Result<(), CommitError> {
        if self.tenants.remove(id).is_none_or(|rows| rows.tenant.version != expected) {
            return Err(STALE);
        }
        self.attempts.retain(|key, _| key.target.tenant != *id);
        self.messages.retain(|_, queued| queued.message.tenant != *id);
        self.issuer_keys.retain(|key| key.tenant != *id);
        if self.identities.values().any(|identity| identity.tenant == *id) {
            return Err(CommitError::Stale(Guard::TenantInUse));
        }
        Ok(())
    }

    pub(crate) fn pin_roles(&self, tenant: &TenantId, version: Version) -> Result<(), CommitError> {
        let present = self.tenants.get(tenant).map(|rows| rows.roles_version);
        if present == Some(version) { Ok(()) } else { Err(CommitError::Stale(Guard::Roles)) }
    }

    fn changing_roles(&mut self, tenant: &TenantId) -> Result<&mut BTreeMap<String, Role>, CommitError> {
        let rows = self.tenants.get_mut(tenant).ok_or(STALE)?;
        rows.roles_version += 1;
        Ok(&mut rows.roles)
    }

    pub(crate) fn create_role(&mut self, role: Role) -> Result<(), CommitError> {
        match self.changing_roles(&role.tenant)?.insert(role.name.clone(), role) {
            None => Ok(()),
            Some(_) => Err(CommitError::Conflict(Unique::Role)),
        }
    }

    pub(crate) fn replace_role(&mut self, role: Role) -> Result<(), CommitError> {
        let stale = CommitError::Stale(Guard::Role);
        let present = self.changing_roles(&role.tenant)?.get_mut(&role.name).ok_or(stale.clone())?;
        if present.version != role.version.saturating_sub(1) {
            return Err(stale);
        }
        *present = Role { created_at: present.created_at, ..role };
        Ok(())
    }

    pub(crate) fn delete_role(&mut self, tenant: &TenantId, name: &str, expected: Version) -> Result<(), CommitError> {
        let mut theirs = self.identities.values().filter(|identity| identity.tenant == *tenant);
        if theirs.any(|identity| identity.roles.iter().any(|role| role == name)) {
            return Err(CommitError::Stale(Guard::RoleInUse));
        }
        match self.changing_roles(tenant)?.remove(name) {
            Some(role) if role.version == expected => Ok(()),
            _ => Err(CommitError::Stale(Guard::Role)),
        }
    }

    pub(crate) fn assign_roles(
        &mut self,
        tenant: TenantId,
        (identity, expected): (IdentityId, Version),
        roles: Vec<String>,
        at: Timestamp,
    ) -> Result<(), CommitError> {
        self.changeable(&tenant.into(), identity, Some(expected), at)?.roles = roles;
        Ok(())
    }

    pub(crate) fn require_admin(&self, tenant: &TenantId) -> Result<(), CommitError> {
        let mut theirs = self.identities.values().filter(|identity| identity.tenant == *tenant);
        let is_admin = |roles: &[String]| roles.iter().any(|role| role == ADMIN);
        let is_there = theirs.any(|identity| identity.state == State::Active && is_admin(&identity.roles));
        if is_there { Ok(()) } else { Err(CommitError::Stale(Guard::LastAdmin)) }
    }

    pub(crate) fn active_sessions_by_tenant(&self, at: Timestamp) -> Vec<(TenantId, u64)> {
        let mut counts = BTreeMap::new();
        for session in self.sessions.values().filter(|session| session.active && session.ends_at > at) {
            *counts.entry(session.tenant.clone()).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }

    pub(crate) fn count_active_sessions(&self, scope: &Scope, identity: Option<IdentityId>) -> u64 {
        let meant = |session: &&Session| {
            takes_in(scope, &session.tenant) && identity.is_none_or(|only| only == session.identity) && session.active
        };
        self.sessions.values().filter(meant).fold(0, |count, _| count + 1)
    }

    pub(crate) fn active_sessions(&self, query: &SessionQuery) -> Page<Session> {
        let meant = |session: &&Session| {
            takes_in(&query.scope, &session.tenant)
                && query.identity.is_none_or(|only| only == session.identity)
                && session.active
                && session.ends_at > query.at
        };
        let found: Vec<_> = self.sessions.values().rev().filter(meant).collect();
        page(&found, query.limit, query.offset)
    }
}

fn page<T: Clone>(found: &[&T], limit: u32, offset: u64) -> Page<T> {
    let (limit, offset) = (usize::try_from(limit), usize::try_from(offset));
    let rows = found.iter().skip(offset.unwrap_or(usize::MAX)).take(limit.unwrap_or(usize::MAX));
    let total = u64::try_from(found.len()).unwrap_or(u64::MAX);
    Page { rows: rows.copied().cloned().collect(), damaged: Vec::new(), total }
}
