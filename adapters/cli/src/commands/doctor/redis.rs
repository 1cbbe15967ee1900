//! Redis: whether it answers, keeps what it is given, and agrees on the time.

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

/// The oldest that Redis' makers still know of.
const OLDEST: u32 = 6;

/// A Redis that is looked at.
#[async_trait]
pub(crate) trait RedisServer: Send + Sync {
    /// Asks for a sign of life.
    async fn ping(&self) -> Result<(), Failure>;

    /// What it is used for and refuses, and why; nothing when it takes everything.
    async fn refusal(&self) -> Option<String>;

    /// What its clock says; nothing when the user may not ask.
    async fn time(&self) -> Result<Option<Timestamp>, Failure>;

    /// The fields of its `INFO`; nothing when the user may not ask.
    async fn info(&self) -> Result<Option<BTreeMap<String, String>>, Failure>;
}

/// One, and the setting that names it.
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
            return vec![Finding::skipped(REACHABLE, "no KAYAN_REDIS_URL is set, and a single process needs none")];
        }
        let told = "no KAYAN_REDIS_URL is set: each replica counts requests by itself, so a client has as many times the \
                    limit as there are replicas";
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
        let mend = format!("see that it runs, and that {setting} names its host, port, user and password");
        return vec![Finding::failed(REACHABLE, format!("{setting}: {why}"), mend)];
    }
    let mut findings = vec![Finding::ok(REACHABLE, format!("{setting}: it answers"))];
    findings.push(match server.refusal().await {
        None => Finding::ok(WRITES, format!("{setting}: it takes what Kayan writes and announces")),
        Some(refusal) => Finding::failed(
            WRITES,
            format!("{setting}: it {refusal}"),
            "name the master, give it memory, or let its user write kayan:* and publish on kayan:sessions",
        ),
    });
    match server.info().await {
        Ok(Some(fields)) => findings.extend([version(setting, &fields), eviction(setting, &fields)]),
        Ok(None) => {
            let why = format!("{setting}: the user may not ask for INFO");
            findings.extend([VERSION, EVICTION].map(|check| Finding::skipped(check, &*why)));
        }
        Err(why) => {
            findings.extend([VERSION, EVICTION].map(|check| Finding::skipped(check, format!("{setting}: {why}"))));
        }
    }
    let before = compose::clock().now();
    findings.push(match server.time().await {
        Ok(Some(there)) => skew(CLOCK, setting, before, there),
        Ok(None) => Finding::skipped(CLOCK, format!("{setting}: the user may not ask for TIME")),
        Err(why) => Finding::skipped(CLOCK, format!("{setting}: {why}")),
    });
    findings
}

fn version(setting: &str, fields: &BTreeMap<String, String>) -> Finding {
    let Some(version) = fields.get("redis_version") else {
        return Finding::skipped(VERSION, format!("{setting}: it does not say its version"));
    };
    let major = version.split('.').next().and_then(|number| number.parse::<u32>().ok());
    if major.is_some_and(|major| major < OLDEST) {
        let told = format!("{setting}: Redis {version} gets no security fixes any more");
        return Finding::warning(VERSION, told, format!("upgrade it to {OLDEST} or newer"));
    }
    Finding::ok(VERSION, format!("{setting}: Redis {version}"))
}

/// Every key has an end, so that those policies which spare keys without one spare none of them.
fn eviction(setting: &str, fields: &BTreeMap<String, String>) -> Finding {
    let (Some(policy), Some(most)) = (fields.get("maxmemory_policy"), fields.get("maxmemory")) else {
        return Finding::skipped(EVICTION, format!("{setting}: it does not say its maxmemory-policy"));
    };
    let mend = "set maxmemory-policy noeviction in redis.conf, or give Kayan a Redis of its own";
    let lost = "the counts of wrong guesses and requests are forgotten: lockouts and limits end before their time";
    match (policy.as_str(), most.as_str()) {
        ("noeviction", _) => Finding::ok(EVICTION, format!("{setting}: maxmemory-policy is noeviction")),
        (_, "0") => Finding::warning(
            EVICTION,
            format!("{setting}: maxmemory-policy is {policy}; as soon as there is a maxmemory and it is full, {lost}"),
            mend,
        ),
        _ => Finding::failed(
            EVICTION,
            format!("{setting}: maxmemory-policy is {policy}; when its memory is full, {lost}"),
            mend,
        ),
    }
}
