//! How fast the audit trail is sealed and checked: the commands that an operator runs, from their start to their end.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, params};

use crate::{
    failure::Failure,
    finding::Finding,
    plan::{self, Plan},
    report::Report,
    service,
};

const MANY: u32 = 1_000_000;
/// When it must be quick.
const SOME: u32 = 100_000;
const CHUNK: u32 = 50_000;
/// How many a second must be sealed, and checked.
const SEALED: f64 = 5_000.0;
const CHECKED: f64 = 300_000.0;
/// The microseconds between two of them; the last one is long ago.
const APART: i64 = 200;
const AGO: i64 = 3_600_000_000;

/// Seals a trail, writes it to a bundle, and checks the bundle three times.
pub(crate) fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let home = plan.home()?;
    service::migrate(&plan.kayan, home.path(), &[])?;
    let events = if plan.quick { SOME } else { MANY };
    fill(home.path(), events).map_err(Failure::wrong("filling a file"))?;
    let bar = plan::progress("seals", 5);
    let timed = |line: &str| -> Result<f64, Failure> {
        let begun = Instant::now();
        service::run(&plan.kayan, home.path(), &[], &line.split(' ').collect::<Vec<_>>())?;
        bar.inc(1);
        Ok(rate(events, begun.elapsed()))
    };
    let sealed = timed("audit seal")?;
    timed("audit export --bundle trail.bundle")?;
    let mut checked = Vec::new();
    for _ in 0..3 {
        checked.push(timed("audit verify trail.bundle")?);
    }
    bar.finish_and_clear();
    report.findings.push(Finding::of_rates("events sealed", &[sealed], "needed", &[SEALED]));
    report.findings.push(Finding::of_rates("events verified from a bundle", &checked, "needed", &[CHECKED; 3]));
    Ok(())
}

fn rate(events: u32, took: Duration) -> f64 {
    f64::from(events) / took.as_secs_f64()
}

/// Events as logins leave them, as the only tenant's.
fn fill(home: &Path, events: u32) -> rusqlite::Result<()> {
    let mut connection = Connection::open(home.join("kayan.db"))?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;")?;
    let now: i64 = connection.query_row("SELECT unixepoch() * 1000000", (), |row| row.get(0))?;
    let begin = now - AGO - i64::from(events) * APART;
    for chunk in (0..events).step_by(CHUNK as usize) {
        let transaction = connection.transaction()?;
        for number in chunk..(chunk + CHUNK).min(events) {
            let id = uuid::Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(number));
            let whom = uuid::Uuid::from_u128(0x0190_0000_0000_7000_9000_0000_0000_0000 | u128::from(number % 5_000));
            transaction
                .prepare_cached(
                    "INSERT INTO audit_events (id, tenant_id, type, status, actor, subject, message, metadata, \
                     ip_address, user_agent, session_id, resource, risk_score, request_id, created_at) \
                     VALUES (?1, 'default', 'auth.login.success', 'success', ?2, ?2, 'logged in', \
                     '{\"method\":\"password\"}', '192.0.2.7', 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0)', ?3, ?4, 0, \
                     ?5, ?6)",
                )?
                .execute(params![
                    id.to_string(),
                    whom.to_string(),
                    id.to_string(),
                    format!("session/{id}"),
                    format!("req-{number}"),
                    begin + i64::from(number) * APART
                ])?;
        }
        transaction.commit()?;
    }
    connection.execute_batch("ANALYZE; PRAGMA synchronous = FULL; PRAGMA wal_checkpoint(TRUNCATE);")
}
