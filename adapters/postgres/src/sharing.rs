//! Connections that several questions share: each is sent while the answers to others are still on their way.
//!
//! The database reads and answers a handful at once, so both sides are woken less often: on a busy service that is most of
//! what a short question costs. Where few ask at a time, each has a connection of its own.

use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use deadpool_postgres::ClientWrapper;
use kayan_ports::StoreError;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::pool::{Connections, Lease};

/// Of so many connections one may be shared.
const ONE_OF: usize = 8;

/// So many are there before any has more than one user.
const FEW: usize = 2;

/// With so many users on each, there has to be another one.
const FULL: usize = 16;

/// So long new users come to a connection; then it goes back to the pool, which looks at its age.
const SHARED_FOR: Duration = Duration::from_secs(1);

/// The connections that are shared now.
#[derive(Debug)]
pub(crate) struct Sharing {
    most: usize,
    open: Mutex<Vec<Weak<Common>>>,
}

/// A connection while somebody uses it; with its last user it goes back to the pool.
#[derive(Debug)]
struct Common {
    lease: Lease,
    since: Instant,
    /// How many have asked and did not get their answer.
    unanswered: AtomicUsize,
    /// Somebody waited for an answer in vain: whoever comes now takes another one.
    silent: AtomicBool,
}

/// One user's part of a connection. Until it is settled, an answer that nobody will read may be under way.
#[derive(Debug)]
pub(crate) struct Share(Arc<Common>);

impl Sharing {
    /// Nothing is shared yet, and at most an eighth of the connections ever is.
    pub(crate) fn new(max_open: usize) -> Self {
        Self { most: (max_open / ONE_OF).max(1), open: Mutex::default() }
    }

    /// A connection: the least used, if enough are open for all who ask now, or else one that nobody uses yet.
    pub(crate) async fn join(&self, connections: &Connections, deadline: Instant) -> Result<Share, StoreError> {
        if let Some(share) = self.least_used() {
            return Ok(share);
        }
        let (unanswered, silent) = (AtomicUsize::new(0), AtomicBool::new(false));
        let common =
            Arc::new(Common { lease: connections.lease(deadline).await?, since: Instant::now(), unanswered, silent });
        self.open.lock().push(Arc::downgrade(&common));
        Ok(Share::of(common))
    }

    fn least_used(&self) -> Option<Share> {
        let mut open = self.open.lock();
        open.retain(|common| common.strong_count() > 0);
        // Those that a rush has opened beyond that are left to their users, and go back.
        let usable = open.iter().filter_map(Weak::upgrade).filter(|common| common.is_usable()).take(self.most);
        let (mut count, mut least) = (0, None);
        for common in usable {
            let users = common.unanswered.load(Ordering::Relaxed);
            count += 1;
            if least.as_ref().is_none_or(|(fewest, _)| users < *fewest) {
                least = Some((users, common));
            }
        }
        let (users, common) = least?;
        let enough = count >= self.most || count >= FEW && users < FULL;
        enough.then(|| Share::of(common))
    }
}

impl Common {
    fn is_usable(&self) -> bool {
        !self.silent.load(Ordering::Relaxed)
            && self.since.elapsed() < SHARED_FOR
            && self.lease.client().is_ok_and(|client| !client.is_closed())
    }
}

impl Drop for Common {
    fn drop(&mut self) {
        if self.unanswered.load(Ordering::Acquire) == 0 {
            self.lease.settle();
        }
    }
}

impl Share {
    fn of(common: Arc<Common>) -> Self {
        common.unanswered.fetch_add(1, Ordering::AcqRel);
        Self(common)
    }

    /// The connection.
    pub(crate) fn client(&self) -> Result<&ClientWrapper, StoreError> {
        self.0.lease.client()
    }

    /// The answer has come.
    pub(crate) fn settle(&self) {
        self.0.unanswered.fetch_sub(1, Ordering::AcqRel);
    }

    /// The answer did not come in time.
    pub(crate) fn give_up(&self) {
        self.0.silent.store(true, Ordering::Relaxed);
    }
}
