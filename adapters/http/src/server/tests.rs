//! Tests of the server's limits, one short and all others long in each test, on connections in memory.

use bytes::Bytes;
use poem::{Response, endpoint::make};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    net::TcpListener,
    sync::Notify,
    task::JoinHandle,
};

use super::*;

/// Never over in a test.
const LONG: Duration = Duration::from_hours(1);
/// Short enough not to slow the tests down.
const SHORT: Duration = Duration::from_millis(30);
/// Longer than anything takes here on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
const LONG_LIMITS: Limits = Limits { connections: 8, head: LONG, idle: LONG, write: LONG, grace: LONG };
const ASK: &[u8] = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// The start of an HTTP/2 connection whose client accepts no bytes of any response.
fn without_window() -> Vec<u8> {
    // SETTINGS_INITIAL_WINDOW_SIZE = 0
    [PREFACE, &frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])].concat()
}

/// A complete HTTP/2 request for a path (RFC 7541, appendix A).
fn asking(stream: u8, path: &str) -> Vec<u8> {
    let length = u8::try_from(path.len()).unwrap();
    frame(1, 5, stream, &[&[0x82, 0x86, 0x04, length], path.as_bytes(), &[0x01, 1, b'x']].concat())
}

/// Signals between a test and the handler of `/wait`.
#[derive(Default)]
struct Signals {
    /// The handler is running.
    runs: Notify,
    /// The handler may respond.
    go: Notify,
}

fn answering(signals: Arc<Signals>) -> impl Endpoint<Output = Response> {
    let large = Bytes::from(vec![b'x'; 2 << 20]);
    make(move |request| {
        let (signals, large) = (signals.clone(), large.clone());
        async move {
            match request.uri().path() {
                "/large" => Response::from(large),
                "/wait" => {
                    signals.runs.notify_one();
                    signals.go.notified().await;
                    Response::from("waited")
                }
                _ => Response::from("done"),
            }
        }
    })
}

fn refuse(status: StatusCode) -> Refusal {
    Refusal { headers: b"x-request-id: 1\r\n".to_vec(), body: format!("refused {}", status.as_u16()).into_bytes() }
}

/// A client's end of a connection, and the server's task.
struct Client {
    io: DuplexStream,
    stop: watch::Sender<bool>,
    signals: Arc<Signals>,
    server: JoinHandle<()>,
}

impl Client {
    /// Connects and sends these bytes; `room` is how many bytes the network buffers.
    async fn send(limits: Limits, room: usize, bytes: &[u8]) -> Self {
        let (stop, stopping) = watch::channel(false);
        let (mut io, other) = duplex(room);
        let signals = Arc::new(Signals::default());
        let endpoint = answering(signals.clone());
        let shared = Shared { endpoint, refuse: Arc::new(refuse), limits, builder: connection::builder() };
        let addresses = (LocalAddr::default(), RemoteAddr::default());
        let server = tokio::spawn(connection::serve(other, addresses, Arc::new(shared), stopping));
        io.write_all(bytes).await.unwrap();
        Self { io, stop, signals, server }
    }

    /// Reads until these bytes have arrived.
    async fn read_to(&mut self, end: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        while !read.ends_with(end) {
            read.push(timeout(PATIENCE, self.io.read_u8()).await.expect("it answers").expect("it goes on"));
        }
        read
    }

    /// Reads until the server disconnects.
    async fn read_all(&mut self) -> Vec<u8> {
        let mut read = Vec::new();
        timeout(PATIENCE, self.io.read_to_end(&mut read)).await.expect("it hangs up").unwrap();
        read
    }

    /// Waits until the server has ended the connection.
    async fn ended(self) {
        timeout(PATIENCE, self.server).await.expect("it ends").unwrap();
    }
}

/// Beginnings of requests that are no complete head.
fn half_heads() -> [Vec<u8>; 7] {
    [
        b"".to_vec(),
        b"GET / HT".to_vec(),
        b"GET / HTTP/1.1\r\nHost: x\r\nX-A".to_vec(),
        b"PRI * HTTP/2".to_vec(),
        PREFACE.to_vec(),
        [PREFACE, &frame(4, 0, 0, &[])[..5]].concat(),
        [without_window(), asking(1, "/")[..12].to_vec()].concat(),
    ]
}

