//! How many users an import brings in per second, with the hashes that they have, on `SQLite`.

use std::{fmt::Write as _, time::Instant};

use crate::{
    failure::Failure,
    finding::Finding,
    plan::{self, Plan},
    report::Report,
    service,
};

const USERS: u32 = 200_000;
/// When it must be quick.
const SOME: u32 = 20_000;
const WANTED: f64 = 10_000.0;
const HASH: &str = "$2b$10$abcdefghijklmnopqrstuuGUnCqbfgs3htOkLrFduUjAyLBw1Rq/u";

/// Imports the same file into new databases, with a report about every line.
pub(crate) fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let users = if plan.quick { SOME } else { USERS };
    let rounds = plan.rounds(3, 0.0);
    let bar = plan::progress("import", rounds.count);
    let mut rates = Vec::new();
    for _ in 0..rounds.count {
        let home = plan.home()?;
        std::fs::write(home.path().join("users"), lines(users)).map_err(Failure::io("can't write users"))?;
        service::migrate(&plan.kayan, home.path(), &[])?;
        let begun = Instant::now();
        let args = ["admin", "user", "import", "--file", "users", "--report", "report"];
        service::run(&plan.kayan, home.path(), &[], &args)?;
        rates.push(f64::from(users) / begun.elapsed().as_secs_f64());
        bar.inc(1);
    }
    bar.finish_and_clear();
    let wanted = vec![WANTED; rates.len()];
    report.findings.push(Finding::of_rates("users imported", &rates, "wanted", &wanted));
    Ok(())
}

fn lines(users: u32) -> String {
    (0..users).fold(String::new(), |mut text, number| {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            r#"{{"traits":{{"email":"person{number}@example.com","name":"Person {number}"}},"password_hash":"{HASH}"}}"#
        );
        text
    })
}
