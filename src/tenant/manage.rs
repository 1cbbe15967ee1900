//! Creates, changes and deletes tenants.

use std::slice;

use kayan_ports::{
    Change, CommitError, DefinedRoles, EventType, Guard, KeyUse, Page, RoleChange, Tenant, TenantChange, TenantId,
    TenantQuery, TenantSettings, Unique, Version,
};
use serde_json::json;

use crate::{
    DeniedError, Failure, FieldError, Kayan, Operator,
    access::idempotency::Once,
    policy::{
        key_rotation::DEFAULT_ALGORITHM,
        permission::{Pattern, Permission},
        role::Definitions,
        tenant::{self, Limits, MfaRequired},
    },
};

/// The longest display name, in characters.
const LONGEST_NAME: usize = 255;

/// Creates a tenant.
#[derive(Debug, Clone)]
pub struct CreateTenant {
    /// Its name in requests.
    pub id: TenantId,
    /// Its display name.
    pub name: String,
    /// Its settings.
    pub settings: TenantSettings,
}

/// Changes a tenant; `None` leaves a value unchanged.
#[derive(Debug, Clone)]
pub struct UpdateTenant {
    /// The tenant.
    pub id: TenantId,
    /// Its display name.
    pub name: Option<String>,
    /// Whether its users may log in.
    pub active: Option<bool>,
    /// Its settings, which replace all present ones.
    pub settings: Option<TenantSettings>,
    /// The version that was read; `None` skips the check.
    pub expected: Option<Version>,
}

