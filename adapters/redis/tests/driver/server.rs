//! A Redis server for one test, which it may stop and kill.

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use kayan_redis::{RedisCounters, RedisSettings};
use tempfile::TempDir;

/// The password of every server, and how a URL says it.
const PASSWORD: &str = "p@:/?#%w";
const IN_URL: &str = "p%40%3A%2F%3F%23%25w";

/// The time limit of one request; more than a busy machine needs for an answer.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it takes to learn that there is no answer.
pub(crate) const ENOUGH: Duration = Duration::from_millis(1_500);

/// The server; stopped when dropped.
pub(crate) struct Server {
    folder: TempDir,
    process: Option<Child>,
    arguments: Vec<String>,
    pub(crate) port: u16,
}

pub(crate) fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The URL of a server that tests share.
pub(crate) fn shared(variable: &str) -> String {
    let url = std::env::var_os(variable).and_then(|url| url.into_string().ok());
    url.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`, which starts the servers"))
}

pub(crate) fn settings() -> RedisSettings {
    RedisSettings { patience: PATIENCE, ..RedisSettings::default() }
}

pub(crate) fn counters(url: &str) -> RedisCounters {
    RedisCounters::connect(&url.parse().unwrap(), settings()).unwrap()
}

/// Runs a program, which must succeed, and returns its output.
pub(crate) fn ran(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|why| panic!("{command:?}: {why}; `cargo xtask test` installs what is needed"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Waits for another process, for which there is no event to wait for.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let asking = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(30), asking).await.is_ok(), "waited for {what}, in vain");
}

impl Server {
    /// Starts a server with a password and these arguments.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let port = free_port();
        let mut server =
            Self { folder: TempDir::with_prefix("kayan-").unwrap(), process: None, arguments: vec![], port };
        let password = ["--requirepass", PASSWORD, "--masterauth", PASSWORD];
        let plain = ["--save", "", "--appendonly", "no", "--unixsocket", "redis.sock"];
        let port_as_text = port.to_string();
        let all = ["--port", &port_as_text].into_iter().chain(password).chain(plain);
        server.arguments = all.chain(arguments.iter().copied()).map(str::to_owned).collect();
        server.revive().await;
        server
    }

    /// Starts a sentinel that watches this master as `kayan`.
    pub(crate) async fn sentinel(master: &Self) -> Self {
        let port = free_port();
        let folder = TempDir::with_prefix("kayan-").unwrap();
        let settings = format!(
            "bind 127.0.0.1\nport {port}\nrequirepass \"{PASSWORD}\"\nsentinel monitor kayan 127.0.0.1 {} 1
sentinel auth-pass kayan \"{PASSWORD}\"\nsentinel down-after-milliseconds kayan 500\n",
            master.port
        );
        std::fs::write(folder.path().join("sentinel.conf"), settings).unwrap();
        let arguments = vec!["sentinel.conf".to_owned(), "--sentinel".to_owned()];
        let mut server = Self { folder, process: None, arguments, port };
        server.revive().await;
        server
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it again on the same port, without its data.
    pub(crate) async fn revive(&mut self) {
        let log = File::options().create(true).append(true).open(self.file("log")).unwrap();
        let errors = log.try_clone().unwrap();
        let mut server = Command::new("redis-server");
        server.args(&self.arguments).current_dir(self.folder.path());
        self.process = Some(server.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().unwrap());
        until("the server to come up", || self.said(&["ping"]).is_ok_and(|said| said == "PONG")).await;
    }

    /// Kills it, as a power failure would.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
        }
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.process.as_ref().unwrap().id().to_string();
        ran(Command::new("kill").args([&format!("-{name}"), &id]));
    }

    /// Its answer to a command.
    pub(crate) fn ask(&self, words: &[&str]) -> String {
        let said = self.said(words).unwrap();
        assert!(!said.starts_with("ERR"), "{words:?}: {said}");
        said
    }

    fn said(&self, words: &[&str]) -> std::io::Result<String> {
        let mut command = Command::new("redis-cli");
        command.args(["-p", &self.port.to_string()]).args(words).env("REDISCLI_AUTH", PASSWORD);
        let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Its URL over TCP.
    pub(crate) fn url(&self) -> String {
        self.url_as("redis://")
    }

    /// Its URL with this scheme.
    pub(crate) fn url_as(&self, scheme: &str) -> String {
        format!("{scheme}:{IN_URL}@127.0.0.1:{}", self.port)
    }

    /// Its URL over its socket.
    pub(crate) fn socket_url(&self) -> String {
        format!("unix://{}?password={IN_URL}", self.file("redis.sock").display())
    }

    /// The URL of the master that this sentinel watches.
    pub(crate) fn sentinel_url(&self) -> String {
        format!("{}/kayan?sentinel_password={IN_URL}", self.url_as("redis+sentinel://"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}
