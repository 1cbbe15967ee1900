//! Writes mail to the log, in development.

use async_trait::async_trait;
use kayan_ports::{Mail, MailError, Mailer};

/// Stands in for a mail server during development: the text of each mail, with its link or code, is in the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogMailer;

#[async_trait]
impl Mailer for LogMailer {
    fn connections(&self) -> usize {
        1
    }

    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let Mail { to, rendered, .. } = mail;
        // The log escapes line breaks; between blanks, a terminal finds the link.
        let text = rendered.text.split_whitespace().collect::<Vec<_>>().join(" ");
        tracing::info!(target: "kayan::mail", %to, subject = %rendered.subject, "no mail server is set; a mail says: {text}");
        Ok(())
    }

    async fn check(&self) -> Result<(), MailError> {
        Ok(())
    }
}
