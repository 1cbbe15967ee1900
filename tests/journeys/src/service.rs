//! A running `kayan serve`.

use std::{
    fs::{self, File},
    net::SocketAddr,
    process::Stdio,
    time::Duration,
};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use tokio::{process::Child, time::timeout};

use crate::{Client, Home, ask};

const PATIENCE: Duration = Duration::from_secs(45);
const LOG: &str = "serve.log";

/// A running service. Dropping it ends its process and removes its folder.
#[derive(Debug)]
pub struct Service {
    // Dropped before the folder, which it uses.
    child: Child,
    address: SocketAddr,
    home: Home,
}

impl Service {
    /// Starts one with the usual settings and waits until it is ready.
    pub async fn start() -> Self {
        Self::start_in(Home::new()).await
    }

    /// Starts one in a folder and waits until it is ready.
    pub async fn start_in(home: Home) -> Self {
        let service = Self::launch_in(home).await;
        ask(service.client().get("/health/ready")).await.expect(200);
        service
    }

    /// Starts one in a folder and waits until it listens, ready or not.
    pub async fn launch_in(home: Home) -> Self {
        let log = File::create(home.path(LOG)).expect("a log");
        let mut command = home.command(["serve"]);
        command.stdout(Stdio::null()).stderr(log);
        let mut child = command.spawn().expect("the binary can be run");
        let address = timeout(PATIENCE, listening(&mut child, &home)).await.expect("the service listens");
        Self { child, address, home }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its folder and settings.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// A new client of it.
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Its output so far.
    pub fn log(&self) -> String {
        log(&self.home)
    }

    /// Its output, as soon as it contains this part: log lines may be written after the response.
    pub async fn log_with(&self, part: &str) -> String {
        let said = async {
            while !self.log().contains(part) {
                // Another process's output gives no event to wait for.
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        assert!(timeout(PATIENCE, said).await.is_ok(), "nothing was said with {part:?}:\n{}", self.log());
        self.log()
    }

    /// The names of its threads; long ones are cut.
    pub fn threads(&self) -> Vec<String> {
        let tasks = format!("/proc/{}/task", self.child.id().expect("it runs"));
        let names = fs::read_dir(tasks).expect("its threads").flatten().map(|task| task.path().join("comm"));
        names.filter_map(|name| fs::read_to_string(name).ok()).map(|name| name.trim().to_owned()).collect()
    }

    /// The memory that it uses, in bytes: resident and private.
    pub fn memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id().expect("it runs"));
        let status = fs::read_to_string(status).expect("its memory");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line of it");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    /// Limits its open files to this many more than it has.
    pub fn limit_files(&self, more: u64) {
        let id = self.child.id().expect("it runs");
        let open = fs::read_dir(format!("/proc/{id}/fd")).expect("its files").count() as u64;
        let limit = Rlimit { current: Some(open + more), maximum: Some(open + more) };
        let id = Pid::from_raw(id.try_into().expect("an id"));
        prlimit(id, Resource::Nofile, limit).expect("its limit is ours to set");
    }

    /// Whether its process is running.
    pub fn still_runs(&mut self) -> bool {
        self.child.try_wait().expect("a process of ours").is_none()
    }

    /// Sends it SIGKILL, without waiting for it to end.
    pub fn strike(&mut self) {
        self.child.start_kill().expect("it runs");
    }

    /// Ends it with SIGKILL; its folder stays.
    pub async fn kill(mut self) -> Home {
        self.child.kill().await.expect("the service is killed");
        self.home
    }

    /// Ends it with SIGTERM.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// Makes it reopen its files, with SIGHUP.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    fn signal(&self, signal: Signal) {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
        kill_process(id.expect("it runs"), signal).expect("it is told");
    }

    /// Waits for it to end; returns its exit code, its output and its folder.
    pub async fn ended(mut self) -> (i32, String, Home) {
        let status = timeout(PATIENCE, self.child.wait()).await.expect("the service ends").expect("a status");
        (status.code().unwrap_or(-1), log(&self.home), self.home)
    }
}

fn log(home: &Home) -> String {
    String::from_utf8_lossy(&fs::read(home.path(LOG)).unwrap_or_default()).into_owned()
}

/// The address, as soon as the log or the banner names it.
async fn listening(child: &mut Child, home: &Home) -> SocketAddr {
    loop {
        let said = log(home);
        if let Some(address) = told(&said) {
            return address;
        }
        let ended = child.try_wait().expect("a process of ours");
        assert!(ended.is_none(), "`kayan serve` has ended ({ended:?}); it said:\n{said}");
        // Another process's output gives no event to wait for.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn told(said: &str) -> Option<SocketAddr> {
    // Only complete lines.
    let lines = said.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    lines.into_iter().find_map(|line| {
        let mut words = line.split([' ', '"', ',', '\n']);
        let in_log = words.find_map(|word| word.strip_prefix("address=").unwrap_or(word).parse().ok());
        let port = || line.split_once("http://localhost:")?.1.trim().parse().ok();
        in_log.filter(|_| line.contains("listening")).or_else(|| Some(SocketAddr::from(([127, 0, 0, 1], port()?))))
    })
}
