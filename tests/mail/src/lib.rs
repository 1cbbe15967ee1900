//! A mail server and a webhook for one test: `server.py` and `webhook.py`, each in a process of its own.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what can't be set up fails the test that wanted it"
)]

use std::{path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// Longer than any step takes on a busy machine, and the time in which a test must see what it waits for.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A script in Python; stopped when dropped.
struct Script {
    /// Its standard input, which ends it when it is closed, is in it.
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl Script {
    async fn start(name: &str, arguments: &[&str]) -> Self {
        let python = std::env::var_os("KAYAN_TEST_MAIL_PYTHON");
        let python = python.expect("KAYAN_TEST_MAIL_PYTHON is not set: run `cargo xtask test`, which sets it");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let mut command = Command::new(python);
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("Python starts");
        let lines = BufReader::new(process.stdout.take().expect("its standard output")).lines();
        let mut script = Self { _process: process, lines, port: 0 };
        let port = script.event("listening").await["port"].as_u64();
        script.port = port.and_then(|port| u16::try_from(port).ok()).expect("a port");
        script
    }

    async fn event(&mut self, name: &str) -> Value {
        let found = async {
            loop {
                let line = self.lines.next_line().await.expect("a line").expect("the server runs");
                let event: Value = serde_json::from_str(&line).expect("JSON");
                if event["event"] == name {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("waited for {name}, in vain"))
    }
}

/// The secrets of the webhook: it tells by which of them a call is verified.
pub const SECRETS: [&str; 2] =
    ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FtZXRoaW5nIHRoYXQgaXMgbG9uZyBlbm91Z2g="];

/// A webhook for SMS; stopped when dropped.
pub struct SmsWebhook(Script);

impl SmsWebhook {
    /// Starts one.
    pub async fn start() -> Self {
        let [first, second] = SECRETS;
        Self(Script::start("webhook.py", &["--secret", first, "--secret", second]).await)
    }

    /// Its URL; `webhook.py` explains the paths.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.0.port)
    }

    /// The next call.
    ///
    /// Panics if it does not come within [`PATIENCE`].
    pub async fn call(&mut self) -> Value {
        self.0.event("call").await
    }

    /// The code at the beginning of the next SMS to this number; others before it are skipped.
    pub async fn code_to(&mut self, number: &str) -> String {
        loop {
            let data = self.call().await["body"]["data"].take();
            if data["to"] == number {
                return data["text"].as_str().unwrap_or_default().chars().take(6).collect();
            }
        }
    }
}

/// A mail server; stopped when dropped.
pub struct MailServer(Script);

impl MailServer {
    /// Starts one with these arguments, which `server.py` explains.
    pub async fn start(arguments: &[&str]) -> Self {
        Self(Script::start("server.py", arguments).await)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.0.port
    }

    /// The next event of this name; others before it are skipped.
    ///
    /// Panics if it does not come within [`PATIENCE`].
    pub async fn event(&mut self, name: &str) -> Value {
        self.0.event(name).await
    }

    /// The text of the next mail to this address; others before it are skipped.
    pub async fn mail_to(&mut self, address: &str) -> String {
        loop {
            let mail = self.event("mail").await;
            if mail["recipients"][0] == address {
                return mail["text"].as_str().unwrap_or_default().replace("\r\n", "\n");
            }
        }
    }

    /// The link of this flow in the next mail to this address that has one.
    pub async fn link_to(&mut self, address: &str, flow: &str) -> String {
        loop {
            let text = self.mail_to(address).await;
            let is_link = |word: &&str| word.contains(&format!("/flow/{flow}#token="));
            if let Some(link) = text.split_whitespace().find(is_link) {
                return link.to_owned();
            }
        }
    }

    /// The next mail to this address with this in its text, and what follows there to the end of the line or word.
    pub async fn after(&mut self, address: &str, mark: &str) -> String {
        loop {
            let text = self.mail_to(address).await;
            if let Some((_, rest)) = text.split_once(mark) {
                return rest.split_whitespace().next().unwrap_or_default().to_owned();
            }
        }
    }
}
