//! Many connections, slow ones, and unread responses.

use std::time::{Duration, Instant};

use kayan_journeys::{Connection, Home, Metrics, Service, Windowless, ask, exchange};

/// The most memory for a client that leaves its response unread, in bytes.
const PER_CLIENT: u64 = 32 << 10;
const LIVE: &[u8] = b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";

/// Clients that request a page, read the first bytes of the response, and stop.
async fn stuck(service: &Service, clients: usize) -> Vec<Connection> {
    let mut stuck = Vec::new();
    for _ in 0..clients {
        let mut client = Connection::to(service.address()).await;
        assert!(client.send(b"GET /docs HTTP/1.1\r\nHost: x\r\n\r\n").await);
        assert!(client.begin().await.starts_with(b"HTTP/1.1 200"));
        stuck.push(client);
    }
    stuck
}

/// The same over HTTP/2, each in as many streams as allowed.
async fn stuck_streams(service: &Service, connections: u32) -> Vec<Windowless> {
    let mut stuck = Vec::new();
    for _ in 0..connections {
        let mut client = Windowless::to(service.address()).await;
        client.ask("/docs", 100).await;
        client.heads(100).await;
        stuck.push(client);
    }
    stuck
}

#[tokio::test]
async fn i_40_clients_that_leave_their_answers_unread_cost_little_memory() {
    let service = Service::start_in(Home::new().with("KAYAN_MAX_CONNECTIONS", "1000")).await;
    // The first ones include costs that occur only once.
    drop((stuck(&service, 20).await, stuck_streams(&service, 1).await));
    let before = service.memory();
    let clients = stuck(&service, 300).await;
    let each = service.memory().saturating_sub(before) / 300;
    assert!(each <= PER_CLIENT, "{each} bytes for each client of HTTP/1.1");
    let before = service.memory();
    let streams = stuck_streams(&service, 4).await;
    let each = service.memory().saturating_sub(before) / 400;
    assert!(each <= PER_CLIENT, "{each} bytes for each stream of HTTP/2");
    // And other clients do not notice.
    assert_eq!(exchange(service.address(), LIVE).await.unwrap().status, 200);
    drop((clients, streams));
}

#[tokio::test]
async fn i_40_an_http_2_connection_has_no_more_than_a_hundred_streams() {
    let service = Service::start().await;
    let mut client = Windowless::to(service.address()).await;
    client.ask("/docs", 400).await;
    // Streams above that number are refused with RST_STREAM, without a head.
    client.heads(100).await;
    let asked = Metrics::of(&service.client()).await;
    let count = asked.count("kayan_http_requests_total{operation=\"none\",status=\"200\"}");
    assert_eq!(count, Some(100), "{}", asked.text);
}

#[tokio::test]
async fn connections_beyond_the_most_wait_until_one_ends() {
    let service = Service::start_in(Home::new().with("KAYAN_MAX_CONNECTIONS", "4")).await;
    // The client of the start may still hold one.
    let silent = [(); 4].map(|()| Connection::to(service.address()));
    let silent = futures_util::future::join_all(silent).await;
    let asking = tokio::spawn({
        let address = service.address();
        async move { exchange(address, LIVE).await }
    });
    service.log_with("KAYAN_MAX_CONNECTIONS").await;
    drop(silent);
    assert_eq!(asking.await.unwrap().unwrap().status, 200);
    let metrics = Metrics::of(&service.client()).await;
    assert_eq!(metrics.count("kayan_http_connections_max"), Some(4));
    assert!((1..=4).contains(&metrics.count("kayan_http_connections").unwrap()), "{}", metrics.text);
}

#[tokio::test]
async fn a_service_without_files_to_open_pauses_says_so_now_and_then_and_recovers() {
    let service = Service::start_in(Home::new().with("KAYAN_MAX_CONNECTIONS", "100000")).await;
    let began = Instant::now();
    service.limit_files(8);
    let silent = [(); 32].map(|()| Connection::to(service.address()));
    let silent = futures_util::future::join_all(silent).await;
    let told = "connections can't be accepted";
    let asking = tokio::spawn({
        let address = service.address();
        async move { exchange(address, LIVE).await }
    });
    service.log_with(told).await;
    drop(silent);
    assert_eq!(asking.await.unwrap().unwrap().status, 200);
    let lines = service.log().matches(told).count();
    let most = began.elapsed().as_secs() + 1;
    assert!(lines as u64 <= most, "{lines} lines in {most} s");
}

#[tokio::test]
async fn a_service_that_stops_waits_for_no_half_head() {
    let service = Service::start().await;
    let mut open = Vec::new();
    for begin in [
        &b""[..],
        b"GET /health/li",
        b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-A: ",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let mut connection = Connection::to(service.address()).await;
        assert!(connection.send(begin).await);
        open.push(connection);
    }
    ask(service.client().get("/health/live")).await.expect(200);
    let began = Instant::now();
    service.terminate();
    let (code, log, _home) = service.ended().await;
    assert_eq!(code, 0, "{log}");
    // Requests in flight would have 30 s.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    drop(open);
}

#[tokio::test]
async fn the_most_connections_are_fewer_than_the_files_that_may_be_open() {
    let home = Home::new();
    let usual = home.script("ulimit -n 256; kayan config check --format json").output().await.unwrap();
    let rows: serde_json::Value = serde_json::from_slice(&usual.stdout).unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| row["setting"] == "KAYAN_MAX_CONNECTIONS").unwrap();
    // 64 files for the process, and three for each connection of the database.
    assert_eq!(row["value"], "117", "{row}");
    let high = home.with("KAYAN_MAX_CONNECTIONS", "200");
    let high = high.script("ulimit -n 256; kayan config check").output().await.unwrap();
    let said = String::from_utf8_lossy(&high.stderr);
    assert!(high.status.success() && said.contains("too high for a limit of 256 open files"), "{high:?}");
}
