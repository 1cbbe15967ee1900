//! Lists the caller's own sessions.

use std::sync::Arc;

use kayan_ports::{AuthenticatedSession, Session};

use crate::{AuthenticateError, Caller, Kayan};

impl Kayan {
    /// The caller's active sessions, newest first, and the session of the request.
    pub async fn list_my_sessions(
        &self,
        caller: &Caller,
    ) -> Result<(Vec<Session>, Arc<AuthenticatedSession>), AuthenticateError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        let sessions = self.store.sessions.sessions(&caller.tenant, me.identity.id, now).await?;
        Ok((sessions, me))
    }
}
