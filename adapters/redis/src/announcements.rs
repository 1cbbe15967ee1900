//! What one process tells all others at once: which sessions are revoked.

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
    errors::Trouble,
    server::{Asked, Server},
    tls::ConnectError,
};

pub(crate) const CHANNEL: &str = "kayan:sessions";
/// How long after a failure to listen it is tried again; with the patience, less than a second.
const AGAIN: Duration = Duration::from_millis(200);
/// How often the server is asked for a sign of life while nothing is heard.
const PULSE: Duration = Duration::from_secs(1);

/// What a listener is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A line that somebody announced, perhaps this process itself.
    Line(String),
    /// From now on lines are heard; before, some may have been missed, so forget everything. Told whenever listening
    /// begins, the first time as well: what was learnt before nobody could revoke.
    Gap,
}

/// Says lines to all processes that listen on the same Redis, and listens itself until it is dropped.
pub struct Announcements {
    server: Arc<Server>,
    /// Since the last success an announcement failed.
    failing: AtomicBool,
    listening: JoinHandle<()>,
}

impl Announcements {
    /// Begins to listen in the background, again and again until there is a server; `hear` must not block. Announcements
    /// use at most `pool_size` connections, and listening one more. Call it within a tokio runtime.
    pub fn start(
        url: &RedisUrl,
        settings: RedisSettings,
        hear: impl Fn(Heard) + Send + Sync + 'static,
    ) -> Result<Self, ConnectError> {
        let server = Arc::new(Server::new(url, settings)?);
        let listening = tokio::spawn(listen(Arc::clone(&server), settings.patience, hear));
        Ok(Self { server, failing: AtomicBool::new(false), listening })
    }

    /// Says these lines, in this order, if the server takes them in time; otherwise they are lost, and the log tells so
    /// once until it works again.
    pub async fn announce(&self, lines: &[String]) {
        if lines.is_empty() {
            return;
        }
        let mut pipeline = redis::pipe();
        for line in lines {
            pipeline.cmd("PUBLISH").arg(CHANNEL).arg(line).ignore();
        }
        match self.server.ask::<()>(Asked::Pipeline(pipeline)).await {
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

async fn listen(server: Arc<Server>, patience: Duration, hear: impl Fn(Heard)) {
    let mut told = false;
    loop {
        let trouble = match timeout(patience, server.dialer().listen(CHANNEL)).await {
            Ok(Ok(heard)) => {
                told = false;
                hear(Heard::Gap);
                follow(heard, patience, &hear).await;
                Trouble::Lost
            }
            Ok(Err(trouble)) => trouble,
            Err(_) => Trouble::Silent,
        };
        if !told {
            tracing::warn!(cause = %trouble, "sessions that other processes revoke are not heard of");
            told = true;
        }
        sleep(AGAIN).await;
    }
}

/// Ends when the connection does, or the server is silent.
async fn follow(heard: PubSub, patience: Duration, hear: &impl Fn(Heard)) {
    let (mut sink, mut messages) = heard.split();
    let hearing = async {
        while let Some(message) = messages.next().await {
            match message.get_payload() {
                Ok(line) => hear(Heard::Line(line)),
                // Not one of ours; but it may mean something to a newer version of us.
                Err(_) => hear(Heard::Gap),
            }
        }
    };
    tokio::select! {
        () = hearing => {}
        () = pulse(&mut sink, patience) => {}
    }
}

/// Ends when the server is silent.
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
