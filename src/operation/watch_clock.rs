//! Watches the clock: one that is put back must not date events into what is sealed already.

use kayan_ports::Timestamp;
use time::Duration;

use crate::{Failure, Kayan, audit::seal::LAG};

/// How the clock stands to the dates of the audit trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchedClock {
    /// How much later than the clock events are dated; zero while the clock is right.
    pub behind: Duration,
    /// How far the clock was put back since it was last watched, if that was more than a minute.
    pub put_back: Option<Duration>,
}

impl Kayan {
    /// Looks at the clock. To be called every second or so: between two looks nothing else may have seen how far it had come.
    pub fn watch_clock(&self) -> WatchedClock {
        let clock = self.clock.now();
        let mut dating = self.dating.lock();
        WatchedClock { behind: dating.ahead(clock), put_back: dating.take_put_back() }
    }

    /// Reads how far the audit trail is sealed. To be called before the first event is written: the clock may have been put
    /// back while nothing ran.
    pub async fn learn_seals(&self) -> Result<(), Failure> {
        let sealed_until = self.store.seals.sealed_until().await?;
        self.learn_sealed(sealed_until);
        Ok(())
    }

    /// How far the clock is behind what is sealed; zero when it is not.
    pub async fn clock_behind_seals(&self) -> Result<Duration, Failure> {
        Ok((self.store.seals.sealed_until().await? - self.clock.now()).max(Duration::ZERO))
    }

    /// Everything up to this moment may be sealed, which was so a while after it.
    pub(crate) fn learn_sealed(&self, sealed_until: Timestamp) {
        self.dating.lock().learn(sealed_until.saturating_add(LAG), self.clock.now());
    }

    /// How much later than the clock an event is to be dated now.
    pub(crate) fn ahead(&self) -> Duration {
        self.dating.lock().ahead(self.clock.now())
    }

    /// The time as events are dated.
    pub(crate) fn dated_now(&self) -> Timestamp {
        let now = self.clock.now();
        now.saturating_add(self.dating.lock().ahead(now))
    }
}
