//! Checkers from elsewhere: those from npm and PyPI are pinned and installed into the target folder.

use std::{path::PathBuf, process::Command};

use crate::run::{self, Failure, Workspace};

const REDOCLY: &str = "1.34.20";
const SCHEMATHESIS: &str = "4.32.5";

/// The OpenAPI linter, ready to run.
pub(crate) fn redocly(workspace: &Workspace) -> Result<Command, Failure> {
    let home = workspace.tools().join("npm");
    let program = home.join("node_modules/.bin/redocly");
    // It reports its use and looks for updates unless told not to.
    let quiet = |program: &PathBuf| {
        let mut command = Command::new(program);
        command.envs([("REDOCLY_TELEMETRY", "off"), ("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")]);
        command
    };
    if !run::says(quiet(&program).arg("--version"), REDOCLY) {
        run::timed(&format!("install @redocly/cli {REDOCLY}"), || {
            std::fs::create_dir_all(&home).map_err(Failure::io(format!("can't make {}", home.display())))?;
            let mut npm = Command::new("npm");
            npm.args(["install", "--no-fund", "--no-audit", "--loglevel=error", "--prefix"]).arg(&home);
            run::run(npm.arg(format!("@redocly/cli@{REDOCLY}")))
        })?;
    }
    Ok(quiet(&program))
}

/// The property-based tester of OpenAPI services, ready to run.
pub(crate) fn schemathesis(workspace: &Workspace) -> Result<Command, Failure> {
    let home = workspace.tools().join("venv");
    let program = home.join("bin/schemathesis");
    if !run::says(Command::new(&program).arg("--version"), SCHEMATHESIS) {
        run::timed(&format!("install schemathesis {SCHEMATHESIS}"), || {
            run::run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))?;
            let mut pip = Command::new(home.join("bin/python"));
            pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
            run::run(pip.arg(format!("schemathesis=={SCHEMATHESIS}")))
        })?;
    }
    Ok(Command::new(program))
}

/// Installs the runner of fuzz targets where it is missing.
pub(crate) fn have_cargo_fuzz() -> Result<(), Failure> {
    if run::says(Command::new("cargo").args(["fuzz", "--version"]), "cargo-fuzz") {
        return Ok(());
    }
    run::timed("install cargo-fuzz, which is missing", || {
        run::run(Command::new("cargo").args(["install", "cargo-fuzz", "--locked"]))
    })
}
