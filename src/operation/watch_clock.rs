//! Watches the clock: after it was put back, events must not get times that are sealed already.

use kayan_ports::Timestamp;
use time::Duration;

use crate::{Failure, Kayan, audit::seal::LAG};

/// How the clock compares with the times of the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchedClock {
    /// How far the times of events are ahead of the clock; zero while the clock is right.
    pub behind: Duration,
    /// How far the clock was put back since the last look, if by more than a minute.
    pub put_back: Option<Duration>,
}

impl Kayan {
    /// Looks at the clock. Call it every second or so: it notices only what happened between two looks.
    pub fn watch_clock(&self) -> WatchedClock {
        let clock = self.clock.now();
        let mut dating = self.dating.lock();
        WatchedClock { behind: dating.ahead(clock), put_back: dating.take_put_back() }
    }

    /// Reads up to when the audit trail is sealed. Call it before the first event is written: the clock may have been
    /// put back while the service was stopped.
    pub async fn learn_seals(&self) -> Result<(), Failure> {
        let sealed_until = self.store.seals.sealed_until().await?;
        self.learn_sealed(sealed_until);
        Ok(())
    }

    /// How far the clock is behind what is sealed; zero when it is not.
    pub async fn clock_behind_seals(&self) -> Result<Duration, Failure> {
        Ok((self.store.seals.sealed_until().await? - self.clock.now()).max(Duration::ZERO))
    }

    /// Notes that everything up to this time may be sealed, which happened some time after it.
    pub(crate) fn learn_sealed(&self, sealed_until: Timestamp) {
        self.dating.lock().learn(sealed_until.saturating_add(LAG), self.clock.now());
    }

    /// How far the time of an event is ahead of the clock now.
    pub(crate) fn ahead(&self) -> Duration {
        self.dating.lock().ahead(self.clock.now())
    }

    /// The time for events.
    pub(crate) fn dated_now(&self) -> Timestamp {
        let now = self.clock.now();
        now.saturating_add(self.dating.lock().ahead(now))
    }
}
