//! Outgoing mail: what renders messages, and what delivers them.

mod address;
mod connection;
mod dkim;
mod failure;
mod line;
mod log;
mod message;
mod smtp;
mod starttls;
mod templates;
mod url;

pub use address::{AddressError, Sender};
pub use connection::Limits;
pub use dkim::{Dkim, DkimError};
pub use log::LogMailer;
pub use smtp::{SetupError, SmtpMailer};
pub use templates::{MailTemplates, TemplateError};
pub use url::{SmtpUrl, SmtpUrlError};
