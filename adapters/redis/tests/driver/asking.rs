//! Short requests that many tests make.

use std::time::Duration;

use kayan_ports::{
    Admission, AttemptCounter as _, AttemptKey, Failure, Lockout, RateLimit, RateLimiter as _, Reservation, Target,
    TenantId, Timestamp,
};
use kayan_redis::RedisCounters;
use tokio::{join, time::Instant};

use crate::server::ENOUGH;

pub(crate) const LIMIT: RateLimit = RateLimit { name: "test", requests: 1_000_000, window: Duration::from_mins(1) };
pub(crate) const LOCKOUT: Lockout = Lockout { name: "login", max_failures: 5, duration: Duration::from_mins(15) };

pub(crate) const NOW: Timestamp = time::macros::datetime!(2026-01-01 00:00 UTC);

pub(crate) fn key(number: u8) -> AttemptKey {
    let target = Target { tenant: TenantId::default(), identifier: [number; 32] };
    AttemptKey { target, known_origin: None }
}

/// Which request of this one it was.
pub(crate) async fn number(counters: &RedisCounters, who: &str) -> Result<u32, Failure> {
    match counters.admit(&LIMIT, who, NOW).await? {
        Admission::Admitted { remaining, .. } => Ok(LIMIT.requests - remaining),
        Admission::Refused { .. } => panic!("a million requests are within the limit"),
    }
}

pub(crate) async fn reserve(counters: &RedisCounters, number: u8) -> Result<Reservation, Failure> {
    counters.reserve(&key(number), &LOCKOUT, NOW).await
}

/// The error after each kind of request was sent at once and none was answered in time.
pub(crate) async fn unanswered(counters: &RedisCounters) -> String {
    let (key, began) = (key(0), Instant::now());
    let counted = async { number(counters, "client").await.map(drop) };
    let reserved = async { reserve(counters, 0).await.map(drop) };
    let (released, forgotten) = (counters.release(&key), counters.forget(&key));
    let outcomes = join!(counted, reserved, released, forgotten, counters.unlock(&key.target), counters.ping());
    assert!(began.elapsed() < ENOUGH, "{:?}", began.elapsed());
    let (counted, reserved, released, forgotten, unlocked, pinged) = outcomes;
    let whys =
        [counted, reserved, released, forgotten, unlocked, pinged].map(|outcome| outcome.unwrap_err().to_string());
    for why in &whys {
        assert!(!why.contains("127.0.0.1") && !why.contains("hunter2"), "{why}");
    }
    whys[5].clone()
}

/// Asserts that every kind of request is answered.
pub(crate) async fn answers(counters: &RedisCounters) {
    let key = key(1);
    number(counters, "client").await.unwrap();
    reserve(counters, 1).await.unwrap();
    counters.release(&key).await.unwrap();
    counters.forget(&key).await.unwrap();
    counters.unlock(&key.target).await.unwrap();
    counters.ping().await.unwrap();
}
