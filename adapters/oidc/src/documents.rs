//! The documents that a provider publishes: kept, fetched anew in the background, and served old while the provider is away.

use std::sync::Arc;

use kayan_ports::{Clock, Timestamp};
use openidconnect::core::CoreJsonWebKeySet as KeySet;
use parking_lot::Mutex;
use time::Duration;
use url::Url;

use crate::{
    http::{Http, Response},
    metadata::{DocumentError, Metadata},
};

/// From then on a document is fetched anew in the background.
const FRESH: Duration = Duration::hours(1);
/// From then on it is not used.
const USABLE: Duration = Duration::hours(24);
/// How long the next attempt waits after a failed one: a provider that is away is not waited for by each request in turn.
const PAUSE: Duration = Duration::seconds(5);
/// How often keys are fetched because one is unknown.
const UNKNOWN_KEY: Duration = Duration::minutes(1);
/// The most bytes of the reason that a document is refused for.
const MOST_ERROR: usize = 256;

/// One document.
struct Slot<T> {
    held: Mutex<Option<(Arc<T>, Timestamp)>>,
    /// Held while the document is fetched: when the last attempt failed, and why.
    fetching: tokio::sync::Mutex<Option<(Timestamp, String)>>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { held: Mutex::new(None), fetching: tokio::sync::Mutex::new(None) }
    }
}

impl<T> Slot<T> {
    fn held(&self) -> Option<(Arc<T>, Timestamp)> {
        self.held.lock().clone()
    }

    /// Fetches it, once for all who wait for it; `since`: one that was fetched later will do.
    async fn fetch(
        &self,
        clock: &dyn Clock,
        since: Timestamp,
        fetching: impl Future<Output = Result<T, DocumentError>>,
    ) -> Result<Arc<T>, String> {
        let mut last_failure = self.fetching.lock().await;
        if let Some((held, _)) = self.held().filter(|(_, at)| *at > since) {
            return Ok(held);
        }
        let now = clock.now();
        if let Some((_, why)) = last_failure.as_ref().filter(|(at, _)| now - *at < PAUSE) {
            return Err(why.clone());
        }
        match fetching.await {
            Ok(fetched) => {
                let fetched = Arc::new(fetched);
                *self.held.lock() = Some((fetched.clone(), clock.now()));
                *last_failure = None;
                Ok(fetched)
            }
            Err(why) => {
                let why = why.to_string();
                *last_failure = Some((clock.now(), why.clone()));
                Err(why)
            }
        }
    }
}

/// The documents of one provider.
pub(crate) struct Documents {
    name: String,
    issuer: Url,
    /// The issuer as it is configured: it is compared as text.
    issuer_text: String,
    http: Arc<Http>,
    clock: Arc<dyn Clock>,
    metadata: Slot<Metadata>,
    keys: Slot<KeySet>,
    /// When keys were last fetched because one was unknown.
    unknown_key_at: tokio::sync::Mutex<Option<Timestamp>>,
}

impl Documents {
    pub(crate) fn new(name: String, (issuer, text): (Url, String), http: Arc<Http>, clock: Arc<dyn Clock>) -> Self {
        let (metadata, keys, unknown_key_at) = (Slot::default(), Slot::default(), tokio::sync::Mutex::new(None));
        Self { name, issuer, issuer_text: text, http, clock, metadata, keys, unknown_key_at }
    }

    /// The metadata.
    pub(crate) async fn metadata(self: &Arc<Self>) -> Result<Arc<Metadata>, String> {
        let now = self.clock.now();
        match self.metadata.held() {
            Some((held, at)) if now - at < USABLE => {
                if now - at >= FRESH {
                    let this = self.clone();
                    tokio::spawn(async move { this.fetch_metadata(at).await });
                }
                Ok(held)
            }
            _ => self.fetch_metadata(now - USABLE).await,
        }
    }

    /// The keys.
    pub(crate) async fn keys(self: &Arc<Self>) -> Result<Arc<KeySet>, String> {
        let now = self.clock.now();
        match self.keys.held() {
            Some((held, at)) if now - at < USABLE => {
                if now - at >= FRESH {
                    let this = self.clone();
                    tokio::spawn(async move { this.fetch_keys(at).await });
                }
                Ok(held)
            }
            _ => self.fetch_keys(now - USABLE).await,
        }
    }

    /// The keys, fetched anew because one is unknown. If they were less than a minute ago, perhaps by another request, those are it.
    pub(crate) async fn newer_keys(self: &Arc<Self>) -> Result<Arc<KeySet>, String> {
        // Held while they are fetched, so that parallel requests find them.
        let mut last = self.unknown_key_at.lock().await;
        let now = self.clock.now();
        if last.is_some_and(|last| now - last < UNKNOWN_KEY) {
            return self.keys().await;
        }
        *last = Some(now);
        self.fetch_keys(now).await
    }

    async fn fetch_metadata(&self, since: Timestamp) -> Result<Arc<Metadata>, String> {
        let fetching = async {
            let url = Metadata::url(&self.issuer);
            let url = url.ok_or_else(|| DocumentError::Malformed("the issuer is no URL".to_owned()))?;
            Metadata::read(&found(self.http.get(&url, None).await?)?, &self.issuer_text, &self.http)
        };
        self.logged(self.metadata.fetch(&*self.clock, since, fetching).await, "its metadata")
    }

    async fn fetch_keys(self: &Arc<Self>, since: Timestamp) -> Result<Arc<KeySet>, String> {
        let metadata = self.metadata().await?;
        let fetching = async {
            let body = found(self.http.get(&metadata.jwks_uri, None).await?)?;
            serde_json::from_slice(&body).map_err(|why| DocumentError::Malformed(why.to_string()))
        };
        self.logged(self.keys.fetch(&*self.clock, since, fetching).await, "its keys")
    }

    /// Logs a document that is not there.
    fn logged<T>(&self, fetched: Result<T, String>, what: &str) -> Result<T, String> {
        fetched.map_err(|mut why| {
            // It may quote the document.
            why.truncate(why.floor_char_boundary(MOST_ERROR));
            tracing::warn!(provider = self.name, what, error = why, "an identity provider is not available");
            format!("{what}: {why}")
        })
    }
}

fn found(response: Response) -> Result<Vec<u8>, DocumentError> {
    match response.status.as_u16() {
        200 => Ok(response.body),
        other => Err(DocumentError::Status(other)),
    }
}
