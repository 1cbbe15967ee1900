//! The laws of the ports that count, kept by Redis: one server, one with TLS, a cluster, and a master behind sentinels.
#![expect(clippy::expect_used, reason = "a bench that cannot be set up breaks the test")]

use std::{sync::Arc, time::Duration};

use kayan_redis::{RedisCounters, RedisSettings};

/// The laws are about what is answered, not about how fast a machine is that runs many of them at once.
const PATIENCE: Duration = Duration::from_secs(30);

fn counters(variable: &str) -> Arc<RedisCounters> {
    let url = std::env::var_os(variable).and_then(|url| url.into_string().ok());
    let url = url.unwrap_or_default().parse();
    let url = url.expect("no URL of a Redis is set: run `cargo xtask test`, which starts the servers");
    let settings = RedisSettings { patience: PATIENCE, ..RedisSettings::default() };
    Arc::new(RedisCounters::connect(&url, settings).expect("a bench can be set up"))
}

macro_rules! kept_by {
    ($kind:ident, $variable:literal) => {
        mod $kind {
            use std::sync::Arc;

            use kayan_contract::AttemptsBench;
            use kayan_ports::RateLimiter;

            async fn limiter() -> Arc<dyn RateLimiter> {
                super::counters($variable)
            }

            async fn attempts() -> AttemptsBench {
                AttemptsBench { attempts: super::counters($variable), within: None }
            }

            kayan_contract::laws!(limiter, limiter);
            kayan_contract::laws!(attempts, attempts);
        }
    };
}

kept_by!(single, "KAYAN_TEST_REDIS_URL");
kept_by!(encrypted, "KAYAN_TEST_REDIS_TLS_URL");
kept_by!(cluster, "KAYAN_TEST_REDIS_CLUSTER_URL");
kept_by!(behind_sentinels, "KAYAN_TEST_REDIS_SENTINEL_URL");
