//! A Redis server for one test, which it may kill, freeze and start again.

use std::{
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// The server; stopped when dropped.
#[derive(Debug)]
pub struct Redis {
    port: u16,
    folder: TempDir,
    process: Child,
}

impl Redis {
    /// Starts one, empty and without a password.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let folder = TempDir::with_prefix("kayan-").expect("a temporary folder");
        let process = spawn(port, &folder);
        let server = Self { port, folder, process };
        server.answers().await;
        server
    }

    /// Its URL, as `KAYAN_REDIS_URL` has it.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// Waits until it listens; another process gives no event to wait for.
    async fn answers(&self) {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends it a command, which must succeed.
    pub async fn tell(&self, command: &str) {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.expect("it listens");
        stream.write_all(format!("{command}\r\n").as_bytes()).await.expect("it reads");
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await.expect("it answers");
        assert_eq!(&answer, b"+OK\r\n", "{command}");
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let id = self.process.id().try_into().ok().and_then(Pid::from_raw);
        kill_process(id.expect("it runs"), signal).expect("it is told");
    }

    /// Kills it, as a power failure would.
    pub fn kill(&mut self) {
        self.process.kill().expect("a process of ours");
        self.process.wait().expect("a process of ours");
    }

    /// Starts it again on the same port, and waits until it answers.
    pub async fn revive(&mut self) {
        self.process = spawn(self.port, &self.folder);
        self.answers().await;
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(port: u16, folder: &TempDir) -> Child {
    let mut server = Command::new("redis-server");
    server.args(["--bind", "127.0.0.1", "--save", "", "--port"]).arg(port.to_string()).current_dir(folder.path());
    server.stdout(Stdio::null()).spawn().expect("`cargo xtask test` installs redis-server")
}
