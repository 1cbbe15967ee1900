//! Messages to users: enqueued in the commit of their cause, and delivered afterwards.

pub(crate) mod content;
pub(crate) mod deliver;
pub(crate) mod enqueue;
pub(crate) mod manage;
mod prepare;

use std::sync::Arc;

use kayan_ports::{Channel, Mailer, Templates, TenantId};

/// What messages are rendered and delivered by.
#[derive(Clone)]
pub struct Messaging {
    /// Delivers mail; `None`: there is none.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// Delivers SMS; `None`: there are none.
    pub sms: Option<Arc<dyn Mailer>>,
    /// Renders messages.
    pub templates: Arc<dyn Templates>,
    /// The URL of the page that a link opens; `{flow}` in it is replaced by the flow's name.
    pub link_url: String,
    /// The host of the pages that a code from an SMS is entered on: browsers offer it there alone (origin-bound one-time
    /// codes).
    pub code_host: Option<String>,
    /// Whether users are told of changes to the security of their accounts.
    pub notices: bool,
}

impl Messaging {
    /// What delivers messages in this way; `None`: nothing does.
    pub(crate) fn deliverer(&self, channel: Channel) -> Option<&Arc<dyn Mailer>> {
        match channel {
            Channel::Mail => self.mailer.as_ref(),
            Channel::Sms => self.sms.as_ref(),
        }
    }

    /// The link of a flow. It carries its token in the fragment, which no server sees.
    pub(crate) fn link(&self, flow: &str, token: &str, tenant: &TenantId) -> String {
        let url = self.link_url.replace("{flow}", flow);
        let tenant = if *tenant == TenantId::default() { String::new() } else { format!("&tenant={tenant}") };
        format!("{url}#token={token}{tenant}")
    }
}
