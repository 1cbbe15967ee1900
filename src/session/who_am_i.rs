//! Returns the caller's session and identity. The hottest path of all: one look-up, and one write a minute at most.

use std::sync::Arc;

use kayan_ports::{Aal, AuthenticatedSession, Change, SessionChange};
use time::Duration;

use crate::{AuthenticateError, Caller, Kayan, StepUpRequired, policy::assurance};

/// How stale `last_seen_at` may become before it is written again.
const SEEN_EVERY: Duration = Duration::MINUTE;

/// What the session has to prove, where the caller asks for more than that it is live (RFC 9470).
#[derive(Debug, Clone, Copy, Default)]
pub struct WhoAmI {
    /// The least assurance level.
    pub min_aal: Option<Aal>,
    /// How long ago the last proof may be.
    pub max_age: Option<Duration>,
}

/// Why a caller is not who is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhoAmIError {
    /// There is no valid session.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The session does not prove enough.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
}

impl Kayan {
    /// The caller's session and identity, if the session proves what is asked for.
    pub async fn who_am_i_with(&self, caller: &Caller, cmd: WhoAmI) -> Result<Arc<AuthenticatedSession>, WhoAmIError> {
        let me = self.who_am_i(caller).await?;
        assurance::require(&me.session, cmd.min_aal, cmd.max_age, self.clock.now())?;
        Ok(me)
    }

    /// The caller's session and identity.
    pub async fn who_am_i(&self, caller: &Caller) -> Result<Arc<AuthenticatedSession>, AuthenticateError> {
        let now = self.clock.now();
        let mut me = self.authenticate(caller, now).await?;
        if now - me.session.last_seen_at >= SEEN_EVERY {
            Arc::make_mut(&mut me).session.last_seen_at = now;
            let seen = Change::Session(SessionChange::Touch {
                tenant: caller.tenant.clone(),
                session: me.session.id,
                at: now,
            });
            // Sessions must stay valid while the database can be read but not written.
            let _unseen = self.store.changes.commit(vec![seen]).await;
        }
        Ok(me)
    }
}

#[cfg(test)]
mod tests;
