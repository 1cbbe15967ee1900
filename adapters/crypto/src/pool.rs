//! A few threads of low priority with a bounded queue, which the tenants share fairly.

mod turns;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
};

use kayan_ports::{HashError, TenantId};
use opentelemetry::{Context, trace::TraceContextExt as _};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

use self::turns::{Job, Room, Turns};

/// The threads and their queue. Dropping it ends the threads after their current job.
pub(crate) struct Pool {
    queue: Arc<Queue>,
}

/// The limits of running and waiting jobs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) threads: usize,
    /// Jobs that wait when all threads are busy.
    pub(crate) waiting: usize,
    /// The memory of all running jobs together in bytes, without the costly one.
    pub(crate) memory: u64,
}

/// What a job needs besides a thread.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Load {
    /// In bytes.
    pub(crate) memory: u64,
    /// Whether it needs so much that only one such job may run at a time, in addition to the others and outside of
    /// their memory.
    pub(crate) costly: bool,
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    bounds: Bounds,
}

#[derive(Default)]
struct State {
    turns: Turns,
    busy: usize,
    /// The memory of the running jobs, without the costly one.
    memory: u64,
    /// Whether a costly job runs.
    costly: bool,
    closed: bool,
}

impl Pool {
    /// Starts the threads.
    pub(crate) fn new(bounds: Bounds) -> io::Result<Self> {
        let queue = Queue { state: Mutex::default(), changed: Condvar::new(), bounds };
        let pool = Self { queue: Arc::new(queue) };
        for n in 0..bounds.threads {
            let queue = Arc::clone(&pool.queue);
            thread::Builder::new().name(format!("kayan-hash-{n}")).spawn(move || serve(&queue))?;
        }
        Ok(pool)
    }

    /// Runs a job on one of the threads when it is the tenant's turn. `Overloaded` if too many wait already, or if the
    /// job is displaced for a tenant with fewer; `Fault` if it panics. Dropping the future removes a waiting job.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        tenant: &TenantId,
        load: Load,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (answer, answered) = oneshot::channel();
        let asker = Arc::new(AtomicBool::new(false));
        let asking = Context::current();
        let work = Box::new(move || {
            // In the caller's span, if there is one, so that it separates the queue from the work.
            asking.span().add_event("begun", Vec::new());
            // The caller may be cancelled while the job runs; then the result is dropped.
            let _unheard = answer.send(work());
        });
        self.queue.push(tenant, Job { asker: Arc::downgrade(&asker), load, work })?;
        let outcome = answered.await;
        outcome.map_err(|_| {
            if asker.load(SeqCst) {
                HashError::Overloaded
            } else {
                HashError::Fault("the computation panicked; the log says where".into())
            }
        })
    }

    /// How many jobs wait for a thread.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.state.lock().turns.waiting()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.closed = true;
        state.turns.clear();
        self.queue.changed.notify_all();
    }
}

impl Queue {
    fn push(&self, tenant: &TenantId, job: Job) -> Result<(), HashError> {
        let mut state = self.state.lock();
        // A job that an idle thread is about to take does not wait.
        let room = self.bounds.waiting.saturating_add(self.bounds.threads - state.busy);
        if state.turns.waiting() >= room {
            // Cancelled jobs must not take the room of new ones.
            state.turns.forget_abandoned();
        }
        if state.turns.waiting() >= room && !state.turns.make_room(tenant) {
            return Err(HashError::Overloaded);
        }
        state.turns.push(tenant, job);
        self.changed.notify_one();
        Ok(())
    }

    /// The next job whose caller still waits; `None` once the pool is dropped.
    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            let (memory, costly) = (state.memory, state.costly);
            match state.turns.take(|load| self.room(load, memory, costly)) {
                Some(job) => {
                    state.start(job.load);
                    if state.turns.waiting() > 0 {
                        // A job that ended may have made room for several.
                        self.changed.notify_one();
                    }
                    return Some(job);
                }
                None => self.changed.wait(&mut state),
            }
        }
    }

    fn room(&self, load: Load, memory: u64, costly: bool) -> Room {
        if load.costly {
            return if costly { Room::Apart } else { Room::Free };
        }
        // A job that needs more than all the memory runs alone.
        if memory > 0 && memory.saturating_add(load.memory) > self.bounds.memory { Room::Full } else { Room::Free }
    }
}

impl State {
    fn start(&mut self, load: Load) {
        self.busy += 1;
        if load.costly {
            self.costly = true;
        } else {
            self.memory += load.memory;
        }
    }

    fn finish(&mut self, load: Load) {
        self.busy -= 1;
        if load.costly {
            self.costly = false;
        } else {
            self.memory -= load.memory;
        }
    }
}

fn serve(queue: &Queue) {
    yield_to_others();
    while let Some(job) = queue.next() {
        // The hook prints the panic's message; the caller notices it because the sender of the result is dropped.
        if catch_unwind(AssertUnwindSafe(job.work)).is_err() {
            tracing::error!("hasher.panicked");
        }
        queue.state.lock().finish(job.load);
    }
}

/// Lowers the priority, so that short requests keep their latency while logins saturate the cores (I-40).
fn yield_to_others() {
    // On Linux a nice value belongs to the thread; elsewhere it would slow down the whole process. If it is not
    // permitted, hashing works all the same.
    if cfg!(target_os = "linux") {
        let _unpermitted = rustix::process::nice(10);
    }
}

#[cfg(test)]
mod tests;
