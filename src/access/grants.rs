//! What somebody's roles let them do.

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

/// So long a tenant's role definitions are not asked for again; what this process changes is forgotten at once.
const MAX_AGE: Duration = Duration::seconds(5);
/// Of so many tenants they are remembered at most.
const CAPACITY: usize = 1_000;

/// Role definitions that were read lately.
#[derive(Debug, Default)]
pub(crate) struct RememberedRoles(HashMap<TenantId, (Timestamp, Arc<Definitions>)>);

impl Kayan {
    /// A tenant's roles as they were at most five seconds ago; of a tenant that there is not, the built-in ones.
    pub(crate) async fn definitions(&self, tenant: &TenantId) -> Result<Arc<Definitions>, Failure> {
        let now = self.clock.now();
        let remembered = self.roles.lock().0.get(tenant).filter(|(at, _)| now - *at < MAX_AGE).cloned();
        match remembered {
            Some((_, definitions)) => Ok(definitions),
            None => self.definitions_now(tenant).await,
        }
    }

    /// A tenant's roles as they are: for whoever is about to write what rests on them.
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

    /// Forgets a tenant's roles, because they have changed.
    pub(crate) fn forget_roles(&self, tenant: &TenantId) {
        self.roles.lock().0.remove(tenant);
    }

    /// What an identity may do.
    pub(crate) async fn grants_of(&self, identity: &Identity) -> Result<Grants, Failure> {
        if identity.roles.is_empty() {
            return Ok(Grants::default());
        }
        Ok(self.definitions(&identity.tenant).await?.grants(&identity.roles))
    }

    /// What an operator may do now, by its roles and their definitions as they are read here. A refusal is audited as a
    /// failed `action` (I-31).
    pub(crate) async fn standing(
        &self,
        operator: &Operator,
        tenant: &TenantId,
        (required, action): (&Permission, &'static str),
    ) -> Result<Standing, DeniedError> {
        let definitions = self.definitions_now(tenant).await?;
        self.standing_under(operator, tenant, definitions, (required, action)).await
    }

    /// The same by definitions that have just been read.
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

/// What an operator may do, and what that rests on.
pub(crate) struct Standing {
    /// By its roles, or by its token.
    pub(crate) grants: Grants,
    /// The roles of the tenant that it acts on.
    pub(crate) definitions: Arc<Definitions>,
    /// The changes that begin a list and keep all this as it is until the list is committed.
    pub(crate) holds: Vec<Change>,
}

/// The change that keeps an identity as it was read until a list is committed.
pub(crate) fn hold(identity: &Identity) -> Change {
    Change::Account(AccountChange::Pin {
        tenant: identity.tenant.clone(),
        identity: identity.id,
        version: identity.version,
    })
}
