//! One HTTP/1.1 connection, read no further than its answers need: the same small cost for every server.

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A connection that is kept alive.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

/// An answer; its body is as good as the next question.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answer<'a> {
    /// The status (RFC 9110, section 15).
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'a [u8],
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(4096) })
    }

    /// Sends a whole request and reads its answer, which must say its length.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> io::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.received.clear();
        let (status, head, length) = loop {
            self.receive().await?;
            if let Some(head) = self.received.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                let (status, length) = read_head(self.received.get(..head).unwrap_or_default());
                break (status, head + 4, length.ok_or_else(|| io::Error::other("an answer without Content-Length"))?);
            }
        };
        while self.received.len() < head + length {
            self.receive().await?;
        }
        Ok(Answer { status, body: self.received.get(head..head + length).unwrap_or_default() })
    }

    async fn receive(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.received).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

// The status and the length of the body.
fn read_head(head: &[u8]) -> (u16, Option<usize>) {
    let number = |bytes: &[u8]| str::from_utf8(bytes).ok().and_then(|text| text.trim().parse::<usize>().ok());
    let status = head.get(9..12).and_then(number).and_then(|status| u16::try_from(status).ok());
    let length = head.split(|byte| *byte == b'\n').find_map(|line| {
        let (name, value) = line.split_at_checked(15)?;
        name.eq_ignore_ascii_case(b"content-length:").then(|| number(value)).flatten()
    });
    (status.unwrap_or_default(), length)
}
