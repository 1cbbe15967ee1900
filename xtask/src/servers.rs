//! Throw-away servers for the tests: started on free loopback ports in a temporary folder, ended by their ids.

mod certificates;
mod mariadb;
mod mysql;
mod postgres;
mod redis;

use std::{
    ffi::OsStr,
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::{PermissionsExt as _, chown},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    run::{self, Failure},
    tools,
};

const PATIENCE: Duration = Duration::from_secs(30);
/// Files in memory, on Linux.
const MEMORY: &str = "/dev/shm";
/// How much room there must be, in GiB: some times what all tests take.
const ROOM: u64 = 4;

/// Servers that run, and the variables that tell the tests where. Dropping it ends them and removes their folder.
#[derive(Debug, Default)]
pub(crate) struct Running {
    /// Names and values.
    pub(crate) env: Vec<(&'static str, String)>,
    processes: Vec<Process>,
    folders: Vec<TempDir>,
}

/// What servers are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Tests: nothing outlives them, so nothing waits for the disk, or is there at all if memory has room.
    Tests,
    /// The bench: what is committed is on the disk, and there is as much memory as a million identities need.
    Bench,
}

/// Starts every kind of server that the environment does not name already.
pub(crate) fn start() -> Result<Running, Failure> {
    let mut running = Running::default();
    if std::env::var_os(mariadb::DSN).is_none() {
        run::timed("start MariaDB", || mariadb::start(&mut running, Purpose::Tests))?;
    }
    others(running)
}

/// Starts them with MySQL in the place of MariaDB; `tools` is where it is kept between the runs.
pub(crate) fn start_with_mysql(tools: &Path) -> Result<Running, Failure> {
    let mut running = Running::default();
    run::timed("start MySQL", || mysql::start(&mut running, tools))?;
    others(running)
}

fn others(mut running: Running) -> Result<Running, Failure> {
    let programs =
        ["promtool", "go", "curl", "jq", "netstat", "oathtool", "sqlite3"].map(|name| Path::new("/usr/bin").join(name));
    let packages = ["prometheus", "golang-go", "curl", "jq", "net-tools", "oathtool", "sqlite3"];
    have(&programs.each_ref().map(PathBuf::as_path), &packages)?;
    if std::env::var_os(postgres::DSN).is_none() {
        run::timed("start PostgreSQL and PgBouncer", || postgres::start(&mut running, Purpose::Tests))?;
    }
    if redis::is_wanted() {
        run::timed("start Redis: a server, one with TLS, a cluster and sentinels", || redis::start(&mut running))?;
    }
    Ok(running)
}

/// Starts the databases that the bench measures and the environment does not name already.
pub(crate) fn start_for_bench() -> Result<Running, Failure> {
    let mut running = Running::default();
    if std::env::var_os(mariadb::DSN).is_none() {
        run::timed("start MariaDB", || mariadb::start(&mut running, Purpose::Bench))?;
    }
    if std::env::var_os(postgres::DSN).is_none() {
        run::timed("start PostgreSQL", || postgres::start(&mut running, Purpose::Bench))?;
    }
    Ok(running)
}

/// `PostgreSQL`'s own benchmark, of the newest version that is installed.
pub(crate) fn pgbench() -> Option<PathBuf> {
    Some(postgres::installed()?.join("pgbench"))
}

/// A folder of one server, and the user that it belongs to and runs as: these servers refuse root.
#[derive(Debug)]
struct Home {
    path: PathBuf,
    user: Option<&'static str>,
}

impl Home {
    /// A new one, gone with `running`.
    fn new(running: &mut Running, user: &'static str, purpose: Purpose) -> Result<Self, Failure> {
        let place = if purpose == Purpose::Tests && has_room(MEMORY) { MEMORY.into() } else { std::env::temp_dir() };
        let folder = TempDir::with_prefix_in("kayan-", place).map_err(Failure::io("can't make a temporary folder"))?;
        let path = folder.path().to_owned();
        running.folders.push(folder);
        let home = Self { path, user: tools::is_root().then_some(user) };
        home.hand_over(&home.path)?;
        Ok(home)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Writes a file that the server's user alone may read.
    fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let path = self.file(name);
        fs::write(&path, text).map_err(Failure::io(format!("can't write {}", path.display())))?;
        self.protect(&path)?;
        Ok(path)
    }

