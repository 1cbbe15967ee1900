//! Running commands, and saying on stderr what runs and how long it took.

use std::{
    ffi::OsStr,
    io::{self, IsTerminal as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Instant,
};

use serde_json::Value;

/// Why a task did not get done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A program could not be started at all.
    #[error("can't start `{command}`: {source}; is it installed and on the PATH?")]
    Start {
        /// The command line.
        command: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// A program ran and failed.
    #[error("`{command}` failed ({status})")]
    Ended {
        /// The command line.
        command: String,
        /// How it ended.
        status: ExitStatus,
    },
    /// A file or a socket refused.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried, with its path or address.
        doing: String,
        /// The operating system's reason.
        source: io::Error,
    },
    /// Everything ran, and what came out is not what it should be.
    #[error("{0}")]
    Wrong(String),
}

/// All that the workspace can build.
pub(crate) const ALL: [&str; 2] = ["--workspace", "--all-targets"];

/// `-D warnings`, as `cargo clippy` hands it to its driver.
const DENY_WARNINGS: &str = "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__";

impl Failure {
    /// Wraps an I/O error with what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

/// Where the project stands on this machine.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The repository.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
    /// Whether builds run Clippy, too, and fail on a warning.
    pub(crate) linted: bool,
}

impl Workspace {
    /// Asks cargo, which also knows a target folder that was moved by configuration or environment.
    pub(crate) fn find() -> Result<Self, Failure> {
        let said = output(Command::new("cargo").args(["metadata", "--no-deps", "--format-version", "1"]))?;
        let metadata: Value =
            serde_json::from_slice(&said).map_err(|why| Failure::Wrong(format!("`cargo metadata`: {why}")))?;
        let folder = |key: &str| {
            let path = metadata.get(key).and_then(Value::as_str).map(PathBuf::from);
            path.ok_or_else(|| Failure::Wrong(format!("`cargo metadata` told no `{key}`")))
        };
        Ok(Self { root: folder("workspace_root")?, target: folder("target_directory")?, linted: false })
    }

    /// A cargo command in the repository.
    pub(crate) fn cargo<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new("cargo");
        command.args(arguments).current_dir(&self.root);
        if self.linted {
            command.envs([("RUSTC_WORKSPACE_WRAPPER", "clippy-driver"), ("CLIPPY_ARGS", DENY_WARNINGS)]);
        }
        command
    }

    /// Builds the `kayan` binary and says where it is. With the dependencies' features that the whole workspace wants, so
    /// that it shares them with the tests; a build of the package alone is proved by the builds for one database.
    pub(crate) fn build_kayan(&self) -> Result<PathBuf, Failure> {
        let what: &[&str] = if self.linted { &ALL } else { &["--workspace", "--bin", "kayan"] };
        run(self.cargo(["build", "--locked"]).args(what))?;
        Ok(self.target.join("debug").join(format!("kayan{}", std::env::consts::EXE_SUFFIX)))
    }

    /// Where tools that are not Rust's are installed; removed with the target folder.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }
}

/// What a line on stderr tells.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mark {
    /// Something begins.
    Begun,
    /// It is done.
    Done,
    /// It failed.
    Failed,
}

/// Says one line on stderr, coloured on a terminal only.
pub(crate) fn say(mark: Mark, what: &str) {
    let (sign, colour) = match mark {
        Mark::Begun => ("▶", "36"),
        Mark::Done => ("✔", "32"),
        Mark::Failed => ("✘", "31"),
    };
    if io::stderr().is_terminal() {
        eprintln!("\x1b[1;{colour}m{sign}\x1b[0m {what}");
    } else {
        eprintln!("{sign} {what}");
    }
}

/// Does a piece of work between a line that says it begins and one that says how long it took.
pub(crate) fn timed<T>(what: &str, work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    say(Mark::Begun, what);
    let began = Instant::now();
    let done = work()?;
    say(Mark::Done, &format!("{what} ({:.1} s)", began.elapsed().as_secs_f64()));
    Ok(done)
}

/// Runs a command with the terminal's own output, and wants it to succeed.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let status = command.status().map_err(|source| Failure::Start { command: shown(command), source })?;
    if status.success() { Ok(()) } else { Err(Failure::Ended { command: shown(command), status }) }
}

/// Runs a command beside others: what it says stands together, once it has ended.
pub(crate) fn run_beside(command: &mut Command) -> Result<(), Failure> {
    let ran = command.output().map_err(|source| Failure::Start { command: shown(command), source })?;
    eprint!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    if ran.status.success() { Ok(()) } else { Err(Failure::Ended { command: shown(command), status: ran.status }) }
}

/// Runs a command, wants it to succeed and gives what it wrote to stdout.
pub(crate) fn output(command: &mut Command) -> Result<Vec<u8>, Failure> {
    let ran = command.stderr(Stdio::inherit()).output();
    let ran = ran.map_err(|source| Failure::Start { command: shown(command), source })?;
    if ran.status.success() {
        Ok(ran.stdout)
    } else {
        Err(Failure::Ended { command: shown(command), status: ran.status })
    }
}

/// Whether a command starts, succeeds and says `wanted`; the quiet question "is this tool here?".
pub(crate) fn says(command: &mut Command, wanted: &str) -> bool {
    let ran = command.stderr(Stdio::null()).stdin(Stdio::null()).output();
    ran.is_ok_and(|ran| ran.status.success() && String::from_utf8_lossy(&ran.stdout).contains(wanted))
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(Failure::io(format!("can't read {}", path.display())))
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
