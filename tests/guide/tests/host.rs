//! A machine with nothing on it but what Debian's packages bring, on which Kayan is set up.

use std::{
    fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use kayan_house::root;
use kayan_journeys::{Database, Home, Kind, Redis, Server, binary};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::runner::rewritten;

/// Programs that a test can't do without, and can't run as they are.
const STAND_INS: [&str; 6] = ["apt-get", "cargo", "nginx", "systemctl", "systemd-run", "systemd-sysusers"];
/// Ports that other tests don't get by chance: below those that the system hands out.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// The machine.
pub(crate) struct Host {
    postgres: Server,
    redis: Redis,
    home: Home,
    ports: [u16; 5],
    // A client that sends requests all the time.
    pub(crate) visitor: Option<Child>,
}

impl Host {
    pub(crate) async fn new() -> Self {
        let (postgres, redis) = (Server::start(Kind::Postgres).await, Redis::start().await);
        // As Debian sets it up: the superuser is `postgres`, and there is nothing else.
        let first = Database::connect(Kind::Postgres, &postgres.dsn()).await.unwrap();
        first.execute("CREATE ROLE postgres SUPERUSER LOGIN PASSWORD 'throw-away'").await;
        drop(first);
        let dsn = postgres.dsn().replace("//kayan:", "//postgres:").replace("/kayan", "/postgres");
        let superuser = Database::connect(Kind::Postgres, &dsn).await.unwrap();
        superuser.execute("DROP DATABASE kayan WITH (FORCE)").await;
        superuser.execute("ALTER ROLE kayan RENAME TO first").await;

        let host = Self { postgres, redis, home: Home::newcomers(), ports: free_ports(), visitor: None };
        let home = &host.home;
        for folder in ["bin", "me", "target/release", "machine/etc/nginx/conf.d", "machine/etc/systemd/system"] {
            fs::create_dir_all(home.path(folder)).unwrap();
        }
        for folder in ["cron.d", "default", "logrotate.d", "prometheus", "sysusers.d"] {
            fs::create_dir(home.path("machine/etc").join(folder)).unwrap();
        }
        for folder in ["usr/local/bin", "usr/local/sbin", "var/lib/prometheus"] {
            fs::create_dir_all(home.path("machine").join(folder)).unwrap();
        }
        for name in STAND_INS {
            symlink(root().join("tests/guide/stand-ins").join(name), home.path("bin").join(name)).unwrap();
        }
        symlink(binary(), home.path("target/release/kayan")).unwrap();
        fs::write(home.path("me/.pgpass"), "*:*:*:postgres:throw-away\n").unwrap();
        fs::set_permissions(home.path("me/.pgpass"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        host.copy(&root().join("deploy"), &home.path("deploy"));
        host.furnish_nginx();
        host
    }

    /// What stands in the place of what the page and the files in `deploy/` print.
    pub(crate) fn table(&self) -> Vec<(&'static str, String)> {
        let [one, other, https, http, prometheus] = self.ports;
        let here = |folder: &str| self.home.path("machine").join(folder).display().to_string() + "/";
        let redis = self.redis.url();
        vec![
            // Places
            ("/etc/", here("etc")),
            ("/var/", here("var")),
            ("/usr/local/", here("usr/local")),
            // Addresses
            ("8080", one.to_string()),
            ("8081", other.to_string()),
            ("localhost:5432", format!("localhost:{}", self.postgres.port())),
            ("redis://localhost:6379/0", redis),
            ("localhost:9090", format!("localhost:{prometheus}")),
            ("listen 80 ", format!("listen 127.0.0.1:{http} ")),
            ("listen [::]:80 ", format!("listen 127.0.0.2:{http} ")),
            ("listen 443 ", format!("listen 127.0.0.1:{https} ")),
            ("listen [::]:443 ", format!("listen 127.0.0.2:{https} ")),
            ("login.example.com:443:", format!("login.example.com:{https}:")),
            ("https://login.example.com/", format!("https://login.example.com:{https}/")),
            // The superuser of the database
            ("runuser -u postgres -- ", "env PGHOST=localhost PGUSER=postgres ".to_owned()),
            // The test does not wait for 15 s.
            ("_interval: 15s", "_interval: 1s".to_owned()),
        ]
    }

    /// A script as root's on this machine.
    pub(crate) fn script(&self, script: &str) -> Command {
        let mut command = self.home.script(script);
        let path = std::env::var_os("PATH").unwrap_or_default().to_string_lossy().into_owned();
        command.env("PATH", format!("{}:{path}", self.home.path("bin").display())).env("HOME", self.home.path("me"));
        command.env("PGPORT", self.postgres.port().to_string()).env("STAND_IN_ROOT", self.home.path("machine"));
        command.env("STAND_IN_PROMETHEUS", self.ports[4].to_string()).env("STAND_IN_NGINX", real_nginx());
        command.env_remove("KAYAN_PORT");
        command
    }

    /// Sends requests through the proxy, again and again, and records the answers.
    pub(crate) fn visit(&mut self) {
        let asking = "while :; do curl --silent --output answer --write-out '%{http_code}\\n' --cacert \
                      /etc/nginx/tls/login.example.com.pem --resolve login.example.com:443:127.0.0.1 \
                      https://login.example.com/api/v1/whoami >> answers || true; done";
        self.visitor = Some(self.script(&rewritten(asking, &self.table())).spawn().unwrap());
    }

    /// What was answered.
    pub(crate) async fn visited(&mut self) -> String {
        self.visitor.take().expect("a visitor").kill().await.unwrap();
        fs::read_to_string(self.home.path("answers")).unwrap()
    }

    fn copy(&self, from: &Path, to: &Path) {
        fs::create_dir(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let to = to.join(entry.file_name());
            if entry.path().is_dir() {
                self.copy(&entry.path(), &to);
            } else {
                fs::write(to, rewritten(&fs::read_to_string(entry.path()).unwrap(), &self.table())).unwrap();
            }
        }
    }

    /// Its own settings, as a package brings them.
    fn furnish_nginx(&self) {
        let here = self.home.path("machine");
        let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {}/{name};\n", here.display()))
            .concat();
        let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
        let here = here.display();
        let main =
            format!("{user}pid {here}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log off;\n{folders}");
        fs::write(
            format!("{here}/etc/nginx/nginx.conf"),
            format!("{main}include {here}/etc/nginx/conf.d/*.conf;\n}}\n"),
        )
        .unwrap();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let running = fs::read_dir(self.home.path("machine/running")).into_iter().flatten().filter_map(Result::ok);
        for file in running {
            let id = fs::read_to_string(file.path()).ok().and_then(|id| Pid::from_raw(id.trim().parse().ok()?));
            // One that has ended needs no signal.
            let _ = id.map(|id| kill_process(id, Signal::TERM));
        }
    }
}

/// Where `cargo xtask test` has found nginx.
fn real_nginx() -> PathBuf {
    let given = std::env::var_os("KAYAN_TEST_NGINX").map(PathBuf::from);
    given.expect("KAYAN_TEST_NGINX is not set: run `cargo xtask test`, which unpacks it")
}

fn free_ports<const N: usize>() -> [u16; N] {
    let begin = u16::try_from(std::process::id() % 10_000).unwrap();
    let candidates = PORTS.skip(begin.into()).chain(PORTS);
    let mut free = candidates.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    std::array::from_fn(|_| free.next().expect("a free port"))
}
