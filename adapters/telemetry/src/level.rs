//! The level that log lines start at; it can be changed while the process runs.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use kayan_ports::LogLevel;
use tracing::{Level, Metadata, callsite, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::layer::{Context, Filter};

/// Decides which events have a line. Clones share the level.
#[derive(Clone)]
pub(crate) struct Threshold(Arc<AtomicU8>);

impl Threshold {
    pub(crate) fn new(level: LogLevel) -> Self {
        Self(Arc::new(AtomicU8::new(level as u8)))
    }

    pub(crate) fn level(&self) -> LogLevel {
        let level = self.0.load(Ordering::Relaxed);
        let levels = [LogLevel::Debug, LogLevel::Info, LogLevel::Warn, LogLevel::Error];
        levels.into_iter().find(|known| *known as u8 == level).unwrap_or(LogLevel::Info)
    }

    pub(crate) fn set(&self, level: LogLevel) {
        self.0.store(level as u8, Ordering::Relaxed);
        // Each place that logs remembers whether it is on.
        callsite::rebuild_interest_cache();
    }

    /// Whether such an event has a line; spans have none.
    pub(crate) fn admits(&self, metadata: &Metadata<'_>) -> bool {
        !metadata.is_span() && *metadata.level() <= self.of(metadata.target())
    }

    /// The most verbose level of a target that has lines. Dependencies log warnings and errors only.
    fn of(&self, target: &str) -> LevelFilter {
        let own = LevelFilter::from_level(match self.level() {
            LogLevel::Debug => Level::DEBUG,
            LogLevel::Info => Level::INFO,
            LogLevel::Warn => Level::WARN,
            LogLevel::Error => Level::ERROR,
        });
        if target.starts_with("kayan") { own } else { own.min(LevelFilter::WARN) }
    }
}

/// Turns events and spans off where they stand if they have no line, unless another layer takes them.
impl<S> Filter<S> for Threshold {
    /// Always true; [`Lines`](crate::lines::Lines) leaves out what has no line. A refusal would stay in the thread until
    /// its next event, and if it was only a question (`enabled!`), that event would lose its line.
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.admits(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.of("kayan"))
    }
}
