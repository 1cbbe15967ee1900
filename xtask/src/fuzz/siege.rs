//! What no client should send, thrown at a running service while a second tenant goes on asking who it is.
//!
//! Every answer is a good one, or a refusal in the error shape, or the connection is closed. Meanwhile the service's memory
//! stays bounded and the bystander is answered; at the end no connection is left.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::wire;
use crate::{
    run::Failure,
    server::{Server, pause},
};

/// Half requests of each kind.
const HALVES: usize = 40;
/// Clients that ask and don't read, of each protocol.
const STUCK: usize = 40;
/// How soon a connection that sends half of something must be closed: more than the ten seconds for a head and the fifteen for
/// a body, as the machine may be busy.
const CLOSED_WITHIN: Duration = Duration::from_secs(40);
/// How soon a closed connection must be forgotten.
const FORGOTTEN_WITHIN: Duration = Duration::from_secs(20);
/// How much the service's memory may grow, in KiB: 32 for each of the clients, and 64 MiB for the work in hand.
const GROWTH: u64 = 32 * (4 * HALVES as u64 + 2 * STUCK as u64) + 64 * 1024;
/// How late the bystander may be answered, of a hundred times once at most.
const LATE: Duration = Duration::from_secs(1);
/// The fewest answers of which a hundredth says something.
const ANSWERS: usize = 200;

/// Starts a service, throws all of it, and judges.
pub(super) fn run(kayan: &Path, document: &Value, skipped: &[&str]) -> Result<(), Failure> {
    let mut server = Server::start(kayan)?;
    server.command(&["admin", "tenant", "create", "--id", "bystander"])?;
    let token = server.command(&["admin", "token", "create", "--permissions", "*"])?;
    let asks = whoami(&register(&server)?);
    let requests = wire::requests(document, token.trim(), skipped);
    for request in requests.iter().take(20).chain([&asks, &wire::request("GET", "/docs", &[], b"")]) {
        drop(wire::exchange(server.address(), request));
    }
    let siege = Siege { address: server.address(), process: server.id(), sockets: sockets(server.id()) };
    let besieged = siege.run(&requests, &asks);
    server.still_runs()?;
    let log = server.log();
    if besieged.is_err() || log.contains("panicked") {
        let from = log.len().saturating_sub(4_000);
        eprintln!("the server said:\n{}", log.get(from..).unwrap_or(&log));
    }
    besieged?;
    if log.contains("panicked") { Err(Failure::Wrong("the service panicked".to_owned())) } else { Ok(()) }
}

/// The token of a user in the second tenant.
fn register(server: &Server) -> Result<String, Failure> {
    let person =
        json!({ "traits": { "email": "bystander@example.com" }, "password": "correct horse battery staple 7" });
    let headers = [("X-Tenant-ID", "bystander"), ("Content-Type", "application/json")];
    let request = wire::request("POST", "/api/v1/registration", &headers, person.to_string().as_bytes());
    let answer = wire::exchange(server.address(), &request).map_err(Failure::io("registering the bystander"))?;
    let body: Value = serde_json::from_str(wire::body(&answer)).unwrap_or_default();
    let token = body.pointer("/session/session_token").and_then(Value::as_str);
    token
        .map(str::to_owned)
        .ok_or_else(|| Failure::Wrong(format!("registering the bystander: {}", wire::shown(&answer))))
}

fn whoami(token: &str) -> Vec<u8> {
    let bearer = format!("Bearer {token}");
    wire::request("GET", "/api/v1/whoami", &[("X-Tenant-ID", "bystander"), ("Authorization", &bearer)], b"")
}

struct Siege {
    address: SocketAddr,
    process: u32,
    /// How many sockets the service had before.
    sockets: usize,
}

impl Siege {
    fn run(&self, requests: &[Vec<u8>], asks: &[u8]) -> Result<(), Failure> {
        let (over, before) = (AtomicBool::new(false), memory(self.process));
        let most = AtomicU64::new(before);
        thread::scope(|scope| {
            let bystander = scope.spawn(|| self.stand_by(asks, &over, &most));
            let thrown = self.throw(requests);
            over.store(true, Ordering::Relaxed);
            let waited = bystander.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            thrown?;
            in_time(waited?)
        })?;
        let grown = most.into_inner().saturating_sub(before);
        if grown > GROWTH {
            return Err(Failure::Wrong(format!("the service's memory grew by {grown} KiB; {GROWTH} are allowed")));
        }
        self.all_is_forgotten()
    }

