//! What is measured, for how long and where.

use std::{path::PathBuf, time::Duration};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use tempfile::TempDir;

use crate::{
    audit, failure::Failure, import, logins, million, outbox, paired, passkeys, postgres, refreshes, report::Report,
    revoke, scrape, seals, session_jwts, start, timing, totp, whoami,
};

/// A part that can be measured by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measurement {
    /// Requests that only ask who they are, against a bare server; and what each layer costs.
    Whoami,
    /// Logins against raw hashes, and how long others wait meanwhile.
    Logins,
    /// Failed logins at accounts that there are and that there are not: whether their time tells which.
    Timing,
    /// The same for the beginning of passkey logins.
    PasskeyTiming,
    /// The same for requests of mail.
    MailTiming,
    /// Refreshes against single inserts.
    Refreshes,
    /// Session tokens that are JWTs against opaque ones.
    SessionJwts,
    /// Codes of authenticator apps, at logins and in sessions.
    Totp,
    /// Logins by passkeys, and how long others wait meanwhile.
    Passkeys,
    /// This binary and another one side by side; only by name.
    Paired,
    /// Idle memory and the time to start.
    Start,
    /// The metrics of a thousand tenants.
    Scrape,
    /// Sealing the audit trail, and checking a bundle of it.
    Seal,
    /// `whoami` on `PostgreSQL`: against `SQLite`, and without the cache against `pgbench -S`.
    Postgres,
    /// The export of the audit trail, its rate and its memory.
    Audit,
    /// Users brought in with the hashes that they have, on `SQLite`.
    Import,
    /// The end of a million sessions on `PostgreSQL`, and how long logins wait for it.
    Revoke,
    /// The delivery of messages, and what it costs registrations and logins, on each database.
    Outbox,
    /// Logins and `whoami` at a million identities against the same at a thousand, on each database.
    Million,
}

/// What is measured, for how long and where.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Only these; none: all.
    pub(crate) names: Vec<Measurement>,
    /// Whether a few short rounds will do.
    pub(crate) quick: bool,
    /// The release binary of the service.
    pub(crate) kayan: PathBuf,
    /// Another binary of the service, to compare with.
    pub(crate) against: Option<PathBuf>,
    /// A folder on the disk to measure on.
    pub(crate) scratch: PathBuf,
    /// The DSN of a `PostgreSQL` server.
    pub(crate) postgres: Option<String>,
    /// The DSN of a `MariaDB` server.
    pub(crate) mysql: Option<String>,
    /// `PostgreSQL`'s own benchmark.
    pub(crate) pgbench: PathBuf,
}

/// How often, and how long each time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rounds {
    /// How often each thing is measured, in turn with the others.
    pub(crate) count: u32,
    /// How long each time.
    pub(crate) window: Duration,
}

impl Plan {
    /// Whether it is worth being written down.
    pub(crate) fn is_whole(&self) -> bool {
        self.names.is_empty() && !self.quick
    }

    /// Measures all that is wanted, one thing after the other.
    pub(crate) async fn measure(&self) -> Result<Report, Failure> {
        let mut report = Report::default();
        for name in Measurement::value_variants() {
            let is_wanted = if self.names.is_empty() {
                self.against.is_some() || *name != Measurement::Paired
            } else {
                self.names.contains(name)
            };
            if !is_wanted {
                continue;
            }
            match name {
                Measurement::Whoami => whoami::measure(self, &mut report).await?,
                Measurement::Logins => logins::measure(self, &mut report).await?,
                Measurement::Timing => timing::measure(self, &mut report).await?,
                Measurement::PasskeyTiming => timing::passkeys::measure(self, &mut report).await?,
                Measurement::MailTiming => timing::mails::measure(self, &mut report).await?,
                Measurement::Refreshes => refreshes::measure(self, &mut report).await?,
                Measurement::SessionJwts => session_jwts::measure(self, &mut report).await?,
                Measurement::Totp => totp::measure(self, &mut report).await?,
                Measurement::Passkeys => passkeys::measure(self, &mut report).await?,
                Measurement::Paired => paired::measure(self, &mut report).await?,
                Measurement::Start => start::measure(self, &mut report).await?,
                Measurement::Scrape => scrape::measure(self, &mut report).await?,
                Measurement::Seal => seals::measure(self, &mut report)?,
                Measurement::Postgres => postgres::measure(self, &mut report).await?,
                Measurement::Audit => audit::measure(self, &mut report).await?,
                Measurement::Import => import::measure(self, &mut report)?,
                Measurement::Revoke => revoke::measure(self, &mut report).await?,
                Measurement::Outbox => outbox::measure(self, &mut report).await?,
                Measurement::Million => million::measure(self, &mut report).await?,
            }
        }
        Ok(report)
    }

    /// This many rounds of this many seconds, fewer in a quick run.
    pub(crate) fn rounds(&self, count: u32, seconds: f64) -> Rounds {
        let (count, seconds) = if self.quick { (count.min(3), seconds / 4.0) } else { (count, seconds) };
        Rounds { count, window: Duration::from_secs_f64(seconds) }
    }

    /// Where `PostgreSQL` is.
    pub(crate) fn postgres(&self) -> Result<&str, Failure> {
        self.postgres.as_deref().ok_or_else(|| missing("KAYAN_TEST_POSTGRES_DSN"))
    }

    /// Where `MariaDB` is.
    pub(crate) fn mysql(&self) -> Result<&str, Failure> {
        self.mysql.as_deref().ok_or_else(|| missing("KAYAN_TEST_MYSQL_DSN"))
    }

    /// A folder that goes away when it is dropped.
    pub(crate) fn home(&self) -> Result<TempDir, Failure> {
        std::fs::create_dir_all(&self.scratch)
            .and_then(|()| TempDir::with_prefix_in("bench", &self.scratch))
            .map_err(Failure::io(format!("can't make a folder in {}", self.scratch.display())))
    }
}

fn missing(variable: &str) -> Failure {
    Failure::Wrong(format!("{variable} names no server; `cargo xtask bench` starts one"))
}

/// A progress bar with this many steps; only on a terminal.
pub(crate) fn progress(what: &'static str, steps: u32) -> ProgressBar {
    let bar = ProgressBar::new(u64::from(steps)).with_message(what);
    match ProgressStyle::with_template("{msg:>24} {wide_bar} {pos}/{len} {eta}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
