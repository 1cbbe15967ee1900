//! A folder with its own database, and the settings of the processes that run in it.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use crate::{Database, Kind, place::Place};

/// The time limit of a command, so that a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(45);

/// A temporary folder, a database and settings.
#[derive(Debug)]
pub struct Home {
    folder: TempDir,
    place: Place,
    settings: BTreeMap<String, String>,
}

/// The result of a command.
#[derive(Debug)]
pub struct Done {
    /// Its exit code; -1 if a signal ended it.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

impl Home {
    /// A new folder, with an empty database of the kind that this run is on.
    pub fn new() -> Self {
        Self::on(Kind::chosen())
    }

    /// A new folder, with an empty database of this kind.
    pub fn on(kind: Kind) -> Self {
        Self::with_place(Place::create(kind))
    }

    /// A new folder, with an existing database that another one owns and removes.
    pub fn at(kind: Kind, dsn: &str) -> Self {
        Self::with_place(Place::at(kind, dsn))
    }

    /// A new folder as on a new user's machine, with no setting but a free port: the database is a file in it.
    pub fn newcomers() -> Self {
        let settings = BTreeMap::from([("KAYAN_PORT".to_owned(), "0".to_owned())]);
        Self { folder: TempDir::new().expect("a temporary folder"), place: Place::create(Kind::Sqlite), settings }
    }

    /// A free port, and the cheapest hash.
    fn with_place(place: Place) -> Self {
        let (kind, dsn) = (place.kind.name(), place.dsn.clone());
        let home = Self { place, ..Self::newcomers() }.with("KAYAN_BCRYPT_COST", "4");
        home.with("KAYAN_DB_TYPE", kind).with("KAYAN_DB_DSN", dsn)
    }

    /// With this setting.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.settings.insert(name.to_owned(), value.into());
        self
    }

    /// Without this setting.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.settings.remove(name);
        self
    }

    /// The path of a file in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A connection to the database, beside the service's own.
    pub async fn database(&self) -> Database {
        self.place.connect(self.folder.path()).await
    }

    /// The DSN of the database, with its password.
    pub fn dsn(&self) -> &str {
        &self.place.dsn
    }

    /// The settings of the processes in this folder.
    pub fn settings(&self) -> &BTreeMap<String, String> {
        &self.settings
    }

    /// The binary, to run here with these settings and no inherited ones.
    pub fn command<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Command {
        let mut command = self.process(binary());
        command.args(args);
        command
    }

    /// A bash script to run in the same way, in which `kayan` is the binary; it stops at the first failing command.
    pub fn script(&self, script: &str) -> Command {
        let kayan = format!("kayan() {{ {:?} \"$@\"; }}; export -f kayan", binary().display().to_string());
        let mut command = self.process("bash");
        command.args(["-euo", "pipefail", "-c", &format!("{kayan}\n{script}")]);
        command
    }

    fn process(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("KAYAN_") || text.starts_with("OTEL_") {
                command.env_remove(&name);
            }
        }
        command.envs(&self.settings).current_dir(self.folder.path()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end; `line` holds its words, separated by spaces.
    pub async fn run(&self, line: &str) -> Done {
        self.run_with(line, "").await
    }

    /// Runs a command to its end, with this standard input.
    pub async fn run_with(&self, line: &str, input: &str) -> Done {
        let mut command = self.command(line.split_whitespace());
        let mut child = command.stdin(Stdio::piped()).spawn().expect("the binary can be run");
        let mut stdin = child.stdin.take().expect("standard input");
        // A command that does not read its input may have closed it.
        drop(stdin.write_all(input.as_bytes()).await);
        drop(stdin);
        let output = timeout(PATIENCE, child.wait_with_output()).await;
        let output = output.unwrap_or_else(|_| panic!("`kayan {line}` does not end")).expect("an output");
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Done { code: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// `KAYAN_BIN`, or the binary that cargo has built beside this test program.
pub fn binary() -> PathBuf {
    let given = std::env::var_os("KAYAN_BIN").map(PathBuf::from);
    let built = || {
        let here = std::env::current_exe().expect("this program's path");
        here.ancestors().nth(2).map(|folder| folder.join("kayan")).expect("a target folder")
    };
    let binary = given.unwrap_or_else(built);
    assert!(Path::new(&binary).is_file(), "no {}: run `cargo build -p kayan`, or set KAYAN_BIN", binary.display());
    binary
}
