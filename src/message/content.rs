//! What a message is rendered from: sealed in the outbox, because it may hold a token or a code.

use kayan_ports::{Client, Message, MessageId, Sealed, SecretOf, TenantId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{Failure, Kayan};

/// What a message is rendered from.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Content {
    /// Where the request came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ip: Option<String>,
    /// Its `User-Agent` header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_agent: Option<String>,
    /// The token of the link, or the code, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Secret>,
    /// Other values of the template.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub(crate) values: Map<String, Value>,
}

/// A token or a code, and how long it is good. Wiped when dropped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Secret {
    pub(crate) text: String,
    #[serde(with = "kayan_ports::timestamp")]
    #[zeroize(skip)]
    pub(crate) expires_at: Timestamp,
}

impl Content {
    /// What a request caused.
    pub(crate) fn of(client: &Client) -> Self {
        Self { ip: client.ip.clone(), user_agent: client.user_agent.clone(), ..Self::default() }
    }
}

impl Kayan {
    pub(crate) async fn seal_content(
        &self,
        tenant: &TenantId,
        message: MessageId,
        content: &Content,
    ) -> Result<Sealed, Failure> {
        let plain = serde_json::to_vec(content)
            .map_err(|error| Failure::Fault(format!("a message can't be written as JSON: {error}")))?;
        Ok(self.keys.seal(SecretOf::Message { tenant, message }, &Zeroizing::new(plain)).await?)
    }

    pub(crate) async fn open_content(&self, message: &Message) -> Result<Content, Failure> {
        let Message { id, tenant, data, .. } = message;
        let sealed = data.as_ref().ok_or_else(|| Failure::Fault("a message that waits has no data".to_owned()))?;
        let plain = self.keys.open(SecretOf::Message { tenant, message: *id }, sealed).await?;
        serde_json::from_slice(&plain).map_err(|error| Failure::Fault(format!("a message's data is damaged: {error}")))
    }
}
