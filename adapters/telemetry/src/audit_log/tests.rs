//! Tests of what reaches the file.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

fn line(number: usize) -> Vec<u8> {
    format!("{{\"number\":{number}}}\n").into_bytes()
}

fn numbers(path: &Path) -> Vec<u64> {
    let text = fs::read_to_string(path).unwrap();
    let number = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["number"].as_u64().unwrap();
    text.lines().map(number).collect()
}

fn open(path: &Path) -> AuditLog {
    AuditLog::open(Destination::File(path.to_owned())).unwrap()
}

#[test]
fn what_is_queued_is_written_before_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let log = open(&path);
    for number in 0..1_000 {
        log.write(line(number), 1);
    }
    log.close();
    assert_eq!(numbers(&path), (0..1_000).collect::<Vec<_>>());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777 & !0o640, 0);
    drop(open(&path));
    assert_eq!(numbers(&path).len(), 1_000, "it is appended to");
}

#[test]
fn a_file_that_was_moved_away_is_made_anew_when_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (path, moved) = (folder.path().join("audit.log"), folder.path().join("audit.log.1"));
    let log = open(&path);
    log.write(line(1), 1);
    log.close();
    let log = open(&path);
    fs::rename(&path, &moved).unwrap();
    log.reopen();
    log.write(line(2), 1);
    drop(log);
    assert_eq!((numbers(&moved), numbers(&path)), (vec![1], vec![2]));
}

#[test]
fn a_missing_folder_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let opened = AuditLog::open(Destination::File(folder.path().join("nowhere/audit.log")));
    assert_eq!(opened.unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(AuditLog::open(Destination::File(folder.path().to_owned())).is_err());
}

/// A blocked destination delays only its own thread.
#[test]
fn lines_beyond_the_queue_are_lost_and_counted_and_nobody_waits() {
    let (queue, lines) = mpsc::sync_channel(2);
    let (_end, ended) = mpsc::channel();
    let log = AuditLog { queue: Mutex::new(Some(queue)), ended: Mutex::new(ended), state: Arc::default() };
    *log.state.reported.lock() = Some(Instant::now());
    for number in 0..5 {
        log.write(line(number), 2);
    }
    assert_eq!(log.state.lost.load(Ordering::Relaxed), 6);
    assert_eq!(lines.try_iter().count(), 2);
    drop(lines);
    log.write(line(5), 1);
    assert_eq!(log.state.lost.load(Ordering::Relaxed), 7);
    std::mem::forget(log);
}

#[test]
fn a_disk_that_is_full_loses_lines_and_says_so() {
    let state = State::default();
    *state.reported.lock() = Some(Instant::now());
    let (queue, lines) = mpsc::sync_channel(2);
    queue.send(Lines { text: line(1), count: 3 }).unwrap();
    drop(queue);
    let full = OpenOptions::new().append(true).open("/dev/full").unwrap();
    run(Sink::File(PathBuf::from("/dev/full"), full), &lines, &state);
    assert_eq!(state.lost.load(Ordering::Relaxed), 3);
}
