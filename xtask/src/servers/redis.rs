//! Redis: one server, one with TLS, a cluster of three, and a master and its replica that three sentinels watch.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command, time::Instant};

use super::{Home, PATIENCE, Purpose, Running, certificates, free_port, have, pause};
use crate::run::{self, Failure};

/// Where one server is: a URL.
const SINGLE: &str = "KAYAN_TEST_REDIS_URL";
/// Where one with TLS is; the URL names its authority.
const TLS: &str = "KAYAN_TEST_REDIS_TLS_URL";
/// Where the cluster is.
const CLUSTER: &str = "KAYAN_TEST_REDIS_CLUSTER_URL";
/// Where the sentinels are, which have a password of their own.
const SENTINEL: &str = "KAYAN_TEST_REDIS_SENTINEL_URL";

const SERVER: &str = "/usr/bin/redis-server";
const CLI: &str = "/usr/bin/redis-cli";
const PASSWORD: &str = "throw-away";
const SENTINELS_PASSWORD: &str = "for-sentinels";

/// Whether the environment leaves any of them to be started.
pub(super) fn is_wanted() -> bool {
    [SINGLE, TLS, CLUSTER, SENTINEL].into_iter().any(is_missing)
}

fn is_missing(variable: &str) -> bool {
    std::env::var_os(variable).is_none()
}

/// Starts those that the environment does not name already. Clusters and sentinels take their time to find each other, so
/// they are begun first and waited for last.
pub(super) fn start(running: &mut Running) -> Result<(), Failure> {
    have(&[SERVER, CLI, "/usr/bin/openssl"].map(Path::new), &["redis-server", "openssl"])?;
    let home = Home::new(running, "redis", Purpose::Tests)?;
    let cluster = is_missing(CLUSTER).then(|| cluster(running, &home)).transpose()?;
    let sentinels = is_missing(SENTINEL).then(|| sentinels(running, &home)).transpose()?;
    if is_missing(SINGLE) {
        let port = free_port()?;
        let serving = server(running, &home, port, &[])?;
        running.env.push((SINGLE, format!("redis://:{PASSWORD}@127.0.0.1:{serving}/0")));
    }
    if is_missing(TLS) {
        let port = tls(running, &home)?;
        let authority = home.file("ca.pem");
        let url = format!("rediss://:{PASSWORD}@localhost:{port}/0?ssl_ca_certs={}", authority.display());
        running.env.push((TLS, url));
    }
    if let Some(nodes) = cluster {
        let is_whole = |port: &u16| run::says(ask(*port, PASSWORD).args(["cluster", "info"]), "cluster_state:ok");
        wait("the cluster's nodes to find each other", || nodes.iter().all(is_whole))?;
        running.env.push((CLUSTER, format!("redis+cluster://:{PASSWORD}@{}", hosts(&nodes))));
    }
    if let Some(sentinels) = sentinels {
        wait("the sentinels to find each other", || sentinels.iter().all(|port| knows_all(*port)))?;
        let url = format!("redis+sentinel://:{PASSWORD}@{}/kayan/0", hosts(&sentinels));
        running.env.push((SENTINEL, format!("{url}?sentinel_password={SENTINELS_PASSWORD}")));
    }
    Ok(())
}

/// Starts a server that keeps nothing on disk, and says its port.
fn server(running: &mut Running, home: &Home, port: u16, more: &[&str]) -> Result<u16, Failure> {
    let mut command = home.command(SERVER);
    command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--requirepass", PASSWORD]);
    command.args(["--masterauth", PASSWORD, "--port", &port.to_string()]).args(more);
    let ready = || run::says(ask(port, PASSWORD).arg("ping"), "PONG");
    home.serve(running, &format!("redis-{port}"), &mut command, ready)?;
    Ok(port)
}

