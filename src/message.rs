//! Messages to users: enqueued in the commit of their cause, and delivered afterwards.

pub(crate) mod content;
pub(crate) mod deliver;
pub(crate) mod enqueue;
pub(crate) mod manage;
mod prepare;

use std::sync::Arc;

use kayan_ports::{Mailer, Templates};

/// What messages are rendered and delivered by.
#[derive(Clone)]
pub struct Messaging {
    /// Delivers mail.
    pub mailer: Arc<dyn Mailer>,
    /// Renders messages.
    pub templates: Arc<dyn Templates>,
    /// The URL of the page that a link opens; `{flow}` in it is replaced by the flow's name.
    pub link_url: String,
    /// Whether users are told of changes to the security of their accounts.
    pub notices: bool,
}
