//! A mail server that keeps what it gets, and templates that show their values.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use kayan_ports::{Channel, Failure, Mail, MailError, MailFailure, Mailer, MessageKind, Rendered, Templates, TenantId};
use parking_lot::Mutex;
use serde_json::{Map, Value};

/// A mail server that keeps the mails it accepts.
#[derive(Default)]
pub struct MailBox {
    accepted: Mutex<Vec<Mail>>,
    refusing: Mutex<Option<MailFailure>>,
    sent: AtomicUsize,
}

impl MailBox {
    /// Refuses every mail from now on, or accepts them again.
    pub fn refuse(&self, why: Option<MailFailure>) {
        *self.refusing.lock() = why;
    }

    /// The mails that were accepted, the oldest first.
    pub fn mails(&self) -> Vec<Mail> {
        self.accepted.lock().clone()
    }

    /// How many mails were sent to it, accepted or not.
    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::Relaxed)
    }

    /// The value of this name in the last mail, as [`ShownValues`] writes it.
    pub fn last(&self, name: &str) -> Option<String> {
        let mails = self.accepted.lock();
        let text = &mails.last()?.rendered.text;
        text.lines().find_map(|line| line.strip_prefix(&format!("{name}: "))).map(str::to_owned)
    }
}

#[async_trait]
impl Mailer for MailBox {
    fn connections(&self) -> usize {
        4
    }

    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        if let Some(why) = *self.refusing.lock() {
            return Err(MailError { why, detail: "the test says so".to_owned() });
        }
        self.accepted.lock().push(mail.clone());
        Ok(())
    }

    async fn check(&self) -> Result<(), MailError> {
        Ok(())
    }
}

/// Templates that write each value on a line of its own, in German or English.
pub struct ShownValues;

impl Templates for ShownValues {
    fn render(
        &self,
        _: &TenantId,
        kind: MessageKind,
        channel: Channel,
        languages: &[&str],
        values: &Map<String, Value>,
    ) -> Result<Rendered, Failure> {
        let known = languages.iter().find_map(|tag| ["de", "en"].into_iter().find(|known| tag.starts_with(known)));
        let line = |(name, value): (&String, &Value)| match value {
            Value::String(text) => format!("{name}: {text}\n"),
            other => format!("{name}: {other}\n"),
        };
        let text: String = values.iter().map(line).collect();
        let (subject, html) = match channel {
            Channel::Mail => (kind.as_str().to_owned(), format!("<pre>{text}</pre>")),
            Channel::Sms => (String::new(), String::new()),
        };
        Ok(Rendered { subject, text, html, language: known.unwrap_or("en").to_owned() })
    }
}
