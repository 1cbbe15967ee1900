//! State that one process keeps for itself: the session cache, rate limits, and what stands in for shared counters.

mod background_release;
mod cached_sessions;
mod fallback;
mod limiter;

pub use background_release::BackgroundRelease;
pub use cached_sessions::CachedSessions;
pub use fallback::Fallback;
pub use limiter::MemoryLimiter;
