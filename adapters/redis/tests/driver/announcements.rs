//! Tests that announcements reach other processes, and that these know when they may have missed some.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use kayan_redis::{Announcement, Announcements};
use tokio::{
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    time::{Instant, timeout},
};

use crate::server::{ENOUGH, Server, settings, shared, until};

/// One process: what it says, and what it hears.
fn process(url: &str) -> (Announcements, UnboundedReceiver<Announcement>) {
    let (hear, heard) = unbounded_channel();
    let told = move |what| drop(hear.send(what));
    (Announcements::start(&url.parse().unwrap(), settings(), told).unwrap(), heard)
}

async fn next(heard: &mut UnboundedReceiver<Announcement>) -> Announcement {
    timeout(Duration::from_secs(20), heard.recv()).await.unwrap().unwrap()
}

/// The next line of this test; others announce on the same server.
async fn line(heard: &mut UnboundedReceiver<Announcement>, mark: &str) -> String {
    loop {
        match next(heard).await {
            Announcement::Line(line) if line.starts_with(mark) => return line,
            Announcement::Line(_) => {}
            Announcement::Gap => panic!("there was no gap"),
        }
    }
}

#[tokio::test]
async fn every_process_hears_what_one_announces_in_its_order() {
    for variable in [
        "KAYAN_TEST_REDIS_URL",
        "KAYAN_TEST_REDIS_TLS_URL",
        "KAYAN_TEST_REDIS_CLUSTER_URL",
        "KAYAN_TEST_REDIS_SENTINEL_URL",
    ] {
        let url = shared(variable);
        let mut listening = [process(&url), process(&url)];
        for (_, heard) in &mut listening {
            assert_eq!(next(heard).await, Announcement::Gap, "{variable}");
        }
        let folder = tempfile::TempDir::new().unwrap();
        let mark = folder.path().display().to_string();
        let lines: Vec<_> = ["one", "two", "\u{1f511} three"].iter().map(|text| format!("{mark} {text}")).collect();
        listening[0].0.announce(&lines).await;
        for (_, heard) in &mut listening {
            for expected in &lines {
                assert_eq!(&line(heard, &mark).await, expected, "{variable}");
            }
        }
        for (process, _) in &listening {
            process.announce(&[]).await;
            process.ping().await.unwrap();
        }
    }
}

/// Both hear a line of the first.
async fn is_in_touch(one: &Announcements, heard: &mut UnboundedReceiver<Announcement>) {
    one.announce(&["a line".to_owned()]).await;
    assert_eq!(next(heard).await, Announcement::Line("a line".to_owned()));
}

#[tokio::test]
async fn a_gap_is_told_within_a_second_after_a_server_is_back_that_was_killed() {
    let mut server = Server::start(&[]).await;
    for url in [server.url(), server.socket_url()] {
        let (process, mut heard) = process(&url);
        assert_eq!(next(&mut heard).await, Announcement::Gap);
        is_in_touch(&process, &mut heard).await;
        server.kill();
        let began = Instant::now();
        process.announce(&["lost".to_owned()]).await;
        assert!(began.elapsed() < ENOUGH, "{:?}", began.elapsed());
        process.ping().await.unwrap_err();
        server.revive().await;
        let back = Instant::now();
        assert_eq!(next(&mut heard).await, Announcement::Gap);
        assert!(back.elapsed() < Duration::from_secs(1), "{:?}", back.elapsed());
        is_in_touch(&process, &mut heard).await;
    }
}

#[tokio::test]
async fn a_gap_is_told_after_a_server_hung() {
    let server = Server::start(&[]).await;
    let (process, mut heard) = process(&server.url());
    assert_eq!(next(&mut heard).await, Announcement::Gap);
    server.signal("STOP");
    // It answers neither announcements nor the listener's pings.
    let (began, line) = (Instant::now(), ["lost".to_owned()]);
    while began.elapsed() < Duration::from_millis(2_500) {
        process.announce(&line).await;
    }
    server.signal("CONT");
    // What was sent to it before may come first.
    while next(&mut heard).await != Announcement::Gap {}
    is_in_touch_at_last(&process, &mut heard).await;
}

async fn is_in_touch_at_last(process: &Announcements, heard: &mut UnboundedReceiver<Announcement>) {
    process.announce(&["a line".to_owned()]).await;
    while next(heard).await != Announcement::Line("a line".to_owned()) {}
}

#[tokio::test]
async fn a_server_that_comes_up_later_is_listened_to() {
    let mut server = Server::start(&[]).await;
    server.kill();
    let (process, mut heard) = process(&server.url());
    process.announce(&["nobody is there".to_owned()]).await;
    server.revive().await;
    assert_eq!(next(&mut heard).await, Announcement::Gap);
    is_in_touch(&process, &mut heard).await;
}

#[tokio::test]
async fn nobody_listens_any_more_when_it_is_dropped() {
    let server = Server::start(&[]).await;
    let (process, mut heard) = process(&server.url());
    assert_eq!(next(&mut heard).await, Announcement::Gap);
    let listeners = || server.ask(&["pubsub", "numsub", "kayan:sessions"]);
    assert_eq!(listeners(), "kayan:sessions\n1");
    drop(process);
    until("the listener to leave", || listeners() == "kayan:sessions\n0").await;
    assert_eq!(heard.recv().await, None);
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_outage_is_logged_once_however_much_is_announced() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    let _here = tracing::subscriber::set_default(subscriber);
    let mut server = Server::start(&[]).await;
    let (process, mut heard) = process(&server.url());
    assert_eq!(next(&mut heard).await, Announcement::Gap);
    for outage in 1..=2 {
        server.kill();
        for _ in 0..5 {
            process.announce(&["lost".to_owned()]).await;
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
        server.revive().await;
        assert_eq!(next(&mut heard).await, Announcement::Gap);
        is_in_touch(&process, &mut heard).await;
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("can't be announced").count(), outage, "{text}");
        // Once when the connection is lost; not again for each retry.
        assert_eq!(text.matches("can't be received").count(), outage, "{text}");
        assert!(!text.contains("127.0.0.1") && !text.contains("p@"), "{text}");
    }
}
