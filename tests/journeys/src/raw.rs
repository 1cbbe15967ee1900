//! A bare TCP connection, for what no HTTP client would send.

use std::{net::SocketAddr, time::Duration};

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::Answer;

const PATIENCE: Duration = Duration::from_secs(30);

/// A bare connection.
#[derive(Debug)]
pub struct Connection(TcpStream);

impl Connection {
    /// Connects.
    pub async fn to(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.expect("the service listens"))
    }

    /// Sends bytes; false if the service has disconnected.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).await.is_ok()
    }

    /// The first bytes to arrive, however few.
    pub async fn begin(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 64];
        let read = timeout(PATIENCE, self.0.read(&mut bytes)).await.expect("the service answers");
        bytes.truncate(read.expect("the connection goes on"));
        bytes
    }

    /// Closes the sending side, and returns the response, if any.
    pub async fn hang_up(mut self) -> Option<Answer> {
        // The service may have disconnected before.
        drop(self.0.shutdown().await);
        self.receive().await
    }

    /// Everything until the service disconnects, as a response if it starts like one.
    pub async fn receive(mut self) -> Option<Answer> {
        let mut bytes = Vec::new();
        // A reset after the response is how the service refuses the rest of a request.
        let read = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        drop(read.expect("the service answers or hangs up"));
        parse(&bytes)
    }
}

/// Sends a complete request, which should ask for `Connection: close`, and returns the response, if any.
pub async fn exchange(address: SocketAddr, request: &[u8]) -> Option<Answer> {
    let mut connection = Connection::to(address).await;
    connection.send(request).await;
    connection.receive().await
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(bytes.get(..end)?).into_owned();
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        headers.append(HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?);
    }
    Some(Answer { status, headers, body: bytes.get(end + 4..)?.to_vec() })
}
