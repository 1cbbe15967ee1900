//! A server of a test's own, which it may kill: MariaDB, or the MySQL that `cargo xtask with --mysql8` names.

use std::{
    fs::{self, File, Permissions},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;

const DATABASE: &str = "kayan";

/// The server; ended when it is dropped.
pub(crate) struct Server {
    folder: TempDir,
    process: Option<Child>,
    port: u16,
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Runs a program to its end, which must be a good one.
pub(crate) fn ran(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|why| panic!("{command:?}: {why}; `cargo xtask test` installs what is needed"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
}

fn give_to_server(path: &Path) {
    if is_root() && mysqld().is_none() {
        ran(Command::new("chown").arg("-R").arg("mysql:mysql").arg(path));
    }
}

/// The program of MySQL's server, when that is what is tested.
fn mysqld() -> Option<PathBuf> {
    std::env::var_os("KAYAN_TEST_MYSQLD").map(PathBuf::from)
}

/// What makes the folder of data.
fn install() -> Command {
    if let Some(program) = mysqld() {
        let mut install = Command::new(program);
        install.args(["--no-defaults", "--initialize-insecure"]);
        return install;
    }
    let mut install = Command::new("mariadb-install-db");
    install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    install
}

fn serve() -> Command {
    let mariadbd = Path::new("/usr/sbin/mariadbd");
    let mut serve = match mysqld() {
        Some(program) => Command::new(program),
        None => Command::new(if mariadbd.exists() { mariadbd } else { Path::new("mariadbd") }),
    };
    serve.args(["--no-defaults", "--bind-address=127.0.0.1", "--skip-name-resolve", "--skip-log-bin"]);
    if mysqld().is_some() {
        serve.arg("--mysqlx=OFF");
    }
    serve
}

impl Server {
    /// Starts one with an empty database `kayan` and the user `kayan`, password `p@:/?w`.
    pub(crate) async fn start() -> Self {
        let folder = TempDir::with_prefix("kayan-").unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let users = folder.path().join("users.sql");
        let sql = format!(
            "CREATE DATABASE IF NOT EXISTS {DATABASE};
CREATE USER IF NOT EXISTS 'kayan'@'%' IDENTIFIED BY 'p@:/?w';
GRANT ALL ON *.* TO 'kayan'@'%';
"
        );
        fs::write(users, sql).unwrap();
        give_to_server(folder.path());
        let mut server = Self { folder, process: None, port: free_port() };
        let mut install = install();
        server.run_as_server(&mut install);
        ran(install.arg(format!("--datadir={}", server.file("data").display())));
        server.revive().await;
        server
    }

    fn run_as_server(&self, command: &mut Command) {
        if is_root() {
            // MySQL may be where no other user can read.
            command.arg(if mysqld().is_some() { "--user=root" } else { "--user=mysql" });
        }
        command.current_dir(self.folder.path());
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Lets the server read a file that the test has put there.
    pub(crate) fn hand_over(&self) {
        give_to_server(self.folder.path());
    }

    /// Starts it again, on the same port and data; with TLS when there is a `server.pem`.
    pub(crate) async fn revive(&mut self) {
        let mut serve = serve();
        self.run_as_server(&mut serve);
        serve.arg(format!("--port={}", self.port)).arg("--innodb-buffer-pool-size=32M");
        for (option, file) in
            [("datadir", "data"), ("socket", "my.sock"), ("pid-file", "my.pid"), ("init-file", "users.sql")]
        {
            serve.arg(format!("--{option}={}", self.file(file).display()));
        }
        if self.file("server.pem").exists() {
            serve.arg(format!("--ssl-cert={}", self.file("server.pem").display()));
            serve.arg(format!("--ssl-key={}", self.file("server.key").display()));
        } else if mysqld().is_some() {
            // It makes itself a certificate otherwise.
            serve.arg("--tls-version=");
        }
        let log = File::options().create(true).append(true).open(self.file("log")).unwrap();
        self.process = Some(serve.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let up = tokio::time::timeout(Duration::from_secs(30), async {
            while tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_err() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let log = || fs::read_to_string(self.file("log")).unwrap_or_default();
        assert!(up.await.is_ok(), "it does not come up: {}", log());
    }

    /// Ends it as a power failure would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.as_ref().expect("it runs").id().to_string();
        ran(Command::new("kill").args([&format!("-{name}"), &id]));
        // Its threads stop one by one, and one that runs yet could answer.
        while name == "STOP" && !is_stopped(&id) {
            std::thread::yield_now();
        }
    }

    /// How to reach it over TCP, with these options.
    pub(crate) fn dsn(&self, options: &str) -> String {
        format!("kayan:p@:/?w@tcp(127.0.0.1:{})/{DATABASE}?{options}", self.port)
    }

    /// How to reach it by its socket.
    pub(crate) fn socket_dsn(&self) -> String {
        format!("kayan:p@:/?w@unix({})/{DATABASE}", self.file("my.sock").display())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether every thread of this process stands still (`man 5 proc`).
fn is_stopped(process: &str) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).expect("its threads");
    let stats = threads.filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("stat")).ok());
    stats.into_iter().all(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T')))
}
