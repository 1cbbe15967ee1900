//! `cargo xtask bench`: how fast the service is.

use std::path::Path;

use crate::{
    run::{self, Failure, Workspace},
    servers::{self, Running},
};

/// What is measured on servers.
const ON_SERVERS: [&str; 3] = ["postgres", "revoke", "million"];

/// Builds the service and what measures it, both optimised, and measures.
pub(crate) fn run(workspace: &Workspace, names: &[String], quick: bool, against: Option<&Path>) -> Result<(), Failure> {
    let release = |package| run::run(&mut workspace.cargo(["build", "--release", "--package", package]));
    run::timed("build the service, optimised", || release("kayan"))?;
    // Apart from the service, which would otherwise be built with features that only the bench wants.
    run::timed("build the bench, optimised", || release("kayan-bench"))?;
    let on_servers = names.is_empty() || names.iter().any(|name| ON_SERVERS.contains(&name.as_str()));
    let servers = if on_servers { servers::start_for_bench()? } else { Running::default() };
    let built = workspace.target.join("release");
    let program = |name: &str| built.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    let mut measure = std::process::Command::new(program("kayan-bench"));
    measure.current_dir(&workspace.root).arg("measure").args(names);
    if quick {
        measure.arg("--quick");
    }
    if let Some(against) = against {
        measure.arg("--against").arg(against);
    }
    measure.arg("--kayan").arg(program("kayan"));
    measure.arg("--scratch").arg(workspace.target.join("tmp"));
    measure.arg("--results").arg(workspace.root.join("bench"));
    if let Some(pgbench) = servers::pgbench() {
        measure.arg("--pgbench").arg(pgbench);
    }
    run::run(measure.envs(servers.env.iter().cloned()))
}
