//! Seals what has happened, tenant by tenant.

use kayan_ports::{
    Change, CommitError, EventId, Guard, Position, SealChange, Sealing, Stretch, TenantId, Timestamp, Unique,
};
use time::Duration;
use uuid::Uuid;

use crate::{
    Failure, Kayan,
    policy::seal::{self, SealKey},
};

/// Nothing is sealed that is younger than this. An event that is committed later than this after it happened, or by a
/// clock that is further behind, comes too late: it looks like one that was inserted.
pub const LAG: Duration = Duration::MINUTE;
/// For so long the right to seal is taken. Who was killed while having it is waited for that long.
const LEASE: Duration = Duration::MINUTE;
/// So many events one seal covers at most; so many are in memory at once, about a kilobyte each.
pub const MOST: u32 = 4_096;

/// What was sealed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sealed {
    /// Seals that were made.
    pub seals: u64,
    /// Events that they cover.
    pub events: u64,
    /// Somebody else is sealing: the rest is theirs.
    pub busy: bool,
}

/// Why a pass did not come to its end. What was sealed before stays.
enum Interrupted {
    /// Somebody else has the right to seal.
    Busy,
    Failed(Failure),
}

impl From<Failure> for Interrupted {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<CommitError> for Interrupted {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Stale(Guard::Sealing) => Self::Busy,
            other => Self::Failed(other.into()),
        }
    }
}

impl Kayan {
    /// Seals every event that is older than [`LAG`], unless somebody else is at it. Each seal is committed by itself: a
    /// crash leaves those that were made.
    pub async fn seal_events(&self) -> Result<Sealed, Failure> {
        self.seal_events_by(MOST).await
    }

    /// The same with at most `most` events under one seal, 1 to [`MOST`].
    pub async fn seal_events_by(&self, most: u32) -> Result<Sealed, Failure> {
        let key = self.seal_key().await?;
        let after = self.store.seals.sealed_until().await?;
        self.learn_sealed(after);
        let now = self.dated_now();
        let mut pass = Pass {
            kayan: self,
            key,
            most,
            holder: self.new_id(now),
            held_since: None,
            sealed_until: Timestamp::UNIX_EPOCH,
            done: Sealed::default(),
            failed: None,
        };
        match pass.run(after, now - LAG).await {
            Ok(()) => pass.failed.map_or(Ok(pass.done), Err),
            Err(Interrupted::Busy) => Ok(Sealed { busy: true, ..pass.done }),
            Err(Interrupted::Failed(failure)) => Err(failure),
        }
    }
}

struct Pass<'a> {
    kayan: &'a Kayan,
    key: SealKey,
    most: u32,
    holder: Uuid,
    /// Since when this pass has the right to seal; it takes it only when there is something to do.
    held_since: Option<Timestamp>,
    /// What is to be remembered as sealed.
    sealed_until: Timestamp,
    done: Sealed,
    /// What went wrong with a tenant first; the others are sealed nevertheless.
    failed: Option<Failure>,
}

impl Pass<'_> {
    async fn run(&mut self, mut after: Timestamp, until: Timestamp) -> Result<(), Interrupted> {
        let store = &self.kayan.store;
        while after < until {
            let found = store.seals.unsealed(after, until).await?;
            for tenant in &found.tenants {
                self.hold().await?;
                if let Err(failure) = self.seal(tenant, until).await {
                    self.failed.get_or_insert(failure);
                }
            }
            after = found.up_to;
            // What could not be sealed is found again next time.
            if self.failed.is_none() {
                self.sealed_until = after;
            }
        }
        if self.held_since.is_some() { self.keep(Duration::ZERO).await } else { Ok(()) }
    }

    /// Takes the right to seal, or keeps it when half of its time is over.
    async fn hold(&mut self) -> Result<(), Interrupted> {
        let now = self.kayan.dated_now();
        if self.held_since.is_none_or(|since| now - since >= LEASE / 2) {
            self.keep(LEASE).await?;
            self.held_since = Some(now);
        }
        Ok(())
    }

    async fn keep(&self, lease: Duration) -> Result<(), Interrupted> {
        let (now, sealed_until) = (self.kayan.dated_now(), self.sealed_until);
        let sealing = Sealing { holder: self.holder, now, until: now + lease, sealed_until };
        Ok(self.kayan.store.changes.commit(vec![Change::Seal(SealChange::Lease(sealing))]).await?)
    }

    /// The seals that a tenant's trail lacks. If somebody else makes one of them first, theirs is gone on from.
    async fn seal(&mut self, tenant: &TenantId, until: Timestamp) -> Result<(), Failure> {
        let store = &self.kayan.store;
        let until = Position { at: until, id: EventId(Uuid::max()) };
        let mut before = store.seals.last_seal(tenant).await?;
        loop {
            let after = before.as_ref().map(|seal| seal.last);
            let events = store.seals.trail(&Stretch { tenant: tenant.clone(), after, until, limit: self.most }).await?;
            let Some(seal) = seal::make(before.as_ref(), &events, self.kayan.dated_now(), &self.key) else {
                return Ok(());
            };
            match store.changes.commit(vec![Change::Seal(SealChange::Add(Box::new(seal.clone())))]).await {
                Ok(()) => {
                    self.done.seals += 1;
                    self.done.events += events.len() as u64;
                    before = Some(seal);
                }
                Err(CommitError::Conflict(Unique::Seal)) => before = store.seals.last_seal(tenant).await?,
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests;
