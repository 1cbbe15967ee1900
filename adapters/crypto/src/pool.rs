//! A few threads of low priority with a bounded queue before them.

use std::{
    collections::VecDeque,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Weak},
    thread,
};

use kayan_ports::HashError;
use opentelemetry::{Context, trace::TraceContextExt as _};
use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

/// The threads and their queue. Dropping it ends the threads, each after the work that it is busy with.
pub(crate) struct Pool {
    queue: Arc<Queue>,
}

struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    threads: usize,
    bound: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    busy: usize,
    closed: bool,
}

struct Job {
    /// Dead once nobody awaits the answer any more.
    asker: Weak<()>,
    work: Box<dyn FnOnce() + Send>,
}

impl Pool {
    /// Starts that many threads; up to `bound` jobs wait when all of them are busy.
    pub(crate) fn new(threads: usize, bound: usize) -> io::Result<Self> {
        let queue = Queue { state: Mutex::default(), changed: Condvar::new(), threads, bound };
        let pool = Self { queue: Arc::new(queue) };
        for n in 0..threads {
            let queue = Arc::clone(&pool.queue);
            thread::Builder::new().name(format!("kayan-hash-{n}")).spawn(move || serve(&queue))?;
        }
        Ok(pool)
    }

    /// Computes on one of the threads. `Overloaded` at once if too many wait already, `Fault` if the work panics;
    /// dropping the future takes waiting work back.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let (answer, answered) = oneshot::channel();
        let asker = Arc::new(());
        let asking = Context::current();
        let work = Box::new(move || {
            // In the span of whoever asks, if there is one, so that it tells the queue from the work.
            asking.span().add_event("begun", Vec::new());
            // The asker may leave while the work is done; then nobody needs the answer.
            let _unheard = answer.send(work());
        });
        self.queue.push(Job { asker: Arc::downgrade(&asker), work })?;
        let outcome = answered.await;
        drop(asker);
        outcome.map_err(|_| HashError::Fault("the computation panicked; the log says where".into()))
    }

    /// How many jobs wait for a thread.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.state.lock().waiting.len()
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.closed = true;
        state.waiting.clear();
        self.queue.changed.notify_all();
    }
}

impl Queue {
    fn push(&self, job: Job) -> Result<(), HashError> {
        let mut state = self.state.lock();
        // A job that an idle thread is about to take does not wait.
        let room = self.bound.saturating_add(self.threads - state.busy);
        if state.waiting.len() >= room {
            // Those who left must not keep out those who came.
            state.waiting.retain(Job::is_wanted);
        }
        if state.waiting.len() >= room {
            return Err(HashError::Overloaded);
        }
        state.waiting.push_back(job);
        self.changed.notify_one();
        Ok(())
    }

    /// The next job that somebody still waits for; `None` once the pool is gone.
    fn next(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if state.closed {
                return None;
            }
            match state.waiting.pop_front() {
                Some(job) if job.is_wanted() => {
                    state.busy += 1;
                    return Some(job);
                }
                Some(_abandoned) => {}
                None => self.changed.wait(&mut state),
            }
        }
    }

    fn finish(&self) {
        self.state.lock().busy -= 1;
    }
}

impl Job {
    fn is_wanted(&self) -> bool {
        self.asker.strong_count() > 0
    }
}

fn serve(queue: &Queue) {
    yield_to_others();
    while let Some(job) = queue.next() {
        // The panic's message is printed by the hook; the asker learns of it because the answer's sender is dropped.
        if catch_unwind(AssertUnwindSafe(job.work)).is_err() {
            tracing::error!("hasher.panicked");
        }
        queue.finish();
    }
}

/// Lets everything else in the process go first, so that short requests keep their latency while logins saturate
/// the cores (I-40).
fn yield_to_others() {
    // On Linux a nice value belongs to the thread; elsewhere it would slow down the whole process. Where it isn't
    // permitted, hashing works all the same.
    if cfg!(target_os = "linux") {
        let _unpermitted = rustix::process::nice(10);
    }
}

#[cfg(test)]
mod tests;
