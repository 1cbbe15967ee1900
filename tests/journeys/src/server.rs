//! A database server for one test, which may kill or freeze it; what it has acknowledged is on disk.

use std::{
    fs::{self, File, Permissions},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{Database, Kind};

const PATIENCE: Duration = Duration::from_secs(30);
const PASSWORD: &str = "throw-away";

/// The server; stopped when dropped.
#[derive(Debug)]
pub struct Server {
    kind: Kind,
    folder: TempDir,
    port: u16,
    options: &'static [&'static str],
    process: Option<Child>,
}

impl Server {
    /// Starts one with an empty database `kayan`.
    pub async fn start(kind: Kind) -> Self {
        Self::start_with(kind, &[]).await
    }

    /// The same, with more options on its command line.
    pub async fn start_with(kind: Kind, options: &'static [&'static str]) -> Self {
        let mut server = Self::new(kind);
        server.options = options;
        fs::write(server.file("password"), PASSWORD).expect("a file in a folder of ours");
        let users = format!(
            "CREATE USER IF NOT EXISTS 'kayan'@'%' IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON *.* TO 'kayan'@'%' WITH GRANT \
             OPTION;\n"
        );
        fs::write(server.file("users.sql"), users).expect("a file in a folder of ours");
        server.hand_over();
        ran(&mut server.install());
        server.revive().await;
        let first = if kind == Kind::Postgres { "postgres" } else { "mysql" };
        let database = Database::connect(kind, &server.dsn_of(first)).await.expect("a server that answers");
        database.execute("CREATE DATABASE kayan").await;
        server
    }

    /// Starts a `PostgreSQL` on a copy of a data folder, such as one made by `pg_basebackup`.
    pub async fn on_copy_of(data: &Path) -> Self {
        let mut server = Self::new(Kind::Postgres);
        ran(Command::new("cp").arg("-a").arg(data).arg(server.file("data")));
        server.hand_over();
        server.revive().await;
        server
    }

    /// Starts another one on a copy of this one's data; this one must have been killed.
    pub async fn twin(&self) -> Self {
        assert!(self.process.is_none(), "data that is in use can't be copied");
        let mut twin = Self::new(self.kind);
        ran(Command::new("cp").arg("-a").arg(self.file("data")).arg(twin.file("data")));
        if self.kind == Kind::Mysql {
            fs::copy(self.file("users.sql"), twin.file("users.sql")).expect("a file in a folder of ours");
        }
        twin.hand_over();
        twin.revive().await;
        twin
    }

    /// Makes a killed `PostgreSQL` a standby, from its next start until it is promoted.
    pub fn stand_by(&self) {
        fs::write(self.file("data").join("standby.signal"), "").expect("a file in a folder of ours");
        self.hand_over();
    }

    fn new(kind: Kind) -> Self {
        let folder = TempDir::with_prefix("kayan-").expect("a temporary folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("a folder of ours");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        Self { kind, folder, port, options: &[], process: None }
    }

    fn hand_over(&self) {
        if let Some(user) = self.user() {
            ran(Command::new("chown").args(["-R", &format!("{user}:{user}")]).arg(self.folder.path()));
        }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The DSN of the database `kayan`.
    pub fn dsn(&self) -> String {
        self.dsn_of("kayan")
    }

    /// The DSN of the database `kayan` through another port that leads to it.
    pub fn dsn_at(&self, port: u16) -> String {
        self.dsn().replace(&self.port.to_string(), &port.to_string())
    }

    fn dsn_of(&self, database: &str) -> String {
        let port = self.port;
        match self.kind {
            Kind::Mysql => format!("kayan:{PASSWORD}@tcp(127.0.0.1:{port})/{database}"),
            _ => format!("postgres://kayan:{PASSWORD}@127.0.0.1:{port}/{database}"),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The user it runs as: these servers refuse root.
    fn user(&self) -> Option<&'static str> {
        let user = if self.kind == Kind::Postgres { "postgres" } else { "mysql" };
        rustix::process::geteuid().is_root().then_some(user)
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = match self.user() {
            None => Command::new(program),
            Some(user) => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", user, "--regid", user, "--init-groups"]).arg(program);
                command
            }
        };
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command
    }

    fn install(&self) -> Command {
        if self.kind == Kind::Postgres {
            let mut initdb = self.command(&postgres("initdb"));
            initdb.args(["--auth=scram-sha-256", "--locale=C.UTF-8", "--no-sync", "--username=kayan"]);
            initdb.args(["--pgdata=data", "--pwfile=password"]);
            return initdb;
        }
        let mut install = self.command(Path::new("mariadb-install-db"));
        install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
        install.arg(format!("--datadir={}", self.file("data").display()));
        install
    }

    fn serve(&self) -> Command {
        let folder = self.folder.path().display();
        if self.kind == Kind::Postgres {
            let mut postgres = self.command(&postgres("postgres"));
            postgres.args(["-D", "data", "-h", "127.0.0.1", "-p", &self.port.to_string()]);
            postgres.args(["-k", &folder.to_string(), "-c", "fsync=on"]).args(self.options);
            return postgres;
        }
        let mut mariadbd = self.command(Path::new("/usr/sbin/mariadbd"));
        mariadbd.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"]);
        mariadbd.args(["--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=64M"]);
        // In a shared folder it would remove the temporary tables of other servers when it starts.
        mariadbd.arg(format!("--port={}", self.port)).arg(format!("--tmpdir={folder}"));
        for (option, file) in
            [("datadir", "data"), ("socket", "my.sock"), ("pid-file", "my.pid"), ("init-file", "users.sql")]
        {
            mariadbd.arg(format!("--{option}={folder}/{file}"));
        }
        mariadbd.args(self.options);
        mariadbd
    }

    /// Starts it again, on the same port and data, and waits until it answers.
    pub async fn revive(&mut self) {
        let began = Instant::now();
        let first = self.dsn_of(if self.kind == Kind::Postgres { "postgres" } else { "mysql" });
        loop {
            let ended = self.process.as_mut().is_none_or(|process| !matches!(process.try_wait(), Ok(None)));
            if ended {
                // A server that recovers from a crash may fail at its first start.
                let log = File::options().create(true).append(true).open(self.file("log")).expect("a log");
                self.process = Some(self.serve().stdout(Stdio::null()).stderr(log).spawn().expect("a server"));
            }
            let Err(error) = Database::connect(self.kind, &first).await else { return };
            let log = || fs::read_to_string(self.file("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "it does not come up: {error}; it said:\n{}", log());
            // Another process gives no event to wait for.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Kills it, as a power failure would.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        if let Some(mut process) = self.process.take() {
            process.wait().expect("a process of ours");
        }
    }

    /// Freezes it in the middle of its work; its connections stay open.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets it continue.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// Sends a signal to its process and all child processes.
    fn signal(&self, signal: Signal) {
        let Some(process) = &self.process else { return };
        let parent = process.id().to_string();
        let send = |id: &str, signal| {
            let id = id.parse().ok().and_then(Pid::from_raw);
            // A process that has just ended needs no signal.
            let _ = id.map(|id| kill_process(id, signal));
        };
        // While it is stopped it starts no others.
        send(&parent, Signal::STOP);
        for id in offspring(&parent) {
            send(&id, signal);
        }
        send(&parent, signal);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The ids of a process's children.
fn offspring(parent: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("the list of processes").filter_map(Result::ok);
    let child = |id: String| {
        let status = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // The name may contain anything; the state and the parent follow it.
        let (_, fields) = status.rsplit_once(") ")?;
        (fields.split(' ').nth(1)? == parent).then_some(id)
    };
    processes.filter_map(|entry| child(entry.file_name().into_string().ok()?)).collect()
}

/// A program of the newest version that is installed.
fn postgres(program: &str) -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().filter_map(Result::ok);
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    let newest = versions.map(|version| version.path()).filter(|path| number(path).is_some()).max_by_key(number);
    newest.map_or_else(|| program.into(), |version| version.join("bin").join(program))
}

/// Runs a program, which must succeed.
fn ran(command: &mut Command) {
    let output = command.output();
    let output = output.unwrap_or_else(|why| panic!("{command:?}: {why}; `cargo xtask test` installs what is needed"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
