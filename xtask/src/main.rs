//! The project's own tasks: `cargo xtask test | ci | bench | openapi | frequent-passwords | disposable-domains`.

mod bench;
mod ci;
mod databases;
mod deploy;
mod disposable_domains;
mod frequent_passwords;
mod fuzz;
mod openapi;
mod published;
mod run;
mod server;
mod servers;
mod test;
mod tools;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::run::{Failure, Workspace};

/// The project's own tasks.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Run the tests, after installing and building what they need.
    Test {
        /// The end-to-end tests only, on this database and with a build for it alone.
        #[arg(long, value_name = "DATABASE", value_parser = databases::DATABASES)]
        on: Option<String>,
        /// Passed on to `cargo nextest run`: part of a test's name, or its options.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, value_name = "FILTER")]
        filters: Vec<String>,
    },
    /// Run a command while the servers that tests need are running, as in `cargo xtask with cargo nextest run -p NAME`.
    With {
        /// MySQL in the place of MariaDB, from Debian's unstable suite; the first time it is fetched and unpacked.
        #[arg(long)]
        mysql8: bool,
        /// The command and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "COMMAND")]
        command: Vec<String>,
    },
    /// Run everything that a change must pass, in order, until something fails.
    Ci {
        /// Run these steps only; may be repeated.
        #[arg(long, value_name = "STEP")]
        only: Vec<ci::Step>,
    },
    /// Measure how fast the service is, and keep the results in `bench/`.
    Bench {
        /// `whoami`, `logins`, `timing`, `passkey-timing`, `mail-timing`, `refreshes`, `totp`, `passkeys`, `paired`, `start`,
        /// `scrape`, `seal`, `postgres`, `audit`, `import`, `revoke`, `outbox` or `million`; without a name all.
        names: Vec<String>,
        /// A few short rounds: shows that it works, not how fast it is.
        #[arg(long)]
        quick: bool,
        /// Another release binary of the service, to compare with: for `paired`.
        #[arg(long)]
        against: Option<PathBuf>,
    },
    /// Write the OpenAPI document into `openapi/`.
    Openapi {
        /// Write nothing; fail when the committed document differs from the code's.
        #[arg(long)]
        check: bool,
    },
    /// Make the list of common passwords in `src/policy/password/` from a published one, which is downloaded.
    FrequentPasswords,
    /// Make the list of domains of disposable addresses in `src/policy/disposable/` from a published one, which is downloaded.
    DisposableDomains,
}

fn main() -> ExitCode {
    match perform(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            run::say(run::Mark::Failed, &failure.to_string());
            ExitCode::FAILURE
        }
    }
}

fn perform(task: Task) -> Result<(), Failure> {
    let workspace = Workspace::find()?;
    match task {
        Task::Test { on: None, filters } => test::run(&workspace, &filters),
        Task::Test { on: Some(database), filters } => test::run_on(&workspace, &database, &filters),
        Task::With { mysql8, command } => test::with_servers(&workspace, mysql8, &command),
        Task::Ci { only } => ci::run(workspace, &only),
        Task::Bench { names, quick, against } => bench::run(&workspace, &names, quick, against.as_deref()),
        Task::Openapi { check: true } => openapi::check(&workspace),
        Task::FrequentPasswords => frequent_passwords::write(&workspace),
        Task::DisposableDomains => disposable_domains::write(&workspace),
        Task::Openapi { check: false } => openapi::write(&workspace),
    }
}
