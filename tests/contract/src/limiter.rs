//! The law of the `RateLimiter` port.

pub mod windows;
