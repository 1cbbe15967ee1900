//! A Redis that dies, stands still and comes back while people go on.

use std::{
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use kayan_journeys::{Collector, Home, PASSWORD, Person, Service, ask, attribute};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// No request takes longer; a busy machine gets a second more than the two that are promised.
const ENOUGH: Duration = Duration::from_secs(3);
/// So soon after its Redis is back, the service uses it.
const RECOVERY: Duration = Duration::from_secs(5);

/// A server of the test's own.
struct Redis {
    port: u16,
    folder: TempDir,
    process: Child,
}

impl Redis {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let folder = TempDir::with_prefix("kayan-").unwrap();
        let process = spawn(port, &folder);
        let server = Self { port, folder, process };
        server.answers().await;
        server
    }

    /// Waits until it listens: another process that begins to is no event one could wait for.
    async fn answers(&self) {
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await.is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn signal(&self, signal: Signal) {
        let id = self.process.id().try_into().ok().and_then(Pid::from_raw).unwrap();
        kill_process(id, signal).unwrap();
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    async fn revive(&mut self) {
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

/// Eight people who log in, ask and refresh once; nobody is refused, nobody waits long.
async fn everybody_goes_on(people: &[Person]) {
    let each = people.iter().map(async |person| {
        let began = Instant::now();
        person.who_am_i().await.expect(200);
        let answer = ask(Person::login(&person.client, &person.email, PASSWORD)).await.expect(200);
        let client = &person.client;
        ask(Person::refreshing(client, &answer.at("/refresh_token"))).await.expect(200);
        assert!(began.elapsed() < ENOUGH * 3, "three requests took {:?}", began.elapsed());
    });
    join_all(each).await;
}

/// Asks for the health until Redis is in this condition.
async fn health(service: &Service, redis: &str) {
    let began = Instant::now();
    loop {
        let health = ask(service.client().get("/health")).await.expect(200);
        if health.text().contains(&format!(r#""name":"redis","status":"{redis}""#)) {
            return;
        }
        assert!(began.elapsed() < RECOVERY, "Redis is not {redis}: {health:?}");
    }
}

#[tokio::test]
async fn people_go_on_while_redis_dies_stands_still_and_comes_back() {
    let mut redis = Redis::start().await;
    let home = Home::new().with("KAYAN_REDIS_URL", format!("redis://127.0.0.1:{}/0", redis.port));
    let home = home.with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_REQUESTS", "1000000");
    let service = Service::start_in(home.with("KAYAN_LOCKOUT_ENABLED", "true")).await;
    let names: Vec<String> = (0..8).map(|n| format!("p{n}")).collect();
    let people = join_all(names.iter().map(async |name| Person::register(&service.client(), name).await)).await;
    health(&service, "healthy").await;
    everybody_goes_on(&people).await;

    redis.kill();
    everybody_goes_on(&people).await;
    health(&service, "degraded").await;
    redis.revive().await;
    health(&service, "healthy").await;
    everybody_goes_on(&people).await;

    redis.signal(Signal::STOP);
    everybody_goes_on(&people).await;
    health(&service, "degraded").await;
    redis.signal(Signal::CONT);
    health(&service, "healthy").await;
    everybody_goes_on(&people).await;
}

#[tokio::test]
async fn lockout_holds_while_redis_is_away() {
    let mut redis = Redis::start().await;
    let home = Home::new().with("KAYAN_REDIS_URL", format!("redis://127.0.0.1:{}/0", redis.port));
    let service = Service::start_in(home.with("KAYAN_LOCKOUT_ENABLED", "true")).await;
    let ada = Person::register(&service.client(), "ada").await;
    redis.kill();
    for _ in 0..5 {
        ask(Person::login(&ada.client, &ada.email, "wrong")).await.refused(401, "invalid_credentials");
    }
    ask(Person::login(&ada.client, &ada.email, PASSWORD)).await.refused(423, "account_locked");
}

#[tokio::test]
async fn what_redis_is_asked_stands_in_the_trace_of_who_waits_for_it() {
    let redis = Redis::start().await;
    let collector = Collector::start().await;
    let home = Home::new().with("KAYAN_REDIS_URL", format!("redis://127.0.0.1:{}/0", redis.port));
    let home = home.with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_RATE_LIMIT_ENABLED", "true");
    let service = Service::start_in(home.with("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())).await;
    let ada = Person::register(&service.client(), "ada").await;
    ada.log_in().await;
    service.terminate();
    service.ended().await;
    let spans = collector.spans();
    let login = spans.iter().find(|span| span.name == "POST /api/v1/login").unwrap();
    let asked = spans.iter().filter(|span| attribute(&span.attributes, "db.system.name") == "redis");
    let mut asked: Vec<&str> =
        asked.filter(|span| span.parent_span_id == login.span_id).map(|span| &*span.name).collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked, ["redis.admit", "redis.forget", "redis.reserve"]);
}