fn tls(running: &mut Running, home: &Home) -> Result<u16, Failure> {
    certificates::make(home)?;
    // Tests run as another user than the server, and read the authority.
    for (path, mode) in [(&home.path, 0o755), (&home.file("ca.pem"), 0o644)] {
        let opened = fs::set_permissions(path, fs::Permissions::from_mode(mode));
        opened.map_err(Failure::io(format!("can't open {}", path.display())))?;
    }
    let port = free_port()?;
    let mut command = home.command(SERVER);
    // The second address is not in the certificate.
    command.args(["--bind", "127.0.0.1", "127.0.0.2", "--save", "", "--requirepass", PASSWORD, "--port", "0"]);
    command.args(["--tls-port", &port.to_string(), "--tls-cert-file", "server.pem", "--tls-key-file", "server.key"]);
    command.args(["--tls-ca-cert-file", "ca.pem", "--tls-auth-clients", "no"]);
    let ready = || run::says(ask(port, PASSWORD).args(["--tls", "--insecure", "ping"]), "PONG");
    home.serve(running, &format!("redis-{port}"), &mut command, ready)?;
    Ok(port)
}

/// Starts three nodes and introduces them; each has a third of the slots.
fn cluster(running: &mut Running, home: &Home) -> Result<Vec<u16>, Failure> {
    let mut nodes = Vec::new();
    let mut buses = Vec::new();
    for _ in 0..3 {
        let (port, bus) = (free_port()?, free_port()?.to_string());
        let file = format!("nodes-{port}.conf");
        let more = ["--cluster-enabled", "yes", "--cluster-config-file", &file, "--cluster-port", &bus];
        nodes.push(server(running, home, port, &more)?);
        buses.push(bus);
    }
    for ((port, slots), epoch) in nodes.iter().zip(["0 5460", "5461 10922", "10923 16383"]).zip(["1", "2", "3"]) {
        run::output(ask(*port, PASSWORD).args(["cluster", "addslotsrange"]).args(slots.split(' ')))?;
        run::output(ask(*port, PASSWORD).args(["cluster", "set-config-epoch", epoch]))?;
    }
    let Some(first) = nodes.first() else { return Ok(nodes) };
    for (port, bus) in nodes.iter().zip(&buses).skip(1) {
        run::output(ask(*first, PASSWORD).args(["cluster", "meet", "127.0.0.1", &port.to_string(), bus]))?;
    }
    Ok(nodes)
}

/// Starts a master, its replica and three sentinels, and says where those are.
fn sentinels(running: &mut Running, home: &Home) -> Result<Vec<u16>, Failure> {
    let master = server(running, home, free_port()?, &["--repl-diskless-sync-delay", "0"])?;
    let replica = free_port()?;
    server(running, home, replica, &["--replicaof", "127.0.0.1", &master.to_string()])?;
    // A sentinel asks the master once and then not for ten seconds, so it had better know its replica by then.
    let follows = || run::says(ask(master, PASSWORD).args(["info", "replication"]), "state=online");
    wait("the replica to follow its master", follows)?;
    let mut sentinels = Vec::new();
    for _ in 0..3 {
        let port = free_port()?;
        let name = format!("sentinel-{port}");
        let settings = format!(
            "bind 127.0.0.1
port {port}
requirepass {SENTINELS_PASSWORD}
sentinel sentinel-pass {SENTINELS_PASSWORD}
sentinel monitor kayan 127.0.0.1 {master} 2
sentinel auth-pass kayan {PASSWORD}
sentinel down-after-milliseconds kayan 1000
sentinel failover-timeout kayan 5000
"
        );
        let file = home.write(&format!("{name}.conf"), &settings)?;
        let ready = || run::says(ask(port, SENTINELS_PASSWORD).arg("ping"), "PONG");
        home.serve(running, &name, home.command(SERVER).arg(file).arg("--sentinel"), ready)?;
        sentinels.push(port);
    }
    Ok(sentinels)
}

fn knows_all(sentinel: u16) -> bool {
    let asked = |question: &str, answer| {
        run::says(ask(sentinel, SENTINELS_PASSWORD).args(["sentinel", question, "kayan"]), answer)
    };
    asked("ckquorum", "OK 3 usable Sentinels") && asked("replicas", "127.0.0.1")
}

fn ask(port: u16, password: &str) -> Command {
    let mut command = Command::new(CLI);
    command.args(["-h", "127.0.0.1", "-p", &port.to_string()]).env("REDISCLI_AUTH", password);
    command
}

fn hosts(ports: &[u16]) -> String {
    ports.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>().join(",")
}

fn wait(what: &str, mut done: impl FnMut() -> bool) -> Result<(), Failure> {
    let began = Instant::now();
    while !done() {
        if began.elapsed() > PATIENCE {
            return Err(Failure::Wrong(format!("waited for {what}, in vain")));
        }
        pause();
    }
    Ok(())
}
