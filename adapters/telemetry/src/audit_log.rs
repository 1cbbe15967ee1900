//! The audit trail as JSON lines, in a file or on standard output, beside the table that it is in.
//!
//! The table is authoritative. A thread writes the lines, so that no request waits for the disk. If it can't keep up, or
//! the disk is full, the file misses lines, and the log says how many.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc::{self, Receiver, SyncSender},
    },
    thread,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// How many commits may wait to be written; the lines of further ones are lost.
const QUEUE: usize = 4_096;
/// How many commits are written at once, at most.
const GROUP: usize = 256;
/// How often lost lines are reported, at most.
const REPORT_EVERY: Duration = Duration::from_secs(10);
/// How long closing waits for the queued lines.
const GRACE: Duration = Duration::from_secs(5);

/// Where the lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// This file; it is created with mode 0640 and appended to.
    File(PathBuf),
}

/// The lines of one commit.
struct Lines {
    text: Vec<u8>,
    count: u64,
}

/// The handle to the thread that writes. Dropping it writes the queued lines and ends the thread.
#[derive(Debug)]
pub struct AuditLog {
    queue: Mutex<Option<SyncSender<Lines>>>,
    ended: Mutex<Receiver<()>>,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    reopen: AtomicBool,
    lost: AtomicU64,
    reported: Mutex<Option<Instant>>,
}

impl AuditLog {
    /// Opens the destination. Creates the file if needed, but not its folder.
    pub fn open(destination: Destination) -> io::Result<Self> {
        let sink = Sink::open(destination)?;
        let (queue, lines) = mpsc::sync_channel(QUEUE);
        let (end, ended) = mpsc::channel();
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::Builder::new().name("kayan-audit-log".to_owned()).spawn(move || {
            run(sink, &lines, &shared);
            // Fails if the process ends without waiting.
            let _ = end.send(());
        })?;
        Ok(Self { queue: Mutex::new(Some(queue)), ended: Mutex::new(ended), state })
    }

    /// Queues the lines of one commit, `count` of them; never waits.
    pub(crate) fn write(&self, text: Vec<u8>, count: u64) {
        let queued = self.queue.lock().as_ref().is_some_and(|queue| queue.try_send(Lines { text, count }).is_ok());
        if !queued {
            self.state.lose(count);
        }
    }

    /// Reopens the file, after `logrotate` has moved it away.
    pub fn reopen(&self) {
        self.state.reopen.store(true, Ordering::Release);
        // Wakes the thread; if the queue is full, it is awake.
        if let Some(queue) = &*self.queue.lock() {
            let _ = queue.try_send(Lines { text: Vec::new(), count: 0 });
        }
    }

    /// Refuses further lines, and waits until the queued ones are written; five seconds at most.
    pub fn close(&self) {
        if self.queue.lock().take().is_none() {
            return;
        }
        if let Err(mpsc::RecvTimeoutError::Timeout) = self.ended.lock().recv_timeout(GRACE) {
            tracing::warn!("the audit log could not be written to its end in time; the database has all of it");
        }
        self.state.report(true);
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.close();
    }
}

impl State {
    fn lose(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
        self.report(false);
    }

    /// Logs how many lines were lost since the last report, if that is long enough ago or `now`.
    fn report(&self, now: bool) {
        let mut reported = self.reported.lock();
        if !now && reported.is_some_and(|at| at.elapsed() < REPORT_EVERY) {
            return;
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            *reported = Some(Instant::now());
            tracing::warn!(lost, "lines of the audit log were lost; the database has these events");
        }
    }
}

fn run(mut sink: Sink, queue: &Receiver<Lines>, state: &State) {
    while let Ok(Lines { mut text, mut count }) = queue.recv() {
        for more in queue.try_iter().take(GROUP - 1) {
            text.extend_from_slice(&more.text);
            count += more.count;
        }
        if state.reopen.swap(false, Ordering::AcqRel) {
            match sink.reopen() {
                Ok(()) => tracing::info!("the audit log was reopened"),
                Err(error) => {
                    // Tried again with the next lines; until then they go to the old file.
                    state.reopen.store(true, Ordering::Release);
                    tracing::warn!(kind = ?error.kind(), "the audit log could not be reopened");
                }
            }
        }
        if let Err(error) = sink.write(&text) {
            tracing::debug!(kind = ?error.kind(), "writing the audit log failed");
            state.lose(count);
        } else {
            state.report(false);
        }
    }
}

enum Sink {
    Stdout,
    File(PathBuf, File),
}

impl Sink {
    fn open(destination: Destination) -> io::Result<Self> {
        Ok(match destination {
            Destination::Stdout => Self::Stdout,
            Destination::File(path) => {
                let file = appendable(&path)?;
                Self::File(path, file)
            }
        })
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Self::File(path, file) = self {
            *file = appendable(path)?;
        }
        Ok(())
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut out = io::stdout().lock();
                out.write_all(text).and_then(|()| out.flush())
            }
            Self::File(_, file) => append(file, text),
        }
    }
}

/// Appends in one write, so that several processes can share the file. Lines that don't fit on the disk are removed again:
/// a truncated line would make the next ones unreadable.
fn append(file: &mut File, text: &[u8]) -> io::Result<()> {
    let before = file.metadata()?.len();
    let written = file.write_all(text);
    if written.is_err() {
        let now = file.metadata()?.len();
        let ours = now.saturating_sub(before) < u64::try_from(text.len()).unwrap_or(u64::MAX);
        if ours && now > before {
            file.set_len(before)?;
        }
    }
    written
}

fn appendable(path: &Path) -> io::Result<File> {
    if fs::metadata(path).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o640);
    options.open(path)
}

#[cfg(test)]
mod tests;
