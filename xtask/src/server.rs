//! A throw-away `kayan serve`, with a database of its own on a free loopback port.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::run::{self, Failure};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running server; dropping it ends its process and removes its database.
#[derive(Debug)]
pub(crate) struct Server {
    kayan: PathBuf,
    process: Child,
    address: SocketAddr,
    home: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // An error means that it has ended by itself already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Server {
    /// Starts the binary and waits until it accepts connections.
    pub(crate) fn start(kayan: &Path) -> Result<Self, Failure> {
        let home = TempDir::new().map_err(Failure::io("can't make a temporary folder"))?;
        let address = free_address().map_err(Failure::io("can't find a free port on 127.0.0.1"))?;
        let log = File::create(home.path().join("log")).map_err(Failure::io("can't make the server's log"))?;
        let errors = log.try_clone().map_err(Failure::io("can't share the server's log"))?;
        let mut serve = command(kayan, home.path());
        serve.arg("serve").stdout(log).stderr(errors);
        serve.env("KAYAN_HOST", address.ip().to_string()).env("KAYAN_PORT", address.port().to_string());
        let process = serve.spawn();
        let process = process.map_err(|source| Failure::Start { command: "kayan serve".to_owned(), source })?;
        let mut server = Self { kayan: kayan.to_owned(), process, address, home };
        server.wait_until_it_listens()?;
        Ok(server)
    }

    /// Where it answers, without a slash at the end.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process's id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Runs a command over the same database; what it says on standard output.
    pub(crate) fn command(&self, arguments: &[&str]) -> Result<String, Failure> {
        let name = || format!("kayan {}", arguments.join(" "));
        let output = command(&self.kayan, self.home.path()).args(arguments).output();
        let output = output.map_err(|source| Failure::Start { command: name(), source })?;
        if !output.status.success() {
            eprint!("{}", String::from_utf8_lossy(&output.stderr));
            return Err(Failure::Ended { command: name(), status: output.status });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// A folder that goes away with the server.
    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    /// What it has logged so far.
    pub(crate) fn log(&self) -> String {
        let log = run::read(&self.home.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Fails when the process has ended.
    pub(crate) fn still_runs(&mut self) -> Result<(), Failure> {
        match self.process.try_wait().map_err(Failure::io("can't read the state of the server's process"))? {
            None => Ok(()),
            Some(status) => {
                Err(Failure::Wrong(format!("`kayan serve` has ended ({status}); it said:\n{}", self.log())))
            }
        }
    }

    /// Registers a user and returns the token of the session that opens with it.
    pub(crate) fn register(&self, email: &str) -> Result<String, Failure> {
        let person = json!({ "traits": { "email": email }, "password": "correct horse battery staple 7" });
        let (status, answer) = self.ask("POST", "/api/v1/registration", None, &person.to_string())?;
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let token = answer.pointer("/session/session_token").and_then(Value::as_str);
        token.map(str::to_owned).ok_or_else(|| {
            Failure::Wrong(format!("POST /api/v1/registration answered {status} without `session.session_token`"))
        })
    }

    /// Whether a session's token still opens anything.
    pub(crate) fn knows(&self, token: &str) -> Result<bool, Failure> {
        Ok(self.ask("GET", "/api/v1/whoami", Some(token), "")?.0 == 200)
    }

    // HTTP/1.0, because then an answer ends with the connection and nothing needs to be parsed but the status.
    fn ask(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Result<(u16, String), Failure> {
        let bearer = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let request = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\n{bearer}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        let answer = exchange(self.address, &request).map_err(Failure::io(format!("{method} {path}")))?;
        let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
        let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
        Ok((status, body))
    }

    fn wait_until_it_listens(&mut self) -> Result<(), Failure> {
        let began = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            self.still_runs()?;
            if began.elapsed() > PATIENCE {
                let said = self.log();
                return Err(Failure::Wrong(format!(
                    "`kayan serve` does not listen on {}; it said:\n{said}",
                    self.address
                )));
            }
            pause();
        }
        Ok(())
    }
}

/// The binary, to be run in a folder with settings of its own.
fn command(kayan: &Path, home: &Path) -> Command {
    let mut command = Command::new(kayan);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KAYAN_")) {
        command.env_remove(name);
    }
    // The cheapest hash there is: this is about answers, not about passwords.
    command.current_dir(home).envs([
        ("KAYAN_DB_DSN", "file:kayan.db?cache=shared&mode=rwc"),
        ("KAYAN_LOG_LEVEL", "warn"),
        ("KAYAN_BCRYPT_COST", "4"),
    ]);
    command
}

/// For a moment.
#[expect(clippy::disallowed_methods, reason = "what another process does is no event one could wait for")]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}

fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn exchange(address: SocketAddr, request: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
