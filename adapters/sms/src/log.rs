//! Writes SMS to the log, in development.

use async_trait::async_trait;
use kayan_ports::{Mail, MailError, Mailer};

/// Stands in for a webhook during development: the text of each SMS, with its code, is in the log.
#[derive(Debug, Clone, Copy, Default)]
pub struct SmsLog;

#[async_trait]
impl Mailer for SmsLog {
    fn connections(&self) -> usize {
        1
    }

    async fn send(&self, sms: &Mail) -> Result<(), MailError> {
        let Mail { to, rendered, .. } = sms;
        let text = rendered.text.split_whitespace().collect::<Vec<_>>().join(" ");
        tracing::info!(target: "kayan::sms", %to, "no SMS webhook is set; an SMS says: {text}");
        Ok(())
    }

    async fn check(&self) -> Result<(), MailError> {
        Ok(())
    }
}
