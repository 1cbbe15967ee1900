//! The body of a response on its way out, in parts of limited size.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::pulse::Exchange;

/// The bytes of a part: the default size of an HTTP/2 frame (RFC 9113, section 6.5.2). A client that reads nothing has
/// no more than this queued.
const PART: usize = 16 << 10;

/// A body that is sent in parts. Large bodies are shared between responses, so a part is a reference, not a copy.
pub(super) struct Outgoing<B> {
    body: B,
    /// The rest of the frame that is being sent.
    rest: Bytes,
    exchange: Exchange,
}

impl<B> Outgoing<B> {
    /// The body of a response.
    pub(super) fn new(body: B, exchange: Exchange) -> Self {
        Self { body, rest: Bytes::new(), exchange: exchange.answer() }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Outgoing<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        }
        this.exchange.pulse().part();
        let part = this.rest.split_to(PART.min(this.rest.len()));
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (hint, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut whole = SizeHint::new();
        // In this order: the upper bound must not be below the lower.
        if let Some(upper) = hint.upper() {
            whole.set_upper(upper + rest);
        }
        whole.set_lower(hint.lower() + rest);
        whole
    }
}
