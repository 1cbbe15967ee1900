//! Writes mail to the log, in development.

use async_trait::async_trait;
use kayan_ports::{Mail, MailError, Mailer};

/// Stands in for a mail server during development: the text of each mail, with its link or code, is in the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogMailer;

#[async_trait]
impl Mailer for LogMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let Mail { to, rendered, .. } = mail;
        tracing::info!(target: "kayan::mail", %to, subject = %rendered.subject, "no mail server is set; the mail says:\n{}", rendered.text);
        Ok(())
    }

    async fn check(&self) -> Result<(), MailError> {
        Ok(())
    }
}
