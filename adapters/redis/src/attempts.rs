//! Attempts: one hash for each target, with a field for each place they come from.

use std::time::Duration;

use async_trait::async_trait;
use kayan_ports::{AttemptCounter, AttemptKey, Change, Failure, Lockout, Reservation, Target, Timestamp, timestamp};

use crate::{RedisCounters, server::Request};

/// A field holds how many attempts were allowed, and when the last one was.
pub(crate) const RESERVE: &str = "-- attempts.reserve
local now, duration = tonumber(ARGV[2]), tonumber(ARGV[3])
local failures, last = 0, now
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then
  local then_failures, then_last = string.match(known, '^(%S+) (%S+)$')
  then_last = tonumber(then_last)
  if now < then_last + duration then
    failures, last = tonumber(then_failures), math.max(then_last, now)
    if failures >= tonumber(ARGV[4]) then
      return string.format('%.0f', then_last)
    end
  end
end
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %.0f', failures + 1, last))
local keep = tonumber(ARGV[5])
if redis.call('PTTL', KEYS[1]) < keep then
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
return false";

pub(crate) const RELEASE: &str = "-- attempts.release
local known = redis.call('HGET', KEYS[1], ARGV[1])
if known then
  local failures, last = string.match(known, '^(%S+) (%S+)$')
  if tonumber(failures) > 1 then
    redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f %s', tonumber(failures) - 1, last))
  else
    redis.call('HDEL', KEYS[1], ARGV[1])
  end
end
return false";

/// How much longer than needed keys are kept, in case a clock is behind. Milliseconds.
const SLACK: i64 = 10 * 60 * 1_000;

fn length(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// When a lock ends whose last attempt was then.
fn end(last: i64, duration: Duration) -> Timestamp {
    let until = timestamp::from_micros(last.saturating_add(length(duration)));
    until.unwrap_or(time::PrimitiveDateTime::MAX.assume_utc())
}

fn key(target: &Target) -> String {
    format!("kayan:attempts:{target}")
}

fn field(key: &AttemptKey) -> String {
    key.known_origin.as_ref().map_or_else(|| "anywhere".to_owned(), |origin| format!("from:{origin}"))
}

#[async_trait]
impl AttemptCounter for RedisCounters {
    async fn reserve(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Reservation, Failure> {
        let duration = length(lockout.duration);
        let numbers = [timestamp::micros(now), duration, lockout.max_failures.into(), duration / 1_000 + SLACK];
        let numbers = numbers.map(|number| number.to_string());
        let [now, duration_text, most, keep] = numbers.each_ref().map(String::as_str);
        let field = field(key);
        let arguments = [field.as_str(), now, duration_text, most, keep];
        let asked = Request::Script(&self.scripts.reserve, self::key(&key.target), &arguments);
        let last: Option<i64> = self.server.ask(asked).await?;
        Ok(match last {
            None => Reservation::Reserved,
            Some(last) => Reservation::Locked { until: end(last, lockout.duration) },
        })
    }

    async fn locked(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let mut command = redis::cmd("HGET");
        command.arg(self::key(&key.target)).arg(field(key));
        let known: Option<String> = self.server.ask(Request::Command(command)).await?;
        let counted = known.as_deref().and_then(|known| known.split_once(' '));
        let Some((failures, last)) = counted else { return Ok(None) };
        let (Ok(failures), Ok(last)) = (failures.parse::<u64>(), last.parse::<i64>()) else {
            return Err(Failure::Fault("the attempts that Redis has counted are damaged".to_owned()));
        };
        let until = end(last, lockout.duration);
        Ok((failures >= lockout.max_failures.into() && now < until).then_some(until))
    }

    async fn release(&self, key: &AttemptKey) -> Result<(), Failure> {
        let asked = Request::Script(&self.scripts.release, self::key(&key.target), &[&field(key)]);
        Ok(self.server.ask(asked).await?)
    }

    async fn forget(&self, key: &AttemptKey) -> Result<(), Failure> {
        let mut command = redis::cmd("HDEL");
        command.arg(self::key(&key.target)).arg(field(key));
        Ok(self.server.ask(Request::Command(command)).await?)
    }

    async fn unlock(&self, target: &Target) -> Result<(), Failure> {
        let mut command = redis::cmd("DEL");
        command.arg(key(target));
        Ok(self.server.ask(Request::Command(command)).await?)
    }

    fn forgetting(&self, _: &AttemptKey) -> Option<Change> {
        None
    }
}
