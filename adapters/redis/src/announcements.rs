//! Announces revoked sessions to all other processes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::StreamExt as _;
use kayan_ports::Failure;
use redis::aio::{PubSub, PubSubSink};
use tokio::{
    task::JoinHandle,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

use crate::{
    RedisSettings, RedisUrl,
    errors::ServerError,
    server::{Request, Server},
    tls::ConnectError,
};

pub(crate) const CHANNEL: &str = "kayan:sessions";
/// How long to wait before listening is tried again; together with the patience, less than a second.
const RETRY_AFTER: Duration = Duration::from_millis(200);
/// How often the server is pinged while nothing is heard.
const PULSE: Duration = Duration::from_secs(1);

/// What a listener receives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement {
    /// A line that some process announced, perhaps this one.
    Line(String),
    /// Lines are heard from now on; earlier ones may have been missed, so drop everything cached. Sent whenever
    /// listening starts, also the first time: what was cached before could not be revoked.
    Gap,
}

/// Announces lines to all processes that listen on the same Redis, and listens until it is dropped.
pub struct Announcements {
    server: Arc<Server>,
    /// Whether an announcement has failed since the last success.
    failing: AtomicBool,
    listening: JoinHandle<()>,
}

impl Announcements {
    /// Starts to listen in the background, and retries until there is a server; `hear` must not block. Announcements
    /// use at most `pool_size` connections, and listening one more. Call it within a tokio runtime.
    pub fn start(
        url: &RedisUrl,
        settings: RedisSettings,
        hear: impl Fn(Announcement) + Send + Sync + 'static,
    ) -> Result<Self, ConnectError> {
        let server = Arc::new(Server::new(url, settings)?);
        let listening = tokio::spawn(listen(Arc::clone(&server), settings.patience, hear));
        Ok(Self { server, failing: AtomicBool::new(false), listening })
    }

    /// Announces these lines in order, if the server takes them in time; otherwise they are lost, which is logged once
    /// until it works again.
    pub async fn announce(&self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let mut pipeline = redis::pipe();
        for line in lines {
            pipeline.cmd("PUBLISH").arg(CHANNEL).arg(line).ignore();
        }
        match self.server.ask::<()>(Request::Pipeline(pipeline)).await {
            Ok(()) => self.failing.store(false, Ordering::Relaxed),
            Err(trouble) if !self.failing.swap(true, Ordering::Relaxed) => {
                tracing::warn!(cause = %trouble, "revoked sessions can't be announced to other processes");
            }
            Err(_) => {}
        }
    }

    /// Whether the server answers.
    pub async fn ping(&self) -> Result<(), Failure> {
        Ok(self.server.ping().await?)
    }
}

impl Drop for Announcements {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(server: Arc<Server>, patience: Duration, hear: impl Fn(Announcement)) {
    let mut told = false;
    loop {
        let trouble = match timeout(patience, server.dialer().listen(CHANNEL)).await {
            Ok(Ok(heard)) => {
                told = false;
                hear(Announcement::Gap);
                follow(heard, patience, &hear).await;
                ServerError::Lost
            }
            Ok(Err(trouble)) => trouble,
            Err(_) => ServerError::Silent,
        };
        if !told {
            tracing::warn!(cause = %trouble, "announcements of revoked sessions can't be received");
            told = true;
        }
        sleep(RETRY_AFTER).await;
    }
}

/// Ends when the connection ends or the server does not answer.
async fn follow(heard: PubSub, patience: Duration, hear: &impl Fn(Announcement)) {
    let (mut sink, mut messages) = heard.split();
    let hearing = async {
        while let Some(message) = messages.next().await {
            match message.get_payload() {
                Ok(line) => hear(Announcement::Line(line)),
                // Not known to this version, but perhaps to a newer one.
                Err(_) => hear(Announcement::Gap),
            }
        }
    };
    tokio::select! {
        () = hearing => {}
        () = pulse(&mut sink, patience) => {}
    }
}

/// Ends when the server does not answer.
async fn pulse(sink: &mut PubSubSink, patience: Duration) {
    let mut beats = interval(PULSE);
    beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        beats.tick().await;
        let alive = timeout(patience, sink.ping::<redis::Value>()).await;
        if !matches!(alive, Ok(Ok(_))) {
            return;
        }
    }
}
