//! Removes what nobody needs any more, a little at a time.

use kayan_ports::{Change, Outdated};
use time::Duration;

use crate::{Failure, Kayan};

/// So long a session is kept after its absolute end.
const SESSIONS: Duration = Duration::DAY;
/// So long attempts are kept that no lockout counts any more.
const ATTEMPTS: Duration = Duration::HOUR;
/// So long a network is known that nobody logs in from.
const NETWORKS: Duration = Duration::days(180);
/// So long the same request gets the same answer.
const ANSWERS: Duration = Duration::DAY;

impl Kayan {
    /// Removes ended sessions, forgotten attempts, networks long left and answers of yesterday, until there are none.
    pub async fn tidy(&self) -> Result<(), Failure> {
        let now = self.clock.now();
        let counted = self.settings.lockout.map_or(std::time::Duration::ZERO, |settings| settings.lockout.duration);
        let outdated = Outdated {
            sessions: now - SESSIONS,
            attempts: now - ATTEMPTS - counted,
            networks: now - NETWORKS,
            revocations: now,
            answers: now - ANSWERS,
        };
        while self.store.has_outdated(&outdated).await? {
            self.store.commit(vec![Change::RemoveOutdated(outdated)]).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
