//! A mail server for one test, and what is sent to it.

use std::{path::Path, process::Stdio, time::Duration};

use kayan_mail::{Limits, SmtpMailer};
use kayan_ports::{Mail, MessageId, Rendered, timestamp};
use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// Longer than any step takes on a busy machine, and the time in which a test must see what it waits for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// How soon the tests of time limits want an answer.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// `tests/mail/server.py`; stopped when dropped.
pub(crate) struct Server {
    /// Its standard input, which ends it when it is closed, is in it.
    _process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pub(crate) port: u16,
}

impl Server {
    /// Starts one with these arguments.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let python = std::env::var_os("KAYAN_TEST_MAIL_PYTHON");
        let python = python.expect("KAYAN_TEST_MAIL_PYTHON is not set: run `cargo xtask test`, which sets it");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mail/server.py");
        let mut command = Command::new(python);
        command.arg(script).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let mut server = Self { _process: process, lines, port: 0 };
        server.port = server.event("listening").await["port"].as_u64().unwrap().try_into().unwrap();
        server
    }

    /// The next event of this name; others before it are skipped.
    pub(crate) async fn event(&mut self, name: &str) -> Value {
        let found = async {
            loop {
                let line = self.lines.next_line().await.unwrap().expect("the server runs");
                let event: Value = serde_json::from_str(&line).unwrap();
                if event["event"] == name {
                    return event;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("waited for {name}, in vain"))
    }

    /// A mailer that sends to it in cleartext.
    pub(crate) fn mailer(&self) -> SmtpMailer {
        mailer(&format!("smtp://127.0.0.1:{}?tls=none", self.port), patient())
    }
}

/// The mailer of a URL.
pub(crate) fn mailer(url: &str, limits: Limits) -> SmtpMailer {
    let sender = "Größe & Co. <no-reply@bücher.example>".parse().unwrap();
    SmtpMailer::new(url.parse().unwrap(), sender, limits).unwrap_or_else(|why| panic!("{url}: {why}"))
}

/// Limits that no test reaches, in the place of those that are for the network.
pub(crate) fn patient() -> Limits {
    Limits {
        connect: PATIENCE,
        greeting: PATIENCE,
        command: PATIENCE,
        content: PATIENCE,
        whole: PATIENCE,
        idle: PATIENCE,
    }
}

/// A mail to this address.
pub(crate) fn mail(to: &str) -> Mail {
    let rendered = Rendered {
        subject: "Grüße".to_owned(),
        text: "Grüße,\n.\nhttps://id.example.com/flow/recovery#token=0123456789\n".to_owned(),
        html: "<p>Grüße</p>\n.\n".to_owned(),
        language: "de".to_owned(),
    };
    let id = MessageId("0190b6a0-0000-7000-8000-000000000001".parse().unwrap());
    let created_at = timestamp::parse("2026-01-02T03:04:05Z").unwrap();
    Mail { id, created_at, to: to.to_owned(), rendered }
}
