//! SMS: handed to a webhook of the operator, who sends them.

mod log;
mod signature;
mod webhook;

pub use kayan_outbound::{ClientError, Guard};
pub use log::SmsLog;
pub use signature::{WebhookSecret, WebhookSecretError};
pub use webhook::{PATIENCE, Webhook};
