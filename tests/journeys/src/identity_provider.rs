//! Identity providers for one test: the scripts in `tests/oidc`, and a browser that is sent from one place to the other.

use std::{path::Path, process::Stdio, time::Duration};

use reqwest::{RequestBuilder, redirect::Policy};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::{Answer, ask};

const PATIENCE: Duration = Duration::from_secs(45);
/// Tells where the modules of Node.js are.
const MODULES: &str = "KAYAN_TEST_OIDC";

/// A script in Node.js; stopped when dropped.
#[derive(Debug)]
struct Script {
    /// Its standard input, which ends it when it is closed, is in it.
    _process: Child,
    port: u16,
}

impl Script {
    async fn start(name: &str, arguments: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../oidc").join(name);
        let mut command = Command::new("node");
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.kill_on_drop(true).spawn().expect("Node.js starts");
        let mut lines = BufReader::new(process.stdout.take().expect("its standard output")).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.expect("it starts in time").expect("a line");
        let listening: Value = serde_json::from_str(&line.unwrap_or_default()).expect("JSON");
        let port = listening["port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
        Self { _process: process, port }
    }
}

/// The id and the secret of the service at these providers.
pub const CLIENT: (&str, &str) = ("kayan", "0123456789abcdef0123456789abcdef");

/// A real provider; stopped when dropped.
#[derive(Debug)]
pub struct IdentityProvider(Script);

impl IdentityProvider {
    /// Starts one that sends browsers back to this URI. `options` are those of `provider.mjs`.
    pub async fn start(redirect_uri: &str, options: &[&str]) -> Self {
        let modules = std::env::var_os(MODULES).and_then(|modules| modules.into_string().ok());
        let modules = modules.expect("KAYAN_TEST_OIDC is not set: run `cargo xtask test`, which sets it");
        let (id, secret) = CLIENT;
        let client = json!({ "client_id": id, "client_secret": secret, "redirect_uris": [redirect_uri] }).to_string();
        Self(Script::start("provider.mjs", &[&[&*modules, &*client], options].concat()).await)
    }

    /// Its issuer.
    pub fn issuer(&self) -> String {
        format!("http://localhost:{}", self.0.port)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// Gives it new keys.
    pub async fn rotate(&self) {
        ask(Browser::new().http.post(format!("{}/rotate", self.issuer()))).await.expect(200);
    }
}

/// A provider that does what it is told; stopped when dropped.
#[derive(Debug)]
pub struct HostileProvider(Script);

impl HostileProvider {
    /// Starts one.
    pub async fn start() -> Self {
        Self(Script::start("hostile.mjs", &[]).await)
    }

    /// Its issuer.
    pub fn issuer(&self) -> String {
        format!("http://127.0.0.1:{}", self.0.port)
    }

    /// Says what its next answers are like, as `hostile.mjs` explains.
    pub async fn next(&self, next: &Value) {
        ask(Browser::new().http.post(format!("{}/next", self.issuer())).json(next)).await.expect(200);
    }

    /// How often a path of it was called.
    pub async fn calls(&self, path: &str) -> u64 {
        let calls = ask(Browser::new().http.get(format!("{}/calls", self.issuer()))).await.expect(200).json();
        calls[path].as_u64().unwrap_or_default()
    }
}

/// A browser, which keeps cookies and follows redirects one by one.
#[derive(Debug, Clone)]
pub struct Browser {
    http: reqwest::Client,
}

impl Default for Browser {
    fn default() -> Self {
        Self::new()
    }
}

impl Browser {
    /// A new one, without cookies.
    pub fn new() -> Self {
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().redirect(Policy::none());
        Self { http: http.cookie_store(true).timeout(PATIENCE).build().expect("a client") }
    }

    /// A request for a page, not yet sent.
    pub fn open(&self, url: &str) -> RequestBuilder {
        self.http.get(url)
    }

    /// Where a page redirects to.
    pub async fn redirected(&self, url: &str) -> String {
        location(&ask(self.open(url)).await.expect(302))
    }

    /// Logs in at a provider as this account, from where the service has sent the browser; returns the callback that the provider
    /// redirects to. Null cancels the login.
    pub async fn log_in_at(&self, url: &str, account: &Value) -> String {
        let mut url = url.to_owned();
        for _ in 0..5 {
            let page = ask(self.open(&url).header("x-account", account.to_string())).await;
            // A provider may redirect to a path of its own.
            let here = reqwest::Url::parse(&url).expect("a URL");
            url = here.join(&location(&page)).expect("a URL").into();
            if url.contains("/api/v1/oidc/") {
                return url;
            }
        }
        panic!("the provider does not send the browser back: {url}")
    }
}

/// Where a response redirects to.
#[track_caller]
fn location(page: &Answer) -> String {
    assert!(matches!(page.status, 302 | 303), "{page:?}");
    page.header("location").to_owned()
}
