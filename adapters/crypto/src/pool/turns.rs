//! Decides whose turn it is: a queue for each tenant, and the tenants in turn.

use std::{
    collections::VecDeque,
    sync::{
        Weak,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use kayan_ports::TenantId;

use super::Load;

/// A job that waits for a thread.
pub(super) struct Job {
    /// Dead once the caller was cancelled; becomes `true` when the job was displaced.
    pub(super) asker: Weak<AtomicBool>,
    pub(super) load: Load,
    pub(super) work: Box<dyn FnOnce() + Send>,
}

/// Whether a job may start now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// It may.
    Free,
    /// Not before others have ended; no other job may overtake it, so that it starts at some point.
    Full,
    /// Not beside a running one; others may overtake it.
    Apart,
}

/// All waiting jobs. The tenant at the front is next; every tenant here has at least one job.
#[derive(Default)]
pub(super) struct Turns {
    tenants: VecDeque<(TenantId, VecDeque<Job>)>,
    waiting: usize,
}

impl Turns {
    /// How many jobs wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }

    pub(super) fn push(&mut self, tenant: &TenantId, job: Job) {
        self.waiting += 1;
        match self.tenants.iter_mut().find(|(known, _)| known == tenant) {
            Some((_, jobs)) => jobs.push_back(job),
            None => self.tenants.push_back((tenant.clone(), VecDeque::from([job]))),
        }
    }

    /// The next job if it has room; its tenant goes to the end.
    pub(super) fn take(&mut self, room: impl Fn(Load) -> Room) -> Option<Job> {
        let mut at = 0;
        while let Some((_, jobs)) = self.tenants.get_mut(at) {
            let Some(job) = jobs.front() else {
                self.tenants.remove(at);
                continue;
            };
            let room = if job.is_wanted() { room(job.load) } else { Room::Free };
            match room {
                Room::Full => return None,
                Room::Apart => at += 1,
                Room::Free => {
                    let job = jobs.pop_front()?;
                    self.waiting -= 1;
                    if !job.is_wanted() {
                        continue;
                    }
                    let turn = self.tenants.remove(at)?;
                    if !turn.1.is_empty() {
                        self.tenants.push_back(turn);
                    }
                    return Some(job);
                }
            }
        }
        None
    }

    /// Removes the jobs of cancelled callers.
    pub(super) fn forget_abandoned(&mut self) {
        for (_, jobs) in &mut self.tenants {
            jobs.retain(Job::is_wanted);
        }
        self.tenants.retain(|(_, jobs)| !jobs.is_empty());
        self.waiting = self.tenants.iter().map(|(_, jobs)| jobs.len()).sum();
    }

    /// Displaces the newest job of the tenant with the most, if the given tenant still has no more than that one
    /// afterwards.
    pub(super) fn make_room(&mut self, tenant: &TenantId) -> bool {
        let mine = self.tenants.iter().find(|(known, _)| known == tenant).map_or(0, |(_, jobs)| jobs.len());
        let longest = self.tenants.iter_mut().max_by_key(|(_, jobs)| jobs.len());
        let Some((_, jobs)) = longest.filter(|(_, jobs)| jobs.len() > mine + 1) else { return false };
        let Some(job) = jobs.pop_back() else { return false };
        self.waiting -= 1;
        if let Some(asker) = job.asker.upgrade() {
            asker.store(true, SeqCst);
        }
        true
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl Job {
    fn is_wanted(&self) -> bool {
        self.asker.strong_count() > 0
    }
}
