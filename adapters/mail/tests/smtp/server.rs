//! Mailers for a mail server, and what is sent to it.

use std::time::Duration;

use kayan_mail::{Limits, SmtpMailer};
pub(crate) use kayan_mail_server::MailServer;
use kayan_mail_server::PATIENCE;
use kayan_ports::{Mail, MessageId, MessageKind, Rendered, TenantId, timestamp};

/// How soon the tests of time limits want an answer.
pub(crate) const SHORT: Duration = Duration::from_millis(300);

/// A mailer that sends to a server in cleartext.
pub(crate) fn mailer_of(server: &MailServer) -> SmtpMailer {
    mailer(&format!("smtp://127.0.0.1:{}?tls=none", server.port()), patient())
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
    Mail { id, tenant: TenantId::default(), kind: MessageKind::Recovery, created_at, to: to.to_owned(), rendered }
}
