//! How fast Kayan is, as ratios taken in one run; `cargo xtask bench` builds and starts this.

mod audit;
mod bare;
mod clients;
mod connection;
mod database;
mod failure;
mod finding;
mod import;
mod load;
mod logins;
mod machine;
mod million;
mod once;
mod outbox;
mod paired;
mod passkeys;
mod people;
mod pgbench;
mod plan;
mod plot;
mod postgres;
mod refreshes;
mod report;
mod revoke;
mod scrape;
mod seals;
mod service;
mod session_jwts;
mod sink;
mod start;
mod timing;
mod totp;
mod whoami;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{
    failure::Failure,
    plan::{Measurement, Plan},
};

/// How fast Kayan is.
#[derive(Parser)]
#[command(name = "kayan-bench")]
struct Cli {
    #[command(subcommand)]
    part: Part,
}

#[derive(Subcommand)]
enum Part {
    /// Measure.
    Measure {
        /// Only these; without a name all.
        names: Vec<Measurement>,
        /// A few short rounds: shows that it works, not how fast it is.
        #[arg(long)]
        quick: bool,
        /// The release binary of the service.
        #[arg(long)]
        kayan: PathBuf,
        /// Another binary of the service, to compare with.
        #[arg(long)]
        against: Option<PathBuf>,
        /// A folder on the disk to measure on; what is made there is removed.
        #[arg(long)]
        scratch: PathBuf,
        /// A `PostgreSQL` server: a superuser's DSN.
        #[arg(long, env = "KAYAN_TEST_POSTGRES_DSN", hide_env_values = true)]
        postgres: Option<String>,
        /// A `MariaDB` server: the DSN of a user who may do everything.
        #[arg(long, env = "KAYAN_TEST_MYSQL_DSN", hide_env_values = true)]
        mysql: Option<String>,
        /// `PostgreSQL`'s own benchmark.
        #[arg(long, default_value = "pgbench")]
        pgbench: PathBuf,
        /// Where the results of a whole run are written.
        #[arg(long)]
        results: PathBuf,
    },
    /// Serve a file's bytes with as little as possible, to compare with.
    Bare {
        /// What is put around the handler.
        layers: bare::Layers,
        /// Where to listen.
        address: SocketAddr,
        /// The file.
        body: PathBuf,
    },
}

fn main() -> ExitCode {
    match perform(Cli::parse().part) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("✘ {failure}");
            ExitCode::FAILURE
        }
    }
}

fn perform(part: Part) -> Result<(), Failure> {
    // The same runtime as the service's, so that bare servers and clients have what it has.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(Failure::io("can't start the runtime"))?;
    match part {
        Part::Bare { layers, address, body } => runtime.block_on(bare::serve(layers, address, &body)),
        Part::Measure { names, quick, kayan, against, scratch, postgres, mysql, pgbench, results } => {
            let plan = Plan { names, quick, kayan, against, scratch, postgres, mysql, pgbench };
            let report = runtime.block_on(plan.measure())?;
            println!("{}", report.tables());
            if plan.is_whole() {
                return report.write(&results);
            }
            eprintln!("nothing is written: that takes a run without names and without --quick");
            Ok(())
        }
    }
}
