//! The one thread that writes: it commits the batches of many callers in one transaction.

#[cfg(test)]
mod tests;

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender, TrySendError},
    },
    thread::{self, JoinHandle},
};

use kayan_sql::{ApplyError, Expect, Statement};
use rusqlite::Connection;
use tokio::sync::{Mutex, oneshot};

use crate::{
    errors::{apply_error, store_error},
    values::bound,
};

/// The largest number of batches in a transaction: enough that each has a small share of the fsync, few enough that the
/// first does not wait long for the last.
const GROUP: usize = 256;

type Outcome = Result<(), ApplyError>;

struct Job {
    batch: Vec<Statement>,
    reply: oneshot::Sender<Outcome>,
}

/// The queue to the thread. Dropping it ends the thread when the queue is empty, and waits for that.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
    commits: Arc<AtomicU64>,
}

impl Writer {
    pub(crate) fn start(connection: Arc<Mutex<Connection>>, capacity: usize) -> io::Result<Self> {
        let (queue, jobs) = mpsc::sync_channel(capacity);
        let commits = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&commits);
        let thread = thread::Builder::new()
            .name("kayan-sqlite-writer".to_owned())
            .spawn(move || run(&connection, &jobs, &counter))?;
        Ok(Self { queue: Some(queue), thread: Some(thread), commits })
    }

    /// How many transactions were committed so far.
    pub(crate) fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Once queued, a batch is applied even when the caller is cancelled: a client that hangs up after a logout is still
    /// logged out.
    pub(crate) async fn apply(&self, batch: Vec<Statement>) -> Outcome {
        let (reply, answer) = oneshot::channel();
        let gone = || ApplyError::Unavailable("the database's writer has stopped".to_owned());
        let queue = self.queue.as_ref().ok_or_else(gone)?;
        queue.try_send(Job { batch, reply }).map_err(|error| match error {
            TrySendError::Full(_) => ApplyError::Unavailable("the database's queue of writes is full".to_owned()),
            TrySendError::Disconnected(_) => gone(),
        })?;
        answer.await.unwrap_or_else(|_| Err(ApplyError::Fault("the database's writer failed".to_owned())))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        // a writer that panicked has told its callers already
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn run(connection: &Mutex<Connection>, jobs: &Receiver<Job>, commits: &AtomicU64) {
    let mut group = Vec::with_capacity(GROUP);
    while let Ok(first) = jobs.recv() {
        let connection = connection.blocking_lock();
        group.push(first);
        group.extend(jobs.try_iter().take(GROUP - 1));
        let (batches, replies): (Vec<_>, Vec<_>) = group.drain(..).map(|job| (job.batch, job.reply)).unzip();
        // the connection is put in order below, whatever state a panic left it in
        let Ok((outcomes, committed)) = catch_unwind(AssertUnwindSafe(|| commit(&connection, &batches))) else {
            tracing::error!("writing to the database panicked; its group of changes was rolled back");
            roll_back(&connection);
            continue;
        };
        commits.fetch_add(u64::from(committed), Ordering::Relaxed);
        for (reply, outcome) in replies.into_iter().zip(outcomes) {
            // the receiver of a cancelled caller is gone
            let _ = reply.send(outcome);
        }
    }
}

/// Applies the batches in one transaction, each in a savepoint of its own, and answers what became of each and whether
/// anything was committed. Leaves no transaction open.
fn commit(connection: &Connection, batches: &[Vec<Statement>]) -> (Vec<Outcome>, bool) {
    match commit_all(connection, batches) {
        Ok(outcomes) => (outcomes, true),
        Err(error) => {
            roll_back(connection);
            (vec![Err(error); batches.len()], false)
        }
    }
}

/// An error here is that of all batches: the transaction is lost.
fn commit_all(connection: &Connection, batches: &[Vec<Statement>]) -> Result<Vec<Outcome>, ApplyError> {
    control(connection, "BEGIN IMMEDIATE")?;
    let outcomes = batches.iter().map(|batch| apply(connection, batch)).collect::<Result<_, _>>()?;
    control(connection, "COMMIT")?;
    Ok(outcomes)
}

/// Applies one batch or nothing of it. An inner error is that of this batch alone.
fn apply(connection: &Connection, batch: &[Statement]) -> Result<Outcome, ApplyError> {
    control(connection, "SAVEPOINT batch")?;
    let outcome = batch.iter().enumerate().try_for_each(|(position, statement)| {
        let matched = bound(connection, statement.sql, &statement.params)
            .and_then(|mut prepared| prepared.raw_execute())
            .map_err(|error| apply_error(&error, statement.sql, position))?;
        if statement.expect == Expect::One && matched != 1 { Err(ApplyError::Guard(position)) } else { Ok(()) }
    });
    if let Err(error) = &outcome {
        // a full disk and the like end the whole transaction, and the batches before this one go with it
        if connection.is_autocommit() {
            return Err(error.clone());
        }
        control(connection, "ROLLBACK TO batch")?;
    }
    control(connection, "RELEASE batch")?;
    Ok(outcome)
}

fn control(connection: &Connection, sql: &'static str) -> Outcome {
    bound(connection, sql, &[])
        .and_then(|mut prepared| prepared.raw_execute())
        .map(drop)
        .map_err(|error| store_error(&error, sql).into())
}

fn roll_back(connection: &Connection) {
    if connection.is_autocommit() {
        return;
    }
    if let Err(error) = control(connection, "ROLLBACK") {
        tracing::error!(%error, "rolling back failed");
    }
}
