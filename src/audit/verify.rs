//! Verifies the audit trail in the database against its seals.

use std::collections::BTreeMap;

use kayan_ports::{EventId, Position, Seal, Stretch, TenantId, TrailEvent};
use uuid::Uuid;

use crate::{
    Failure, Kayan,
    policy::seal::{Chain, Entry, Fields, Head, Present, TrailReport, inspect, purged_before},
};

/// How many events are read at once.
const PAGE: u32 = 4_096;
/// How many seals are read at once, up to a quarter of a megabyte each.
const SEALS: u32 = 4;

/// Which trails to verify, and against what.
#[derive(Debug, Clone, Default)]
pub struct VerifyTrail {
    /// Only this tenant's trail; `None`: all.
    pub tenant: Option<TenantId>,
    /// The public keys that are trusted.
    pub keys: Vec<[u8; 32]>,
    /// The newest seals that are known from before.
    pub expected: BTreeMap<TenantId, Head>,
}

impl VerifyTrail {
    /// The tenants with a known seal whose trails no longer exist.
    pub fn lost<'a>(&'a self, reports: &'a [TrailReport]) -> impl Iterator<Item = TrailReport> + 'a {
        let there = |tenant: &TenantId| reports.iter().any(|report| report.tenant == *tenant);
        let wanted = |tenant: &TenantId| self.tenant.as_ref().is_none_or(|only| only == tenant);
        let lost = self.expected.iter().filter(move |(tenant, _)| wanted(tenant) && !there(tenant));
        lost.map(|(tenant, head)| Chain::new(tenant.clone(), &self.keys, Some(*head)).finish())
    }
}

impl Kayan {
    /// The report on each tenant's trail, by tenant. Reads a page at a time.
    pub async fn verify_trail(&self, cmd: &VerifyTrail) -> Result<Vec<TrailReport>, Failure> {
        let mut reports = Vec::new();
        let mut next = match &cmd.tenant {
            Some(tenant) => Some(tenant.clone()),
            None => self.store.seals.next_trail(None).await?,
        };
        while let Some(tenant) = next {
            let mut report = self.verify_one(cmd, &tenant).await?;
            // A purge may run between two pages, so only what fails twice is wrong.
            if report.finding.is_some() {
                report = self.verify_one(cmd, &tenant).await?;
            }
            reports.push(report);
            next = if cmd.tenant.is_some() { None } else { self.store.seals.next_trail(Some(&tenant)).await? };
        }
        let lost: Vec<_> = cmd.lost(&reports).collect();
        reports.extend(lost);
        Ok(reports)
    }

    async fn verify_one(&self, cmd: &VerifyTrail, tenant: &TenantId) -> Result<TrailReport, Failure> {
        let mut chain = Chain::new(tenant.clone(), &cmd.keys, cmd.expected.get(tenant).copied());
        match self.verify_chain(&mut chain, tenant).await {
            Ok(()) => {}
            Err(Failure::Fault(why)) => chain.unreadable(why),
            Err(unavailable) => return Err(unavailable),
        }
        Ok(chain.finish())
    }

    async fn verify_chain(&self, chain: &mut Chain<'_>, tenant: &TenantId) -> Result<(), Failure> {
        let mut number = i64::MIN;
        let mut end = None;
        loop {
            let seals = self.store.seals.seals(tenant, number, SEALS).await?;
            for seal in &seals {
                let present = self.under(seal, end).await?;
                chain.add(seal, &inspect(seal), &present);
                if chain.is_broken() {
                    return Ok(());
                }
                (number, end) = (seal.number, Some(seal.last));
            }
            if seals.is_empty() {
                return self.verify_rest(chain, tenant, end).await;
            }
        }
    }

    /// The events under a seal: all of them, unless there are far more than it can cover.
    async fn under(&self, seal: &Seal, mut after: Option<Position>) -> Result<Vec<Present>, Failure> {
        let mut present = Vec::new();
        let bound = Entry::all(&seal.entries).len() + PAGE as usize;
        loop {
            let page = self.page(&seal.tenant, after, seal.last).await?;
            present.extend(page.iter().map(present_event));
            match page.last() {
                Some(last) if page.len() == PAGE as usize && present.len() < bound => after = Some(last.position()),
                _ => return Ok(present),
            }
        }
    }

    async fn verify_rest(
        &self,
        chain: &mut Chain<'_>,
        tenant: &TenantId,
        mut after: Option<Position>,
    ) -> Result<(), Failure> {
        loop {
            let page = self.page(tenant, after, FOREVER).await?;
            let present: Vec<_> = page.iter().map(present_event).collect();
            chain.add_unsealed(&present);
            match page.last() {
                Some(last) => after = Some(last.position()),
                None => return Ok(()),
            }
        }
    }

    /// The next events of a trail.
    pub(crate) async fn page(
        &self,
        tenant: &TenantId,
        after: Option<Position>,
        until: Position,
    ) -> Result<Vec<TrailEvent>, Failure> {
        self.store.seals.trail(&Stretch { tenant: tenant.clone(), after, until, limit: PAGE }).await
    }
}

/// A place after every event: the last time that every database can store.
pub(crate) const FOREVER: Position =
    Position { at: time::macros::datetime!(9999-12-31 23:59:59.999999 UTC), id: EventId(Uuid::max()) };

fn present_event(event: &TrailEvent) -> Present {
    Present { entry: Entry::of(&Fields::of(event)), purged_before: purged_before(&event.kind, &event.metadata) }
}

#[cfg(test)]
mod tests;