    /// Gives a file to the server's user alone.
    fn protect(&self, path: &Path) -> Result<(), Failure> {
        let mode = fs::set_permissions(path, fs::Permissions::from_mode(0o600));
        mode.map_err(Failure::io(format!("can't protect {}", path.display())))?;
        self.hand_over(path)
    }

    fn hand_over(&self, path: &Path) -> Result<(), Failure> {
        let Some(user) = self.user else { return Ok(()) };
        let id = |flag| -> Result<u32, Failure> {
            let said = run::output(Command::new("id").args([flag, user]))?;
            let said = String::from_utf8_lossy(&said);
            said.trim().parse().map_err(|_| Failure::Wrong(format!("`id {flag} {user}` said {said}")))
        };
        chown(path, Some(id("-u")?), Some(id("-g")?))
            .map_err(Failure::io(format!("can't give {} away", path.display())))
    }

    /// A command that runs as the server's user, in its folder.
    fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match self.user {
            None => Command::new(program),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", user, "--init-groups"]).arg(program);
                command
            }
        };
        command.current_dir(&self.path).stdin(Stdio::null());
        command
    }

    /// Starts a server that stays in the foreground, and waits until `ready` says so.
    fn serve(
        &self,
        running: &mut Running,
        name: &str,
        command: &mut Command,
        mut ready: impl FnMut() -> bool,
    ) -> Result<(), Failure> {
        let log = self.file(&format!("{name}.log"));
        let output = File::create(&log).map_err(Failure::io(format!("can't make {}", log.display())))?;
        let errors = output.try_clone().map_err(Failure::io("can't share a log"))?;
        let child = command.stdout(output).stderr(errors).spawn();
        let child = child.map_err(|source| Failure::Start { command: name.to_owned(), source })?;
        running.processes.push(Process(child));
        let began = Instant::now();
        while !ready() {
            let ended =
                running.processes.last_mut().is_some_and(|Process(child)| !matches!(child.try_wait(), Ok(None)));
            if ended || began.elapsed() > PATIENCE {
                let said = String::from_utf8_lossy(&run::read(&log).unwrap_or_default()).into_owned();
                return Err(Failure::Wrong(format!("{name} does not come up; it said:\n{said}")));
            }
            pause();
        }
        Ok(())
    }
}

/// A server's process.
#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // SIGINT is a quick and orderly end to each of them, and it reaches their children, which SIGKILL would orphan.
        let asked = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status();
        if !asked.is_ok_and(|status| status.success()) {
            drop(self.0.kill());
        }
        drop(self.0.wait());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // those that were started last lean on the others
        while self.processes.pop().is_some() {}
    }
}

/// Makes sure that these programs are there, from Debian's packages if it may.
pub(crate) fn have(programs: &[&Path], packages: &[&str]) -> Result<(), Failure> {
    let missing = || programs.iter().find(|program| !program.exists());
    let Some(first) = missing() else { return Ok(()) };
    if !tools::may_install() {
        let (names, first) = (packages.join(" "), first.display());
        return Err(Failure::Wrong(format!("{first} is missing; install the Debian packages {names}, as root")));
    }
    run::timed(&format!("install {}, which are missing", packages.join(", ")), || {
        run::run(Command::new("apt-get").args(["update", "-qq"]))?;
        let mut install = Command::new("apt-get");
        install.args(["install", "-y", "-qq", "--no-install-recommends"]).args(packages);
        run::output(install.env("DEBIAN_FRONTEND", "noninteractive")).map(drop)
    })?;
    match missing() {
        None => Ok(()),
        Some(program) => Err(Failure::Wrong(format!("{} is still missing", program.display()))),
    }
}

/// Whether files can be kept in memory there. Each test makes a database, which is hundreds of files, and removes it: that
/// costs a disk's file system more than all that the servers do.
fn has_room(place: &str) -> bool {
    let asked = Command::new("df").args(["--output=fstype,avail", "--block-size=1G", place]).output();
    let said = asked.map(|asked| String::from_utf8_lossy(&asked.stdout).into_owned()).unwrap_or_default();
    let mut words = said.lines().nth(1).unwrap_or_default().split_whitespace();
    words.next() == Some("tmpfs")
        && words.next().and_then(|room| room.parse().ok()).is_some_and(|room: u64| room >= ROOM)
}

fn free_port() -> Result<u16, Failure> {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    bound.map(|address| address.port()).map_err(Failure::io("can't find a free port on 127.0.0.1"))
}

#[expect(clippy::disallowed_methods, reason = "another process that begins to listen is no event one could wait for")]
fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}
