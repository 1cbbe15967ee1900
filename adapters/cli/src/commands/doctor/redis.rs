//! Redis: whether it answers and accepts writes, its version, eviction policy and clock.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use kayan_ports::{Failure, Timestamp};

use super::{Case, finding::Finding, server::skew, within};
use crate::{
    compose,
    config::settings::redis::{POOL_SIZE, SESSION_URL, URL},
};

const REACHABLE: &str = "redis.reachable";
const WRITES: &str = "redis.writes";
const VERSION: &str = "redis.version";
const EVICTION: &str = "redis.eviction";
const CLOCK: &str = "redis.clock";

/// The oldest major version with security fixes.
const OLDEST: u32 = 6;

/// A Redis server that is checked.
#[async_trait]
pub(crate) trait RedisServer: Send + Sync {
    /// Pings the server.
    async fn ping(&self) -> Result<(), Failure>;

    /// The reason why it refuses what it is used for; `None` if it accepts everything.
    async fn refusal(&self) -> Option<String>;

    /// The time of its clock; `None` without the permission.
    async fn time(&self) -> Result<Option<Timestamp>, Failure>;

    /// The fields of its `INFO`; `None` without the permission.
    async fn info(&self) -> Result<Option<BTreeMap<String, String>>, Failure>;
}

/// A server, and the name of its setting.
pub(crate) type Named = (&'static str, Arc<dyn RedisServer>);

pub(super) async fn examine(case: &Case) -> Vec<Finding> {
    let settings = [URL.name, SESSION_URL.name, POOL_SIZE.name];
    if let Some(setting) = case.unusable(&settings) {
        return vec![Finding::rests_on(REACHABLE, setting)];
    }
    let servers = match compose::redis_servers(&case.config) {
        Ok(servers) => servers,
        Err(exit) => return vec![Finding::failed(REACHABLE, exit.reason(), "correct the URL")],
    };
    if servers.is_empty() {
        if case.replicas == 1 {
            return vec![Finding::skipped(
                REACHABLE,
                "KAYAN_REDIS_URL is not set, and a single replica needs no Redis",
            )];
        }
        let told = "KAYAN_REDIS_URL is not set: each replica counts requests by itself, so the limits are multiplied by the \
                    number of replicas";
        return vec![Finding::warning(REACHABLE, told, "set KAYAN_REDIS_URL on every replica")];
    }
    let mut servers = servers.into_iter();
    let (first, second) = (servers.next(), servers.next());
    let (first, second) = tokio::join!(one(first), one(second));
    first.into_iter().chain(second).collect()
}

async fn one(server: Option<Named>) -> Vec<Finding> {
    let Some((setting, server)) = server else { return Vec::new() };
    within(REACHABLE, look(setting, &*server)).await
}

async fn look(setting: &'static str, server: &dyn RedisServer) -> Vec<Finding> {
    if let Err(why) = server.ping().await {
        let hint = format!("check that it runs, and that {setting} has the right host, port, user and password");
        return vec![Finding::failed(REACHABLE, format!("{setting}: {why}"), hint)];
    }
    let mut findings = vec![Finding::ok(REACHABLE, format!("{setting}: answers"))];
    findings.push(match server.refusal().await {
        None => Finding::ok(WRITES, format!("{setting}: accepts writes and announcements")),
        Some(refusal) => Finding::failed(
            WRITES,
            format!("{setting}: it {refusal}"),
            "use the master, give it more memory, or permit its user to write kayan:* and publish on kayan:sessions",
        ),
    });
    match server.info().await {
        Ok(Some(fields)) => findings.extend([version(setting, &fields), eviction(setting, &fields)]),
        Ok(None) => {
            let why = format!("{setting}: the user has no permission for INFO");
            findings.extend([VERSION, EVICTION].map(|check| Finding::skipped(check, &*why)));
        }
        Err(why) => {
            findings.extend([VERSION, EVICTION].map(|check| Finding::skipped(check, format!("{setting}: {why}"))));
        }
    }
    let before = compose::clock().now();
    findings.push(match server.time().await {
        Ok(Some(there)) => skew(CLOCK, setting, before, there),
        Ok(None) => Finding::skipped(CLOCK, format!("{setting}: the user has no permission for TIME")),
        Err(why) => Finding::skipped(CLOCK, format!("{setting}: {why}")),
    });
    findings
}

fn version(setting: &str, fields: &BTreeMap<String, String>) -> Finding {
    let Some(version) = fields.get("redis_version") else {
        return Finding::skipped(VERSION, format!("{setting}: it does not report its version"));
    };
    let major = version.split('.').next().and_then(|number| number.parse::<u32>().ok());
    if major.is_some_and(|major| major < OLDEST) {
        let told = format!("{setting}: Redis {version} gets no security fixes any more");
        return Finding::warning(VERSION, told, format!("upgrade it to {OLDEST} or newer"));
    }
    Finding::ok(VERSION, format!("{setting}: Redis {version}"))
}

/// All keys expire, so policies that only evict keys with an expiry evict them as well.
fn eviction(setting: &str, fields: &BTreeMap<String, String>) -> Finding {
    let (Some(policy), Some(most)) = (fields.get("maxmemory_policy"), fields.get("maxmemory")) else {
        return Finding::skipped(EVICTION, format!("{setting}: it does not report its maxmemory-policy"));
    };
    let hint = "set maxmemory-policy noeviction in redis.conf, or use a separate Redis for Kayan";
    let lost = "counts of failed logins and requests are lost: lockouts and rate limits end early";
    match (policy.as_str(), most.as_str()) {
        ("noeviction", _) => Finding::ok(EVICTION, format!("{setting}: maxmemory-policy is noeviction")),
        (_, "0") => Finding::warning(
            EVICTION,
            format!("{setting}: maxmemory-policy is {policy}; as soon as there is a maxmemory and it is full, {lost}"),
            hint,
        ),
        _ => Finding::failed(
            EVICTION,
            format!("{setting}: maxmemory-policy is {policy}; when its memory is full, {lost}"),
            hint,
        ),
    }
}
