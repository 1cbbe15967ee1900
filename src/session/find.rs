//! Lists sessions on an operator's behalf.

use kayan_ports::{IdentityId, Page, Scope, Session, SessionQuery, TenantId};

use crate::{DeniedError, FindUserError, Kayan, Operator, UserRef, policy::permission::Permission};

/// Which sessions to list.
#[derive(Debug, Clone, Default)]
pub struct ListSessions {
    /// Only this identity's.
    pub identity: Option<IdentityId>,
    /// Only in this tenant.
    pub tenant: Option<TenantId>,
    /// The maximum number, 1 to 100.
    pub limit: u32,
    /// How many to skip.
    pub offset: u64,
}

impl Kayan {
    /// Active sessions, newest first. Those of a tenant outside of the operator's scope are not found.
    pub async fn list_sessions(&self, operator: &Operator, query: &ListSessions) -> Result<Page<Session>, DeniedError> {
        self.permit(operator, &Permission::SESSIONS_READ, "session.list").await?;
        let Some(scope) = operator.within(query.tenant.as_ref()) else {
            return Ok(Page { rows: Vec::new(), damaged: Vec::new(), total: 0 });
        };
        let ListSessions { identity, limit, offset, .. } = *query;
        let query = SessionQuery { scope, identity, at: self.clock.now(), limit, offset };
        Ok(self.store.sessions.active_sessions(&query).await?)
    }
}

impl Kayan {
    /// A user's open sessions, newest first: `limit` of them, 1 to 100, after `offset`.
    pub async fn list_user_sessions(
        &self,
        operator: &Operator,
        user: &UserRef,
        (limit, offset): (u32, u64),
    ) -> Result<Page<Session>, FindUserError> {
        self.permit(operator, &Permission::SESSIONS_READ, "session.list").await?;
        let identity = Some(self.named(operator, user).await?.id);
        Ok(self.list_sessions(operator, &ListSessions { identity, tenant: None, limit, offset }).await?)
    }
}

impl Operator {
    /// The scope limited to this tenant, if one is given; `None` if the tenant is outside of it.
    pub(crate) fn within(&self, tenant: Option<&TenantId>) -> Option<Scope> {
        match (&self.scope, tenant) {
            (scope, None) => Some(scope.clone()),
            (Scope::System, Some(wanted)) => Some(wanted.into()),
            (Scope::Tenant(own), Some(wanted)) => (own == wanted).then(|| wanted.into()),
        }
    }
}
