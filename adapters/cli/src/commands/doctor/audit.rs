//! Keys in the database, whether they can be decrypted and how old they are, and the seals of the audit trail.

use std::{
    fs::File,
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
    sync::Arc,
};

use kayan_core::Kayan;
use kayan_ports::{AuditTrail, EventQuery, Failure, KeyError, Scope, StoredKeys, Timestamp, Wrapper, timestamp};
use kayan_sql::{Driver, SqlStore};
use serde_json::Value;
use time::Duration;

use super::{Case, Series, factors, finding::Finding, keys};
use crate::{
    commands::audit::LATE,
    compose,
    config::{
        AuditLog,
        settings::{http, passwords, secrets},
    },
};

pub(super) const KEYS: &str = "secrets.keys";
pub(super) const SEALING: &str = "audit.sealing";
pub(super) const SEALS: &str = "audit.seals";
pub(super) const CLOCK: &str = "audit.clock";
pub(super) const RESTORED: &str = "recovery.sessions";

/// What needs the database, and the settings of the service.
const CHECKS: [&str; 8] = [KEYS, SEALING, SEALS, CLOCK, factors::REQUIRED, factors::SECRETS, keys::AGE, RESTORED];

/// A wrapping secret should be rotated after this time.
const OLD: Duration = Duration::days(365);
/// The number of tenants whose newest seals are checked.
const TENANTS: usize = 20;
/// The number of bytes at the end of the audit log in which its last line is searched.
const TAIL: u64 = 256 * 1024;

pub(super) async fn examine(case: &Case, driver: &Arc<dyn Driver>, series: &mut Series) {
    let settings = [secrets::SESSION.name, secrets::DATA.name, http::IDENTITY_SCHEMA.name, passwords::BCRYPT_COST.name];
    if let Some(setting) = case.unusable(&settings) {
        return series.findings.extend(CHECKS.map(|it| Finding::rests_on(it, setting)));
    }
    let kayan = match compose::looking(&case.config, driver) {
        Ok(kayan) => kayan,
        Err(exit) => return series.findings.push(Finding::failed(KEYS, exit.reason(), "correct the setting")),
    };
    series.add(KEYS, sealed_keys(case, driver)).await;
    series.add(SEALING, sealing(&kayan)).await;
    series.add(SEALS, seals(&kayan)).await;
    series.add(CLOCK, clock(&kayan)).await;
    series.add(factors::REQUIRED, factors::required(&kayan)).await;
    series.add(factors::SECRETS, factors::secrets(&kayan)).await;
    series.add(keys::AGE, keys::age(&kayan)).await;
    series.add(RESTORED, restored(case, driver)).await;
}

pub(super) fn unanswered(check: &'static str, error: &str) -> Vec<Finding> {
    if error.contains("not migrated") {
        return vec![Finding::skipped(check, "the schema is not migrated")];
    }
    vec![Finding::failed(check, error, "see database.rights, and the database's log")]
}

/// A wrapping secret is at least as old as what it has wrapped.
async fn sealed_keys(case: &Case, driver: &Arc<dyn Driver>) -> Vec<Finding> {
    let kept = match SqlStore::new(driver.clone()).data_key().await {
        Ok(Some(kept)) => kept,
        Ok(None) => return vec![Finding::ok(KEYS, "there are no keys yet")],
        Err(error) => return unanswered(KEYS, &error.to_string()),
    };
    let unwritten: Arc<dyn Driver> = Arc::new(super::Unwritten(driver.clone()));
    match compose::keys(&case.config, &unwritten) {
        Err(exit) => return vec![Finding::failed(KEYS, exit.reason(), "correct the secrets")],
        Ok(keys) => match keys.unlock().await {
            Ok(()) => {}
            Err(KeyError::Locked(why)) => {
                return vec![Finding::failed(
                    KEYS,
                    why,
                    "the service will not start; after a restore, set the secret of the time of the backup",
                )];
            }
            Err(error) => return unanswered(KEYS, &error.to_string()),
        },
    }
    let setting = match kept.by {
        Wrapper::DataKey => secrets::DATA.name,
        Wrapper::SessionSecret => secrets::SESSION.name,
    };
    let told = format!("the keys can be decrypted; {setting} wraps them since {}", day(kept.updated_at));
    if compose::clock().now() - kept.updated_at > OLD {
        let hint = format!("rotate it: set {setting}_PREVIOUS to the current one, and {setting} to a new one");
        return vec![Finding::warning(KEYS, format!("{told}, for more than a year"), hint)];
    }
    vec![Finding::ok(KEYS, told)]
}

