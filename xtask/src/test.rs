//! `cargo xtask test`: every test of the workspace, with what they need brought up first.

use std::process::Command;

use crate::{
    run::{self, Failure, Workspace},
    servers,
};

/// Tells the end-to-end tests where the binary under test is.
const BINARY: &str = "KAYAN_BIN";

/// Runs the tests whose names match the filters, or all.
pub(crate) fn run(workspace: &Workspace, filters: &[String]) -> Result<(), Failure> {
    have_nextest()?;
    let kayan = run::timed("build the kayan binary", || workspace.build_kayan())?;
    let servers = servers::start()?;
    run::timed("run the tests", || {
        let mut nextest = workspace.cargo(["nextest", "run", "--workspace"]);
        run::run(nextest.args(filters).env(BINARY, &kayan).envs(servers.env.iter().cloned()))
    })
}

/// Runs a command that may use the servers.
pub(crate) fn with_servers(command: &[String]) -> Result<(), Failure> {
    let servers = servers::start()?;
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    run::run(Command::new(program).args(arguments).envs(servers.env.iter().cloned()))
}

fn have_nextest() -> Result<(), Failure> {
    if run::says(Command::new("cargo").args(["nextest", "--version"]), "cargo-nextest") {
        return Ok(());
    }
    run::timed("install cargo-nextest, which is missing", || {
        run::run(Command::new("cargo").args(["install", "cargo-nextest", "--locked"]))
    })
}
