//! The range endpoint, asked over real connections.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use kayan_breach::{LARGEST_ANSWER, PATIENCE, RangeEndpoint};
use kayan_ports::{BreachedPasswords, Failure};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};
use url::Url;

/// The SHA-1 of `password` is 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8.
const REST: &str = "1E4C9B93F3F0682250B6CF8331B7EE68FD8";
const OTHER: &str = "00000000000000000000000000000000000";

/// A server that answers each connection with this text and leaves it open, and what it was asked.
struct Server {
    endpoint: RangeEndpoint,
    url: Url,
    asked: mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn answering(answer: impl Into<String>) -> Self {
        Self::patient(answer, PATIENCE).await
    }

    async fn patient(answer: impl Into<String>, patience: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url: Url = format!("http://{}/range/", listener.local_addr().unwrap()).parse().unwrap();
        let (ask, asked) = mpsc::unbounded_channel();
        let answer = answer.into();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(connection.read_u8().await.unwrap());
                }
                ask.send(String::from_utf8(head).unwrap()).unwrap();
                // A client that has had enough closes the connection.
                drop(connection.write_all(answer.as_bytes()).await);
                open.push(connection);
            }
        });
        Self { endpoint: RangeEndpoint::new(&url, patience).unwrap(), url, asked }
    }

    async fn check(&self) -> Result<bool, Failure> {
        self.endpoint.is_breached(&"password".into()).await
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

fn why(checked: Result<bool, Failure>) -> String {
    match checked {
        Err(Failure::Unavailable(why)) => why,
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_password_that_is_listed_is_breached() {
    for body in [format!("{OTHER}:3\r\n{REST}:9659365\r\n"), format!("{}:1\n{OTHER}:3", REST.to_lowercase())] {
        assert_eq!(Server::answering(ok(&body)).await.check().await, Ok(true), "{body}");
    }
}

#[tokio::test]
async fn one_that_is_not_listed_or_only_as_padding_is_not() {
    for body in [format!("{OTHER}:3\r\n"), format!("{OTHER}:3\r\n{REST}:0\r\n"), String::new()] {
        assert_eq!(Server::answering(ok(&body)).await.check().await, Ok(false), "{body}");
    }
}

#[tokio::test]
async fn only_five_digits_of_the_hash_are_sent() {
    let mut server = Server::answering(ok("")).await;
    assert_eq!(server.check().await, Ok(false));
    let asked = server.asked.recv().await.unwrap();
    assert!(asked.starts_with("GET /range/5BAA6 HTTP/1.1\r\n"), "{asked}");
    let lower = asked.to_lowercase();
    assert!(lower.contains("add-padding: true\r\n") && lower.contains("user-agent: kayan/"), "{asked}");
    assert!(!asked.contains(&REST[..5]) && !asked.contains("password"), "{asked}");
}

#[tokio::test]
async fn an_answer_that_is_no_list_is_a_failure() {
    for body in ["<html>", &format!("{REST}:many"), &format!("{}:1", &REST[1..]), &format!("{OTHER}:1\r\n{REST}")] {
        assert!(why(Server::answering(ok(body)).await.check().await).contains("not a list"), "{body}");
    }
    let no_text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\u{0}\u{1}ü";
    assert!(why(Server::answering(no_text).await.check().await).contains("not a list"));
    assert!(why(Server::answering("no HTTP at all\r\n\r\n").await.check().await).contains("error"));
}

#[tokio::test]
async fn another_status_is_a_failure_and_no_redirect_is_followed() {
    for status in ["404 Not Found", "500 Internal Server Error", "429 Too Many Requests", "204 No Content"] {
        let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
        assert!(why(Server::answering(answer).await.check().await).contains(&status[..3]), "{status}");
    }
    let mut target = Server::answering(ok(&format!("{REST}:1"))).await;
    let answer = format!("HTTP/1.1 302 Found\r\nLocation: {}5BAA6\r\nContent-Length: 0\r\n\r\n", target.url);
    assert!(why(Server::answering(answer).await.check().await).contains("302"));
    assert!(target.asked.try_recv().is_err());
}

#[tokio::test]
async fn a_huge_answer_is_not_read_to_its_end() {
    let line = format!("{OTHER}:3\r\n");
    let just = line.repeat(LARGEST_ANSWER / line.len());
    assert_eq!(Server::answering(ok(&just)).await.check().await, Ok(false));
    let huge = format!("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n{just}{line}{line}");
    assert!(why(Server::answering(huge).await.check().await).contains("larger than"));
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_in_time_is_a_failure() {
    let patience = Duration::from_millis(50);
    for answer in [String::new(), "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nABC".to_owned()] {
        let why = why(Server::patient(answer, patience).await.check().await);
        assert!(why.contains("timed out"), "{why}");
    }
}

#[tokio::test]
async fn an_endpoint_that_is_away_is_a_failure_whose_text_has_no_part_of_the_hash() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let why = why(RangeEndpoint::new(&url, PATIENCE).unwrap().is_breached(&"password".into()).await);
    assert!(why.contains("refused") && !why.contains("5BAA6"), "{why}");
}
