//! Seals, and the trail that they are made over.

use std::collections::BTreeSet;

use kayan_ports::{
    CommitError, Guard, Position, Seal, Sealing, Stretch, TenantId, Timestamp, TrailEvent, Unique, Unsealed,
};

use crate::rows::Rows;

impl Rows {
    pub(crate) fn add_seal(&mut self, seal: Seal) -> Result<(), CommitError> {
        match self.seals.insert((seal.tenant.clone(), seal.number), seal) {
            None => Ok(()),
            Some(_) => Err(CommitError::Conflict(Unique::Seal)),
        }
    }

    pub(crate) fn lease_sealing(&mut self, wanted: &Sealing) -> Result<(), CommitError> {
        let taken = self.sealing.is_some_and(|held| held.holder != wanted.holder && held.until > wanted.now);
        if taken {
            return Err(CommitError::Stale(Guard::Sealing));
        }
        self.sealing = Some(*wanted);
        self.sealed_until = self.sealed_until.max(wanted.sealed_until);
        Ok(())
    }

    pub(crate) fn unsealed(&self, after: Timestamp, until: Timestamp) -> Unsealed {
        let recent = self.events.iter().filter(|event| event.created_at > after && event.created_at <= until);
        let tenants: BTreeSet<_> = recent.map(|event| event.tenant.clone()).collect();
        Unsealed { tenants: tenants.into_iter().collect(), up_to: until }
    }

    pub(crate) fn last_seal(&self, tenant: &TenantId) -> Option<Seal> {
        self.seals.values().rfind(|seal| seal.tenant == *tenant).cloned()
    }

    pub(crate) fn seals_after(&self, tenant: &TenantId, after: i64, limit: u32) -> Vec<Seal> {
        let wanted = self.seals.values().filter(|seal| seal.tenant == *tenant && seal.number > after);
        wanted.take(usize::try_from(limit).unwrap_or(usize::MAX)).cloned().collect()
    }

    pub(crate) fn trail(&self, stretch: &Stretch) -> Vec<TrailEvent> {
        let mut events: Vec<_> = self
            .events
            .iter()
            .map(|event| (Position { at: event.created_at, id: event.id }, event))
            .filter(|(at, event)| {
                event.tenant == stretch.tenant && stretch.after.is_none_or(|after| *at > after) && *at <= stretch.until
            })
            .collect();
        events.sort_by_key(|(at, _)| *at);
        let limit = usize::try_from(stretch.limit).unwrap_or(usize::MAX);
        events.into_iter().take(limit).map(|(_, event)| TrailEvent::from(event)).collect()
    }

    pub(crate) fn next_trail(&self, after: Option<&TenantId>) -> Option<TenantId> {
        let events = self.events.iter().map(|event| &event.tenant);
        let all = events.chain(self.seals.keys().map(|(tenant, _)| tenant));
        all.filter(|tenant| after.is_none_or(|after| *tenant > after)).min().cloned()
    }
}
