//! `kayan audit seal`, `verify` and `export --bundle`: seals of the audit trail.

use std::path::Path;

use kayan_core::{
    VerifyTrail,
    policy::seal::{TrailReport, to_text},
};
use kayan_ports::{TenantId, timestamp};
use serde_json::{Value, json};

use super::bundle::{self, Verdict};
use crate::{
    args::{Format, Verify},
    commands,
    exit::Exit,
    output::{self, NewFile},
};

/// If events stay unsealed for longer than this, sealing has stopped.
pub(crate) const LATE: time::Duration = time::Duration::minutes(10);

/// Seals new events, unless another process is doing so.
pub(super) async fn seal(format: Format) -> Result<(), Exit> {
    let sealed = commands::open().await?.seal_events().await?;
    if sealed.busy {
        output::note("another process is sealing; it seals the rest");
    }
    match format {
        Format::Json => output::json(&json!({ "seals": sealed.seals, "events": sealed.events, "busy": sealed.busy })),
        Format::Table => output::line(&format!("{} events sealed with {} seals", sealed.events, sealed.seals)),
    }
}

/// Writes a bundle to a file, which is replaced only when the bundle is complete.
pub(super) async fn export(path: &Path, tenant: Option<&TenantId>) -> Result<(), Exit> {
    let mut file = NewFile::named_by("--bundle", path)?;
    let kayan = commands::open().await?;
    let keys = kayan.seal_public_keys().await?;
    let done = kayan.export_bundle(tenant, &keys, &mut file).await.map_err(Exit::failed)?;
    file.keep().map_err(|error| output::cannot_write("--bundle", path, &error))?;
    output::note(format_args!("{} events and {} seals of {} tenants", done.events, done.seals, done.tenants));
    Ok(())
}

/// Verifies and prints a report for each tenant.
pub(super) fn verify(asked: Verify) -> Result<(), Exit> {
    let Verify { bundle, database: _, tenant, public_keys, heads, output } = asked;
    let pinned = !public_keys.is_empty();
    let mut cmd = VerifyTrail { tenant, keys: public_keys, expected: heads.into_iter().collect() };
    let verdict = match &bundle {
        Some(path) => {
            let verdict = bundle::verify(path, &mut cmd)?;
            if !pinned {
                output::note(
                    "verified with the keys in the bundle itself; pass the keys that you trust as --public-key",
                );
            }
            verdict
        }
        None => commands::block_on(in_database(&mut cmd))?,
    };
    for key in &cmd.keys {
        output::note(format_args!("public key: {}", to_text(key)));
    }
    show(&verdict.reports, output.format)?;
    conclude(&verdict)
}

async fn in_database(cmd: &mut VerifyTrail) -> Result<Verdict, Exit> {
    let kayan = commands::open().await?;
    if cmd.keys.is_empty() {
        cmd.keys = kayan.seal_public_keys().await?;
    }
    Ok(Verdict { reports: kayan.verify_trail(cmd).await?, damage: None })
}

fn conclude(verdict: &Verdict) -> Result<(), Exit> {
    let now = crate::compose::clock().now();
    for report in &verdict.reports {
        if let Some(since) = report.unsealed_since.and_then(timestamp::from_micros).filter(|since| now - *since > LATE)
        {
            let since = timestamp::text(since);
            output::note(format_args!(
                "{}: {} events are not sealed, since {since}: is a service running?",
                report.tenant, report.unsealed
            ));
        }
    }
    let broken: Vec<String> = verdict
        .reports
        .iter()
        .filter_map(|report| Some(format!("{}: {}", report.tenant, report.finding.as_ref()?)))
        .chain(verdict.damage.clone())
        .collect();
    if broken.is_empty() { Ok(()) } else { Err(Exit::failed(broken.join("\nkayan: "))) }
}

fn show(reports: &[TrailReport], format: Format) -> Result<(), Exit> {
    if format == Format::Json {
        return output::json(&reports.iter().map(as_json).collect::<Vec<_>>());
    }
    let rows = reports.iter().map(|report| {
        let found = report.finding.as_ref().map_or_else(|| "in order".to_owned(), ToString::to_string);
        let [seals, events, purged, unsealed] =
            [report.seals, report.events, report.purged, report.unsealed].map(|count| count.to_string());
        vec![report.tenant.to_string(), seals, events, purged, unsealed, found, head(report).unwrap_or_default()]
    });
    output::table(&["tenant", "seals", "events", "purged", "unsealed", "finding", "head"], rows.collect())
}

/// The last seal, in the format of `--expect-head`.
fn head(report: &TrailReport) -> Option<String> {
    report.head.map(|head| format!("{}:{}:{}", report.tenant, head.number, to_text(&head.hash)))
}

fn as_json(report: &TrailReport) -> Value {
    json!({
        "tenant_id": report.tenant,
        "seals": report.seals,
        "events": report.events,
        "purged": report.purged,
        "unsealed": report.unsealed,
        "head": head(report),
        "finding": report.finding.as_ref().map(|finding| json!({
            "seal": finding.seal,
            "kind": finding.what.kind(),
            "event": finding.what.event(),
            "message": finding.to_string(),
        })),
    })
}
