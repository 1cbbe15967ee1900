//! Hands SMS to a webhook, signed as Standard Webhooks specifies.

use std::{error::Error, sync::Arc, time::Duration};

use async_trait::async_trait;
use kayan_outbound::{ClientError, Guard, causes, client, is_of_tls};
use kayan_ports::{Clock, Mail, MailError, MailFailure, Mailer, timestamp};
use reqwest::{Client, StatusCode, header::CONTENT_TYPE};
use serde::Serialize;
use url::Url;

use crate::signature::WebhookSecret;

/// How long a call may take, from the look-up of the name to the response.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// How many calls there are at a time.
const CONNECTIONS: usize = 4;
const CALLS: &str = "kayan_sms_total";

/// The body of a call.
#[derive(Serialize)]
struct Event<'m> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'m>,
}

#[derive(Serialize)]
struct Data<'m> {
    to: &'m str,
    text: &'m str,
    language: &'m str,
    tenant: &'m str,
    kind: &'static str,
}

/// A webhook that sends SMS. Follows no redirects, and reads nothing of a response but its status.
pub struct Webhook {
    client: Client,
    guard: Guard,
    url: Url,
    secrets: Vec<WebhookSecret>,
    clock: Arc<dyn Clock>,
}

impl Webhook {
    /// The webhook at `url`. Each call is signed with every secret, the current one first, and takes `patience` at most. The
    /// guard decides which addresses are connected to.
    ///
    /// # Errors
    /// What can't be set up.
    pub fn new(
        url: Url,
        secrets: Vec<WebhookSecret>,
        guard: Guard,
        patience: Duration,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        for status in ["delivered", "failed"] {
            metrics::counter!(CALLS, "status" => status).increment(0);
        }
        Ok(Self { client: client(&url, patience, Some(&guard))?, guard, url, secrets, clock })
    }

    async fn call(&self, sms: &Mail) -> Result<(), MailError> {
        self.guard.check_literal(&self.url).map_err(|refused| unreachable(&refused))?;
        let data = Data {
            to: &sms.to,
            text: &sms.rendered.text,
            language: &sms.rendered.language,
            tenant: sms.tenant.as_str(),
            kind: sms.kind.as_str(),
        };
        let event = Event { r#type: "message.sms", timestamp: timestamp::text(sms.created_at), data };
        let body = serde_json::to_vec(&event)
            .map_err(|why| error(MailFailure::Rejected, format!("it can't be written as JSON: {why}")))?;
        let (id, at) = (sms.id.to_string(), self.clock.now().unix_timestamp());
        let signatures: Vec<_> = self.secrets.iter().map(|secret| secret.sign(&id, at, &body)).collect();
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signatures.join(" "))
            .body(body);
        let response = request.send().await.map_err(failure)?;
        accepted(response.status())
    }
}

#[async_trait]
impl Mailer for Webhook {
    fn connections(&self) -> usize {
        CONNECTIONS
    }

    async fn send(&self, sms: &Mail) -> Result<(), MailError> {
        let called = self.call(sms).await;
        let status = if called.is_ok() { "delivered" } else { "failed" };
        metrics::counter!(CALLS, "status" => status).increment(1);
        called
    }

    async fn check(&self) -> Result<(), MailError> {
        match tokio::time::timeout(PATIENCE, self.guard.check(&self.url)).await {
            Ok(checked) => checked.map_err(|why| unreachable(&*why)),
            Err(_) => Err(error(MailFailure::TimedOut, "its name is not resolved in time".to_owned())),
        }
    }
}

fn error(why: MailFailure, detail: String) -> MailError {
    MailError { why, detail }
}

fn unreachable(why: &(dyn Error + 'static)) -> MailError {
    error(MailFailure::Unreachable, causes(why))
}

/// Why there was no response.
fn failure(failed: reqwest::Error) -> MailError {
    // The URL may hold a secret.
    let failed = failed.without_url();
    let why = if failed.is_timeout() {
        MailFailure::TimedOut
    } else if is_of_tls(&failed) {
        MailFailure::Tls
    } else {
        MailFailure::Unreachable
    };
    error(why, causes(&failed))
}

/// What a status means: whether the SMS was accepted, and if not, whether to try again.
fn accepted(status: StatusCode) -> Result<(), MailError> {
    let why = match status.as_u16() {
        200..300 => return Ok(()),
        401 | 403 => MailFailure::Authentication,
        408 | 425 | 429 | 500.. => MailFailure::Deferred,
        // A redirect, too: whatever is elsewhere, the operator did not name it.
        _ => MailFailure::Rejected,
    };
    Err(error(why, format!("the webhook answered with status {}", status.as_u16())))
}
