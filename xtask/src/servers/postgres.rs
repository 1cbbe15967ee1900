//! PostgreSQL with TLS, and PgBouncer in transaction mode in front of it.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Home, Purpose, Running, certificates, free_port, have};
use crate::run::{self, Failure};

/// Where PostgreSQL is: a superuser's DSN, without `sslmode`.
pub(crate) const DSN: &str = "KAYAN_TEST_POSTGRES_DSN";
/// The same server through PgBouncer; its certificate has expired.
const BOUNCER: &str = "KAYAN_TEST_PGBOUNCER_DSN";
/// The authority that signed the certificates, a file.
const AUTHORITY: &str = "KAYAN_TEST_POSTGRES_CA";

const BOUNCER_PROGRAM: &str = "/usr/sbin/pgbouncer";
const USER: &str = "kayan";
const PASSWORD: &str = "throw-away";

/// Starts both; for the bench the server alone.
pub(super) fn start(running: &mut Running, purpose: Purpose) -> Result<(), Failure> {
    let (bouncer, packages): (&[&Path], &[&str]) = match purpose {
        Purpose::Tests => (&[Path::new(BOUNCER_PROGRAM)], &["postgresql", "pgbouncer"]),
        Purpose::Bench => (&[], &["postgresql"]),
    };
    if installed().is_none() {
        have(&[Path::new("/usr/lib/postgresql")], packages)?;
    }
    have(bouncer, packages)?;
    let nowhere = || Failure::Wrong("/usr/lib/postgresql holds no server; install the package postgresql".to_owned());
    start_from(running, &installed().ok_or_else(nowhere)?, purpose)
}

/// The programs of the newest version.
pub(super) fn installed() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let number = |bin: &PathBuf| bin.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    versions.filter(|bin| bin.join("postgres").exists()).max_by_key(number)
}

fn start_from(running: &mut Running, bin: &Path, purpose: Purpose) -> Result<(), Failure> {
    let home = Home::new(running, "postgres", purpose)?;
    certificates::make(&home)?;
    certificates::make_expired(&home)?;
    let port = server(running, &home, bin, purpose)?;
    let authority = home.file("ca.pem");
    // Tests run as another user than the server, and read the authority.
    for (path, mode) in [(&home.path, 0o755), (&authority, 0o644)] {
        let opened = fs::set_permissions(path, fs::Permissions::from_mode(mode));
        opened.map_err(Failure::io(format!("can't open {}", path.display())))?;
    }
    running.env.push((DSN, format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres")));
    if purpose == Purpose::Tests {
        let port = pooler(running, &home, port)?;
        running.env.push((BOUNCER, format!("postgres://{USER}:{PASSWORD}@127.0.0.1:{port}/postgres")));
    }
    running.env.push((AUTHORITY, authority.display().to_string()));
    Ok(())
}

fn server(running: &mut Running, home: &Home, bin: &Path, purpose: Purpose) -> Result<u16, Failure> {
    let password = home.write("password", PASSWORD)?;
    let mut initdb = home.command(bin.join("initdb"));
    initdb.args(["--auth=scram-sha-256", "--locale=C.UTF-8", "--no-sync", "--username", USER, "--pgdata=data"]);
    run::output(initdb.arg(format!("--pwfile={}", password.display())))?;
    // The tests make these three users; each is let in by one way only.
    home.write(
        "data/pg_hba.conf",
        "local     all all                         scram-sha-256
hostnossl all encrypted_only 127.0.0.0/8   reject
hostssl   all plain_only     127.0.0.0/8   reject
host      all all            127.0.0.0/8   scram-sha-256
",
    )?;
    let (port, folder) = (free_port()?, home.path.display());
    // The second address is not in the certificate.
    let settings = [
        format!("port={port}"),
        "listen_addresses=127.0.0.1,127.0.0.2".to_owned(),
        format!("unix_socket_directories={folder}"),
        "max_connections=400".to_owned(),
        "ssl=on".to_owned(),
        format!("ssl_cert_file={folder}/server.pem"),
        format!("ssl_key_file={folder}/server.key"),
    ];
    let mut postgres = home.command(bin.join("postgres"));
    let more = match purpose {
        Purpose::Tests => {
            ["fsync=off", "full_page_writes=off", "shared_preload_libraries=pg_stat_statements"].as_slice()
        }
        Purpose::Bench => &["fsync=on", "shared_buffers=2GB", "max_wal_size=4GB"],
    };
    let settings = settings.iter().map(String::as_str).chain(more.iter().copied());
    postgres.args(["-D", "data"]).args(settings.flat_map(|setting| ["-c", setting]));
    let ready = || {
        let mut asking = Command::new(bin.join("pg_isready"));
        asking.args(["-q", "-h", "127.0.0.1", "-p", &port.to_string()]).stdout(Stdio::null());
        asking.status().is_ok_and(|status| status.success())
    };
    home.serve(running, "postgres", &mut postgres, ready)?;
    Ok(port)
}

fn pooler(running: &mut Running, home: &Home, server: u16) -> Result<u16, Failure> {
    let (port, folder) = (free_port()?, home.path.display());
    home.write("users.txt", &format!("\"{USER}\" \"{PASSWORD}\"\n"))?;
    let settings = home.write(
        "pgbouncer.ini",
        &format!(
            "[databases]
* = host=127.0.0.1 port={server}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users.txt
pool_mode = transaction
default_pool_size = 8
max_client_conn = 2000
server_idle_timeout = 5
ignore_startup_parameters = extra_float_digits
client_tls_sslmode = allow
client_tls_cert_file = {folder}/expired.pem
client_tls_key_file = {folder}/server.key
"
        ),
    )?;
    let ready = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    home.serve(running, "pgbouncer", home.command(BOUNCER_PROGRAM).arg("-q").arg(settings), ready)?;
    Ok(port)
}
