//! A client of HTTP/2 made of bare frames, for what no real client would do.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(30);
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
/// The flags of complete headers without a body.
const WHOLE: u8 = 0x5;

/// A connection whose client accepts no bytes of any response: its windows are empty.
#[derive(Debug)]
pub struct Windowless {
    stream: TcpStream,
    next: u32,
}

impl Windowless {
    /// Connects.
    pub async fn to(address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect(address).await.expect("the service listens");
        // SETTINGS_INITIAL_WINDOW_SIZE = 0 (RFC 9113, section 6.5.2)
        let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
        stream.write_all(&[PREFACE, &settings].concat()).await.expect("it listens still");
        Self { stream, next: 1 }
    }

    /// Requests a path this many times, each in its own stream.
    pub async fn ask(&mut self, path: &str, times: u32) {
        let length = u8::try_from(path.len()).expect("a short path");
        // :method GET, :scheme http, :path, :authority (RFC 7541, appendix A)
        let head = [&[0x82, 0x86, 0x04, length], path.as_bytes(), &[0x01, 1, b'x']].concat();
        for _ in 0..times {
            let request = frame(HEADERS, WHOLE, self.next, &head);
            self.next += 2;
            self.stream.write_all(&request).await.expect("it listens still");
        }
    }

    /// Waits for the heads of this many responses.
    pub async fn heads(&mut self, times: u32) {
        let mut heads = 0;
        while heads < times {
            let mut head = [0; 9];
            let read = timeout(PATIENCE, self.stream.read_exact(&mut head)).await;
            read.expect("every request is answered").expect("the connection goes on");
            let [a, b, c, kind, ..] = head;
            let mut payload = vec![0; usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c)];
            self.stream.read_exact(&mut payload).await.expect("a whole frame");
            heads += u32::from(kind == HEADERS);
        }
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short frame");
    [&[0, 0, length, kind, flags], &stream.to_be_bytes()[..], payload].concat()
}
