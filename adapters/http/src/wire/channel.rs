//! How a message is delivered.

use kayan_ports::Channel;
use poem_openapi::Enum;
use serde::{Deserialize, Serialize};

/// How a message is delivered.
#[derive(Debug, Clone, Copy, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum MessageChannel {
    /// By mail.
    Mail,
    /// By SMS.
    Sms,
}

impl From<MessageChannel> for Channel {
    fn from(channel: MessageChannel) -> Self {
        match channel {
            MessageChannel::Mail => Self::Mail,
            MessageChannel::Sms => Self::Sms,
        }
    }
}

impl From<Channel> for MessageChannel {
    fn from(channel: Channel) -> Self {
        match channel {
            Channel::Mail => Self::Mail,
            Channel::Sms => Self::Sms,
        }
    }
}
