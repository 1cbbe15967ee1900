//! Ends sessions on an operator's behalf: one, a user's, a tenant's, or all.

use kayan_ports::{Change, CommitError, EventType, Guard, Scope, SessionChange, SessionId, TenantId};

use crate::{
    DeniedError, Failure, FindUserError, Kayan, Operator, UserRef, account::identity::path,
    policy::permission::Permission,
};

/// The wish that sessions end.
#[derive(Debug, Clone, Default)]
pub struct RevokeSessions {
    /// Only this user's.
    pub user: Option<UserRef>,
    /// Only this tenant's.
    pub tenant: Option<TenantId>,
    /// Why, for the audit trail.
    pub reason: Option<String>,
}

/// Why sessions did not end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokeSessionsError {
    /// The user is not there, or not for this operator.
    #[error(transparent)]
    Find(#[from] FindUserError),
    /// The tenant is not there, or not for this operator.
    #[error("there is no tenant `{0}`")]
    NoTenant(TenantId),
    /// The session is not there, is over, or not for this operator.
    #[error("there is no open session `{0}`")]
    NoSession(SessionId),
}

impl From<Failure> for RevokeSessionsError {
    fn from(failure: Failure) -> Self {
        Self::Find(failure.into())
    }
}

impl From<DeniedError> for RevokeSessionsError {
    fn from(error: DeniedError) -> Self {
        Self::Find(error.into())
    }
}

impl Kayan {
    /// Ends every session that is meant, access and refresh alike (I-22), and says how many were open, if
    /// that could be counted.
    pub async fn revoke_sessions(
        &self,
        operator: &Operator,
        cmd: RevokeSessions,
    ) -> Result<Option<u64>, RevokeSessionsError> {
        let action = "session.revoke-all";
        self.permit(operator, &Permission::SESSIONS_REVOKE, action).await?;
        self.once(operator, self.end_all(operator, action, cmd)).await
    }

    async fn end_all(
        &self,
        operator: &Operator,
        action: &'static str,
        cmd: RevokeSessions,
    ) -> Result<Option<u64>, RevokeSessionsError> {
        let no_tenant = |tenant: &Option<TenantId>| RevokeSessionsError::NoTenant(tenant.clone().unwrap_or_default());
        let scope = operator.within(cmd.tenant.as_ref()).ok_or_else(|| no_tenant(&cmd.tenant))?;
        if let Some(tenant) = &cmd.tenant
            && self.store.tenants.tenant(tenant).await?.is_none()
        {
            return Err(no_tenant(&cmd.tenant));
        }
        let within = Operator { scope: scope.clone(), ..operator.clone() };
        let user = match &cmd.user {
            None => None,
            Some(user) => Some(self.named(&within, user).await?),
        };
        let tenant =
            user.as_ref().map(|user| user.tenant.clone()).or_else(|| scope.tenant().cloned()).unwrap_or_default();
        let identity = user.as_ref().map(|user| user.id);
        // Whoever is in a hurry must not wait for a count that does not come.
        let open = self.store.sessions.count_active_sessions(&scope, identity).await.ok();
        let event = self
            .operator_event(operator, &tenant, EventType::AdminAction, self.clock.now(), "sessions were revoked")
            .with("action", action)
            .with("reason", cmd.reason)
            .with("revoked", open)
            .with("scope", scope.tenant().map_or("system", TenantId::as_str));
        let (revoke, event) = match user {
            None => (self.end_all_sessions(scope), event.resource("sessions".to_owned())),
            Some(user) => (
                Change::Session(SessionChange::RevokeOf { scope, identity: user.id, except: None }),
                event.about(user.id).resource(format!("{}/sessions", path(&user))),
            ),
        };
        let mut changes = vec![revoke, event.record()];
        changes.extend(self.keeping(operator, None, &open).await?);
        self.commit(changes).await?;
        Ok(open)
    }

    /// The change that ends all sessions. Its epoch is drawn: one that is counted up comes again when a database is put back
    /// to how it was.
    pub(crate) fn end_all_sessions(&self, scope: Scope) -> Change {
        let mut drawn = [0; 8];
        self.entropy.fill(&mut drawn);
        Change::Session(SessionChange::RevokeAll { scope, epoch: i64::from_be_bytes(drawn) >> 1 })
    }

    /// Ends one session.
    pub async fn revoke_session(
        &self,
        operator: &Operator,
        id: SessionId,
        reason: Option<String>,
    ) -> Result<(), RevokeSessionsError> {
        let action = "session.revoke";
        self.permit(operator, &Permission::SESSIONS_REVOKE, action).await?;
        let found = self.store.sessions.session(&operator.scope, id).await?;
        let session = found.filter(|session| session.active).ok_or(RevokeSessionsError::NoSession(id))?;
        let (tenant, identity) = (session.tenant, session.identity);
        let event = self
            .operator_event(operator, &tenant, EventType::AdminAction, self.clock.now(), "a session was revoked")
            .about(identity)
            .session(id)
            .with("action", action)
            .with("reason", reason);
        match self
            .store
            .changes
            .commit(vec![Change::Session(SessionChange::Revoke { tenant, identity, session: id }), event.record()])
            .await
        {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Session)) => Err(RevokeSessionsError::NoSession(id)),
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}

#[cfg(test)]
mod tests;