fn day(moment: Timestamp) -> String {
    moment.date().to_string()
}

async fn sealing(kayan: &Kayan) -> Vec<Finding> {
    vec![match kayan.seal_lag().await {
        Ok(lag) if lag > LATE => Finding::warning(
            SEALING,
            format!("the oldest unsealed event is {} minutes old: no service is sealing", lag.whole_minutes()),
            "start a service, or run kayan audit seal regularly",
        ),
        Ok(_) => Finding::ok(SEALING, "all events older than a few minutes are sealed"),
        Err(failure) => return unanswered(SEALING, &failure.to_string()),
    }]
}

async fn seals(kayan: &Kayan) -> Vec<Finding> {
    let newest = match kayan.check_newest_seals(TENANTS).await {
        Ok(newest) => newest,
        Err(failure) => return unanswered(SEALS, &failure.to_string()),
    };
    let broken = newest.iter().filter_map(|seal| {
        let what = seal.problem.as_ref()?;
        let told = format!("tenant {}, seal {}: {what}", seal.tenant, seal.number);
        Some(Finding::failed(SEALS, told, "find out what was changed: kayan audit verify --database"))
    });
    let broken: Vec<Finding> = broken.collect();
    if !broken.is_empty() {
        return broken;
    }
    let count = newest.len();
    if count == 0 {
        return vec![Finding::ok(SEALS, "there are no seals yet")];
    }
    vec![Finding::ok(
        SEALS,
        format!("the newest seals of {count} trails are valid; kayan audit verify --database checks all"),
    )]
}

/// Events are sealed when they are a minute old, so a correct clock is never behind the seals.
async fn clock(kayan: &Kayan) -> Vec<Finding> {
    vec![match kayan.clock_behind_seals().await {
        Ok(behind) if behind > Duration::ZERO => Finding::failed(
            CLOCK,
            format!(
                "this machine's clock is {} s behind the newest seal: it was set back, or was wrong then; events are \
                 dated after the seal, with the clock's time in `metadata.clock`",
                behind.whole_seconds()
            ),
            "synchronize the clock by NTP: timedatectl set-ntp true",
        ),
        Ok(_) => Finding::ok(CLOCK, "the clock is not behind the newest seal"),
        Err(failure) => return unanswered(CLOCK, &failure.to_string()),
    }]
}

/// A database does not know that it was restored; the audit log may.
async fn restored(case: &Case, driver: &Arc<dyn Driver>) -> Vec<Finding> {
    let hint = "after a restore, always run: kayan admin sessions revoke-all --reason \"Restored from a backup\"";
    let unknown = || Finding { hint: Some(hint.to_owned()), ..Finding::skipped(RESTORED, UNKNOWN) };
    let Some(AuditLog::File(path)) = &case.config.audit_log else { return vec![unknown()] };
    let Some((id, at)) = last_event(path) else { return vec![unknown()] };
    vec![match is_there(driver, &id, at).await {
        Ok(true) => Finding::ok(RESTORED, "the last event of the audit log is in the database"),
        Ok(false) => Finding::warning(
            RESTORED,
            format!(
                "the last event of the audit log, of {}, is not in the database: was it restored from an older backup? \
                 Then sessions that were revoked since are active again",
                timestamp::text(at)
            ),
            hint,
        ),
        Err(error) => return unanswered(RESTORED, &error.to_string()),
    }]
}

const UNKNOWN: &str = "whether this database was restored from a backup is unknown; sessions that were revoked since the \
                       backup would be active again";

/// The id and the time of the last complete line.
fn last_event(path: &Path) -> Option<(String, Timestamp)> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut tail = Vec::new();
    file.take(TAIL).read_to_end(&mut tail).ok()?;
    let tail = String::from_utf8_lossy(&tail);
    let event: Value = tail.lines().rev().find_map(|line| serde_json::from_str(line).ok())?;
    let at = timestamp::parse(event.get("created_at")?.as_str()?)?;
    Some((event.get("id")?.as_str()?.to_owned(), at))
}

async fn is_there(driver: &Arc<dyn Driver>, id: &str, at: Timestamp) -> Result<bool, Failure> {
    let (start, end) = (Some(at), Some(at + Duration::MICROSECOND));
    let moment = EventQuery { start, end, ..EventQuery::all(Scope::System) };
    let page = SqlStore::new(driver.clone()).events(&moment, None, 1_000).await?;
    Ok(page.events.iter().any(|event| event.id.to_string() == id))
}
