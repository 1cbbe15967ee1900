//! Copies the write-ahead log into the file beside the writer, so that no commit waits for it.

use std::{
    io,
    sync::mpsc::{self, Receiver, SyncSender},
    thread::{self, JoinHandle},
};

use rusqlite::{Connection, hooks::Wal};

/// How many pages the log grows by before it is copied. Few, so that the disk is busy only for a moment each time.
const GROWN_BY: i32 = 1_000;
/// The pages (64 MB) at which the writer waits for the copy, so that the log starts over under any load.
const FULL: i32 = 16_000;

/// What the thread is woken for.
enum Wake {
    Copy,
    End,
}

/// The thread that copies. Dropping it ends the thread, and waits for that.
#[derive(Debug)]
pub(crate) struct Checkpoints {
    wake: SyncSender<Wake>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// Copies what `writer` writes, by a connection of its own.
    pub(crate) fn start(writer: &mut Connection, own: Connection) -> io::Result<Self> {
        let (wake, woken) = mpsc::sync_channel(1);
        let waker = wake.clone();
        let mut copied = 0;
        writer
            .wal_hook(Some(move |log: &mut Wal, pages: i32| {
                if pages >= FULL {
                    // What fails now is tried again with the next commit; this one stands.
                    drop(log.checkpoint());
                    copied = pages;
                } else if pages < copied {
                    copied = 0;
                }
                if pages - copied >= GROWN_BY && waker.try_send(Wake::Copy).is_ok() {
                    copied = pages;
                }
                Ok(())
            }))
            .map_err(io::Error::other)?;
        let thread =
            thread::Builder::new().name("kayan-sqlite-checkpoints".to_owned()).spawn(move || copy(&own, &woken))?;
        Ok(Self { wake, thread: Some(thread) })
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        // a thread that panicked has left the copying to the writer
        let _ = self.wake.send(Wake::End);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn copy(connection: &Connection, woken: &Receiver<Wake>) {
    while let Ok(Wake::Copy) = woken.recv() {
        let copied = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = copied {
            tracing::warn!(%error, "copying the write-ahead log into the database failed; it is tried again later");
        }
    }
}

#[cfg(test)]
mod tests {
    use kayan_sql::{Driver, Expect, Statement, Value};
    use tempfile::TempDir;

    use crate::{Settings, SqliteDriver};

    #[tokio::test]
    async fn a_log_that_has_grown_is_copied_into_the_file_while_the_service_runs() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("kayan.db");
        let driver = SqliteDriver::open(&format!("file:{}?mode=rwc", path.display()), Settings::default()).unwrap();
        let write = async |sql, params| {
            driver.apply(vec![Statement { sql, params, expect: Expect::Any }]).await.unwrap();
        };
        write("CREATE TABLE filler (x BLOB)", Vec::new()).await;
        let before = path.metadata().unwrap().len();
        // Each is some 25 pages: no thread is fast enough to be unseen, and none slow enough to be needed by the writer.
        for _ in 0..80 {
            write("INSERT INTO filler (x) VALUES (?)", vec![Value::Bytes(vec![7; 100_000])]).await;
        }
        let patience = std::time::Instant::now();
        while path.metadata().unwrap().len() < before + 1_000_000 {
            assert!(patience.elapsed().as_secs() < 20, "the log is not copied");
            std::thread::yield_now();
        }
    }
}
