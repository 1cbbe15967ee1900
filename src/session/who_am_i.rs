//! Returns the caller's session and identity. The hottest path of all: one look-up, and one write a minute at most.

use std::sync::Arc;

use kayan_ports::{AuthenticatedSession, Change, SessionChange};
use time::Duration;

use crate::{AuthenticateError, Caller, Kayan};

/// How stale `last_seen_at` may become before it is written again.
const SEEN_EVERY: Duration = Duration::MINUTE;

impl Kayan {
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
