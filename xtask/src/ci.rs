//! `cargo xtask ci`: everything that a change must pass.

use std::{
    fmt::Write,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::ValueEnum;

use crate::{
    databases, deploy, fuzz, openapi,
    run::{self, Failure, Mark, Workspace},
    test, tools,
};

/// A step, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Step {
    /// The code is formatted.
    Fmt,
    /// Everything builds, and Clippy, which runs in the same build, has nothing to say.
    Build,
    /// All tests.
    Test,
    /// The committed OpenAPI document is the code's.
    Openapi,
    /// The OpenAPI document is a good one.
    Lint,
    /// The programs that will read the files in `deploy/` accept them.
    Deploy,
    /// A build for one database alone has nothing of the others in it.
    Builds,
    /// Such a build passes the end-to-end tests on its database.
    Databases,
    /// No made-up input gets anything but a documented answer.
    Fuzz,
}

impl Step {
    fn command(self) -> &'static str {
        match self {
            Self::Fmt => "cargo fmt --all --check",
            Self::Build => "cargo xtask ci --only build",
            Self::Test => "cargo xtask ci --only test",
            Self::Openapi => "cargo xtask ci --only openapi",
            Self::Lint => "cargo xtask ci --only lint",
            Self::Deploy => "cargo xtask ci --only deploy",
            Self::Builds => "cargo xtask ci --only builds",
            Self::Databases => "cargo xtask ci --only databases",
            Self::Fuzz => "cargo xtask ci --only fuzz",
        }
    }

    fn perform(self, workspace: &Workspace) -> Result<(), Failure> {
        match self {
            Self::Fmt => run::run(&mut workspace.cargo(["fmt", "--all", "--check"])),
            Self::Build => run::run(workspace.cargo(["build", "--locked"]).args(run::ALL)),
            Self::Test => test::run(workspace, &[]),
            Self::Openapi => openapi::check(workspace),
            Self::Lint => lint(workspace),
            Self::Deploy => deploy::check(workspace),
            Self::Builds => databases::builds(workspace),
            Self::Databases => databases::all_journeys(workspace),
            Self::Fuzz => fuzz::run(workspace),
        }
    }
}

fn lint(workspace: &Workspace) -> Result<(), Failure> {
    let mut redocly = tools::redocly(workspace)?;
    redocly.arg("lint").arg(openapi::committed(workspace, "json"));
    run::run(redocly.arg("--config").arg(workspace.root.join("xtask/redocly.yaml")).current_dir(&workspace.root))
}

/// Runs the named steps, or all, until one fails; ends with a table of what ran.
pub(crate) fn run(workspace: Workspace, only: &[Step]) -> Result<(), Failure> {
    let workspace = &Workspace { linted: true, ..workspace };
    let mut ran = Vec::new();
    let mut failed = None;
    for step in Step::value_variants().iter().filter(|step| only.is_empty() || only.contains(step)) {
        run::say(Mark::Begun, step.command());
        let began = Instant::now();
        let result = step.perform(workspace);
        ran.push((*step, result.is_ok(), began.elapsed()));
        if let Err(failure) = result {
            failed = Some((*step, failure));
            break;
        }
    }
    table(&ran);
    let Some((step, failure)) = failed else {
        return if only.is_empty() { keep(workspace, &ran) } else { Ok(()) };
    };
    Err(Failure::Wrong(format!("{failure}\n  step `{}` failed; repeat it with `{}`", name(step), step.command())))
}

fn table(ran: &[(Step, bool, Duration)]) {
    eprintln!();
    for (step, passed, took) in ran {
        let mark = if *passed { Mark::Done } else { Mark::Failed };
        run::say(mark, &format!("{:<9} {:>7.1} s", name(*step), took.as_secs_f64()));
    }
}

/// The seconds of the last whole run, as Markdown: `cargo xtask bench` adds them to its results.
pub(crate) fn kept(workspace: &Workspace) -> PathBuf {
    workspace.target.join("ci-steps.md")
}

fn keep(workspace: &Workspace, ran: &[(Step, bool, Duration)]) -> Result<(), Failure> {
    let mut text = String::from("| step | seconds |\n|------|--------:|\n");
    let all = ran.iter().map(|(_, _, took)| took).sum::<Duration>();
    let rows = ran.iter().map(|(step, _, took)| (name(*step), took)).chain([("all".to_owned(), &all)]);
    for (name, took) in rows {
        let _ = writeln!(text, "| {name} | {:.0} |", took.as_secs_f64());
    }
    fs::write(kept(workspace), text).map_err(Failure::io("can't keep the seconds of the steps"))
}

fn name(step: Step) -> String {
    step.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}
