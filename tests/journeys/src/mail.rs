//! A mail server for one test, and what is sent to it.

use std::{path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};

const PATIENCE: Duration = Duration::from_secs(45);

/// `tests/mail/server.py`, which says what it does for which recipient; stopped when dropped.
#[derive(Debug)]
pub struct MailServer {
    /// It ends when its standard input, which is in it, is closed.
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    port: u16,
}

/// A mail, as it arrived.
#[derive(Debug, Clone)]
pub struct Arrived(
    /// What the server tells of it.
    pub Value,
);

impl MailServer {
    /// Starts one that takes mail in cleartext.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with these arguments.
    pub async fn start_with(arguments: &[&str]) -> Self {
        let python = std::env::var_os("KAYAN_TEST_MAIL_PYTHON");
        let python = python.expect("KAYAN_TEST_MAIL_PYTHON is not set: run `cargo xtask test`, which sets it");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mail/server.py");
        let mut command = Command::new(python);
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().expect("Python can be run");
        let lines = BufReader::new(process.stdout.take().expect("its standard output")).lines();
        let mut server = Self { _process: process, lines, port: 0 };
        let port = server.event("listening").await["port"].as_u64();
        server.port = port.and_then(|port| port.try_into().ok()).expect("a port");
        server
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("smtp://127.0.0.1:{}?tls=none", self.port)
    }

    /// The next event of this name; others before it are skipped.
    pub async fn event(&mut self, name: &str) -> Value {
        let found = async {
            loop {
                let line = self.lines.next_line().await.expect("its output").expect("it runs");
                let event: Value = serde_json::from_str(&line).expect("JSON");
                if event["event"] == name {
                    return event;
                }
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("waited for {name}, in vain"))
    }

    /// The next mail.
    pub async fn mail(&mut self) -> Arrived {
        Arrived(self.event("mail").await)
    }
}

impl Arrived {
    /// The recipient.
    pub fn to(&self) -> &str {
        self.0["recipients"][0].as_str().unwrap_or_default()
    }

    /// A header, by its name in lower case.
    pub fn header(&self, name: &str) -> &str {
        self.0["headers"][name].as_str().unwrap_or_default()
    }

    /// The plain text.
    pub fn text(&self) -> &str {
        self.0["text"].as_str().unwrap_or_default()
    }

    /// The link in the text.
    pub fn link(&self) -> &str {
        let mut words = self.text().split_whitespace();
        words.find(|word| word.contains("#token=")).unwrap_or_else(|| panic!("no link: {}", self.text()))
    }

    /// The token of the link in the text.
    pub fn token(&self) -> &str {
        self.link().split_once("#token=").map_or("", |(_, token)| token)
    }
}
