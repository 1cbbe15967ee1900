//! `pgbench -S`, `PostgreSQL`'s own benchmark: one row by its key per transaction.

use std::{path::Path, process::Stdio, time::Duration};

use tokio::process::Command;
use tokio_postgres::{Config, config::Host};

use crate::failure::Failure;

/// In hundreds of thousands of rows.
const SCALE: &str = "10";

/// The program with a database that it has filled.
pub(crate) struct Pgbench<'a> {
    program: &'a Path,
    database: Config,
    select: Vec<String>,
}

impl<'a> Pgbench<'a> {
    /// Fills the database; it will be queried over this many connections by this many threads.
    pub(crate) async fn fill(
        program: &'a Path,
        dsn: &str,
        connections: usize,
        threads: usize,
    ) -> Result<Self, Failure> {
        let database = dsn.parse().map_err(Failure::wrong("a DSN"))?;
        let select = format!("-S -M prepared -n -c {connections} -j {threads}");
        let it = Self { program, database, select: select.split(' ').map(str::to_owned).collect() };
        it.run(["-i", "-q", "-s", SCALE].map(str::to_owned).to_vec()).await?;
        Ok(it)
    }

    /// Transactions per second, connections not counted.
    pub(crate) async fn rate(&self, window: Duration) -> Result<f64, Failure> {
        let said = self.run([self.select.clone(), until(window)].concat()).await?;
        let line = said.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = line.and_then(|line| line.split(' ').next()?.parse().ok());
        rate.ok_or_else(|| Failure::Wrong(format!("pgbench told no rate:\n{said}")))
    }

    /// What is run.
    pub(crate) fn shown(&self, window: Duration) -> String {
        let words = [self.select.clone(), until(window)].concat().join(" ");
        format!("`pgbench {words}` at scale {SCALE}")
    }

    async fn run(&self, arguments: Vec<String>) -> Result<String, Failure> {
        let it = &self.database;
        let host = it.get_hosts().iter().find_map(|host| match host {
            Host::Tcp(name) => Some(name.clone()),
            Host::Unix(folder) => folder.to_str().map(str::to_owned),
        });
        let port = it.get_ports().first().map(u16::to_string);
        let password = it.get_password().map(|password| String::from_utf8_lossy(password).into_owned());
        let (user, name) = (it.get_user().map(str::to_owned), it.get_dbname().map(str::to_owned));
        let mut command = Command::new(self.program);
        // By the environment, since arguments are seen by everybody on the machine.
        let place =
            [("PGHOST", host), ("PGPORT", port), ("PGUSER", user), ("PGPASSWORD", password), ("PGDATABASE", name)];
        command.envs(place.into_iter().filter_map(|(name, value)| Some((name, value?)))).env("PGSSLMODE", "disable");
        let ran = command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).output().await;
        let ran = ran.map_err(Failure::io(format!("can't start {}", self.program.display())))?;
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if ran.status.success() { Ok(said(&ran.stdout)) } else { Err(Failure::Wrong(said(&ran.stderr))) }
    }
}

/// It takes whole seconds only.
fn until(window: Duration) -> Vec<String> {
    vec!["-T".to_owned(), window.as_secs().max(1).to_string()]
}
