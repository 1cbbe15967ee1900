//! What somebody's roles let them do.

use std::{collections::HashMap, sync::Arc};

use kayan_ports::{Identity, TenantId, Timestamp};
use time::Duration;

use crate::{
    DeniedError, Failure, Kayan, Operator,
    policy::{permission::Grants, role::Definitions},
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
        let stored = self.store.roles(tenant).await?;
        let stored = stored.unwrap_or(kayan_ports::Roles { defined: Vec::new(), version: 0 });
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

    /// Goes on unless the identity may do something that the operator may not: whoever changes such a one could become it
    /// (I-30).
    pub(crate) async fn permit_over(
        &self,
        operator: &Operator,
        identity: &Identity,
        action: &'static str,
    ) -> Result<(), DeniedError> {
        let theirs = self.grants_of(identity).await?;
        match operator.grants.missing(&theirs) {
            None => Ok(()),
            Some(missing) => self.forbid(operator, missing, action).await,
        }
    }
}
