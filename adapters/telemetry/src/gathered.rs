//! Where log lines gather until a thread of its own writes them, many at a time.
//!
//! A line by itself costs its request a system call, which is more than all else that the line costs. A line that tells of
//! something wrong, and all lines before it, are written before the event returns; others within some milliseconds.

use std::{
    io::{self, Write},
    mem,
    sync::Arc,
    thread,
    time::Duration,
};

use parking_lot::{Condvar, Mutex};

/// How long the thread rests after it has written, so that lines gather meanwhile.
const REST: Duration = Duration::from_millis(5);
/// So many bytes gather at most; whoever adds the next ones writes all, and so waits for a slow reader.
const MOST: usize = 1 << 20;

/// The lines that are not written yet, and where they go.
pub(crate) struct Gathered {
    waiting: Mutex<Waiting>,
    added: Condvar,
    sink: Mutex<Sink>,
}

struct Sink {
    to: Box<dyn Write + Send>,
    /// Lines that are being written; the two buffers change places.
    lines: Vec<u8>,
}

#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Whether the thread will look by itself.
    resting: bool,
}

impl Gathered {
    /// Begins the thread, which goes on for as long as the process.
    pub(crate) fn begin(to: Box<dyn Write + Send>) -> io::Result<Arc<Self>> {
        let sink = Mutex::new(Sink { to, lines: Vec::new() });
        let gathered = Arc::new(Self { waiting: Mutex::default(), added: Condvar::new(), sink });
        let shared = gathered.clone();
        thread::Builder::new().name("kayan-log".to_owned()).spawn(move || shared.keep_writing())?;
        Ok(gathered)
    }

    /// Adds a line; an urgent one is written when this returns.
    pub(crate) fn add(&self, line: &[u8], urgent: bool) {
        let mut waiting = self.waiting.lock();
        let wakes = waiting.lines.is_empty() && !waiting.resting;
        waiting.lines.extend_from_slice(line);
        let full = waiting.lines.len() > MOST;
        drop(waiting);
        if urgent || full {
            self.write();
        } else if wakes {
            self.added.notify_one();
        }
    }

    /// Writes all lines that there are.
    pub(crate) fn write(&self) {
        // Taken before the lines are, so that nobody's later ones come first.
        let mut sink = self.sink.lock();
        let Sink { to, lines } = &mut *sink;
        mem::swap(lines, &mut self.waiting.lock().lines);
        // There is nowhere left to say that the log can't be written.
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
            self.write();
            let mut waiting = self.waiting.lock();
            waiting.resting = true;
            // Nobody wakes it now, so that it rests until its time is over.
            self.added.wait_for(&mut waiting, REST);
            waiting.resting = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender};

    use super::*;

    /// Hands on what is written, a write at a time.
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

    fn handed() -> (Arc<Gathered>, Receiver<String>) {
        let (hand, taken) = mpsc::channel();
        (Gathered::begin(Box::new(Handed(hand))).unwrap(), taken)
    }

    #[test]
    fn every_line_is_written_once_and_in_its_order_without_being_asked_for() {
        let (gathered, taken) = handed();
        for round in 0..50 {
            let lines: Vec<String> = (0..round).map(|line| format!("{round} {line}\n")).collect();
            for line in &lines {
                gathered.add(line.as_bytes(), false);
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
        let (gathered, taken) = handed();
        for round in 0..100 {
            gathered.add(b"calm\n", false);
            gathered.add(format!("urgent {round}\n").as_bytes(), true);
            let written: String = taken.try_iter().collect();
            assert_eq!(written, format!("calm\nurgent {round}\n"));
        }
    }

    #[test]
    fn lines_of_many_threads_are_whole_and_none_is_lost() {
        let (gathered, taken) = handed();
        thread::scope(|scope| {
            for thread in 0..4 {
                let gathered = &gathered;
                scope.spawn(move || {
                    for line in 0..2_000 {
                        gathered.add(format!("{thread} {line}\n").as_bytes(), line % 500 == 0);
                    }
                });
            }
        });
        gathered.write();
        let written: String = taken.try_iter().collect();
        for thread in 0..4 {
            let own = written.lines().filter_map(|line| line.strip_prefix(&format!("{thread} ")));
            assert!(own.eq((0..2_000).map(|line| line.to_string())), "thread {thread}");
        }
        assert_eq!(written.lines().count(), 8_000);
    }

    #[test]
    fn what_nobody_takes_is_not_gathered_without_end() {
        let (gathered, taken) = handed();
        let line = vec![b'x'; 1 << 16];
        let held = gathered.sink.lock();
        thread::scope(|scope| {
            scope.spawn(|| (0..100).for_each(|_| gathered.add(&line, false)));
            // The writer of these lines is stopped once there are enough.
            while gathered.waiting.lock().lines.len() <= MOST {
                thread::yield_now();
            }
            assert!(gathered.waiting.lock().lines.len() <= MOST + line.len());
            drop(held);
        });
        gathered.write();
        assert_eq!(taken.try_iter().map(|it| it.len()).sum::<usize>(), 100 * line.len());
    }
}
