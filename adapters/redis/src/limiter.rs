//! Rate limits: one key for each limit and client.

use async_trait::async_trait;
use kayan_ports::{Admission, Failure, RateLimit, RateLimiter, Timestamp, Window};

use crate::{RedisCounters, server::Request};

/// The key holds when its window began (a time, so that it stays valid when the window of a limit changes), and the
/// counts of that window and of the one before.
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

/// How much longer than needed keys are kept, in case a clock is behind.
const SLACK: u64 = 10 * 60 * 1_000;

#[async_trait]
impl RateLimiter for RedisCounters {
    async fn admit(&self, limit: &RateLimit, who: &str, now: Timestamp) -> Result<Admission, Failure> {
        let window = Window::at(limit, now);
        // The length of the name shows where it ends, whatever it contains.
        let key = format!("kayan:limit:{}:{}:{who}", limit.name.len(), limit.name);
        let Window { begin, elapsed, length, requests, .. } = window;
        let numbers = [begin.to_string(), elapsed.to_string(), length.to_string(), requests.to_string()];
        let [begin, elapsed, shown, requests] = numbers.each_ref().map(String::as_str);
        let keep = (2 * length + SLACK).to_string();
        let arguments = [begin, elapsed, shown, requests, &keep];
        let (admitted, elapsed, previous, current): (bool, u64, u64, u64) =
            self.server.ask(Request::Script(&self.scripts.admit, key, &arguments)).await?;
        let window = Window { elapsed, current, previous, ..window };
        Ok(if admitted { window.admitted() } else { window.refused() })
    }
}
