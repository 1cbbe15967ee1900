//! A service behind nginx and behind Caddy, each with the file that `deploy/` has for it.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpListener as Port},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use kayan_journeys::{Answer, Person, Service, ask};
use reqwest::Method;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
    time::timeout,
};

use super::{GRAFANA, VAULT, cookie, for_a_page, with_ada};

const NGINX: &str = include_str!("../../../../deploy/nginx/forward-auth.conf");
const CADDY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/caddy/forward-auth.Caddyfile");

/// A service that answers each request with its head.
async fn service_behind() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.windows(4).any(|end| end == b"\r\n\r\n") {
                    let Ok(1..) = stream.read_buf(&mut head).await else { return };
                }
                let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", head.len());
                // The proxy may have hung up.
                let _gone = stream.write_all(&[answer.as_bytes(), &head].concat()).await;
            });
        }
    });
    address
}

/// A proxy in front of it; ends when it is dropped.
struct Proxy {
    address: SocketAddr,
    _process: Child,
    _home: TempDir,
}

impl Proxy {
    async fn start(mut command: Command, port: u16, home: TempDir) -> Self {
        let log = fs::File::create(home.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        let mut process = command.spawn().expect("the proxy can be run");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listens = async {
            while TcpStream::connect(address).await.is_err() {
                let log = || fs::read_to_string(home.path().join("log")).unwrap();
                assert!(process.try_wait().unwrap().is_none(), "{}", log());
                // Another process gives no event to wait for.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(30), listens).await.expect("the proxy listens");
        Self { address, _process: process, _home: home }
    }

    /// nginx with its file, but for the certificate and the addresses.
    async fn nginx(kayan: SocketAddr, behind: SocketAddr) -> Self {
        let (home, port) = (TempDir::new().unwrap(), free_port());
        let site: String = NGINX
            .replace("127.0.0.1:8080", &kayan.to_string())
            .replace("127.0.0.1:3000", &behind.to_string())
            .replace("listen 443 ssl http2", &format!("listen 127.0.0.1:{port}"))
            .lines()
            .filter(|line| !line.contains("listen [::]") && !line.contains("ssl_"))
            .flat_map(|line| [line, "\n"])
            .collect();
        fs::write(home.path().join("site.conf"), site).unwrap();
        let here = home.path().display();
        let folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {here}/{name};\n"))
            .concat();
        let user = if rustix::process::geteuid().is_root() { "user root;\n" } else { "" };
        let main = format!(
            "{user}daemon off;\nmaster_process off;\npid {here}/nginx.pid;\nerror_log stderr;\nevents {{}}\nhttp {{\naccess_log \
             off;\n{folders}include {here}/site.conf;\n}}\n"
        );
        fs::write(home.path().join("nginx.conf"), main).unwrap();
        let mut command = Command::new(program("KAYAN_TEST_NGINX"));
        command.args(["-e", "stderr", "-p"]).arg(home.path()).arg("-c").arg(home.path().join("nginx.conf"));
        Self::start(command, port, home).await
    }

    /// Caddy with its very file.
    async fn caddy(kayan: SocketAddr, behind: SocketAddr) -> Self {
        let (home, port) = (TempDir::new().unwrap(), free_port());
        let mut command = Command::new(program("KAYAN_TEST_CADDY"));
        command.args(["run", "--adapter", "caddyfile", "--config", CADDY]);
        let sites = format!("http://{GRAFANA}:{port}, http://{VAULT}:{port}, http://wiki.example.com:{port}");
        command.env("DOMAIN", sites).env("AUTH", kayan.to_string()).env("UPSTREAM", behind.to_string());
        command.env("HOME", home.path()).env("XDG_DATA_HOME", home.path()).env("XDG_CONFIG_HOME", home.path());
        Self::start(command, port, home).await
    }

    /// A request to the service at this host.
    fn request(&self, method: Method, (host, path): (&str, &str)) -> reqwest::RequestBuilder {
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().redirect(reqwest::redirect::Policy::none());
        http.build().unwrap().request(method, format!("http://{}{path}", self.address)).header("Host", host)
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.request(Method::GET, (GRAFANA, path))
    }
}

/// Where `cargo xtask test` has found a program.
fn program(variable: &str) -> PathBuf {
    let given = env::var_os(variable).map(PathBuf::from);
    given.unwrap_or_else(|| panic!("{variable} is not set: run `cargo xtask test`, which unpacks the program"))
}

fn free_port() -> u16 {
    Port::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// The values of a header that the service got; `_` counts as `-`, as it does for many services.
fn received(answer: &Answer, name: &str) -> Vec<String> {
    let text = answer.text();
    let lines = text.lines().filter_map(|line| line.split_once(':'));
    let of = lines.filter(|(key, _)| key.to_ascii_lowercase().replace('_', "-") == name);
    of.map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
}

/// What holds behind every proxy.
async fn check(proxy: &Proxy, service: &Service, ada: &Person) {
    ask(proxy.get("/x")).await.refused(401, "unauthorized");
    // What the client asks the service for is no requirement.
    let answer = ask(for_a_page(proxy.get("/d/1?role=x&redirect=/y"))).await.expect(302);
    let location = answer.header("location");
    let back = "&return_to=http%3A%2F%2Fgrafana.example.com%2Fd%2F1%3Frole%3Dx%26redirect%3D%2Fy";
    assert_eq!(location, format!("https://www.example.com/login?theme=dark{back}"));

    // Its own cookies reach the service, and the session's does not; forged headers don't, and nor does a forged host.
    let cookies = format!("a=1; {}; b=2", cookie(ada));
    let forged = proxy.get("/d/1").header("Cookie", &cookies);
    let forged = ["Remote-User", "Remote-Email", "Remote-Groups", "Remote_User", "Remote_Groups", "remote-user"]
        .into_iter()
        .fold(forged, |request, name| request.header(name, "admin"));
    let forged = forged.header("X-Forwarded-Host", "wiki.example.com").header("X-Tenant-ID", "elsewhere");
    let answer = ask(forged.header("X-Session-Token", &ada.session_token)).await.expect(200);
    assert_eq!(received(&answer, "remote-user"), [&*ada.email], "{answer:?}");
    assert_eq!(received(&answer, "remote-email"), [&*ada.email], "{answer:?}");
    assert_eq!(received(&answer, "remote-groups"), ["lead,ops"], "{answer:?}");
    let sent = received(&answer, "cookie").concat();
    assert!(sent.contains("a=1") && sent.contains("b=2") && !answer.text().contains("kys_"), "{answer:?}");

    // A change is asked about as well, and its body gets through.
    let change = proxy.request(Method::POST, (GRAFANA, "/api")).header("Cookie", cookie(ada)).body("content");
    let answer = ask(change).await.expect(200);
    assert!(answer.text().starts_with("POST /api ") && received(&answer, "content-length") == ["7"], "{answer:?}");

    let bert = Person::register(&service.client(), "bert").await;
    let lacking = proxy.get("/x").header("Cookie", cookie(&bert)).header("Remote-Groups", "ops");
    ask(lacking).await.refused(403, "forbidden");

    ada.log_out().await.expect(204);
    ask(proxy.get("/d/1").header("Cookie", cookie(ada))).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn behind_nginx_a_service_gets_its_users_from_kayan_alone() {
    let (service, ada) = with_ada().await;
    let proxy = Proxy::nginx(service.address(), service_behind().await).await;
    let eve = Person::register(&service.client(), "eve").await;
    let elsewhere = proxy.request(Method::GET, ("wiki.example.com", "/x")).header("Cookie", cookie(&eve));
    // The rule is that of the service, whatever host the client names.
    ask(elsewhere).await.refused(403, "forbidden");
    check(&proxy, &service, &ada).await;
}

#[tokio::test]
async fn behind_caddy_a_service_gets_its_users_from_kayan_alone() {
    let (service, ada) = with_ada().await;
    let proxy = Proxy::caddy(service.address(), service_behind().await).await;
    let bert = Person::register(&service.client(), "rob").await;
    // Headers that Kayan has nothing for are not the client's either.
    let forged = proxy.request(Method::GET, ("wiki.example.com", "/x")).header("Cookie", cookie(&bert));
    let forged = forged.header("Remote-Groups", "admin").header("Remote-Email", "ada@example.com");
    let answer = ask(forged).await.expect(200);
    assert_eq!(received(&answer, "remote-user"), [&*bert.id], "{answer:?}");
    assert!(
        received(&answer, "remote-groups").is_empty() && received(&answer, "remote-email").is_empty(),
        "{answer:?}"
    );
    check(&proxy, &service, &ada).await;
}
