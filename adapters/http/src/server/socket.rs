//! A connection's socket: records activity, and adds bodies to the responses that the HTTP library writes itself.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use poem::http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Refuse, pulse::Pulse};

/// How much is read of what a client sends after it was refused, so that it can see why: closing a socket with unread
/// bytes discards the response as well.
const LINGER: usize = 4 << 20;

/// The socket of a connection.
pub(super) struct Socket<Io> {
    io: Io,
    pulse: Arc<Pulse>,
    refuse: Arc<Refuse>,
    /// What is written instead of the library's own response.
    refusal: Vec<u8>,
    /// How much of that is written; `None` while nothing was refused.
    sent: Option<usize>,
    /// How much was read after that.
    discarded: usize,
}

impl<Io: AsyncRead + AsyncWrite + Unpin> Socket<Io> {
    /// Wraps the socket.
    pub(super) fn new(io: Io, pulse: Arc<Pulse>, refuse: Arc<Refuse>) -> Self {
        Self { io, pulse, refuse, refusal: Vec::new(), sent: None, discarded: 0 }
    }

    fn note(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => self.pulse.write(None),
            Poll::Ready(Ok(bytes)) => self.pulse.write(Some(*bytes)),
            Poll::Ready(Err(_)) => {}
        }
        written
    }

    /// Whether this is refused with a response of our own; ready when that is written.
    fn poll_refusal(&mut self, cx: &mut Context<'_>, begin: &[u8]) -> Poll<io::Result<bool>> {
        if self.sent.is_none() {
            let Some(head) = bare(begin) else { return Poll::Ready(Ok(false)) };
            self.refusal = (self.refuse)(head.status).with(head.lines);
            self.sent = Some(0);
        }
        while let Some(rest) = self.sent.and_then(|sent| self.refusal.get(sent..)).filter(|rest| !rest.is_empty()) {
            let polled = Pin::new(&mut self.io).poll_write(cx, rest);
            let written = ready!(self.note(polled))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent = self.sent.map(|sent| sent + written);
        }
        Poll::Ready(Ok(true))
    }
}

/// Our own response to bytes that are not a valid request: its header lines, each with its end, and its body.
pub(crate) struct Refusal {
    /// The header lines.
    pub(crate) headers: Vec<u8>,
    /// The body.
    pub(crate) body: Vec<u8>,
}

impl Refusal {
    /// The whole response; `begin` has the status line and the headers of every response.
    fn with(self, begin: Vec<u8>) -> Vec<u8> {
        let length = format!("content-length: {}\r\n", self.body.len());
        [&begin, length.as_bytes(), &self.headers, b"\r\n", &self.body].concat()
    }
}

/// A response that the library writes by itself.
struct Bare {
    status: StatusCode,
    /// Its lines except the one that says that there is no body.
    lines: Vec<u8>,
}

/// Parses a response that no handler has written: it has no request id, and no body.
fn bare(answer: &[u8]) -> Option<Bare> {
    const LENGTH: &[u8] = b"content-length: 0\r\n";
    let refused = answer.starts_with(b"HTTP/1.") && matches!(answer.get(9), Some(b'4' | b'5'));
    let head = answer.strip_suffix(b"\r\n\r\n").filter(|_| refused)?;
    let is_ours = head.windows(14).any(|window| window.eq_ignore_ascii_case(b"\r\nx-request-id"));
    let at = answer.windows(LENGTH.len()).position(|window| window.eq_ignore_ascii_case(LENGTH))?;
    let lines = [answer.get(..at)?, answer.get(at + LENGTH.len()..answer.len() - 2)?].concat();
    let status = StatusCode::from_bytes(answer.get(9..12)?).ok()?;
    (!is_ours).then_some(Bare { status, lines })
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncRead for Socket<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.io).poll_read(cx, buf);
        if read.is_ready() && buf.filled().len() > before {
            self.pulse.hear();
        }
        read
    }
}

impl<Io: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if ready!(self.poll_refusal(cx, buf))? {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [buf] = bufs
            && ready!(self.poll_refusal(cx, buf))?
        {
            return Poll::Ready(Ok(buf.len()));
        }
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.io).poll_shutdown(cx))?;
        while self.sent.is_some() && self.discarded < LINGER {
            let mut scratch = [0; 8 << 10];
            let mut buf = ReadBuf::new(&mut scratch);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
            match buf.filled().len() {
                0 => break,
                read => self.discarded += read,
            }
        }
        Poll::Ready(Ok(()))
    }
}
