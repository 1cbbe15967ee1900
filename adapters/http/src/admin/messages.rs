//! Administration of the outbox: messages to users that wait, were delivered, or were given up.

use std::sync::Arc;

use kayan_core::{DeniedError, Failure, ListMessages, ManageMessageError};
use kayan_ports::{MessageId, Timestamp};
use poem_openapi::{Enum, Object, OpenApi, param::Path};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Application, Tag,
    admin::{Done, operator::Admin},
    wire::{
        codes::Code,
        idempotency::IdempotencyKey,
        paging::{DEFAULT_LIMIT, page},
        query::Query,
        refused::{Refused, never, refusals},
        reply::Reply,
    },
};

/// Codes of the shared error that reading can't give.
const GET: u64 = never([Code::WrongState]);

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Messages {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// The state of a message.
#[derive(Debug, Clone, Copy, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum MessageState {
    /// To be delivered when it is due.
    Due,
    /// Being delivered.
    Leased,
    /// Accepted by the mail server, or the webhook for SMS.
    Delivered,
    /// Given up; it is not tried again by itself.
    Dead,
}

impl From<MessageState> for kayan_ports::MessageState {
    fn from(state: MessageState) -> Self {
        match state {
            MessageState::Due => Self::Due,
            MessageState::Leased => Self::Leased,
            MessageState::Delivered => Self::Delivered,
            MessageState::Dead => Self::Dead,
        }
    }
}

impl From<kayan_ports::MessageState> for MessageState {
    fn from(state: kayan_ports::MessageState) -> Self {
        match state {
            kayan_ports::MessageState::Due => Self::Due,
            kayan_ports::MessageState::Leased => Self::Leased,
            kayan_ports::MessageState::Delivered => Self::Delivered,
            kayan_ports::MessageState::Dead => Self::Dead,
        }
    }
}

/// A message to a user, without what it says.
#[derive(Debug, Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct Message {
    /// The id of the message, a UUIDv7; part of the mail's Message-ID.
    id: Uuid,
    /// The tenant that it is sent for.
    tenant_id: String,
    /// What it says, such as `verification`, `recovery` or `password_changed`; `test` is a message that tries the delivery.
    kind: String,
    /// The e-mail address that it is sent to; of a phone number only the first and the last digits.
    recipient: String,
    /// The state.
    state: MessageState,
    /// How often its delivery was begun.
    attempts: u32,
    /// When it is to be delivered; while it is `leased`, when it is taken for undelivered.
    #[serde(with = "kayan_ports::timestamp")]
    due_at: Timestamp,
    /// Why the last attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When it was enqueued.
    #[serde(with = "kayan_ports::timestamp")]
    created_at: Timestamp,
    /// When it was delivered, or given up.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
}

impl From<kayan_ports::Message> for Message {
    fn from(message: kayan_ports::Message) -> Self {
        Self {
            id: message.id.0,
            tenant_id: message.tenant.into(),
            kind: message.kind.as_str().to_owned(),
            recipient: message.recipient,
            state: message.state.into(),
            attempts: message.attempts,
            due_at: message.due_at,
            error: message.error,
            created_at: message.created_at,
            finished_at: message.finished_at,
        }
    }
}

page!(MessageList of Message);

#[OpenApi(prefix_path = "/admin/messages", tag = "Tag::Administration")]
impl Messages {
    /// List messages
    ///
    /// Returns messages to users, newest first, without what they say. Requires `messages:read`.
    #[oai(path = "/", method = "get", operation_id = "listMessages")]
    async fn list(
        &self,
        Admin(operator): Admin,
        /// Only messages in this state.
        state: Query<Option<MessageState>>,
        /// The maximum number of results. Default: 20.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// The number of results to skip. Default: 0.
        offset: Query<Option<u64>>,
    ) -> Result<Reply<MessageList>, Refused<DeniedError>> {
        let (limit, offset) = (limit.0.unwrap_or(DEFAULT_LIMIT), offset.0.unwrap_or_default());
        let query = ListMessages { state: state.0.map(Into::into), limit, offset };
        let page = self.app.kayan.list_messages(&operator, &query).await?;
        Ok(Reply::new(&MessageList::new(page, limit, offset)))
    }

    /// Get a message
    ///
    /// Tells what became of a message, without what it says. Requires `messages:read`.
    #[oai(path = "/:id", method = "get", operation_id = "getMessage")]
    async fn get(
        &self,
        Admin(operator): Admin,
        /// The message's id.
        id: Path<Uuid>,
    ) -> Result<Reply<Message>, Refused<ManageMessageError, GET>> {
        Ok(Reply::new(&self.app.kayan.show_message(&operator, MessageId(id.0)).await?.into()))
    }

    /// Discard a message
    ///
    /// Deletes a message, whether or not it was delivered. One that is being delivered can't be discarded. Requires
    /// `messages:write`.
    #[oai(path = "/:id", method = "delete", operation_id = "discardMessage")]
    async fn discard(
        &self,
        Admin(operator): Admin,
        /// The message's id.
        id: Path<Uuid>,
    ) -> Result<Done, Refused<ManageMessageError>> {
        self.app.kayan.discard_message(&operator, MessageId(id.0)).await?;
        Ok(Done::Done)
    }

    /// Retry a message
    ///
    /// Makes a message that is `due` or `dead` due at once, with its attempts counted anew. Requires `messages:write`.
    #[oai(path = "/:id/retry", method = "post", operation_id = "retryMessage")]
    async fn retry(
        &self,
        Admin(operator): Admin,
        /// The message's id.
        id: Path<Uuid>,
        /// A unique key of your choice. For a day, the same request with the same key gets the first response again and is not
        /// carried out twice.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
    ) -> Result<Done, Refused<ManageMessageError>> {
        self.app.kayan.retry_message(&key.with(operator), MessageId(id.0)).await?;
        Ok(Done::Done)
    }
}

refusals! {
    ManageMessageError {
        Self::Denied(denied) => (denied: DeniedError),
        error @ Self::NotFound(_) => NotFound.message(error.to_string()),
        error @ Self::WrongState(_) => WrongState.message(error.to_string()),
        Self::Failed(failure) => (failure: Failure),
    }
}