#[tokio::test]
async fn i_40_a_head_that_does_not_come_ends_the_connection() {
    for bytes in half_heads() {
        Client::send(Limits { head: SHORT, ..LONG_LIMITS }, 1 << 16, &bytes).await.ended().await;
    }
    // Also when it is not the first.
    let mut client = Client::send(Limits { head: SHORT, ..LONG_LIMITS }, 1 << 16, ASK).await;
    client.read_to(b"done").await;
    client.io.write_all(b"GET /").await.unwrap();
    client.ended().await;
}

#[tokio::test]
async fn a_connection_ends_when_it_is_idle_for_too_long() {
    let limits = Limits { idle: SHORT, ..LONG_LIMITS };
    let mut client = Client::send(limits, 1 << 16, ASK).await;
    assert!(client.read_all().await.ends_with(b"done"));
    client.ended().await;
    let mut client = Client::send(limits, 1 << 16, &[PREFACE, &frame(4, 0, 0, &[]), &asking(1, "/")].concat()).await;
    let read = client.read_all().await;
    // Its last frame except responses to ours is GOAWAY.
    assert!(read.windows(4).any(|four| four == b"done") && read.windows(5).any(|five| five == [0, 0, 8, 7, 0]));
    client.ended().await;
}

#[tokio::test]
async fn i_40_a_client_that_leaves_its_answer_unread_is_cut_off() {
    let limits = Limits { write: SHORT, ..LONG_LIMITS };
    let ask = b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n";
    Client::send(limits, 1 << 10, ask).await.ended().await;
    // Also a response that was handed over completely, of which the network takes only a part.
    Client::send(limits, 16, ASK).await.ended().await;
    let streams: Vec<u8> = (0..8).flat_map(|n| asking(2 * n + 1, "/large")).collect();
    Client::send(limits, 1 << 16, &[without_window(), streams].concat()).await.ended().await;
}

#[tokio::test]
async fn i_40_an_http_2_client_is_told_how_much_it_may_ask_at_once() {
    let mut client = Client::send(LONG_LIMITS, 1 << 16, PREFACE).await;
    let mut head = [0; 9];
    client.io.read_exact(&mut head).await.unwrap();
    assert_eq!((&head[..2], head[3]), (&[0, 0][..], 4), "SETTINGS");
    let mut settings = vec![0; head[2].into()];
    client.io.read_exact(&mut settings).await.unwrap();
    // SETTINGS_MAX_CONCURRENT_STREAMS and SETTINGS_MAX_HEADER_LIST_SIZE (RFC 9113, section 6.5.2)
    for told in [[0, 3, 0, 0, 0, 100], [0, 6, 0, 0, 64, 0]] {
        assert!(settings.chunks(6).any(|setting| setting == told), "{settings:?}");
    }
}

#[tokio::test]
async fn i_40_an_http_2_client_that_keeps_resetting_its_streams_is_cut_off() {
    let resets = (0..100).flat_map(|n| [asking(2 * n + 1, "/wait"), frame(3, 0, 2 * n + 1, &[0, 0, 0, 8])].concat());
    let begin = [PREFACE, &frame(4, 0, 0, &[])].concat();
    Client::send(LONG_LIMITS, 1 << 16, &begin.into_iter().chain(resets).collect::<Vec<_>>()).await.ended().await;
}

