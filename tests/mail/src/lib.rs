//! A mail server for one test: `server.py`, in a process of its own.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::missing_panics_doc,
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

/// A mail server; stopped when dropped.
pub struct MailServer {
    /// Its standard input, which ends it when it is closed, is in it.
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

impl MailServer {
    /// Starts one with these arguments, which `server.py` explains.
    pub async fn start(arguments: &[&str]) -> Self {
        let python = std::env::var_os("KAYAN_TEST_MAIL_PYTHON");
        let python = python.expect("KAYAN_TEST_MAIL_PYTHON is not set: run `cargo xtask test`, which sets it");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("server.py");
        let mut command = Command::new(python);
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("Python starts");
        let lines = BufReader::new(process.stdout.take().expect("its standard output")).lines();
        let mut server = Self { _process: process, lines, port: 0 };
        let port = server.event("listening").await["port"].as_u64();
        server.port = port.and_then(|port| u16::try_from(port).ok()).expect("a port");
        server
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The next event of this name; others before it are skipped.
    ///
    /// Panics if it does not come within [`PATIENCE`].
    pub async fn event(&mut self, name: &str) -> Value {
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
