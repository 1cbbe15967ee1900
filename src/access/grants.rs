//! The permissions that an identity's roles grant.

use std::{collections::HashMap, sync::Arc};

use kayan_ports::{AccountChange, Change, Identity, RoleChange, State, TenantId, Timestamp};
use time::Duration;

use crate::{
    DeniedError, Failure, Kayan, Operator,
    policy::{
        permission::{Grants, Pattern, Permission},
        role::Definitions,
    },
};

/// How long a tenant's role definitions are reused; a change by this process invalidates them at once.
const MAX_AGE: Duration = Duration::seconds(5);
/// The maximum number of tenants whose definitions are cached.
const CAPACITY: usize = 1_000;

/// Role definitions that were read recently.
#[derive(Debug, Default)]
pub(crate) struct RememberedRoles(HashMap<TenantId, (Timestamp, Arc<Definitions>)>);

impl Kayan {
    /// A tenant's roles, at most five seconds old; the built-in ones for an unknown tenant.
    pub(crate) async fn definitions(&self, tenant: &TenantId) -> Result<Arc<Definitions>, Failure> {
        let now = self.clock.now();
        let remembered = self.roles.lock().0.get(tenant).filter(|(at, _)| now - *at < MAX_AGE).cloned();
        match remembered {
            Some((_, definitions)) => Ok(definitions),
            None => self.definitions_now(tenant).await,
        }
    }

    /// A tenant's current roles, for changes that depend on them.
    pub(crate) async fn definitions_now(&self, tenant: &TenantId) -> Result<Arc<Definitions>, Failure> {
        let now = self.clock.now();
        let stored = self.store.roles.roles(tenant).await?;
        let stored = stored.unwrap_or(kayan_ports::DefinedRoles { defined: Vec::new(), version: 0 });
        let definitions = Arc::new(Definitions::new(&stored));
        let mut remembered = self.roles.lock();
        if remembered.0.len() >= CAPACITY {
            remembered.0.clear();
        }
        remembered.0.insert(tenant.clone(), (now, definitions.clone()));
        Ok(definitions)
    }

    /// Removes a tenant's roles from the cache, because they have changed.
    pub(crate) fn forget_roles(&self, tenant: &TenantId) {
        self.roles.lock().0.remove(tenant);
    }

    /// The permissions of an identity.
    pub(crate) async fn grants_of(&self, identity: &Identity) -> Result<Grants, Failure> {
        if identity.roles.is_empty() {
            return Ok(Grants::default());
        }
        Ok(self.definitions(&identity.tenant).await?.grants(&identity.roles))
    }

    /// An operator's current permissions, by its roles and their definitions as read here. A refusal is audited as a failed
    /// `action` (I-31).
    pub(crate) async fn standing(
        &self,
        operator: &Operator,
        tenant: &TenantId,
        (required, action): (&Permission, &'static str),
    ) -> Result<Standing, DeniedError> {
        let definitions = self.definitions_now(tenant).await?;
        self.standing_under(operator, tenant, definitions, (required, action)).await
    }

    /// The same with definitions that have just been read.
    pub(crate) async fn standing_under(
        &self,
        operator: &Operator,
        tenant: &TenantId,
        definitions: Arc<Definitions>,
        (required, action): (&Permission, &'static str),
    ) -> Result<Standing, DeniedError> {
        let (tenant, version) = (tenant.clone(), definitions.version);
        let mut holds = Vec::with_capacity(2);
        // Of a tenant that is not there, nothing can be held.
        if version != 0 {
            holds.push(Change::Role(RoleChange::Pin { tenant, version }));
        }
        let mut grants = operator.grants.clone();
        if let Some(id) = operator.identity {
            let found = self.store.accounts.identity(&operator.scope, id).await?;
            let active = found.filter(|identity| identity.state == State::Active);
            grants = active.as_ref().map_or_else(Grants::default, |identity| definitions.grants(&identity.roles));
            holds.extend(active.as_ref().map(hold));
        }
        if !grants.covers(required) {
            self.forbid(operator, Pattern::only(required), action).await?;
        }
        Ok(Standing { grants, definitions, holds })
    }
}

/// An operator's permissions, and what they depend on.
pub(crate) struct Standing {
    /// The permissions, by its roles or its token.
    pub(crate) grants: Grants,
    /// The roles of the tenant that it acts on.
    pub(crate) definitions: Arc<Definitions>,
    /// The changes that begin a list and guard that all this is unchanged when the list is committed.
    pub(crate) holds: Vec<Change>,
}

/// The change that guards that an identity is unchanged when a list is committed.
pub(crate) fn hold(identity: &Identity) -> Change {
    Change::Account(AccountChange::Pin {
        tenant: identity.tenant.clone(),
        identity: identity.id,
        version: identity.version,
    })
}
