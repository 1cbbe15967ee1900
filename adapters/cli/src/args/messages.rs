//! The command line of `kayan admin message`.

use clap::Subcommand;
use kayan_ports::{MessageKind, MessageState, TenantId};
use uuid::Uuid;

use super::Output;

#[derive(Subcommand)]
pub(crate) enum MessageAction {
    /// List messages, newest first, without what they say
    List {
        /// Only messages in this state: due, leased, delivered or dead
        #[arg(long, value_name = "STATE", value_parser = state)]
        state: Option<MessageState>,
        /// Only in this tenant
        #[arg(long, value_name = "TENANT")]
        tenant: Option<TenantId>,
        /// The maximum number of messages
        #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
        limit: u32,
        /// The number of messages to skip
        #[arg(long, value_name = "N", default_value_t = 0)]
        offset: u64,
        #[command(flatten)]
        output: Output,
    },
    /// Show what became of a message, without what it says
    Show {
        #[command(flatten)]
        which: WhichMessage,
        #[command(flatten)]
        output: Output,
    },
    /// Make a message that is due or dead due at once, with its attempts counted anew
    Retry {
        #[command(flatten)]
        which: WhichMessage,
    },
    /// Delete a message that is not being delivered
    Discard {
        #[command(flatten)]
        which: WhichMessage,
    },
    /// Enqueue a mail or an SMS that tries the delivery; the running service delivers it
    Test {
        /// The e-mail address, or the phone number with its country code, to send it to
        #[arg(long = "to", value_name = "ADDRESS")]
        address: String,
        /// The preferred language of the message, such as de; by default, the tenant's
        #[arg(long = "lang", value_name = "LANGUAGE", value_parser = language)]
        language: Option<String>,
        /// The tenant to send it for
        #[arg(long, value_name = "TENANT", default_value = "default")]
        tenant: TenantId,
        #[command(flatten)]
        output: Output,
    },
    /// Print a kind of message with sample values, as HTML
    Preview {
        /// The kind of message, such as recovery
        #[arg(value_name = "NAME", value_parser = kind)]
        kind: MessageKind,
        /// The language, such as de; without a template in it, English
        #[arg(long = "lang", value_name = "LANGUAGE", value_parser = language)]
        language: Option<String>,
        /// The tenant, which may have its own templates
        #[arg(long, value_name = "TENANT", default_value = "default")]
        tenant: TenantId,
    },
}

/// The message that a command is about.
#[derive(clap::Args)]
pub(crate) struct WhichMessage {
    /// The id of the message, as `list` shows it
    #[arg(value_name = "ID")]
    pub(crate) id: Uuid,
    /// Only in this tenant
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<TenantId>,
}

/// A tag of RFC 5646, of which all that are in use have at most 35 characters (section 4.4.1).
fn language(tag: &str) -> Result<String, String> {
    let fits = (1..=35).contains(&tag.len()) && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { Ok(tag.to_owned()) } else { Err("write a tag such as de or pt-BR".to_owned()) }
}

fn kind(name: &str) -> Result<MessageKind, String> {
    let known = || MessageKind::ALL.map(MessageKind::as_str).join(", ");
    MessageKind::from_name(name).ok_or_else(|| format!("write one of {}", known()))
}

fn state(name: &str) -> Result<MessageState, String> {
    MessageState::from_name(name).ok_or_else(|| "write due, leased, delivered or dead".to_owned())
}
