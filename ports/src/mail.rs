//! What renders a message, and what delivers it: by mail, or by SMS.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Failure, Identifier, MessageId, MessageKind, TenantId, Timestamp};

/// How a message is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// By mail.
    Mail,
    /// By SMS.
    Sms,
}

impl Channel {
    /// How messages to an address of this form are delivered: by SMS to a phone number, else by mail.
    pub fn to(address: &Identifier) -> Self {
        if address.is_phone() { Self::Sms } else { Self::Mail }
    }

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Sms => "sms",
        }
    }
}

/// The text of a message.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// The subject: one line. Empty in an SMS.
    pub subject: String,
    /// The plain text.
    pub text: String,
    /// The HTML document. Empty in an SMS.
    pub html: String,
    /// The language that it is in, such as `de`.
    pub language: String,
}

/// Renders messages.
///
/// An implementation must
/// - render every kind of mail in English at least;
/// - check all templates when it is made, so that rendering fails only through a bug;
/// - escape values in HTML, and keep line breaks out of the subject.
pub trait Templates: Send + Sync {
    /// Renders a message of a tenant in the first of the languages that there is a template in, else in English. A language
    /// is a tag such as `de-AT` (RFC 5646); a template in `de` serves it, too. There are SMS of `Verification`, `LoginCode`,
    /// `MfaCode` and `Test` only.
    fn render(
        &self,
        tenant: &TenantId,
        kind: MessageKind,
        channel: Channel,
        languages: &[&str],
        values: &Map<String, Value>,
    ) -> Result<Rendered, Failure>;
}

/// A mail, or an SMS, to one recipient.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The message's id, from which the Message-ID is made (RFC 5322, section 3.6.4): the same for each attempt.
    pub id: MessageId,
    /// The tenant that it is sent for.
    pub tenant: TenantId,
    /// What it says.
    pub kind: MessageKind,
    /// When the message came to be, for the Date header.
    pub created_at: Timestamp,
    /// The recipient's e-mail address, or phone number in the form of E.164.
    pub to: String,
    /// Its text.
    pub rendered: Rendered,
}

/// Why a mail was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailFailure {
    /// The server can't be reached, or said that it closes (421).
    Unreachable,
    /// The server did not answer in time. Whether it has accepted the mail may be unknown.
    TimedOut,
    /// TLS failed, or the server does not offer it.
    Tls,
    /// The server refused the user name or the password.
    Authentication,
    /// The server refused it for now (4xx).
    Deferred,
    /// The server refused it for good (5xx).
    Rejected,
    /// The recipient's address can't be written in a mail.
    InvalidAddress,
}

impl MailFailure {
    /// Every reason.
    pub const ALL: [Self; 7] = [
        Self::Unreachable,
        Self::TimedOut,
        Self::Tls,
        Self::Authentication,
        Self::Deferred,
        Self::Rejected,
        Self::InvalidAddress,
    ];

    /// The name in metrics and errors.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::TimedOut => "timed_out",
            Self::Tls => "tls",
            Self::Authentication => "authentication",
            Self::Deferred => "deferred",
            Self::Rejected => "rejected",
            Self::InvalidAddress => "invalid_address",
        }
    }

    /// Whether trying again can't help.
    pub fn is_permanent(self) -> bool {
        matches!(self, Self::Rejected | Self::InvalidAddress)
    }
}

/// A mail that was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", why.as_str())]
pub struct MailError {
    /// Why.
    pub why: MailFailure,
    /// What the server said, for the operator, on one line, without the mail's text and without secrets.
    pub detail: String,
}

/// Delivers mail, or SMS.
///
/// An implementation must
/// - return `Ok` only when the server has accepted the mail;
/// - answer an error within a minute rather than hang;
/// - neither log nor return the text of a mail, except where it stands in for a server during development.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// How many mails it delivers at once, at least 1.
    fn connections(&self) -> usize;

    /// Delivers a mail. Calls may run in parallel.
    async fn send(&self, mail: &Mail) -> Result<(), MailError>;

    /// Whether mail could be sent now, as far as that can be found out without sending any.
    async fn check(&self) -> Result<(), MailError>;
}
