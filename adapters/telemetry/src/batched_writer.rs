//! Collects log lines and writes them in batches, on a thread of its own.
//!
//! Writing each line by itself would cost each request a system call, which is more than everything else about a line.
//! Urgent lines, and all lines before them, are written before the event returns; other lines within milliseconds.

use std::{
    io::{self, Write},
    mem,
    sync::Arc,
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

/// How long the thread pauses after a write, so that the next batch can fill.
const PAUSE: Duration = Duration::from_millis(5);
/// A batch that is larger, in bytes, is written by the thread that fills it, which then waits for a slow reader.
const MAX_BYTES: usize = 1 << 20;

/// The lines that are not written yet, and where they go.
pub(crate) struct BatchedWriter {
    waiting: Mutex<Waiting>,
    added: Condvar,
    sink: Mutex<Sink>,
}

struct Sink {
    to: Box<dyn Write + Send>,
    /// The batch that is being written; its buffer and that of the waiting lines are swapped.
    lines: Vec<u8>,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Whether the thread pauses; it looks for lines afterwards without being woken.
    pausing: bool,
}

impl BatchedWriter {
    /// Starts the thread, which runs until the process ends.
    pub(crate) fn start(to: Box<dyn Write + Send>) -> io::Result<Arc<Self>> {
        let sink = Mutex::new(Sink { to, lines: Vec::new() });
        let writer = Arc::new(Self { waiting: Mutex::default(), added: Condvar::new(), sink });
        let shared = writer.clone();
        thread::Builder::new().name("kayan-log".to_owned()).spawn(move || shared.keep_writing())?;
        Ok(writer)
    }

    /// Adds a line. An urgent line is written when this returns.
    pub(crate) fn add(&self, line: &[u8], urgent: bool) {
        let mut waiting = self.waiting.lock();
        let wakes = waiting.lines.is_empty() && !waiting.pausing;
        waiting.lines.extend_from_slice(line);
        let full = waiting.lines.len() > MAX_BYTES;
        drop(waiting);
        if urgent || full {
            self.flush();
        } else if wakes {
            self.added.notify_one();
        }
    }

    /// Writes all lines that were added.
    pub(crate) fn flush(&self) {
        // Locked before the lines are taken, so that no later batch is written first.
        let mut sink = self.sink.lock();
        let Sink { to, lines } = &mut *sink;
        mem::swap(lines, &mut self.waiting.lock().lines);
        // An error has nowhere to go: this is the log.
        let _ = to.write_all(lines);
        lines.clear();
    }

    fn keep_writing(&self) {
        loop {
            let mut waiting = self.waiting.lock();
            while waiting.lines.is_empty() {
                self.added.wait(&mut waiting);
            }
            drop(waiting);
            self.flush();
            let mut waiting = self.waiting.lock();
            waiting.pausing = true;
            // Nothing wakes it meanwhile, so it pauses for the whole time.
            self.added.wait_for(&mut waiting, PAUSE);
            waiting.pausing = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender};

    use super::*;

    /// Sends on each write.
    struct Handed(Sender<String>);

    impl Write for Handed {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(String::from_utf8(bytes.to_vec()).unwrap()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn handed() -> (Arc<BatchedWriter>, Receiver<String>) {
        let (hand, taken) = mpsc::channel();
        (BatchedWriter::start(Box::new(Handed(hand))).unwrap(), taken)
    }

    #[test]
    fn every_line_is_written_once_and_in_its_order_without_being_asked_for() {
        let (writer, taken) = handed();
        for round in 0..50 {
            let lines: Vec<String> = (0..round).map(|line| format!("{round} {line}\n")).collect();
            for line in &lines {
                writer.add(line.as_bytes(), false);
            }
            let expected = lines.concat();
            let mut written = String::new();
            while written.len() < expected.len() {
                written.push_str(&taken.recv_timeout(Duration::from_mins(1)).unwrap());
            }
            assert_eq!(written, expected);
        }
    }

    #[test]
    fn an_urgent_line_is_written_at_once_with_all_before_it() {
        let (writer, taken) = handed();
        for round in 0..100 {
            writer.add(b"calm\n", false);
            writer.add(format!("urgent {round}\n").as_bytes(), true);
            let written: String = taken.try_iter().collect();
            assert_eq!(written, format!("calm\nurgent {round}\n"));
        }
    }

    #[test]
    fn lines_of_many_threads_are_whole_and_none_is_lost() {
        let (writer, taken) = handed();
        thread::scope(|scope| {
            for thread in 0..4 {
                let writer = &writer;
                scope.spawn(move || {
                    for line in 0..2_000 {
                        writer.add(format!("{thread} {line}\n").as_bytes(), line % 500 == 0);
                    }
                });
            }
        });
        writer.flush();
        let written: String = taken.try_iter().collect();
        for thread in 0..4 {
            let own = written.lines().filter_map(|line| line.strip_prefix(&format!("{thread} ")));
            assert!(own.eq((0..2_000).map(|line| line.to_string())), "thread {thread}");
        }
        assert_eq!(written.lines().count(), 8_000);
    }

    #[test]
    fn what_nobody_takes_is_not_gathered_without_end() {
        let (writer, taken) = handed();
        let line = vec![b'x'; 1 << 16];
        let held = writer.sink.lock();
        thread::scope(|scope| {
            scope.spawn(|| (0..100).for_each(|_| writer.add(&line, false)));
            // The thread that adds these lines is stopped once the batch is full.
            while writer.waiting.lock().lines.len() <= MAX_BYTES {
                thread::yield_now();
            }
            assert!(writer.waiting.lock().lines.len() <= MAX_BYTES + line.len());
            drop(held);
        });
        writer.flush();
        assert_eq!(taken.try_iter().map(|it| it.len()).sum::<usize>(), 100 * line.len());
    }
}
