//! Rate limits, one key for each name and each who.

use std::time::Duration;

use async_trait::async_trait;
use kayan_ports::{Admission, CountError, RateLimit, RateLimiter, Timestamp};

use crate::{RedisCounters, server::Asked, window::Window};

/// The key holds when its window began (a time, so that it is understood when a limit gets another window), and the counts
/// of that window and of the one before.
pub(crate) const ADMIT: &str = "-- limits.admit
local begin, elapsed = tonumber(ARGV[1]), tonumber(ARGV[2])
local length, requests = tonumber(ARGV[3]), tonumber(ARGV[4])
local previous, current = 0, 0
local known = redis.call('GET', KEYS[1])
if known then
  local then_begin, then_previous, then_current = string.match(known, '^(%S+) (%S+) (%S+)$')
  then_begin = tonumber(then_begin)
  if then_begin > begin then
    -- this clock is behind another's: the later window is the one that counts
    begin, elapsed = then_begin, 0
  end
  if then_begin == begin then
    previous, current = tonumber(then_previous), tonumber(then_current)
  elseif then_begin + length == begin then
    previous = tonumber(then_current)
  end
end
local admitted = 0
if math.floor(previous * (length - elapsed) / length) + current + 1 <= requests then
  admitted, current = 1, current + 1
  local value = string.format('%.0f %.0f %.0f', begin, previous, current)
  redis.call('SET', KEYS[1], value, 'PX', ARGV[5])
end
return {admitted, elapsed, previous, current}";

/// No limit's window is longer: a hundred years, far from where the script's numbers are no longer exact.
const LONGEST: u64 = 100 * 366 * 24 * 60 * 60 * 1_000;
/// Keys are kept for longer than they matter, in case a clock is behind.
const SLACK: u64 = 10 * 60 * 1_000;

/// Milliseconds since 1970, negative before.
fn milliseconds(moment: Timestamp) -> i64 {
    let whole = moment.unix_timestamp_nanos().div_euclid(1_000_000);
    // That is year ±292 million; there is no such `Timestamp`.
    i64::try_from(whole).unwrap_or_default()
}

/// Where a window is: when it began, and how much of it is over, in milliseconds.
fn place(now: Timestamp, length: u64) -> (i64, u64) {
    let (now, length) = (milliseconds(now), length.cast_signed());
    (now - now.rem_euclid(length), now.rem_euclid(length).cast_unsigned())
}

fn length(window: Duration) -> u64 {
    u64::try_from(window.as_millis()).unwrap_or(LONGEST).clamp(1, LONGEST)
}

#[async_trait]
impl RateLimiter for RedisCounters {
    async fn admit(&self, limit: &RateLimit, who: &str, now: Timestamp) -> Result<Admission, CountError> {
        let length = length(limit.window);
        let (begin, elapsed) = place(now, length);
        // The name's length tells where it ends, whatever is in it.
        let key = format!("kayan:limit:{}:{}:{who}", limit.name.len(), limit.name);
        let numbers = [begin.to_string(), elapsed.to_string(), length.to_string(), limit.requests.to_string()];
        let [begin, elapsed, shown, requests] = numbers.each_ref().map(String::as_str);
        let keep = (2 * length + SLACK).to_string();
        let arguments = [begin, elapsed, shown, requests, &keep];
        let (admitted, elapsed, previous, current): (bool, u64, u64, u64) =
            self.server.ask(Asked::Script(&self.scripts.admit, key, &arguments)).await?;
        let window = Window { requests: limit.requests.into(), length, elapsed, current, previous };
        Ok(if admitted { window.admitted() } else { window.refused() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_begin_at_multiples_of_their_length_since_1970_and_before() {
        let at = |nanoseconds| Timestamp::from_unix_timestamp_nanos(nanoseconds).unwrap();
        for (now, expected) in [
            (at(0), (0, 0)),
            (at(59_999_999_999), (0, 59_999)),
            (at(60_000_000_000), (60_000, 0)),
            (at(-1), (-60_000, 59_999)),
            (at(-60_000_000_000), (-60_000, 0)),
        ] {
            assert_eq!(place(now, 60_000), expected, "{now}");
        }
    }

    #[test]
    fn a_window_is_at_least_a_millisecond_and_at_most_a_hundred_years() {
        assert_eq!(length(Duration::from_micros(10)), 1);
        assert_eq!(length(Duration::from_mins(1)), 60_000);
        assert_eq!(length(Duration::MAX), LONGEST);
    }
}
