//! How many requests are admitted, and when.

use std::{sync::Arc, time::Duration};

use kayan_ports::{Admission, RateLimit, RateLimiter, Timestamp};

use crate::{
    race::{MANY, together},
    sample::{second as at, unique},
};

type Limiter = Arc<dyn RateLimiter>;

const MILLISECOND: Duration = Duration::from_millis(1);
const LIMIT: RateLimit = RateLimit { name: "law", requests: 10, window: Duration::from_mins(1) };

/// A name that was never counted.
fn somebody() -> String {
    unique().to_string()
}

async fn admitted(limiter: &Limiter, limit: &RateLimit, who: &str, now: Timestamp) -> bool {
    matches!(limiter.admit(limit, who, now).await.unwrap(), Admission::Admitted { .. })
}

async fn exhaust(limiter: &Limiter, who: &str, now: Timestamp) {
    for number in 0..LIMIT.requests {
        assert!(admitted(limiter, &LIMIT, who, now).await, "request {number} was refused");
    }
}

/// How long to wait.
async fn refused(limiter: &Limiter, who: &str, now: Timestamp) -> Duration {
    match limiter.admit(&LIMIT, who, now).await.unwrap() {
        Admission::Refused { retry_after } => retry_after,
        Admission::Admitted { remaining, .. } => panic!("admitted, and {remaining} more would be"),
    }
}

pub async fn exactly_the_limit_is_admitted_and_counted_down(limiter: &Limiter) {
    let who = somebody();
    for used in 1..=LIMIT.requests {
        let admission = limiter.admit(&LIMIT, &who, at(15)).await.unwrap();
        // What is counted at 15 s of this minute can matter until the next one is over.
        let reset = Duration::from_secs(105);
        assert_eq!(admission, Admission::Admitted { remaining: LIMIT.requests - used, reset });
    }
    refused(limiter, &who, at(15)).await;
}

pub async fn a_limit_is_kept_under_64_parallel_requests(limiter: &Limiter) {
    let who = somebody();
    let outcomes = together((0..MANY).map(|_| {
        let (limiter, who) = (Arc::clone(limiter), who.clone());
        async move { admitted(&limiter, &LIMIT, &who, at(30)).await }
    }));
    let admitted = outcomes.await.into_iter().filter(|admitted| *admitted).count();
    assert_eq!(u32::try_from(admitted), Ok(LIMIT.requests));
}

pub async fn a_refused_request_is_admitted_after_the_wait_and_no_sooner(limiter: &Limiter) {
    for second in [0, 1, 30, 59] {
        let (who, now) = (somebody(), at(second));
        exhaust(limiter, &who, now).await;
        let wait = refused(limiter, &who, now).await;
        assert!(wait <= LIMIT.window * 2, "{wait:?} is longer than what counts");
        assert_eq!(refused(limiter, &who, now + wait - MILLISECOND).await, MILLISECOND, "from second {second}");
        assert!(admitted(limiter, &LIMIT, &who, now + wait).await, "from second {second}");
    }
}

pub async fn a_refused_request_is_not_counted(limiter: &Limiter) {
    let who = somebody();
    exhaust(limiter, &who, at(0)).await;
    let wait = refused(limiter, &who, at(0)).await;
    for _ in 0..LIMIT.requests * 3 {
        assert_eq!(refused(limiter, &who, at(0)).await, wait);
    }
    assert!(admitted(limiter, &LIMIT, &who, at(0) + wait).await);
}

pub async fn two_windows_later_everything_is_forgotten(limiter: &Limiter) {
    let who = somebody();
    exhaust(limiter, &who, at(59)).await;
    exhaust(limiter, &who, at(120)).await;
}

pub async fn nobody_gets_more_than_twice_the_limit_in_one_window(limiter: &Limiter) {
    let who = somebody();
    let mut times: Vec<u64> = Vec::new();
    // As greedy as can be, and at the worst moment to begin: the end of a window.
    for second in 59..=240 {
        for _ in 0..=LIMIT.requests {
            if admitted(limiter, &LIMIT, &who, at(second)).await {
                times.push(second.unsigned_abs());
            }
        }
    }
    for begin in &times {
        let within = times.iter().filter(|time| (*begin..begin + LIMIT.window.as_secs()).contains(time)).count();
        assert!(within <= 2 * LIMIT.requests as usize, "{within} in the minute from second {begin}");
    }
    assert!(times.len() > 3 * LIMIT.requests as usize, "only {} in three minutes", times.len());
}

pub async fn every_name_and_everybody_is_counted_apart(limiter: &Limiter) {
    let (who, other) = (somebody(), somebody());
    exhaust(limiter, &who, at(0)).await;
    exhaust(limiter, &other, at(0)).await;
    assert!(admitted(limiter, &RateLimit { name: "other", ..LIMIT }, &who, at(0)).await);
    // Where one ends and the other begins must not matter.
    let (long, short) = (RateLimit { name: "law:a", ..LIMIT }, RateLimit { name: "law", ..LIMIT });
    for _ in 0..LIMIT.requests {
        assert!(admitted(limiter, &long, &format!("b{who}"), at(0)).await);
        assert!(admitted(limiter, &short, &format!("a:b{who}"), at(0)).await);
    }
}

pub async fn a_clock_that_is_behind_admits_no_more(limiter: &Limiter) {
    let who = somebody();
    exhaust(limiter, &who, at(60)).await;
    refused(limiter, &who, at(59)).await;
    refused(limiter, &who, at(-600)).await;
}
