//! Writes a mail as it is sent (RFC 5322, RFC 2045).

use std::time::SystemTime;

use kayan_ports::{Mail, MailError, MailFailure};
use lettre::{
    Address, Message,
    address::Envelope,
    message::{
        Mailbox, MultiPart, MultiPartKind, SinglePart,
        header::{ContentType, HeaderName, HeaderValue, MessageId},
    },
};

use crate::address::{Sender, address};

/// A mail, ready to be sent.
pub(crate) struct Written {
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) bytes: Vec<u8>,
}

impl Written {
    /// Whether only a server with SMTPUTF8 (RFC 6531) can take it: the recipient has letters beyond ASCII before the `@`.
    pub(crate) fn is_international(&self) -> bool {
        !self.to.to_string().is_ascii()
    }
}

/// Writes a mail. The same mail is written with the same bytes each time, so that a second delivery can be recognised.
pub(crate) fn write(mail: &Mail, sender: &Sender) -> Result<Written, MailError> {
    let to = address(&mail.to)?;
    let from = sender.mailbox.email.clone();
    let rendered = &mail.rendered;
    let part = |kind, body: &str| SinglePart::builder().header(kind).body(body.to_owned());
    let parts = MultiPart::builder()
        .kind(MultiPartKind::Alternative)
        .boundary(format!("kayan-{}", mail.id.0))
        .singlepart(part(ContentType::TEXT_PLAIN, &rendered.text))
        .singlepart(part(ContentType::TEXT_HTML, &rendered.html));
    let envelope = Envelope::new(Some(from.clone()), vec![to.clone()]).map_err(|why| unwritten(&why))?;
    let message = Message::builder()
        .date(SystemTime::from(mail.created_at))
        .from(sender.mailbox.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(one_line(&rendered.subject))
        .header(MessageId::from(format!("<{}@{}>", mail.id.0, from.domain())))
        .raw_header(header("Auto-Submitted", "auto-generated"))
        .raw_header(header("Content-Language", &one_line(&rendered.language)))
        // the library would read it from the headers, and can't read all that it writes
        .envelope(envelope)
        .multipart(parts);
    let mut bytes = message.map_err(|why| unwritten(&why))?.formatted();
    if let Some(dkim) = &sender.dkim {
        let signature = dkim.signature(&String::from_utf8_lossy(&bytes), mail.created_at.unix_timestamp())?;
        bytes.splice(..0, signature.into_bytes());
    }
    Ok(Written { from, to, bytes })
}

/// Only a mail without a sender or a recipient is refused, and each has both.
fn unwritten(why: &lettre::error::Error) -> MailError {
    MailError { why: MailFailure::InvalidAddress, detail: format!("the mail can't be written: {why}") }
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// The text with a blank for each control character.
pub(crate) fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use kayan_ports::{MessageId, MessageKind, Rendered, TenantId};

    use super::*;

    fn mail(subject: &str) -> Mail {
        let text = "Grüße,\nhttps://id.example.com/flow/x?token=0123456789\n.\n".to_owned();
        let rendered =
            Rendered { subject: subject.to_owned(), html: format!("<p>{text}"), text, language: "de".to_owned() };
        let id = MessageId("0190b6a0-0000-7000-8000-000000000001".parse().unwrap());
        let created_at = kayan_ports::timestamp::parse("2026-01-02T03:04:05Z").unwrap();
        let (tenant, kind, to) = (TenantId::default(), MessageKind::Recovery, "ada@bücher.example".to_owned());
        Mail { id, tenant, kind, created_at, to, rendered }
    }

    fn written(subject: &str) -> String {
        let sender = "Größe & Co. <no-reply@bücher.example>".parse().unwrap();
        String::from_utf8(write(&mail(subject), &sender).unwrap().bytes).unwrap()
    }

    #[test]
    fn the_headers_say_who_when_and_that_no_person_wrote_it() {
        let text = written("Größe");
        for header in [
            "Date: Fri, 02 Jan 2026 03:04:05 +0000\r\n",
            "To: ada@xn--bcher-kva.example\r\n",
            "<no-reply@xn--bcher-kva.example>\r\n",
            "Message-ID: <0190b6a0-0000-7000-8000-000000000001@xn--bcher-kva.example>\r\n",
            "Subject: =?utf-8?b?R3LDtsOfZQ==?=\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "Content-Language: de\r\n",
            "MIME-Version: 1.0\r\n",
            "Content-Type: multipart/alternative;",
        ] {
            assert!(text.contains(header), "{header:?}: {text}");
        }
    }

    #[test]
    fn a_sender_may_have_any_name() {
        for name in ["Kayan", "Kayan, Inc.", "Größe: <&> @ Co.", "(Kayan)", "Kayan\\", "=?utf-8?q?x?=", "日本語", "a@b"]
        {
            let mut sender: Sender = "no-reply@example.com".parse().unwrap();
            sender.mailbox.name = Some(name.to_owned());
            let text =
                String::from_utf8(write(&mail("x"), &sender).unwrap_or_else(|why| panic!("{name}: {why}")).bytes);
            assert!(text.unwrap().contains("<no-reply@example.com>\r\n"), "{name}");
        }
    }

    #[test]
    fn a_mail_is_written_with_the_same_bytes_each_time() {
        assert_eq!(written("x"), written("x"));
    }

    #[test]
    fn a_mail_is_seven_bit_and_has_no_long_line() {
        let mut long = mail("x");
        long.rendered.text = "ä".repeat(2_000);
        long.rendered.html = "x".repeat(2_000);
        let bytes = write(&long, &"a@example.com".parse().unwrap()).unwrap().bytes;
        assert!(bytes.is_ascii());
        assert!(bytes.split(|b| *b == b'\n').all(|line| line.len() <= 998));
        assert!(written("ä").is_ascii());
    }

    #[test]
    fn no_value_can_begin_a_header_or_end_them() {
        for subject in
            ["Hi\r\nBcc: eve@example.com", "Hi\nBcc: eve@example.com", "Hi\r\n\r\n<b>", "ä\r\nBcc: eve@example.com"]
        {
            let text = written(subject);
            let (headers, _) = text.split_once("\r\n\r\n").unwrap();
            let fields: Vec<&str> = headers.split("\r\n").filter(|line| !line.starts_with(' ')).collect();
            assert!(fields.iter().all(|line| !line.to_lowercase().starts_with("bcc")), "{headers}");
            assert_eq!(fields.iter().filter(|line| line.starts_with("Subject: ")).count(), 1, "{headers}");
            assert!(headers.contains("Content-Type: multipart/alternative"), "{headers}");
        }
    }
}
