//! MySQL with TLS, in MariaDB's place: Debian's unstable suite has it, so it is unpacked beside the system and brings its own libraries.

use std::{
    fs,
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{Home, Purpose, Running, certificates, free_port, have, mariadb};
use crate::{
    run::{self, Failure},
    tools,
};

/// A program that starts a server of its own for the tests that end theirs.
const PROGRAM: &str = "KAYAN_TEST_MYSQLD";

const PACKAGE: &str = "mysql-server-core";
const USER: &str = "kayan";
const PASSWORD: &str = "throw-away";

/// Starts it, from a folder in `tools` where it is unpacked the first time; remove that folder to have it anew.
pub(super) fn start(running: &mut Running, tools: &Path) -> Result<(), Failure> {
    let mysqld = unpacked(&tools.join("mysql"))?;
    have(&[Path::new("/usr/bin/openssl")], &["openssl"])?;
    // It may be where no other user can read, and it serves root when it is told to.
    let home = Home::new(running, "root", Purpose::Tests)?;
    certificates::make(&home)?;
    let data = format!("--datadir={}", home.file("data").display());
    let mut install = Command::new(&mysqld);
    let installed = quiet(&mut install).arg("--initialize-insecure").arg(&data).output();
    let installed = installed.map_err(Failure::io(format!("can't start {}", mysqld.display())))?;
    if !installed.status.success() {
        let said = String::from_utf8_lossy(&installed.stderr);
        return Err(Failure::Wrong(format!("MySQL makes no folder for its data; it said:\n{said}")));
    }
    let users = home.write(
        "users.sql",
        &format!(
            "CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\nGRANT ALL ON *.* TO '{USER}'@'127.0.0.1' WITH GRANT OPTION;\n"
        ),
    )?;
    let port = free_port()?;
    let file = |name: &str| home.file(name).display().to_string();
    let mut server = home.command(&mysqld);
    // Nothing here outlives the run, so nothing waits for the disk. `--gdb` has it listen to the signal that ends it.
    quiet(&mut server).args(["--gdb", "--bind-address=127.0.0.1", "--skip-name-resolve", "--max-connections=800"]);
    server.args(["--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=128M", "--skip-log-bin"]).args([
        data,
        format!("--socket={}", file("mysql.sock")),
        format!("--pid-file={}", file("mysql.pid")),
        format!("--init-file={}", users.display()),
        format!("--port={port}"),
        format!("--ssl-ca={}", file("ca.pem")),
        format!("--ssl-cert={}", file("server.pem")),
        format!("--ssl-key={}", file("server.key")),
    ]);
    let ready = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    home.serve(running, "mysql", &mut server, ready)?;
    running.env.push((mariadb::DSN, format!("{USER}:{PASSWORD}@tcp(127.0.0.1:{port})/mysql")));
    running.env.push((mariadb::AUTHORITY, file("ca.pem")));
    running.env.push((PROGRAM, mysqld.display().to_string()));
    Ok(())
}

/// With no settings of the machine's, and without the second protocol.
fn quiet(command: &mut Command) -> &mut Command {
    command.args(["--no-defaults", "--mysqlx=OFF"]).args(tools::is_root().then_some("--user=root"))
}

/// The server's program, after fetching and unpacking it where it is not there.
fn unpacked(folder: &Path) -> Result<PathBuf, Failure> {
    let program = folder.join("mysqld");
    if !program.exists() {
        run::timed("unpack MySQL, which is missing", || {
            let io = |path: &Path| Failure::io(format!("can't make {}", path.display()));
            if folder.exists() {
                fs::remove_dir_all(folder).map_err(io(folder))?;
            }
            let (fetched, root) = (folder.join("fetched"), folder.join("root"));
            for made in [&fetched, &root] {
                fs::create_dir_all(made).map_err(io(made))?;
            }
            for package in fetch(&fetched)? {
                run::run(Command::new("dpkg-deb").arg("--extract").arg(package).arg(&root))?;
            }
            fs::remove_dir_all(&fetched).map_err(io(&fetched))?;
            // Last, so that it is there only when everything is.
            fs::write(&program, script(&root)?).map_err(io(&program))?;
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).map_err(io(&program))
        })?;
    }
    Ok(program)
}

/// Fetches the package and all that it needs, from the mirror that this machine uses, with a state of apt's own.
fn fetch(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut ask = Command::new("apt-get");
    let ask = ask.args(["indextargets", "--format", "$(SITE)", "Created-By: Packages", "Origin: Debian"]);
    let sites = run::output(ask.arg("Label: Debian"))?;
    let sites = String::from_utf8_lossy(&sites);
    let mirror = sites.lines().next().ok_or_else(|| {
        Failure::Wrong("apt knows no mirror of Debian, which MySQL would come from; name a MySQL that runs".to_owned())
    })?;
    let path = |name: &str| folder.join(name).display().to_string();
    for made in ["state/lists/partial", "cache/archives/partial", "parts"] {
        fs::create_dir_all(folder.join(made)).map_err(Failure::io(format!("can't make {}", path(made))))?;
    }
    let keys = "/usr/share/keyrings/debian-archive-keyring.gpg";
    let source = format!("deb [signed-by={keys}] {mirror} unstable main\n");
    for (name, text) in [("sources.list", &*source), ("state/status", "")] {
        fs::write(folder.join(name), text).map_err(Failure::io(format!("can't write {}", path(name))))?;
    }
    let apt = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        for (option, name) in [
            ("State", "state"),
            ("State::status", "state/status"),
            ("Cache", "cache"),
            ("Etc::sourcelist", "sources.list"),
            ("Etc::sourceparts", "parts"),
            ("Etc::preferencesparts", "parts"),
        ] {
            apt.arg("-o").arg(format!("Dir::{option}={}", path(name)));
        }
        apt.args(["-o", "APT::Sandbox::User=root", "-qq"]).args(arguments);
        run::output(apt.stdin(Stdio::null()))
    };
    apt(&["update"])?;
    apt(&["install", "--yes", "--download-only", "--no-install-recommends", PACKAGE])?;
    let archives = folder.join("cache/archives");
    let unread = || Failure::io(format!("can't read {}", archives.display()));
    let entries = fs::read_dir(&archives).map_err(unread())?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    Ok(paths.map_err(unread())?.into_iter().filter(|path| path.extension().is_some_and(|end| end == "deb")).collect())
}

/// A shell script that starts it with its own loader and libraries.
fn script(root: &Path) -> Result<String, Failure> {
    let (libraries, loader) = loader(&root.join("usr/lib"))
        .ok_or_else(|| Failure::Wrong(format!("there is no loader of programs in {}", root.display())))?;
    let (libraries, loader, usr) = (libraries.display(), loader.display(), root.join("usr"));
    let usr = usr.display();
    Ok(format!(
        "#!/bin/sh
# What reads the settings wants them first.
first=$1
shift
exec '{loader}' --library-path '{libraries}' '{usr}/sbin/mysqld' \"$first\" --basedir='{usr}' --secure-file-priv=NULL \"$@\"
"
    ))
}

/// The folder of the libraries, named after the machine's kind, and the loader in it.
fn loader(lib: &Path) -> Option<(PathBuf, PathBuf)> {
    let inside = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_loader =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"));
    inside(lib).find_map(|folder| {
        let loader = inside(&folder).find(is_loader)?;
        Some((folder, loader))
    })
}
