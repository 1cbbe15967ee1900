//! Refreshes against a thread that inserts one row per transaction on the same disk.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::Connection;

use crate::{
    failure::Failure,
    finding::Finding,
    load::{self, Answered},
    plan::{self, Plan},
    report::Report,
    service::Service,
};

const CONNECTIONS: usize = 64;

/// Refreshes and inserts in turn.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let home = plan.home()?;
    // The cheapest hash there is: what it costs to register is not part of this.
    let settings = [("KAYAN_LOG_LEVEL", "warn"), ("KAYAN_BCRYPT_COST", "4")];
    let service = Service::kayan(&plan.kayan, home.path(), &settings).await?;
    let accounts = service.register(CONNECTIONS).await?;
    let mut clients = service.refreshing(&accounts).await?;
    load::flood(&mut clients, Duration::from_millis(200)).await?;

    let rounds = plan.rounds(7, 2.0);
    let bar = plan::progress("refreshes", 2 * rounds.count);
    let (mut refreshes, mut inserts) = (Vec::new(), Vec::new());
    for _ in 0..rounds.count {
        refreshes.push(load::flood(&mut clients, rounds.window).await?.rate());
        bar.inc(1);
        let file = home.path().join("inserts.db");
        let inserted = tokio::task::spawn_blocking(move || insert(&file, rounds.window)).await;
        let inserted = inserted.map_err(Failure::wrong("inserting panicked"))?;
        inserts.push(inserted.map_err(Failure::wrong("inserting"))?.rate());
        bar.inc(1);
    }
    bar.finish_and_clear();
    report.findings.push(Finding::of_rates("refreshes", &refreshes, "inserts, each on disk", &inserts));
    Ok(())
}

/// One row per transaction, and each transaction on disk before the next.
fn insert(file: &Path, window: Duration) -> rusqlite::Result<Answered> {
    let connection = Connection::open(file)?;
    connection.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE IF NOT EXISTS rows (id INTEGER PRIMARY KEY, text TEXT NOT NULL);",
    )?;
    let mut insert = connection.prepare("INSERT INTO rows (text) VALUES (?)")?;
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < window {
        insert.execute(["a row as short as a row of some use can be"])?;
        count += 1;
    }
    Ok(Answered { count, took: begun.elapsed() })
}
