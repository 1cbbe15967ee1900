//! Logins against the machine's raw hashes, and how long `whoami` takes while logins saturate the cores.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::{
    failure::Failure,
    finding::{Finding, quantile},
    load::{self, Answered, Timers},
    plan::{self, Plan},
    report::Report,
    service::Service,
};

/// The service's default.
const COST: u32 = 10;
/// How many log in at once for each core: one is hashed for, the others wait, far fewer than the queue holds.
const WAITING: usize = 8;
/// The whoami requests per second meanwhile.
const RATE: u32 = 100;
/// The connections they use, so that a slow answer delays few others.
const ASKING: usize = 16;

/// Logs in and hashes in turn; `whoami` is asked during the logins.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let home = plan.home()?;
    let service = Service::kayan(&plan.kayan, home.path(), &[("KAYAN_LOG_LEVEL", "warn")]).await?;
    let cores = thread::available_parallelism().map_err(Failure::io("can't count the cores"))?.get();
    let accounts = service.register((WAITING * cores).max(ASKING)).await?;
    let mut logging_in = service.logging_in(accounts.get(..WAITING * cores).unwrap_or(&accounts)).await?;
    let mut asking = service.getting("/api/v1/whoami", accounts.get(..ASKING).unwrap_or(&accounts)).await?;
    load::flood(&mut asking, Duration::from_millis(200)).await?;

    let rounds = plan.rounds(5, 6.0);
    let bar = plan::progress("logins", 2 * rounds.count);
    let (mut logins, mut hashes, mut delays) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds.count {
        let (answered, waited) = tokio::join!(
            load::flood(&mut logging_in, rounds.window),
            load::pace(&mut asking, RATE, rounds.window, Timers::Count)
        );
        logins.push(answered?.rate());
        delays.extend(waited?.iter().map(|delay| delay.as_secs_f64() * 1e3));
        bar.inc(1);
        let raw = tokio::task::spawn_blocking(move || hash(cores, rounds.window)).await;
        hashes.push(raw.map_err(Failure::wrong("hashing panicked"))??);
        bar.inc(1);
    }
    bar.finish_and_clear();
    report.findings.push(Finding::of_rates("logins", &logins, "bcrypt-10 hashes", &hashes).at_least(0.9));
    report.findings.push(Finding::within("whoami p99 during logins", quantile(delays, 0.99), 10.0, "ms"));
    Ok(())
}

/// How many hashes a second all cores make together.
fn hash(cores: usize, window: Duration) -> Result<f64, Failure> {
    let threads: Vec<_> = (0..cores).map(|_| thread::spawn(move || hash_alone(window))).collect();
    let mut rate = 0.0;
    for thread in threads {
        let done = thread.join().map_err(|_| Failure::Wrong("a hashing thread panicked".to_owned()))?;
        rate += done.map_err(Failure::wrong("bcrypt"))?.rate();
    }
    Ok(rate)
}

fn hash_alone(window: Duration) -> Result<Answered, bcrypt::BcryptError> {
    // At the priority of the service's hashing threads, so that other programs take as much from either.
    let _unpermitted = rustix::process::nice(10);
    let begun = Instant::now();
    let mut count = 0;
    while begun.elapsed() < window {
        bcrypt::hash_with_salt("correct horse battery staple 7", COST, [7; 16])?;
        count += 1;
    }
    Ok(Answered { count, took: begun.elapsed() })
}