    /// Asks who it is until all is over; how long each answer took. Notes how much memory the service uses.
    fn stand_by(&self, asks: &[u8], over: &AtomicBool, most: &AtomicU64) -> Result<Vec<Duration>, Failure> {
        let mut waited = Vec::new();
        while !over.load(Ordering::Relaxed) || waited.len() < ANSWERS {
            let began = Instant::now();
            let answer = wire::exchange(self.address, asks).map_err(Failure::io("the bystander's whoami"))?;
            if wire::status(&answer) != Some(200) {
                return Err(Failure::Wrong(format!("the bystander's whoami: {}", wire::shown(&answer))));
            }
            waited.push(began.elapsed());
            most.fetch_max(memory(self.process), Ordering::Relaxed);
            pause();
        }
        Ok(waited)
    }

    /// Leaves halves lying about and clients that don't read, sends the whole requests, and sees the halves closed.
    fn throw(&self, requests: &[Vec<u8>]) -> Result<(), Failure> {
        let began = Instant::now();
        let open = |bytes: &[u8]| -> std::io::Result<TcpStream> {
            let mut connection = TcpStream::connect(self.address)?;
            connection.set_nonblocking(true)?;
            // What it does not take, it need not have.
            let _ = connection.write(bytes);
            Ok(connection)
        };
        let many = |count: usize, bytes: &[u8]| (0..count).map(|_| open(bytes)).collect::<Result<Vec<_>, _>>();
        let opening = || Failure::io("opening connections to the service");
        let mut halves = Vec::new();
        for half in wire::HALVES {
            halves.push((half, many(HALVES, half).map_err(opening())?));
        }
        let stuck = [wire::unread_streams(), wire::get("/docs").repeat(20)].map(|bytes| many(STUCK, &bytes));
        let stuck = stuck.into_iter().collect::<Result<Vec<_>, _>>().map_err(opening())?;
        self.send_all(requests)?;
        for (half, connections) in halves {
            for connection in connections {
                closed(connection, began + CLOSED_WITHIN).map_err(|why| {
                    Failure::Wrong(format!("a connection that has sent {:?} {why}", String::from_utf8_lossy(half)))
                })?;
            }
        }
        drop(stuck);
        Ok(())
    }

    fn send_all(&self, requests: &[Vec<u8>]) -> Result<(), Failure> {
        let send = |share: &[Vec<u8>]| {
            share.iter().find_map(|request| {
                let answer = match wire::exchange(self.address, request) {
                    // it may close the connection before it has read all
                    Err(error) if matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                        Ok(Vec::new())
                    }
                    other => other,
                };
                let wrong = match answer {
                    Ok(answer) if wire::is_fair(&answer) => return None,
                    Ok(answer) => wire::shown(&answer),
                    Err(error) => error.to_string(),
                };
                Some(format!("{}\n  → {wrong}", wire::shown(request)))
            })
        };
        thread::scope(|scope| {
            let shares = requests.chunks(requests.len().div_ceil(4).max(1));
            let sending: Vec<_> = shares.map(|share| scope.spawn(move || send(share))).collect();
            let wrong =
                sending.into_iter().filter_map(|it| it.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            match wrong.collect::<Vec<_>>().join("\n") {
                none if none.is_empty() => Ok(()),
                wrong => Err(Failure::Wrong(wrong)),
            }
        })
    }

    fn all_is_forgotten(&self) -> Result<(), Failure> {
        let began = Instant::now();
        loop {
            let left = sockets(self.process);
            if left <= self.sockets {
                return Ok(());
            }
            if began.elapsed() > FORGOTTEN_WITHIN {
                let before = self.sockets;
                return Err(Failure::Wrong(format!("the service had {before} sockets before, and has {left} after")));
            }
            pause();
        }
    }
}

/// Waits until the service has closed a connection, with an answer or without.
fn closed(mut connection: TcpStream, deadline: Instant) -> Result<(), String> {
    let wait = |connection: &TcpStream| {
        connection.set_nonblocking(false)?;
        // zero would wait for ever
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        connection.set_read_timeout(Some(left))
    };
    let mut answer = Vec::new();
    match wait(&connection).and_then(|()| connection.read_to_end(&mut answer)) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            Err(format!("is still open after {} s", CLOSED_WITHIN.as_secs()))
        }
        Ok(_) if !wire::is_fair(&answer) => Err(format!("was answered {}", wire::shown(&answer))),
        _ => Ok(()),
    }
}

/// Whether no more than one answer in a hundred was late.
fn in_time(mut waited: Vec<Duration>) -> Result<(), Failure> {
    waited.sort_unstable();
    let slow = waited.get(waited.len() * 99 / 100).copied().unwrap_or_default();
    if slow <= LATE {
        return Ok(());
    }
    Err(Failure::Wrong(format!(
        "one whoami in a hundred of another tenant took {slow:?} or longer; {LATE:?} are allowed"
    )))
}

/// The service's resident memory, in KiB.
fn memory(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or_default()
}

/// How many sockets it has open: its files are its own business.
fn sockets(process: u32) -> usize {
    let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    let target = |entry: fs::DirEntry| fs::read_link(entry.path()).ok();
    open.filter_map(target).filter(|target| target.to_string_lossy().starts_with("socket:")).count()
}
