//! `cargo xtask bench`: how fast the service is.

use std::{fs, path::Path};

use crate::{
    ci,
    run::{self, Failure, Mark, Workspace},
    servers::{self, Running},
};

/// What is measured on servers.
const ON_SERVERS: [&str; 4] = ["postgres", "revoke", "outbox", "million"];

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
    run::run(measure.envs(servers.env.iter().cloned()))?;
    if names.is_empty() && !quick { add_steps_of_ci(workspace) } else { Ok(()) }
}

/// Adds to the results what each step of CI took when it last ran as a whole here.
fn add_steps_of_ci(workspace: &Workspace) -> Result<(), Failure> {
    let Ok(steps) = fs::read_to_string(ci::kept(workspace)) else {
        run::say(Mark::Begun, "no steps of CI in the results: `cargo xtask ci` has not passed in this target folder");
        return Ok(());
    };
    let results = workspace.root.join("bench/RESULTS.md");
    let measured = fs::read_to_string(&results).map_err(Failure::io("can't read the results"))?;
    let text =
        format!("{measured}\n## What CI takes\n\nThe last whole `cargo xtask ci` on the same machine.\n\n{steps}");
    fs::write(&results, text).map_err(Failure::io("can't write the results"))
}
