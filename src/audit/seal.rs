//! Seals the audit trail, tenant by tenant.

use kayan_ports::{
    Change, CommitError, EventId, Guard, Position, SealChange, Sealing, Stretch, TenantId, Timestamp, Unique,
};
use time::Duration;
use uuid::Uuid;

use crate::{
    Failure, Kayan,
    policy::seal::{self, SealKey},
};

/// Only events older than this are sealed. An event that is committed later than this after it happened, or with the
/// time of a clock that is further behind, looks like an inserted one.
pub const LAG: Duration = Duration::MINUTE;
/// How long the lease to seal lasts. If its holder is killed, others wait that long.
const LEASE: Duration = Duration::MINUTE;
/// The most events that one seal covers; this many are in memory at once, about a kilobyte each.
pub const MOST: u32 = 4_096;

/// The result of a pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sealed {
    /// The number of new seals.
    pub seals: u64,
    /// The number of events that they cover.
    pub events: u64,
    /// Another process is sealing the rest.
    pub busy: bool,
}

/// Why a pass stopped early. Seals made before that stay.
enum Interrupted {
    /// Another process holds the lease.
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
    /// Seals every event older than [`LAG`], unless another process is sealing. Each seal has its own commit, so those
    /// made before a crash stay.
    pub async fn seal_events(&self) -> Result<Sealed, Failure> {
        self.seal_events_by(MOST).await
    }

    /// Like [`Self::seal_events`], with at most `most` events under one seal, 1 to [`MOST`].
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
    /// Since when this pass holds the lease, which it takes only when there is something to seal.
    held_since: Option<Timestamp>,
    /// Up to when everything is sealed, to be stored with the lease.
    sealed_until: Timestamp,
    done: Sealed,
    /// The first failure of a tenant; the others are sealed nevertheless.
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
            // What could not be sealed is found again by the next pass.
            if self.failed.is_none() {
                self.sealed_until = after;
            }
        }
        if self.held_since.is_some() { self.keep(Duration::ZERO).await } else { Ok(()) }
    }

    /// Takes the lease, or extends it after half of its time.
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

    /// Adds the missing seals of a tenant's trail. If another process adds one first, continues after that one.
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
