//! Processes to measure: the service and the bare servers, each on a free loopback port, ended when dropped.

use std::{
    fs::File,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

use crate::{
    bare::Layers,
    clients::{self, Client},
    connection::Connection,
    failure::Failure,
    load,
};

const PATIENCE: Duration = Duration::from_secs(20);

/// A running process that answers HTTP.
#[derive(Debug)]
pub(crate) struct Service {
    process: Child,
    address: SocketAddr,
    /// From its start to its first good answer.
    pub(crate) started_in: Duration,
}

impl Drop for Service {
    fn drop(&mut self) {
        // An error means that it has ended by itself already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// A user who is registered and logged in.
#[derive(Debug)]
pub(crate) struct Account {
    identifier: String,
    session_token: String,
    refresh_token: String,
}

impl Account {
    /// A stand-in for servers without users; its token is as long as a real one.
    pub(crate) fn nobody() -> Self {
        Self { identifier: String::new(), session_token: format!("kys_{:048}", 0), refresh_token: String::new() }
    }
}

impl Service {
    /// Starts `kayan serve` on the database in `home`, made when it is missing, unless the settings name another; with
    /// these settings beside the defaults.
    pub(crate) async fn kayan(kayan: &Path, home: &Path, settings: &[(&str, &str)]) -> Result<Self, Failure> {
        let address = free_address()?;
        let mut serve = command(kayan, home)?;
        serve.arg("serve").env("KAYAN_PORT", address.port().to_string()).envs(settings.iter().copied());
        Self::start(serve, address, "/health/ready").await
    }

    /// Starts a server of `body`'s bytes without anything of Kayan's.
    pub(crate) async fn bare(layers: Layers, home: &Path, body: &Path) -> Result<Self, Failure> {
        let address = free_address()?;
        let own = std::env::current_exe().map_err(Failure::io("can't find this program"))?;
        let mut serve = command(&own, home)?;
        serve.args(["bare", layers.name(), &address.to_string()]).arg(body);
        Self::start(serve, address, "/api/v1/whoami").await
    }

    async fn start(mut command: Command, address: SocketAddr, path: &str) -> Result<Self, Failure> {
        let shown = command.get_program().display().to_string();
        let begun = Instant::now();
        let process = command.spawn().map_err(Failure::io(format!("can't start {shown}")))?;
        let mut service = Self { process, address, started_in: Duration::ZERO };
        let request = clients::get(path, "none");
        while !answers(address, &request).await {
            let ended = service.process.try_wait().map_err(Failure::io("can't read the state of a process"))?;
            if ended.is_some() || begun.elapsed() > PATIENCE {
                let how = ended.map_or_else(|| "does not answer".to_owned(), |status| format!("has ended ({status})"));
                return Err(Failure::Wrong(format!("{shown} {how}; try `{command:?}`")));
            }
            // Short, since this is part of what is measured, and not nothing, since the process needs the cores.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        service.started_in = begun.elapsed();
        Ok(service)
    }

    /// Registers this many people one after the other, which logs each in.
    pub(crate) async fn register(&self, count: usize) -> Result<Vec<Account>, Failure> {
        let mut accounts = Vec::with_capacity(count);
        for number in 100..100 + count {
            let identifier = format!("person{number}@example.com");
            let mut client = Client::new(self.address, clients::registration(&identifier)).await?;
            let answer = client.ask().await?;
            let token = |key| clients::member(answer, key).map(str::to_owned);
            let missing = || Failure::Wrong("a registration was answered without tokens".to_owned());
            let session_token = token("\"session_token\":\"").ok_or_else(missing)?;
            let refresh_token = token("\"refresh_token\":\"").ok_or_else(missing)?;
            accounts.push(Account { identifier, session_token, refresh_token });
        }
        Ok(accounts)
    }

    /// Clients that request a path, each with its account's session.
    pub(crate) async fn getting(&self, path: &str, accounts: &[Account]) -> Result<Vec<Client>, Failure> {
        let mut clients = Vec::with_capacity(accounts.len());
        for account in accounts {
            clients.push(Client::new(self.address, clients::get(path, &account.session_token)).await?);
        }
        Ok(clients)
    }

    /// Clients that log in, each to its account.
    pub(crate) async fn logging_in(&self, accounts: &[Account]) -> Result<Vec<Client>, Failure> {
        let mut clients = Vec::with_capacity(accounts.len());
        for account in accounts {
            clients.push(Client::new(self.address, clients::login(&account.identifier)).await?);
        }
        Ok(clients)
    }

    /// At most this many clients, with the requests distributed among them.
    pub(crate) async fn asking(&self, count: usize, requests: &[String]) -> Result<Vec<Client>, Failure> {
        let mut clients = Vec::with_capacity(count);
        for hand in requests.chunks(requests.len().div_ceil(count).max(1)) {
            clients.push(Client::in_turn(self.address, hand.to_vec()).await?);
        }
        Ok(clients)
    }

    /// Clients that refresh, each its account's session.
    pub(crate) async fn refreshing(&self, accounts: &[Account]) -> Result<Vec<Client>, Failure> {
        let mut clients = Vec::with_capacity(accounts.len());
        for account in accounts {
            clients.push(Client::refreshing(self.address, &account.refresh_token).await?);
        }
        Ok(clients)
    }

    /// A connection to it.
    pub(crate) async fn connect(&self) -> Result<Connection, Failure> {
        let opened = Connection::open(self.address).await;
        opened.map_err(Failure::io(format!("can't connect to {}", self.address)))
    }

    /// Where it answers.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets the clients ask as fast as they are answered: requests a second, and the service's processor time for each in
    /// microseconds, where the system tells.
    pub(crate) async fn flood(
        &self,
        clients: &mut Vec<Client>,
        window: Duration,
    ) -> Result<(f64, Option<f64>), Failure> {
        let before = self.on_core();
        let answered = load::flood(clients, window).await?;
        let spent = before.zip(self.on_core()).map(|(before, after)| after.saturating_sub(before));
        Ok((answered.rate(), spent.map(|spent| spent.as_secs_f64() * 1e6 / f64::from(answered.count))))
    }

    /// How long its threads have been on a core so far, where the system tells.
    pub(crate) fn on_core(&self) -> Option<Duration> {
        let threads = std::fs::read_dir(self.proc("task")).ok()?;
        let nanoseconds = threads.flatten().filter_map(|thread| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split(' ').next()?.parse::<u64>().ok()
        });
        Some(Duration::from_nanos(nanoseconds.sum()))
    }

    /// How much memory it has in RAM, in bytes.
    pub(crate) fn resident(&self) -> Result<u64, Failure> {
        let path = self.proc("status");
        let status = std::fs::read_to_string(&path).map_err(Failure::io(format!("can't read {}", path.display())))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        kibibytes.map(|it| it * 1024).ok_or_else(|| Failure::Wrong(format!("{} has no VmRSS", path.display())))
    }

    fn proc(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.process.id().to_string()).join(name)
    }
}

/// Migrates the database in `home`, or the one that the settings name.
pub(crate) fn migrate(kayan: &Path, home: &Path, settings: &[(&str, &str)]) -> Result<(), Failure> {
    run(kayan, home, settings, &["migrate", "up"])
}

/// Runs a command to its end.
pub(crate) fn run(kayan: &Path, home: &Path, settings: &[(&str, &str)], args: &[&str]) -> Result<(), Failure> {
    let status = command(kayan, home)?.args(args).envs(settings.iter().copied()).status();
    let status = status.map_err(Failure::io(format!("can't start {}", kayan.display())))?;
    let failed = || Failure::Wrong(format!("`kayan {}` failed ({status})", args.join(" ")));
    status.success().then_some(()).ok_or_else(failed)
}

// Without the settings of the calling environment; its log goes to a file, as a service's does.
pub(crate) fn command(program: &Path, home: &Path) -> Result<Command, Failure> {
    let log = home.join("log");
    let log = File::options().create(true).append(true).open(&log).map_err(Failure::io("can't make a log"))?;
    let errors = log.try_clone().map_err(Failure::io("can't share a log"))?;
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if ["KAYAN_", "OTEL_"].iter().any(|prefix| name.to_string_lossy().starts_with(prefix)) {
            command.env_remove(name);
        }
    }
    command.current_dir(home).stdout(log).stderr(errors);
    Ok(command)
}

async fn answers(address: SocketAddr, request: &str) -> bool {
    let Ok(mut connection) = Connection::open(address).await else { return false };
    connection.ask(request.as_bytes()).await.is_ok_and(|answer| answer.status == 200)
}

fn free_address() -> Result<SocketAddr, Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    listener.and_then(|it| it.local_addr()).map_err(Failure::io("can't find a free port on 127.0.0.1"))
}
