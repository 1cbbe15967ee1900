//! The port to the log level.

/// The lowest level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Normal events, such as each request.
    Info,
    /// What needs attention.
    Warn,
    /// Failures.
    Error,
}

impl LogLevel {
    /// The name, as in `KAYAN_LOG_LEVEL`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// Reads and sets the log level of this process.
pub trait LogControl: Send + Sync {
    /// The current level.
    fn level(&self) -> LogLevel;

    /// Logs from this level up from now on.
    fn set(&self, level: LogLevel);
}