/// Why the tenant was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManageTenantError {
    /// The operator may not manage tenants.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// The name or the settings are not valid.
    #[error("the tenant's settings are not valid")]
    Invalid(Vec<FieldError>),
    /// The name is taken.
    #[error("there is a tenant `{0}` already")]
    AlreadyExists(TenantId),
    /// There is no tenant with this name, or the operator may not access it.
    #[error("there is no tenant `{0}`")]
    NotFound(TenantId),
    /// The tenant was changed since it was read.
    #[error("the tenant was changed since it was read; read it again and retry")]
    Changed,
    /// It has users, or it is the default tenant.
    #[error("the tenant is in use: {0}")]
    InUse(&'static str),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Creates a tenant. The operator must not be bound to a tenant.
    pub async fn create_tenant(&self, operator: &Operator, cmd: CreateTenant) -> Result<Tenant, ManageTenantError> {
        let action = "tenant.create";
        self.permit(operator, &Permission::TENANTS_WRITE, action).await?;
        if operator.scope.tenant().is_some() {
            self.forbid(operator, Pattern::only(&Permission::TENANTS_WRITE), action).await?;
        }
        self.once(operator, |once| self.make_tenant(once, operator, action, cmd)).await
    }

    async fn make_tenant(
        &self,
        once: Once<'_>,
        operator: &Operator,
        action: &'static str,
        cmd: CreateTenant,
    ) -> Result<Tenant, ManageTenantError> {
        self.check(&cmd.name, &cmd.settings)?;
        // It has only the built-in roles so far.
        let built_in = Definitions::new(&DefinedRoles { defined: Vec::new(), version: 0 });
        know_roles(&built_in, &cmd.settings)?;
        let (now, CreateTenant { id, name, settings }) = (self.clock.now(), cmd);
        let tenant =
            Tenant { id, name, active: true, settings, created_at: now, updated_at: now, version: 1, epoch: 0 };
        let event = self.tenant_event(operator, action, (None, Some(&tenant)));
        let changes = vec![Change::Tenant(TenantChange::Create(Box::new(tenant.clone()))), event];
        match once.commit(changes, None, &tenant).await {
            Ok(()) => {
                self.make_keys_ahead(&tenant).await;
                Ok(tenant)
            }
            Err(CommitError::Conflict(Unique::Tenant)) => Err(ManageTenantError::AlreadyExists(tenant.id)),
            Err(other) => Err(ManageTenantError::Failed(other.into())),
        }
    }

    /// Changes a tenant. Its sessions are revoked when it is deactivated, and when it requires a second factor of everyone
    /// from now on. Where that begins later, or only for some, their sessions are refused from then on instead.
    pub async fn update_tenant(&self, operator: &Operator, cmd: UpdateTenant) -> Result<Tenant, ManageTenantError> {
        let action = "tenant.update";
        self.permit(operator, &Permission::TENANTS_WRITE, action).await?;
        let before = self.tenant_of(operator, &cmd.id).await?;
        if cmd.expected.is_some_and(|expected| expected != before.version) {
            return Err(ManageTenantError::Changed);
        }
        let is_default = before.id == TenantId::default();
        if cmd.active == Some(false) && is_default {
            return Err(ManageTenantError::InUse("requests that name no tenant use `default`"));
        }
        let after = Tenant {
            name: cmd.name.unwrap_or_else(|| before.name.clone()),
            active: cmd.active.unwrap_or(before.active),
            settings: cmd.settings.unwrap_or_else(|| before.settings.clone()),
            updated_at: self.clock.now(),
            version: before.version + 1,
            ..before.clone()
        };
        self.check(&after.name, &after.settings)?;
        let mut changes = Vec::with_capacity(4);
        if after.settings.mfa_required_roles != before.settings.mfa_required_roles {
            let definitions = self.definitions_now(&after.id).await?;
            know_roles(&definitions, &after.settings)?;
            let (tenant, version) = (after.id.clone(), definitions.version);
            changes.push(Change::Role(RoleChange::Pin { tenant, version }));
        }
        changes.push(Change::Tenant(TenantChange::Replace(Box::new(after.clone()))));
        let of_everyone =
            |tenant: &Tenant| tenant::mfa_required(&tenant.settings, after.updated_at) == MfaRequired::OfEveryone;
        if !after.active || of_everyone(&after) && !of_everyone(&before) {
            changes.push(self.end_all_sessions((&after.id).into()));
        }
        changes.push(self.tenant_event(operator, action, (Some(&before), Some(&after))));
        match self.store.changes.commit(changes).await {
            Ok(()) => {
                self.make_keys_ahead(&after).await;
                Ok(after)
            }
            Err(CommitError::Stale(Guard::Tenant | Guard::Roles)) => Err(ManageTenantError::Changed),
            Err(other) => Err(ManageTenantError::Failed(other.into())),
        }
    }

    /// Deletes a tenant without users, with its roles; its audit events stay.
    pub async fn delete_tenant(
        &self,
        operator: &Operator,
        id: &TenantId,
        expected: Option<Version>,
    ) -> Result<(), ManageTenantError> {
        let action = "tenant.delete";
        self.permit(operator, &Permission::TENANTS_DELETE, action).await?;
        let before = self.tenant_of(operator, id).await?;
        if expected.is_some_and(|expected| expected != before.version) {
            return Err(ManageTenantError::Changed);
        }
        if *id == TenantId::default() {
            return Err(ManageTenantError::InUse("requests that name no tenant use `default`"));
        }
        let delete = Change::Tenant(TenantChange::Delete { tenant: id.clone(), expected: before.version });
        let event = self.tenant_event(operator, action, (Some(&before), None));
        let committed = self.store.changes.commit(vec![delete, event]).await;
        self.forget_roles(id);
        match committed {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::TenantInUse)) => {
                Err(ManageTenantError::InUse("it has users: delete them first, or deactivate it instead"))
            }
            Err(CommitError::Stale(Guard::Tenant)) => Err(ManageTenantError::Changed),
            Err(other) => Err(ManageTenantError::Failed(other.into())),
        }
    }

    /// A tenant, active or not.
    pub async fn find_tenant(&self, operator: &Operator, id: &TenantId) -> Result<Tenant, ManageTenantError> {
        self.permit(operator, &Permission::TENANTS_READ, "tenant.get").await?;
        self.tenant_of(operator, id).await
    }

    /// Tenants by name: `limit` of them, 1 to 100, after `offset`.
    pub async fn list_tenants(
        &self,
        operator: &Operator,
        limit: u32,
        offset: u64,
    ) -> Result<Page<Tenant>, ManageTenantError> {
        self.permit(operator, &Permission::TENANTS_READ, "tenant.list").await?;
        let query = TenantQuery { only: operator.scope.tenant().cloned(), limit, offset };
        Ok(self.store.tenants.tenants(&query).await?)
    }

    /// Makes the signing keys for the tenant's audiences, so that verifiers can read them before the first token.
    async fn make_keys_ahead(&self, tenant: &Tenant) {
        for audience in &tenant.settings.jwt_audiences {
            let algorithm = audience.algorithm.unwrap_or(DEFAULT_ALGORITHM);
            // If this fails, the first token makes it.
            let _made = self.active_issuer_key(&tenant.id, KeyUse::Jwt, algorithm).await;
        }
    }

    async fn tenant_of(&self, operator: &Operator, id: &TenantId) -> Result<Tenant, ManageTenantError> {
        let found = match operator.within(Some(id)) {
            None => None,
            Some(_) => self.store.tenants.tenant(id).await?,
        };
        found.ok_or_else(|| ManageTenantError::NotFound(id.clone()))
    }

    fn check(&self, name: &str, settings: &TenantSettings) -> Result<(), ManageTenantError> {
        let limits = Limits {
            passwords: self.settings.passwords,
            max_bytes: self.hasher.max_bytes(),
            knows_breaches: self.breaches.is_some(),
            sends_mail: self.sends_mail(),
        };
        let mut errors = tenant::judge(settings, &limits);
        if name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            let message = format!("must be at most {LONGEST_NAME} characters, none of them a control character");
            errors.push(FieldError { pointer: "/name".to_owned(), code: "maxLength".to_owned(), message });
        }
        if errors.is_empty() { Ok(()) } else { Err(ManageTenantError::Invalid(errors)) }
    }

    /// Written in the tenant that it concerns, which may no longer exist.
    fn tenant_event(
        &self,
        operator: &Operator,
        action: &'static str,
        (before, after): (Option<&Tenant>, Option<&Tenant>),
    ) -> Change {
        let shown =
            |tenant: &Tenant| json!({ "name": tenant.name, "active": tenant.active, "settings": tenant.settings });
        let id = before.or(after).map(|tenant| tenant.id.clone()).unwrap_or_default();
        let (kind, now) = (EventType::AdminAction, self.clock.now());
        self.operator_event(operator, &id, kind, now, "a tenant was changed")
            .resource(format!("tenant/{id}"))
            .with("action", action)
            .values(before.map(shown), after.map(shown))
            .record()
    }
}

/// A role that does not exist would require a second factor of nobody.
fn know_roles(definitions: &Definitions, settings: &TenantSettings) -> Result<(), ManageTenantError> {
    let unknown = |(at, name): (usize, &String)| {
        let error = definitions.know(slice::from_ref(name)).err()?;
        Some(FieldError::new(format!("/settings/mfa_required_roles/{at}"), "role", error.to_string()))
    };
    let errors: Vec<_> = settings.mfa_required_roles.iter().flatten().enumerate().filter_map(unknown).collect();
    if errors.is_empty() { Ok(()) } else { Err(ManageTenantError::Invalid(errors)) }
}

#[cfg(test)]
mod tests;
