//! `kayan doctor`: diagnoses common problems and suggests fixes.
//!
//! It changes nothing, and each check times out after a few seconds.

mod audit;
mod database;
mod factors;
mod files;
mod finding;
mod hashing;
mod keys;
mod mail;
mod network;
pub(crate) mod redis;
mod secrets;
mod server;
mod settings;
mod sms;
mod unwritten;

use std::{future::Future, time::Duration};

use self::finding::{AGAIN, Finding, Status};
pub(crate) use self::unwritten::Unwritten;
use crate::{
    args::{Doctor, Format},
    config::{
        Config,
        load::{Loaded, Problems},
        problem::{Problem, Warning},
    },
    exit::Exit,
    output,
};

/// The timeout of a check.
const PATIENCE: Duration = Duration::from_secs(4);

/// What is checked.
struct Case {
    config: Config,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
    replicas: u32,
}

impl Case {
    /// The first of these settings that is invalid: what depends on it can't be checked.
    fn unusable(&self, settings: &[&str]) -> Option<&str> {
        self.problems.iter().map(|problem| &*problem.setting).find(|name| settings.contains(name))
    }
}

/// Runs all checks and prints the findings.
pub(crate) fn run(asked: &Doctor) -> Result<(), Exit> {
    let (config, problems, warnings) = match super::load(Vec::new(), super::Purpose::Look) {
        Ok(Loaded { config, warnings, .. }) => (config, Vec::new(), warnings),
        Err(Problems { list, warnings, stand_in, .. }) => (*stand_in, list, warnings),
    };
    let case = Case { config, problems, warnings, replicas: asked.replicas };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Exit::failed)?;
    let findings = runtime.block_on(examine(&case));
    // A name server or a disk that does not answer keeps threads of the runtime busy.
    runtime.shutdown_background();
    match asked.output.format {
        Format::Json => output::json(&findings)?,
        Format::Table => {
            let rows = findings.iter().map(|it| {
                let cell = |text: &Option<String>| text.clone().unwrap_or_default();
                vec![it.check.to_owned(), it.status.as_str().to_owned(), it.message.clone(), cell(&it.hint)]
            });
            output::table(&["check", "status", "finding", "what to do"], rows.collect())?;
        }
    }
    conclude(&findings)
}

/// Checks every area; those that wait for servers run concurrently.
async fn examine(case: &Case) -> Vec<Finding> {
    let mut findings = settings::examine(case);
    findings.extend(network::examine(case));
    findings.extend(secrets::examine(case));
    findings.extend(files::examine(case));
    let (hashing, database, redis, mail, sms) = tokio::join!(
        hashing::examine(case),
        database::examine(case),
        redis::examine(case),
        mail::examine(case),
        sms::examine(case)
    );
    findings.extend(hashing.into_iter().chain(database).chain(redis).chain(mail).chain(sms));
    findings
}

/// The findings of a check, or its timeout.
async fn within(check: &'static str, work: impl Future<Output = Vec<Finding>>) -> Vec<Finding> {
    let late =
        |_elapsed| vec![Finding::failed(check, format!("no answer within {} seconds", PATIENCE.as_secs()), AGAIN)];
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(late)
}

/// Checks of one server, in sequence, so that they share a connection: another one would cost a busy server more than all
/// the queries. Once the server does not answer, the remaining checks are skipped.
#[derive(Default)]
struct Series {
    findings: Vec<Finding>,
    is_silent: bool,
}

impl Series {
    async fn add(&mut self, check: &'static str, work: impl Future<Output = Vec<Finding>>) {
        if self.is_silent {
            return self.findings.push(Finding::skipped(check, "the server has stopped answering"));
        }
        let found = within(check, work).await;
        self.is_silent = found.iter().any(|it| it.status == Status::Failed && it.hint.as_deref() == Some(AGAIN));
        self.findings.extend(found);
    }
}

/// Invalid settings decide the exit code first, because the service does not start with them.
fn conclude(findings: &[Finding]) -> Result<(), Exit> {
    let count = |status| findings.iter().filter(|it| it.status == status).count();
    let (failed, warned, skipped) = (count(Status::Failed), count(Status::Warning), count(Status::Skipped));
    let told = format!("{failed} failed, {warned} warned, {skipped} skipped, {} ok", count(Status::Ok));
    let failures = || findings.iter().filter(|it| it.status == Status::Failed);
    if failures().any(|it| settings::CHECKS.contains(&it.check)) {
        return Err(Exit::config(told));
    }
    if failures().next().is_none() {
        output::note(format_args!("kayan: {told}"));
        return Ok(());
    }
    if failures().all(|it| it.check == server::PENDING) { Err(Exit::pending(told)) } else { Err(Exit::failed(told)) }
}
