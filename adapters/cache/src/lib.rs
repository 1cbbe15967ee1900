//! State in the memory of one process: the session cache, rate limits, and fallbacks for shared counters.

mod background_release;
mod cached_sessions;
mod fallback;
mod limiter;

pub use background_release::BackgroundRelease;
pub use cached_sessions::CachedSessions;
pub use fallback::Fallback;
pub use limiter::MemoryLimiter;
