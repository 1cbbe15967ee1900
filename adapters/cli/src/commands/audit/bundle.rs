//! Verifies a bundle: its lines are parsed on all cores, and checked in order.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    sync::{
        Mutex,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
};

use indicatif::{ProgressBar, ProgressStyle};
use kayan_core::{BundleError, BundleReader, Line, VerifyTrail, parse_bundle_line, policy::seal::TrailReport};

use crate::exit::Exit;

/// The number of bytes that a thread parses at once.
const PIECE: usize = 1 << 19;
/// The maximum length of a line; a seal takes a third of a megabyte.
const LONGEST: u64 = 1 << 26;

/// The result of a verification.
pub(super) struct Verdict {
    /// A report for each tenant.
    pub(super) reports: Vec<TrailReport>,
    /// What is wrong with the bundle as a whole.
    pub(super) damage: Option<String>,
}

type Lines = Vec<Result<Line, String>>;

/// Whole lines, and where to send what they parse to.
struct Piece {
    text: Vec<u8>,
    answer: SyncSender<Lines>,
}

/// Verifies a bundle; without keys, uses those that it names.
pub(super) fn verify(path: &Path, cmd: &mut VerifyTrail) -> Result<Verdict, Exit> {
    let cannot = |error: std::io::Error| Exit::failed(format!("can't read {}: {error}", path.display()));
    let file = File::open(path).map_err(cannot)?;
    let bar = progress(file.metadata().map_err(cannot)?.len());
    let mut input = BufReader::with_capacity(1 << 16, bar.wrap_read(file));
    let mut first = Vec::new();
    (&mut input).take(LONGEST).read_until(b'\n', &mut first).map_err(cannot)?;
    let first = parse_bundle_line(&first);
    if let (Ok(Line::Bundle(keys)), true) = (&first, cmd.keys.is_empty()) {
        cmd.keys.clone_from(keys);
    }
    let mut reader = BundleReader::new(cmd);
    let damaged = |error: BundleError| format!("{}: {error}", path.display());
    let read = match reader.take(first) {
        Ok(()) => in_parallel(&mut input, &mut reader),
        Err(error) => Ok(Err(error)),
    };
    bar.finish_and_clear();
    let (reports, incomplete) = reader.finish();
    let damage = read.map_err(cannot)?.err().or(incomplete).map(damaged);
    Ok(Verdict { reports, damage })
}

/// Reads all lines; the outer error is of the file, the inner one of its content.
fn in_parallel(
    input: &mut (impl BufRead + Send),
    reader: &mut BundleReader<'_>,
) -> std::io::Result<Result<(), BundleError>> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let (give, take) = sync_channel::<Piece>(2 * threads);
    let take = Mutex::new(take);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&take));
        }
        feed(input, give, reader, 3 * threads)
    })
}

/// Hands out pieces and takes the results in order, with a bounded number in flight.
fn feed(
    input: &mut impl BufRead,
    give: SyncSender<Piece>,
    reader: &mut BundleReader<'_>,
    ahead: usize,
) -> std::io::Result<Result<(), BundleError>> {
    let mut waiting: VecDeque<Receiver<Lines>> = VecDeque::new();
    loop {
        let text = next_piece(input)?;
        let done = text.is_empty();
        if !done {
            let (answer, lines) = sync_channel(1);
            waiting.push_back(lines);
            // Fails only if every thread has panicked, which the scope reports.
            drop(give.send(Piece { text, answer }));
        }
        while waiting.len() > if done { 0 } else { ahead } {
            let lines = waiting.pop_front().and_then(|lines| lines.recv().ok()).unwrap_or_default();
            for line in lines {
                if let Err(error) = reader.take(line) {
                    return Ok(Err(error));
                }
            }
        }
        if done {
            return Ok(Ok(()));
        }
    }
}

/// The next whole lines; empty at the end.
fn next_piece(input: &mut impl BufRead) -> std::io::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(PIECE + (1 << 12));
    input.take(PIECE as u64).read_to_end(&mut text)?;
    if !text.is_empty() && !text.ends_with(b"\n") {
        input.take(LONGEST).read_until(b'\n', &mut text)?;
    }
    Ok(text)
}

/// Parses lines until there are no more.
fn work(take: &Mutex<Receiver<Piece>>) {
    loop {
        let piece = match take.lock() {
            Ok(take) => take.recv(),
            Err(_) => return,
        };
        let Ok(Piece { text, answer }) = piece else { return };
        let lines = text.strip_suffix(b"\n").unwrap_or(&text).split(|byte| *byte == b'\n');
        drop(answer.send(lines.map(parse_bundle_line).collect()));
    }
}

fn progress(length: u64) -> ProgressBar {
    let bar = ProgressBar::new(length);
    match ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
