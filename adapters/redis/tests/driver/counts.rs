//! Tests of what is stored in Redis, and for how long.

use std::time::Duration;

use kayan_ports::{AttemptCounter as _, AttemptKey, Lockout, RateLimit, RateLimiter as _};

use crate::{
    asking::{LOCKOUT, NOW, key},
    server::{Server, counters},
};

fn left(server: &Server, key: &str) -> Duration {
    Duration::from_millis(server.ask(&["pttl", key]).parse().unwrap())
}

#[tokio::test]
async fn a_rate_limits_key_is_gone_some_time_after_two_windows() {
    let server = Server::start(&[]).await;
    let counters = counters(&server.url());
    let limit = RateLimit { name: "ip", requests: 2, window: Duration::from_mins(1) };
    for _ in 0..3 {
        counters.admit(&limit, "192.0.2.1", NOW).await.unwrap();
    }
    assert_eq!(server.ask(&["keys", "*"]), "kayan:limit:2:ip:192.0.2.1");
    let left = left(&server, "kayan:limit:2:ip:192.0.2.1");
    assert!((limit.window * 2..limit.window * 2 + Duration::from_mins(15)).contains(&left), "{left:?}");
}

#[tokio::test]
async fn a_targets_key_is_gone_some_time_after_the_longest_lockout() {
    let server = Server::start(&[]).await;
    let counters = counters(&server.url());
    let here = key(0xab);
    let there = AttemptKey { known_origin: Some("192.0.2.1".to_owned()), ..here.clone() };
    let name = format!("kayan:attempts:default:{}", "ab".repeat(32));
    counters.reserve(&here, &LOCKOUT, NOW).await.unwrap();
    let (least, most) = (LOCKOUT.duration, LOCKOUT.duration + Duration::from_mins(15));
    assert!((least..most).contains(&left(&server, &name)));
    let shorter = Lockout { duration: Duration::from_secs(1), ..LOCKOUT };
    counters.reserve(&there, &shorter, NOW).await.unwrap();
    counters.reserve(&there, &shorter, NOW).await.unwrap();
    counters.release(&there).await.unwrap();
    assert!((least..most).contains(&left(&server, &name)));
    assert_eq!(server.ask(&["keys", "*"]), name);
    assert_eq!(server.ask(&["hkeys", &name]), "anywhere\nfrom:192.0.2.1");
    counters.release(&there).await.unwrap();
    assert_eq!(server.ask(&["hkeys", &name]), "anywhere");
    counters.forget(&here).await.unwrap();
    assert_eq!(server.ask(&["keys", "*"]), "");
}

#[tokio::test]
async fn the_times_of_longest_and_shortest_settings_are_taken() {
    let server = Server::start(&[]).await;
    let counters = counters(&server.url());
    let long = [Duration::from_millis(u64::MAX), Duration::from_micros(i64::MAX.cast_unsigned()), Duration::MAX];
    for length in [Duration::ZERO, Duration::from_nanos(1)].into_iter().chain(long) {
        let limit = RateLimit { name: "odd", requests: u32::MAX, window: length };
        counters.admit(&limit, "somebody", NOW).await.unwrap();
        let lockout = Lockout { name: "login", max_failures: 1, duration: length };
        counters.reserve(&key(1), &lockout, NOW).await.unwrap();
        counters.reserve(&key(1), &lockout, NOW).await.unwrap();
    }
}

#[tokio::test]
async fn a_limit_that_gets_another_window_goes_on_counting() {
    let server = Server::start(&[]).await;
    let counters = counters(&server.url());
    let short = RateLimit { name: "ip", requests: 3, window: Duration::from_secs(1) };
    let long = RateLimit { window: Duration::from_hours(1), ..short };
    for (limit, after) in [(short, 0), (long, 60), (short, 61), (long, 7_200), (short, 7_200)] {
        let outcome = counters.admit(&limit, "client", NOW + Duration::from_secs(after)).await.unwrap();
        assert!(matches!(outcome, kayan_ports::Admission::Admitted { .. }), "after {after} s: {outcome:?}");
    }
}
