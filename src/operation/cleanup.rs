//! Removes expired rows, a thousand at a time.

use kayan_ports::{Change, Expired};
use time::Duration;

use crate::{Failure, Kayan};

/// How long a session is kept after its absolute end.
const SESSIONS: Duration = Duration::DAY;
/// How long attempts are kept; no lockout counts older ones.
const ATTEMPTS: Duration = Duration::HOUR;
/// How long a network stays known without a login from it.
const NETWORKS: Duration = Duration::days(180);
/// How long a device is kept without a login from it: its cookie has expired by then.
const DEVICES: Duration = Duration::days(400);
/// How long a stored response is returned to repeated requests.
const RESPONSES: Duration = Duration::DAY;
/// How long a message is kept after it was delivered or given up.
const MESSAGES: Duration = Duration::days(30);

impl Kayan {
    /// Removes ended sessions, old attempts, networks and devices without recent logins, old responses, and old messages, until
    /// none are left.
    pub async fn clean_up(&self) -> Result<(), Failure> {
        let now = self.clock.now();
        let counted = self.settings.lockout.map_or(std::time::Duration::ZERO, |settings| settings.lockout.duration);
        let expired = Expired {
            sessions: now - SESSIONS,
            attempts: now - ATTEMPTS - counted,
            networks: now - NETWORKS,
            devices: now - DEVICES,
            revocations: now,
            responses: now - RESPONSES,
            one_time: now,
            messages: now - MESSAGES,
        };
        while self.store.cleanup.has_expired(&expired).await? {
            self.commit(vec![Change::RemoveExpired(expired)]).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
