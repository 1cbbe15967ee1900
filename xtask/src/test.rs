//! `cargo xtask test`: every test of the workspace, with what they need brought up first.

use std::{path::PathBuf, process::Command};

use crate::{
    databases,
    run::{self, Failure, Workspace},
    servers, tools,
};

/// Tells the end-to-end tests where the binary under test is.
pub(crate) const BINARY: &str = "KAYAN_BIN";
/// Tells them where nginx is.
const NGINX: &str = "KAYAN_TEST_NGINX";
/// Tells them where Caddy is.
const CADDY: &str = "KAYAN_TEST_CADDY";
/// Tells them where the modules for tests in a browser are.
const BROWSER: &str = "KAYAN_TEST_BROWSER";
/// Tells them where the module of the identity provider is.
pub(crate) const OIDC: &str = "KAYAN_TEST_OIDC";
/// Tells them which Python has the mail server.
pub(crate) const MAIL: &str = "KAYAN_TEST_MAIL_PYTHON";

/// Runs the tests whose names match the filters, or all.
pub(crate) fn run(workspace: &Workspace, filters: &[String]) -> Result<(), Failure> {
    have_nextest()?;
    let kayan = run::timed("build the kayan binary", || workspace.build_kayan())?;
    let servers = servers::start()?;
    let places = places(workspace)?;
    run::timed("run the tests", || {
        let mut nextest = workspace.cargo(["nextest", "run", "--workspace"]);
        run::run(nextest.args(filters).env(BINARY, &kayan).envs(places).envs(servers.env.iter().cloned()))
    })
}

/// Runs the end-to-end tests on one database, with a build for it alone.
pub(crate) fn run_on(workspace: &Workspace, database: &str, filters: &[String]) -> Result<(), Failure> {
    have_nextest()?;
    let package = ["--package", "kayan-journeys"].map(str::to_owned);
    databases::journeys(workspace, database, &[&package, filters].concat(), &servers::start()?)
}

/// Runs a command that may use the servers, MySQL among them or MariaDB.
pub(crate) fn with_servers(workspace: &Workspace, mysql8: bool, command: &[String]) -> Result<(), Failure> {
    let servers = if mysql8 { servers::start_with_mysql(&workspace.tools())? } else { servers::start()? };
    let Some((program, arguments)) = command.split_first() else { return Ok(()) };
    run::run(Command::new(program).args(arguments).envs(servers.env.iter().cloned()).envs(places(workspace)?))
}

/// The variables that tell the tests where programs are that need no installation, or can do without: the packages of nginx
/// and Caddy would start them.
fn places(workspace: &Workspace) -> Result<Vec<(&'static str, PathBuf)>, Failure> {
    let nginx = tools::of_debian(workspace, "nginx", "nginx")?.map(|nginx| (NGINX, nginx));
    let caddy = tools::of_debian(workspace, "caddy", "caddy")?.map(|caddy| (CADDY, caddy));
    Ok(nginx
        .into_iter()
        .chain(caddy)
        .chain([(BROWSER, tools::of_browsers(workspace)?), (OIDC, tools::of_oidc(workspace)?)])
        .chain([(MAIL, tools::of_mail(workspace)?)])
        .collect())
}

/// Installs the runner of the tests where it is missing.
pub(crate) fn have_nextest() -> Result<(), Failure> {
    if run::says(Command::new("cargo").args(["nextest", "--version"]), "cargo-nextest") {
        return Ok(());
    }
    run::timed("install cargo-nextest, which is missing", || {
        run::run(Command::new("cargo").args(["install", "cargo-nextest", "--locked"]))
    })
}
