//! The port to how much is logged.

/// The least level of what is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// What happens in the course of things, such as each request.
    Info,
    /// What somebody should look at, and worse.
    Warn,
    /// What failed.
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

/// Says and sets how much this process logs.
pub trait LogControl: Send + Sync {
    /// The present level.
    fn level(&self) -> LogLevel;

    /// Logs from this level up, from now on.
    fn set(&self, level: LogLevel);
}
