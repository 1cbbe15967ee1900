//! Builds for one database alone: what is in them, and that they serve on it.

use std::{path::PathBuf, process::Command};

use crate::{
    run::{self, Failure, Workspace},
    servers::{self, Running},
    test, tools,
};

/// The databases: features of the `kayan` package, and names in `KAYAN_DB_TYPE`.
pub(crate) const DATABASES: [&str; 3] = ["sqlite", "postgres", "mysql"];
/// Features that go with each of them.
const BESIDES: [&str; 1] = ["redis"];

/// What is built for a feature's sake alone.
const DRIVERS: [(&str, &[&str]); 4] = [
    ("sqlite", &["kayan-sqlite", "rusqlite", "libsqlite3-sys"]),
    ("postgres", &["kayan-postgres", "tokio-postgres", "deadpool-postgres"]),
    ("mysql", &["kayan-mysql", "mysql_async", "mysql_common"]),
    ("redis", &["kayan-redis", "redis"]),
];

/// What a build without any database must say.
const NEEDS_ONE: &str = "kayan needs a database: build it with at least one of the features";

/// Checks each combination of one database and what may go with it: that it builds without a warning, and that nothing
/// of the others is in it.
pub(crate) fn builds(workspace: &Workspace) -> Result<(), Failure> {
    for database in DATABASES {
        let with_one = BESIDES.iter().map(|feature| format!("{database},{feature}"));
        for features in std::iter::once(database.to_owned()).chain(with_one) {
            run::timed(&format!("build with {features}"), || {
                build(workspace, &features)?;
                linked(workspace, &features)
            })?;
        }
    }
    run::timed("check that a build without a database is refused", || none(workspace))
}

/// Of the package, with these features alone.
fn with<'c>(command: &'c mut Command, features: &str) -> &'c mut Command {
    command.args(["--package", "kayan", "--no-default-features", "--features", features])
}

/// What the features need is in the build, and what the others need is not.
fn linked(workspace: &Workspace, features: &str) -> Result<(), Failure> {
    let mut tree = workspace.cargo(["tree", "--locked", "--edges", "normal,build", "--prefix", "none"]);
    let tree = run::output(with(&mut tree, features).args(["--format", "{p}"]))?;
    let tree = String::from_utf8_lossy(&tree);
    let packages: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    for (feature, driver) in DRIVERS {
        let wanted = features.split(',').any(|given| given == feature);
        for package in driver {
            match (wanted, packages.contains(package)) {
                (true, false) => {
                    let what = format!("{package} is not in a build with {features}");
                    return Err(Failure::Wrong(format!("{what}; correct DRIVERS (xtask/src/databases.rs)")));
                }
                (false, true) => {
                    let ask = format!("cargo tree --package kayan --no-default-features --features {features}");
                    return Err(Failure::Wrong(format!(
                        "{package} is in a build with {features}; `{ask} --invert {package}` says who brings it"
                    )));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

fn none(workspace: &Workspace) -> Result<(), Failure> {
    let mut build = workspace.cargo(["build", "--quiet", "--locked", "--package", "kayan", "--no-default-features"]);
    let done = build.output().map_err(|source| Failure::Start { command: "cargo build".to_owned(), source })?;
    let said = String::from_utf8_lossy(&done.stderr);
    if !done.status.success() && said.contains(NEEDS_ONE) {
        return Ok(());
    }
    Err(Failure::Wrong(format!("a build without a database does not fail with `{NEEDS_ONE}`; it said:\n{said}")))
}

/// Runs the end-to-end tests on one database, with a build for it alone; `arguments` as for `cargo nextest run`.
pub(crate) fn journeys(
    workspace: &Workspace,
    database: &str,
    arguments: &[String],
    servers: &Running,
) -> Result<(), Failure> {
    let kayan = run::timed(&format!("build the kayan binary with {database} alone"), || build(workspace, database))?;
    run::timed(&format!("run the journeys on {database}"), || {
        let mut nextest = workspace.cargo(["nextest", "run", "--profile", database]);
        nextest.args(arguments).env(test::BINARY, &kayan).env("KAYAN_TEST_DATABASE", database);
        nextest.env(test::MAIL, tools::of_mail(workspace)?).env(test::OIDC, tools::of_oidc(workspace)?);
        run::run(nextest.envs(servers.env.iter().cloned()))
    })
}

/// Runs the end-to-end tests on each database.
pub(crate) fn all_journeys(workspace: &Workspace) -> Result<(), Failure> {
    test::have_nextest()?;
    let servers = servers::start()?;
    // The profiles choose the package. Named here, it would be built once more, with what it alone wants of its dependencies;
    // of the whole workspace, everything is built by the step `test`.
    let all = ["--workspace".to_owned()];
    DATABASES.into_iter().try_for_each(|database| journeys(workspace, database, &all, &servers))
}

/// Builds the binary into a place of its own, and shares with other builds what they have in common.
fn build(workspace: &Workspace, features: &str) -> Result<PathBuf, Failure> {
    let place = workspace.target.join("single").join(features);
    let mut build = workspace.cargo(["build", "--quiet", "--locked"]);
    with(&mut build, features).env("CARGO_TARGET_DIR", &place).env("CARGO_BUILD_BUILD_DIR", &workspace.target);
    run::run(&mut build)?;
    Ok(place.join("debug").join(format!("kayan{}", std::env::consts::EXE_SUFFIX)))
}
