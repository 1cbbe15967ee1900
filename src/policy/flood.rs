//! Limits how many refusals are recorded in a minute, for each tenant and kind, and counts the others.

use std::collections::{HashMap, HashSet};

use kayan_ports::{TenantId, Timestamp};
use sha2::{Digest as _, Sha256};
use time::Duration;

/// The period of a budget.
const SPAN: Duration = Duration::MINUTE;
/// How many refusals are recorded in a period, each of another subject.
const MOST: usize = 100;
/// The maximum number of budgets at a time. Beyond that, tenants share one.
const BUDGETS: usize = 4096;
/// How many unknown tenants are looked up in a minute at most.
const LOOK_UPS: u32 = 1000;

/// A kind of refusal: `lockout`, or the name of a limit.
pub type Kind = &'static str;

/// What was recorded recently.
#[derive(Debug, Default)]
pub struct Flood {
    budgets: HashMap<(TenantId, Kind), Budget>,
    /// When the look-ups began to be counted, and how many there were.
    looked_up: Option<(Timestamp, u32)>,
}

#[derive(Debug)]
struct Budget {
    since: Timestamp,
    told: HashSet<[u8; 16]>,
    left_out: u64,
}

/// Refusals of one kind in one tenant that were not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The tenant.
    pub tenant: TenantId,
    /// The kind.
    pub kind: Kind,
    /// How many; never 0.
    pub count: u64,
}

impl Flood {
    /// Whether to record a refusal.
    pub fn tell(&mut self, tenant: &TenantId, kind: Kind, subject: &str, now: Timestamp) -> bool {
        let known = self.budgets.len() < BUDGETS || self.budgets.contains_key(&(tenant.clone(), kind));
        let tenant = if known { tenant.clone() } else { TenantId::default() };
        let new = || Budget { since: now, told: HashSet::new(), left_out: 0 };
        let budget = self.budgets.entry((tenant, kind)).or_insert_with(new);
        if budget.is_over(now) {
            (budget.since, budget.told) = (now, HashSet::new());
        }
        let told = budget.told.len() < MOST && budget.told.insert(key(subject));
        budget.left_out += u64::from(!told);
        told
    }

    /// Takes the counts of the past minutes.
    pub fn left_out(&mut self, now: Timestamp) -> Vec<LeftOut> {
        let over = self.budgets.extract_if(|_, budget| budget.is_over(now));
        let counted = over.map(|((tenant, kind), budget)| LeftOut { tenant, kind, count: budget.left_out });
        counted.filter(|left_out| left_out.count > 0).collect()
    }

    /// Whether a refusal was recorded in this tenant recently, so that the tenant is known to exist.
    pub fn knows(&self, tenant: &TenantId, kind: Kind) -> bool {
        self.budgets.contains_key(&(tenant.clone(), kind))
    }

    /// Whether a tenant may be looked up now: invented names must not cause work.
    pub fn may_look_up(&mut self, now: Timestamp) -> bool {
        let (since, count) = self.looked_up.filter(|(since, _)| (now - *since).abs() < SPAN).unwrap_or((now, 0));
        self.looked_up = Some((since, count.saturating_add(1)));
        count < LOOK_UPS
    }
}

impl Budget {
    fn is_over(&self, now: Timestamp) -> bool {
        (now - self.since).abs() >= SPAN
    }
}

/// Sixteen bytes for a subject of any length.
fn key(subject: &str) -> [u8; 16] {
    let mut key = [0; 16];
    key.copy_from_slice(Sha256::digest(subject).split_at(16).0);
    key
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOON: Timestamp = datetime!(2026-01-01 12:00 UTC);

    fn tenant(name: &str) -> TenantId {
        name.parse().unwrap()
    }

    #[test]
    fn each_subject_is_told_once_a_minute_and_the_others_are_counted() {
        let (mut flood, acme) = (Flood::default(), tenant("acme"));
        assert!(flood.tell(&acme, "ip", "a", NOON));
        assert!(!flood.tell(&acme, "ip", "a", NOON));
        assert!(!flood.tell(&acme, "ip", "a", NOON + SPAN - Duration::MICROSECOND));
        assert!(!flood.tell(&acme, "ip", "a", NOON - Duration::MICROSECOND), "parallel requests come out of order");
        assert!(flood.tell(&acme, "ip", "b", NOON));
        assert_eq!(flood.left_out(NOON + SPAN - Duration::MICROSECOND), [], "the minute is not over");
        assert_eq!(flood.left_out(NOON + SPAN), [LeftOut { tenant: acme.clone(), kind: "ip", count: 3 }]);
        assert_eq!(flood.left_out(NOON + SPAN), [], "told once");
        assert!(flood.tell(&acme, "ip", "a", NOON + SPAN));
    }

    #[test]
    fn a_clock_that_was_put_back_silences_nobody() {
        let (mut flood, acme) = (Flood::default(), tenant("acme"));
        assert!(flood.tell(&acme, "ip", "a", NOON));
        assert!(flood.tell(&acme, "ip", "a", NOON - SPAN));
        assert_eq!((0..=LOOK_UPS).filter(|_| flood.may_look_up(NOON)).count(), LOOK_UPS as usize);
        assert!(flood.may_look_up(NOON - SPAN));
    }

    #[test]
    fn what_was_left_out_in_one_minute_is_not_lost_in_the_next() {
        let (mut flood, acme) = (Flood::default(), tenant("acme"));
        for _ in 0..3 {
            flood.tell(&acme, "ip", "a", NOON);
        }
        assert!(flood.tell(&acme, "ip", "a", NOON + SPAN));
        assert_eq!(flood.left_out(NOON + SPAN * 2), [LeftOut { tenant: acme, kind: "ip", count: 2 }]);
    }

    #[test]
    fn i_34_a_flood_in_one_tenant_or_of_one_kind_silences_no_other() {
        let (mut flood, acme) = (Flood::default(), tenant("acme"));
        let told = (0..10_000).filter(|number| flood.tell(&acme, "ip", &number.to_string(), NOON)).count();
        assert_eq!(told, MOST);
        assert!(flood.tell(&tenant("bolt"), "ip", "a", NOON));
        assert!(flood.tell(&acme, "lockout", "a", NOON));
        assert_eq!(flood.left_out(NOON + SPAN), [LeftOut { tenant: acme, kind: "ip", count: 9_900 }]);
        assert!(flood.budgets.is_empty(), "nothing is kept of minutes that are over");
    }

    #[test]
    fn memory_and_look_ups_are_bounded() {
        let mut flood = Flood::default();
        for number in 0..BUDGETS + 1000 {
            flood.tell(&tenant(&format!("t{number}")), "ip", "a", NOON);
        }
        assert!(flood.budgets.len() <= BUDGETS + 1, "{}", flood.budgets.len());
        let looked = (0..10_000).filter(|_| flood.may_look_up(NOON)).count();
        assert_eq!(looked, LOOK_UPS as usize);
        assert!(flood.may_look_up(NOON + SPAN));
    }
}
