//! What an answer of the server, or the lack of one, means for a mail.

use std::{error::Error as _, io};

use kayan_ports::{MailError, MailFailure};
use lettre::transport::smtp::{self, response::Response};

use crate::message::one_line;

/// The most bytes of a detail.
const LONGEST: usize = 300;

/// How far the conversation with the server has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// The greeting, EHLO and STARTTLS.
    Greeting,
    /// AUTH.
    Login,
    /// MAIL FROM.
    Sender,
    /// RCPT TO.
    Recipient,
    /// DATA, and the mail itself.
    Content,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Self::Greeting => "the greeting",
            Self::Login => "AUTH",
            Self::Sender => "MAIL FROM",
            Self::Recipient => "RCPT TO",
            Self::Content => "DATA",
        }
    }
}

/// An error with its detail on one line.
pub(crate) fn error(why: MailFailure, detail: &str) -> MailError {
    let mut detail = one_line(detail);
    let end = (0..=LONGEST).rev().find(|end| detail.is_char_boundary(*end)).unwrap_or_default();
    detail.truncate(end);
    MailError { why, detail }
}

/// Nothing was answered in time.
pub(crate) fn timed_out(stage: Stage, seconds: u64) -> MailError {
    error(MailFailure::TimedOut, &format!("{}: no answer within {seconds} s", stage.as_str()))
}

/// The server answered something that can't be an answer to that.
pub(crate) fn out_of_place(stage: Stage, response: &Response) -> MailError {
    let said = response.first_line().unwrap_or_default();
    error(MailFailure::Unreachable, &format!("{}: an answer out of place: {} {said}", stage.as_str(), response.code()))
}

/// The server refused, or the connection broke.
pub(crate) fn failed(stage: Stage, failure: &smtp::Error) -> MailError {
    let said = failure.source().map(ToString::to_string).unwrap_or_default();
    match failure.status().map(u16::from) {
        Some(code) => refused(stage, code, &said),
        None if caused_by_tls(failure) => error(MailFailure::Tls, &format!("{}: {said}", stage.as_str())),
        None if failure.is_client() && stage == Stage::Login => {
            error(MailFailure::Authentication, "AUTH: the server offers neither PLAIN nor LOGIN")
        }
        None => error(MailFailure::Unreachable, &format!("{}: {said}", stage.as_str())),
    }
}

/// The server refused with this code. Only a refusal of the recipient or of the mail itself is one for good: what else it
/// refuses is a matter of the settings, and the mail can be delivered once they are right.
pub(crate) fn refused(stage: Stage, code: u16, said: &str) -> MailError {
    let why = match (code, stage) {
        (530 | 534 | 535 | 538, _) | (500.., Stage::Login) => MailFailure::Authentication,
        (500.., Stage::Recipient | Stage::Content) => MailFailure::Rejected,
        (421, _) | (500.., Stage::Greeting) => MailFailure::Unreachable,
        _ => MailFailure::Deferred,
    };
    error(why, &format!("{}: {code} {said}", stage.as_str()))
}

/// Whether the error comes from TLS: it is wrapped by one of the network.
fn caused_by_tls(failure: &smtp::Error) -> bool {
    let mut source = failure.source();
    while let Some(cause) = source {
        if cause.downcast_ref::<io::Error>().is_some_and(is_of_tls) {
            return true;
        }
        source = cause.source();
    }
    false
}

/// Whether an error of the network comes from TLS.
pub(crate) fn is_of_tls(why: &io::Error) -> bool {
    why.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_of_the_recipient_or_of_the_mail_is_for_good() {
        use MailFailure::{Authentication, Deferred, Rejected, Unreachable};
        for (stage, code, why) in [
            (Stage::Greeting, 554, Unreachable),
            (Stage::Greeting, 421, Unreachable),
            (Stage::Greeting, 450, Deferred),
            (Stage::Login, 535, Authentication),
            (Stage::Login, 501, Authentication),
            (Stage::Login, 454, Deferred),
            (Stage::Login, 421, Unreachable),
            (Stage::Sender, 530, Authentication),
            (Stage::Sender, 553, Deferred),
            (Stage::Sender, 451, Deferred),
            (Stage::Recipient, 451, Deferred),
            (Stage::Recipient, 550, Rejected),
            (Stage::Recipient, 530, Authentication),
            (Stage::Recipient, 421, Unreachable),
            (Stage::Content, 452, Deferred),
            (Stage::Content, 554, Rejected),
            (Stage::Content, 421, Unreachable),
        ] {
            let found = refused(stage, code, "no").why;
            assert_eq!(found, why, "{stage:?} {code}");
            assert_eq!(found.is_permanent(), why == Rejected);
        }
    }

    #[test]
    fn a_detail_is_one_short_line() {
        let detail = refused(Stage::Recipient, 550, &format!("5.1.1\r\nno\tsuch {}", "ü".repeat(500))).detail;
        assert!(detail.starts_with("RCPT TO: 550 5.1.1  no such ü"), "{detail}");
        assert!((LONGEST - 1..=LONGEST).contains(&detail.len()), "{}", detail.len());
        assert!(!detail.contains(char::is_control));
    }
}
