//! Whether the time of an answer tells if there is such an account (I-08): failed logins, passkeys, requests of mail.

pub(crate) mod mails;
pub(crate) mod passkeys;

use std::{fmt::Write as _, time::Instant};

use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tempfile::TempDir;

use crate::{
    clients::{self, PASSWORD},
    failure::Failure,
    finding::{Finding, Target, quantile},
    people::BCRYPT_COST,
    plan::{self, Plan},
    report::Report,
    service::{self, Service},
};

/// Requests for each kind of account.
const LOGINS: u32 = 8_000;
/// When it must be quick.
const SOME: u32 = 500;
/// As many come before those that are measured.
const WARM_UP: u32 = 1_000;
/// Accounts of each kind, so that no single one's place in the database counts.
const ACCOUNTS: u32 = 16;
/// What Welch's t must stay below, as is usual for leaks of time: by chance it is above once in 150,000 times.
const BOUND: f64 = 4.5;
/// Slower ones tell more of the machine than of the account; they are looked at in a second test without them.
const COMMON: f64 = 0.9;

/// The kinds of accounts; `None` says that there is none, else what its line of an import has beside the traits.
const KINDS: [(&str, Option<&str>); 5] = [
    ("unknown", None),
    ("known against unknown", Some(r#","password_hash":"HASH""#)),
    ("locked against unknown", Some(r#","password_hash":"HASH","state":"locked""#)),
    ("inactive against unknown", Some(r#","password_hash":"HASH","state":"inactive""#)),
    ("passwordless against unknown", Some("")),
];

/// Fails to log in to accounts of every kind in a random order, at the cheapest hash, where the hash hides the least.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let cost = BCRYPT_COST.to_string();
    let settings = [("KAYAN_BCRYPT_COST", &*cost), ("KAYAN_LOG_LEVEL", "warn")];
    let (service, _home) = start(plan, &lines()?, &settings).await?;
    let logins = |kind, number| clients::failed_login(&identifier(kind, number));
    let logins = ask(plan, &service, logins, (LOGINS, ACCOUNTS, 401)).await?;
    add(report, KINDS.map(|(name, _)| name), &logins);
    Ok(())
}

/// A service with these users, and the folder of its database.
async fn start(plan: &Plan, users: &str, settings: &[(&str, &str)]) -> Result<(Service, TempDir), Failure> {
    let home = plan.home()?;
    service::migrate(&plan.kayan, home.path(), settings)?;
    std::fs::write(home.path().join("users"), users).map_err(Failure::io("can't write users"))?;
    let import = ["admin", "user", "import", "--file", "users", "--report", "report"];
    service::run(&plan.kayan, home.path(), settings, &import)?;
    Ok((Service::kayan(&plan.kayan, home.path(), settings).await?, home))
}

/// The times of the answers to `count` requests for each kind of account, in microseconds.
async fn ask<const N: usize>(
    plan: &Plan,
    service: &Service,
    request: impl Fn(usize, u32) -> String,
    (count, accounts, status): (u32, u32, u16),
) -> Result<[Vec<f64>; N], Failure> {
    let mut connection = service.connect().await?;
    let requests = if plan.quick { SOME } else { count } * u32::try_from(N).unwrap_or(u32::MAX);
    let bar = plan::progress("timing", requests);
    let (mut chance, mut times) = (StdRng::seed_from_u64(7), [const { Vec::new() }; N]);
    for number in 0..WARM_UP + requests {
        let kind = chance.random_range(0..N);
        let request = request(kind, chance.random_range(0..accounts));
        let begun = Instant::now();
        let answered = connection.ask(request.as_bytes()).await.map_err(Failure::io("a connection broke"))?.status;
        let took = begun.elapsed().as_secs_f64() * 1e6;
        if answered != status {
            return Err(Failure::Wrong(format!("a request was answered {answered}, not {status}")));
        }
        if number >= WARM_UP {
            times.get_mut(kind).into_iter().for_each(|times| times.push(took));
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(times)
}

/// Each kind against the first, which is unknown.
fn add<const N: usize>(report: &mut Report, names: [&'static str; N], times: &[Vec<f64>; N]) {
    let Some((unknown, others)) = times.split_first() else { return };
    report.findings.extend(names.iter().skip(1).zip(others).map(|(name, times)| finding(name, times, unknown)));
}

/// As long for each kind as for any other.
fn identifier(kind: usize, number: u32) -> String {
    format!("person{kind}{number:02}@example.com")
}

/// The users to import.
fn lines() -> Result<String, Failure> {
    let hash = bcrypt::hash_with_salt(PASSWORD, BCRYPT_COST, [7; 16]).map_err(Failure::wrong("bcrypt"))?.to_string();
    let mut text = String::new();
    for (kind, (_, members)) in KINDS.iter().enumerate() {
        let Some(members) = members else { continue };
        for number in 0..ACCOUNTS {
            let (email, members) = (identifier(kind, number), members.replace("HASH", &hash));
            // Writing to a string does not fail.
            let _ = writeln!(text, r#"{{"traits":{{"email":"{email}"}}{members}}}"#);
        }
    }
    Ok(text)
}

/// Microseconds of one kind against those of another: the worse of two tests, of all and of the common ones.
fn finding(name: &'static str, times: &[f64], others: &[f64]) -> Finding {
    let (all, most) = (test(times, others, 1.0), test(times, others, COMMON));
    let worse = if all.t.abs() > most.t.abs() { &all } else { &most };
    Finding {
        name,
        value: format!("|t| {:.1} ({:+.1} µs)", worse.t.abs(), worse.difference),
        reference: format!("|t| {BOUND} ({:.0} µs)", mean_and_variance(others).0),
        ratio: worse.t.abs() / BOUND,
        target: Target::AtMost(1.0),
    }
}

struct Test {
    t: f64,
    difference: f64,
}

/// Whether two samples' means differ: Welch's t-test of the given share of each sample, without its slowest. What is left
/// of a sample varies less than it did, so the error of its mean comes from Yuen's winsorized variance.
fn test(one: &[f64], other: &[f64], share: f64) -> Test {
    let [(mean, error), (others_mean, others_error)] = [one, other].map(|sample| {
        let limit = quantile(sample.iter().copied(), share);
        let kept: Vec<f64> = sample.iter().copied().filter(|value| *value <= limit).collect();
        let winsorized: Vec<f64> = sample.iter().map(|value| value.min(limit)).collect();
        let error = mean_and_variance(&winsorized).1 / count(sample) / share.powi(2);
        (mean_and_variance(&kept).0, error)
    });
    let difference = mean - others_mean;
    Test { t: difference / (error + others_error).sqrt(), difference }
}

fn mean_and_variance(sample: &[f64]) -> (f64, f64) {
    let mean = sample.iter().sum::<f64>() / count(sample);
    let squares = sample.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (mean, squares / (count(sample) - 1.0))
}

#[expect(clippy::cast_precision_loss, reason = "a count far below 2^52")]
fn count(sample: &[f64]) -> f64 {
    sample.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn welchs_t_is_the_difference_in_its_own_errors() {
        let (one, other) = ([3.0, 4.0, 5.0, 8.0], [1.0, 2.0, 3.0]);
        let found = test(&one, &other, 1.0);
        // variances 14/3 and 1: 3 / sqrt(14/12 + 1/3)
        assert!((found.difference - 3.0).abs() < 1e-9 && (found.t - 6.0_f64.sqrt()).abs() < 1e-9, "{}", found.t);
    }

    #[test]
    fn a_leak_of_a_few_microseconds_is_found_behind_rare_slow_answers() {
        let times = |shift: f64| -> Vec<f64> {
            let mut chance = StdRng::seed_from_u64(shift.to_bits());
            let slow = |n: u32| if n.is_multiple_of(20) { 20_000.0 } else { 0.0 };
            (0..8_000).map(|n| 1_500.0 + shift + chance.random_range(0.0..300.0) + slow(n)).collect()
        };
        assert!(!finding("leak", &times(10.0), &times(0.0)).is_met());
        assert!(finding("none", &times(0.001), &times(0.0)).is_met());
    }
}
