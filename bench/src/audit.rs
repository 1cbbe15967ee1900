//! How fast the audit trail is taken out of a file, and how much memory that takes the more there is of it.

use std::{
    fs,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use rusqlite::Connection;
use uuid::{Builder, Uuid};

use crate::{
    failure::Failure,
    finding::{Finding, middle},
    plan::{self, Plan},
    report::Report,
    service,
};

const FEW: u32 = 10_000;
const MANY: u32 = 5_000_000;
/// When it must be quick.
const SOME: u32 = 200_000;
/// How many events are written at a time.
const CHUNK: u32 = 10_000;
/// How many identities the events are about.
const PEOPLE: u64 = 10_000;

/// Events a second.
const RATE: f64 = 200_000.0;
/// MiB.
const GROWTH: f64 = 16.0;

/// What an export took.
struct Taken {
    seconds: f64,
    /// The most memory that was resident, in MiB.
    peak: f64,
}

/// Exports a small trail and a big one, in turn.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let many = if plan.quick { SOME } else { MANY };
    let (small, large) = (plan.home()?, plan.home()?);
    for (home, count) in [(&small, FEW), (&large, many)] {
        service::migrate(&plan.kayan, home.path(), &[])?;
        fill(&home.path().join("kayan.db"), count).map_err(Failure::wrong("filling a trail"))?;
    }
    let rounds = plan.rounds(5, 0.0).count;
    let bar = plan::progress("exports", rounds);
    let (mut rates, mut growths) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let few = export(&plan.kayan, small.path()).await?;
        let all = export(&plan.kayan, large.path()).await?;
        rates.push(f64::from(many) / all.seconds);
        growths.push(all.peak - few.peak);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let targets = vec![RATE; rates.len()];
    report.findings.push(Finding::of_rates("audit export", &rates, "wanted", &targets));
    report.findings.push(Finding::within("audit export, memory growth", middle(growths).max(0.0), GROWTH, "MiB"));
    report.notes.push(format!(
        "Audit: `kayan audit export --format ndjson` of {many} events in SQLite {}, the start of the process included, of \
         {rounds} runs the middle one; the memory is the most that was resident, against the same of {FEW} events.",
        rusqlite::version()
    ));
    Ok(())
}

async fn export(kayan: &Path, home: &Path) -> Result<Taken, Failure> {
    let begun = Instant::now();
    let mut command = service::command(kayan, home)?;
    command.args(["audit", "export", "--format", "ndjson"]).stdout(Stdio::null());
    let mut process = command.spawn().map_err(Failure::io(format!("can't start {}", kayan.display())))?;
    let status = format!("/proc/{}/status", process.id());
    let mut peak = 0.0_f64;
    loop {
        if let Some(ended) = process.try_wait().map_err(Failure::io("can't wait for an export"))? {
            let seconds = begun.elapsed().as_secs_f64();
            let taken = Taken { seconds, peak };
            return if ended.success() {
                Ok(taken)
            } else {
                Err(Failure::Wrong(format!("`kayan audit export` failed ({ended})")))
            };
        }
        peak = peak.max(high_water(&status).unwrap_or_default());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// MiB, where the system tells.
fn high_water(status: &str) -> Option<f64> {
    let text = fs::read_to_string(status).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<f64>().ok()? / 1024.0)
}

fn fill(file: &Path, count: u32) -> rusqlite::Result<()> {
    let mut connection = Connection::open(file)?;
    connection.execute_batch("PRAGMA synchronous = OFF; PRAGMA cache_size = -400000;")?;
    let bar = plan::progress("events", count);
    let mut random = StdRng::seed_from_u64(1);
    for from in (0..count).step_by(CHUNK as usize) {
        let transaction = connection.transaction()?;
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO audit_events (id, tenant_id, type, status, actor, subject, message, metadata, ip_address,
                   user_agent, session_id, resource, risk_score, request_id, created_at)
                 VALUES (?1, 'default', ?2, 'success', ?3, ?3, 'logged in', '{\"method\":\"password\"}', ?4, ?5, ?6, ?7, 0, ?8, ?9)",
            )?;
            for number in from..count.min(from.saturating_add(CHUNK)) {
                let created_at = 1_700_000_000_000_000_i64 + i64::from(number) * 1_000;
                let mut fresh = || {
                    let mut bytes = [0; 10];
                    random.fill_bytes(&mut bytes);
                    let milliseconds = u64::try_from(created_at / 1_000).unwrap_or_default();
                    Builder::from_unix_timestamp_millis(milliseconds, &bytes).into_uuid().to_string()
                };
                let (id, session, request) = (fresh(), fresh(), fresh());
                let kind = if number % 2 == 0 { "auth.login.success" } else { "auth.session.created" };
                let who = Uuid::from_u64_pair(
                    0x0190_0000_0000_7000,
                    0x8000_0000_0000_0000 | (u64::from(number) * 7919 % PEOPLE),
                );
                let resource = format!("session/{session}");
                insert.execute((
                    id,
                    kind,
                    who.to_string(),
                    format!("192.0.2.{}", number % 250),
                    "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
                    session,
                    resource,
                    request,
                    created_at,
                ))?;
            }
        }
        transaction.commit()?;
        bar.set_position(u64::from(from));
    }
    bar.finish_and_clear();
    connection.execute_batch("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE);")
}
