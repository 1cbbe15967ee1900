//! Logs the caller out.

use kayan_ports::{Change, CommitError, EventType, Guard, SessionChange};

use crate::{AuthenticateError, Caller, Failure, Kayan};

impl Kayan {
    /// Revokes the session of the request: its access and refresh tokens stop working at once (I-22).
    pub async fn log_out(&self, caller: &Caller) -> Result<(), AuthenticateError> {
        let now = self.clock.now();
        let me = self.authenticate_at_any_level(caller, now).await?;
        let changes = vec![
            Change::Session(SessionChange::Revoke {
                tenant: caller.tenant.clone(),
                identity: me.identity.id,
                session: me.session.id,
            }),
            self.event(caller, EventType::Logout, now, "logged out").by(me.identity.id).session(me.session.id).record(),
        ];
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(()),
            // Another request revoked it just now.
            Err(CommitError::Stale(Guard::Session)) => Err(AuthenticateError::Unauthorized),
            Err(other) => Err(AuthenticateError::Failed(Failure::from(other))),
        }
    }
}
