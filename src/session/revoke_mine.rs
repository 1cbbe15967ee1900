//! Revokes one of the caller's own sessions, or all but the current one.

use kayan_ports::{Change, CommitError, EventType, Guard, Identity, SessionChange, SessionId};

use crate::{AuthenticateError, Caller, Failure, Kayan};

/// Why no session was revoked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokeMySessionError {
    /// The caller is not authenticated.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The caller has no such session, or it has ended.
    #[error("no such session")]
    NotFound,
}

impl Kayan {
    /// Revokes one of the caller's sessions; it may be the current one.
    pub async fn revoke_my_session(&self, caller: &Caller, session: SessionId) -> Result<(), RevokeMySessionError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        let event = self
            .event(caller, EventType::SessionRevoked, now, "the owner revoked a session")
            .by(me.identity.id)
            .session(session);
        let revoke =
            Change::Session(SessionChange::Revoke { tenant: caller.tenant.clone(), identity: me.identity.id, session });
        match self.store.changes.commit(vec![revoke, event.record()]).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Session)) => Err(RevokeMySessionError::NotFound),
            Err(other) => Err(AuthenticateError::Failed(Failure::from(other)).into()),
        }
    }

    /// Revokes every session of the caller but the current one.
    pub async fn revoke_my_other_sessions(&self, caller: &Caller) -> Result<(), AuthenticateError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        let event = self
            .event(caller, EventType::SessionRevoked, now, "the owner revoked all other sessions")
            .by(me.identity.id)
            .resource(format!("identity/{}/sessions", me.identity.id));
        let changes = vec![end_sessions(&me.identity, Some(me.session.id)), event.record()];
        self.commit(changes).await?;
        Ok(())
    }
}

/// The change that revokes every session of an identity, except for one.
pub(crate) fn end_sessions(identity: &Identity, except: Option<SessionId>) -> Change {
    Change::Session(SessionChange::RevokeOf { scope: (&identity.tenant).into(), identity: identity.id, except })
}

#[cfg(test)]
mod tests;