#[tokio::test]
async fn a_client_that_reads_gets_a_large_answer_whole() {
    let mut client =
        Client::send(LONG_LIMITS, 1 << 10, b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await;
    let read = client.read_all().await;
    let head = String::from_utf8_lossy(&read[..200]).to_ascii_lowercase();
    assert!(head.contains("content-length: 2097152\r\n"), "{head}");
    assert!(read.ends_with(&vec![b'x'; 2 << 20]));
}

#[tokio::test]
async fn a_server_that_stops_waits_for_answers_and_for_nothing_else() {
    for bytes in half_heads() {
        let client = Client::send(LONG_LIMITS, 1 << 16, &bytes).await;
        client.stop.send_replace(true);
        client.ended().await;
    }
    let mut client = Client::send(LONG_LIMITS, 1 << 16, ASK).await;
    client.read_to(b"done").await;
    client.stop.send_replace(true);
    client.ended().await;

    let mut client = Client::send(LONG_LIMITS, 1 << 16, ASK).await;
    client.read_to(b"done").await;
    client.io.write_all(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    client.signals.runs.notified().await;
    client.stop.send_replace(true);
    client.signals.go.notify_one();
    assert!(client.read_all().await.ends_with(b"waited"));
    client.ended().await;
}

#[tokio::test]
async fn requests_in_flight_have_a_grace_and_no_more() {
    let client =
        Client::send(Limits { grace: SHORT, ..LONG_LIMITS }, 1 << 16, b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n").await;
    client.signals.runs.notified().await;
    client.stop.send_replace(true);
    client.ended().await;
}

#[tokio::test]
async fn i_38_what_is_no_request_is_answered_in_the_shape_of_errors() {
    for (request, status) in [
        (b"GARBAGE\r\n\r\n".to_vec(), 400),
        (b"GET / HTTP/9.9\r\n\r\n".to_vec(), 400),
        ([b"GET /", "a".repeat(70_000).as_bytes(), b" HTTP/1.1\r\n\r\n"].concat(), 414),
        ([b"GET / HTTP/1.1\r\nX-A: ", "a".repeat(300_000).as_bytes(), b"\r\n\r\n"].concat(), 431),
        ([b"GET / HTTP/1.1\r\n", &*b"X-A: b\r\n".repeat(200), b"\r\n"].concat(), 431),
        ([ASK, b"GARBAGE\r\n\r\n"].concat(), 400),
    ] {
        // The network buffers less than the request: the rest must be read, so that the client sees the response.
        let mut client = Client::send(LONG_LIMITS, 1 << 12, &request).await;
        client.io.shutdown().await.unwrap();
        let read = String::from_utf8_lossy(&client.read_all().await).into_owned();
        let answer = read.rsplit_once("HTTP/1.1 ").unwrap().1.to_ascii_lowercase();
        assert!(answer.starts_with(&status.to_string()), "{read}");
        assert!(answer.ends_with(&format!("\r\n\r\nrefused {status}")), "{read}");
        for line in ["connection: close\r\n", "content-length: 11\r\n", "x-request-id: 1\r\n", "date: "] {
            assert_eq!(answer.matches(line).count(), 1, "{line}: {read}");
        }
    }
}

#[tokio::test]
async fn i_40_no_more_connections_are_taken_than_may_be() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = Limits { connections: 2, ..LONG_LIMITS };
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let server = tokio::spawn(run(listener, answering(Arc::default()), Arc::new(refuse), limits, async {
        drop(stopped.await);
    }));
    let ask = async |io: &mut TcpStream| {
        io.write_all(ASK).await.unwrap();
        let mut read = Vec::new();
        while !read.ends_with(b"done") {
            read.push(timeout(PATIENCE, io.read_u8()).await.expect("it answers").unwrap());
        }
    };
    let mut first = TcpStream::connect(address).await.unwrap();
    let mut second = TcpStream::connect(address).await.unwrap();
    ask(&mut first).await;
    ask(&mut second).await;
    let mut third = TcpStream::connect(address).await.unwrap();
    third.write_all(ASK).await.unwrap();
    for _ in 0..50 {
        ask(&mut first).await;
    }
    assert_eq!(third.try_read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock, "it waits");
    drop(second);
    ask(&mut third).await;
    stop.send(()).unwrap();
    timeout(PATIENCE, server).await.expect("it ends").unwrap();
}

#[test]
fn the_limits_are_those_that_are_promised() {
    let Limits { connections, head, idle, write, grace } = Limits::default();
    assert_eq!(connections, 1_000);
    assert_eq!([head, idle, write, grace].map(|limit| limit.as_secs()), [10, 75, 30, 30]);
}
