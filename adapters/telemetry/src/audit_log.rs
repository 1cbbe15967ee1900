//! The audit trail as JSON lines, in a file or on standard output, beside the table that it is in.
//!
//! The table is the truth. A thread of its own writes the lines, so that nobody waits for the disk; when it can't keep up,
//! or the disk is full, lines are lost here, and the log says how many.

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

/// So many commits' lines wait to be written; those beyond are lost.
const QUEUE: usize = 4_096;
/// So many of them are written at once.
const GROUP: usize = 256;
/// How often it is told that lines are lost.
const TELL: Duration = Duration::from_secs(10);
/// How long the end waits for what is queued.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where the lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// Standard output.
    Stdout,
    /// Appended to this file, which is made for its owner to write and its group to read (0640).
    File(PathBuf),
}

/// The lines of one commit.
struct Lines {
    text: Vec<u8>,
    count: u64,
}

/// The way to the thread that writes. It ends when this is dropped, after what is queued.
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
    told: Mutex<Option<Instant>>,
}

impl AuditLog {
    /// Opens the destination, and makes the file but not its folder.
    pub fn open(destination: Destination) -> io::Result<Self> {
        let sink = Sink::open(destination)?;
        let (queue, lines) = mpsc::sync_channel(QUEUE);
        let (end, ended) = mpsc::channel();
        let state = Arc::new(State::default());
        let shared = state.clone();
        thread::Builder::new().name("kayan-audit-log".to_owned()).spawn(move || {
            run(sink, &lines, &shared);
            // nobody waits when the process ends without it
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

    /// Opens the file anew, as after `logrotate` has moved it away.
    pub fn reopen(&self) {
        self.state.reopen.store(true, Ordering::Release);
        // Only to wake the thread; when the queue is full, it is awake.
        if let Some(queue) = &*self.queue.lock() {
            let _ = queue.try_send(Lines { text: Vec::new(), count: 0 });
        }
    }

    /// Takes no more, and waits for what is queued to be written; five seconds at most.
    pub fn close(&self) {
        if self.queue.lock().take().is_none() {
            return;
        }
        if let Err(mpsc::RecvTimeoutError::Timeout) = self.ended.lock().recv_timeout(PATIENCE) {
            tracing::warn!("the audit log could not be written to its end in time; the database has all of it");
        }
        self.state.tell(true);
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
        self.tell(false);
    }

    /// Tells how many lines were lost since it was told last, now or when it is time again.
    fn tell(&self, now: bool) {
        let mut told = self.told.lock();
        if !now && told.is_some_and(|at| at.elapsed() < TELL) {
            return;
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            *told = Some(Instant::now());
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
                    // It is tried again with the next lines, which go to where they went until then.
                    state.reopen.store(true, Ordering::Release);
                    tracing::warn!(kind = ?error.kind(), "the audit log could not be reopened");
                }
            }
        }
        if let Err(error) = sink.write(&text) {
            tracing::debug!(kind = ?error.kind(), "writing the audit log failed");
            state.lose(count);
        } else {
            state.tell(false);
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

/// In one write, so that several processes may append to one file. Of lines that don't fit on the disk nothing stays: one
/// that is cut off would make those behind it unreadable.
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
