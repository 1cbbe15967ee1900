//! MariaDB with TLS.

use std::{fs, net::TcpStream, os::unix::fs::PermissionsExt as _, path::Path};

use super::{Home, Purpose, Running, certificates, free_port, have};
use crate::run::{self, Failure};

/// Where MariaDB is: the DSN of a user who may do everything.
pub(crate) const DSN: &str = "KAYAN_TEST_MYSQL_DSN";
/// The authority that signed its certificate, a file.
pub(super) const AUTHORITY: &str = "KAYAN_TEST_MYSQL_CA";

const USER: &str = "kayan";
const PASSWORD: &str = "throw-away";

/// Starts it.
pub(super) fn start(running: &mut Running, purpose: Purpose) -> Result<(), Failure> {
    let programs = ["/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db", "/usr/bin/openssl"].map(Path::new);
    have(&programs, &["mariadb-server", "openssl"])?;
    let home = Home::new(running, "mysql", purpose)?;
    certificates::make(&home)?;
    let port = server(running, &home, purpose)?;
    let authority = home.file("ca.pem");
    // Tests run as another user than the server, and read the authority.
    for (path, mode) in [(&home.path, 0o755), (&authority, 0o644)] {
        let opened = fs::set_permissions(path, fs::Permissions::from_mode(mode));
        opened.map_err(Failure::io(format!("can't open {}", path.display())))?;
    }
    running.env.push((DSN, format!("{USER}:{PASSWORD}@tcp(127.0.0.1:{port})/mysql")));
    running.env.push((AUTHORITY, authority.display().to_string()));
    Ok(())
}

fn server(running: &mut Running, home: &Home, purpose: Purpose) -> Result<u16, Failure> {
    let mut install = home.command("/usr/bin/mariadb-install-db");
    install.args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]);
    run::output(install.arg(format!("--datadir={}", home.file("data").display())))?;
    let users = home.write(
        "users.sql",
        &format!(
            "CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION;\n"
        ),
    )?;
    let port = free_port()?;
    let file = |name: &str| home.file(name).display().to_string();
    let mut mariadbd = home.command("/usr/sbin/mariadbd");
    // `--gdb` has it listen to the signal that ends it.
    mariadbd.args([
        "--no-defaults",
        "--gdb",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--max-connections=800",
    ]);
    mariadbd.arg("--skip-log-bin").args(match purpose {
        Purpose::Tests => ["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=128M"].as_slice(),
        Purpose::Bench => &[
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-buffer-pool-size=2G",
            "--innodb-log-file-size=1G",
            "--local-infile=ON",
        ],
    });
    mariadbd.args([
        format!("--datadir={}", file("data")),
        // A server that starts removes the temporary tables that it finds, also those of another one.
        format!("--tmpdir={}", file(".")),
        format!("--socket={}", file("mariadb.sock")),
        format!("--pid-file={}", file("mariadb.pid")),
        format!("--init-file={}", users.display()),
        format!("--port={port}"),
        format!("--ssl-ca={}", file("ca.pem")),
        format!("--ssl-cert={}", file("server.pem")),
        format!("--ssl-key={}", file("server.key")),
    ]);
    let ready = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    home.serve(running, "mariadb", &mut mariadbd, ready)?;
    Ok(port)
}
