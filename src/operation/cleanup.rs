//! Removes what has expired, a little at a time.

use kayan_ports::{Change, Expired};
use time::Duration;

use crate::{Failure, Kayan};

/// So long a session is kept after its absolute end.
const SESSIONS: Duration = Duration::DAY;
/// So long attempts are kept that no lockout counts any more.
const ATTEMPTS: Duration = Duration::HOUR;
/// So long a network is known that nobody logs in from.
const NETWORKS: Duration = Duration::days(180);
/// So long a repeated request gets the stored response.
const RESPONSES: Duration = Duration::DAY;

impl Kayan {
    /// Removes ended sessions, old attempts, networks not used for long, and responses of yesterday, until there are none.
    pub async fn clean_up(&self) -> Result<(), Failure> {
        let now = self.clock.now();
        let counted = self.settings.lockout.map_or(std::time::Duration::ZERO, |settings| settings.lockout.duration);
        let expired = Expired {
            sessions: now - SESSIONS,
            attempts: now - ATTEMPTS - counted,
            networks: now - NETWORKS,
            revocations: now,
            responses: now - RESPONSES,
        };
        while self.store.cleanup.has_expired(&expired).await? {
            self.commit(vec![Change::RemoveExpired(expired)]).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
