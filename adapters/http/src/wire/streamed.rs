//! Responses that are sent while they are written; if the source fails, they are aborted.

use std::io;

use futures_util::{Stream, stream};
use kayan_core::Failure;
use poem::Body;
use tokio::{
    sync::mpsc::{Receiver, Sender, channel},
    task::JoinHandle,
};

/// How many pieces are buffered for a slow client.
const PIECES_AHEAD: usize = 2;
const BROKEN: &str = "kayan_http_broken_answers_total";

/// Sends the pieces of a response in order.
pub(crate) struct Pieces(Sender<Vec<u8>>);

impl Pieces {
    /// Sends a piece; returns false if the client has disconnected.
    pub(crate) async fn send(&self, piece: Vec<u8>) -> bool {
        self.0.send(piece).await.is_ok()
    }
}

/// The response, for the log and the metric.
#[derive(Clone)]
struct Named {
    operation: &'static str,
    request_id: Option<String>,
}

impl Named {
    fn broke_off(&self, cause: &str) {
        metrics::counter!(BROKEN, "operation" => self.operation).increment(1);
        let Self { operation, request_id } = self;
        tracing::error!(request_id, operation, cause, "a response was aborted: its source failed");
    }
}

/// Exports the counter at zero, so that its first increase is visible.
pub(crate) fn begin_counting(operation: &'static str) {
    metrics::counter!(BROKEN, "operation" => operation).increment(0);
}

/// A body made of the pieces that `work` sends. It ends when `work` has returned `Ok`. When `work` fails or panics, the
/// body fails too: over HTTP/1.1 the connection is closed without the last chunk (RFC 9112, section 8), over HTTP/2 the
/// stream is reset (RFC 9113, section 5.4.2). That is logged and counted. `work` continues when the client disconnects.
pub(crate) fn streamed<W>(
    operation: &'static str,
    request_id: Option<String>,
    work: impl FnOnce(Pieces) -> W + Send + 'static,
) -> Body
where
    W: Future<Output = Result<(), Failure>> + Send,
{
    let named = Named { operation, request_id };
    let (pieces, read) = channel(PIECES_AHEAD);
    let failing = named.clone();
    let work = tokio::spawn(async move {
        let done = work(Pieces(pieces)).await;
        if let Err(failure) = &done {
            failing.broke_off(&failure.to_string());
        }
        done
    });
    Body::from_bytes_stream(pieces_of(named, read, work))
}

type Work = JoinHandle<Result<(), Failure>>;

fn pieces_of(named: Named, read: Receiver<Vec<u8>>, work: Work) -> impl Stream<Item = io::Result<Vec<u8>>> {
    stream::unfold((read, Some(work)), move |(mut read, work)| {
        let named = named.clone();
        async move {
            if let Some(piece) = read.recv().await {
                return Some((Ok(piece), (read, work)));
            }
            // All pieces were taken, which is the end only if the work has succeeded.
            let failed = match work?.await {
                Ok(Ok(())) => return None,
                Ok(Err(failure)) => io::Error::other(failure),
                Err(panicked) => {
                    named.broke_off("the work on it panicked");
                    io::Error::other(panicked)
                }
            };
            Some((Err(failed), (read, None)))
        }
    })
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt as _;

    use super::*;

    async fn read(body: Body) -> (Vec<u8>, bool) {
        let (mut text, mut pieces) = (Vec::new(), body.into_bytes_stream());
        while let Some(piece) = pieces.next().await {
            match piece {
                Ok(piece) => text.extend_from_slice(&piece),
                Err(_) => return (text, false),
            }
        }
        (text, true)
    }

    #[tokio::test]
    async fn an_answer_ends_only_when_its_source_says_that_it_is_whole() {
        let whole = streamed("test", None, async |pieces| {
            pieces.send(b"a".to_vec()).await;
            pieces.send(b"b".to_vec()).await;
            Ok(())
        });
        assert_eq!(read(whole).await, (b"ab".to_vec(), true));
        let failed = streamed("test", None, async |pieces| {
            pieces.send(b"a".to_vec()).await;
            Err(Failure::Unavailable("gone".to_owned()))
        });
        assert_eq!(read(failed).await, (b"a".to_vec(), false));
    }

    #[tokio::test]
    async fn an_answer_whose_source_panics_does_not_look_whole() {
        let panicked = streamed("test", None, async |pieces| {
            pieces.send(b"a".to_vec()).await;
            panic!("as a mistake would");
        });
        assert_eq!(read(panicked).await, (b"a".to_vec(), false));
    }
}
