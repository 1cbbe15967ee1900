//! Lists, retries and discards messages, for operators.

use kayan_ports::{
    Backlog, Change, CommitError, EventType, Guard, Message, MessageId, MessageKind, MessageQuery, MessageState,
    OutboxChange, Page,
};

use crate::{
    DeniedError, Failure, Kayan, Operator,
    message::{content::Content, enqueue::Outgoing},
    policy::{identifier, permission::Permission},
};

/// Which messages to list.
#[derive(Debug, Clone, Copy)]
pub struct ListMessages {
    /// Only those in this state.
    pub state: Option<MessageState>,
    /// The most rows to return, 1 to 100.
    pub limit: u32,
    /// The number of rows to skip.
    pub offset: u64,
}

/// Why a message was not shown or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManageMessageError {
    /// The operator may not do it.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// There is no such message.
    #[error("there is no such message")]
    NotFound,
    /// It is being delivered, or was delivered already.
    #[error("the message is {}", .0.as_str())]
    NotIn(MessageState),
    /// It is no e-mail address.
    #[error("not an e-mail address")]
    NotAnAddress,
    /// The service delivers no mail.
    #[error("this service sends no mail: set KAYAN_SMTP_URL and KAYAN_MAIL_FROM")]
    NoMail,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// What waits in the outbox, of all tenants.
    pub async fn message_backlog(&self) -> Result<Backlog, Failure> {
        self.store.outbox.backlog().await
    }

    /// The messages of the operator's scope, newest first. What they say is not part of it.
    pub async fn list_messages(
        &self,
        operator: &Operator,
        cmd: &ListMessages,
    ) -> Result<Page<Message>, ManageMessageError> {
        self.permit(operator, &Permission::MESSAGES_READ, "message.list").await?;
        let ListMessages { state, limit, offset } = *cmd;
        let query = MessageQuery { scope: operator.scope.clone(), state, limit, offset };
        Ok(self.store.outbox.messages(&query).await?)
    }

    /// A message. What it says is not part of it.
    pub async fn show_message(&self, operator: &Operator, id: MessageId) -> Result<Message, ManageMessageError> {
        self.permit(operator, &Permission::MESSAGES_READ, "message.show").await?;
        self.store.outbox.message(&operator.scope, id).await?.ok_or(ManageMessageError::NotFound)
    }

    /// Makes a message that waits, or was given up, due at once.
    pub async fn retry_message(&self, operator: &Operator, id: MessageId) -> Result<(), ManageMessageError> {
        let (scope, at) = (operator.scope.clone(), self.clock.now());
        let retry = OutboxChange::Retry { scope, message: id, at };
        self.change_message(operator, id, (retry, "message.retry", "a message was made due at once")).await
    }

    /// Deletes a message.
    pub async fn discard_message(&self, operator: &Operator, id: MessageId) -> Result<(), ManageMessageError> {
        let discard = OutboxChange::Discard { scope: operator.scope.clone(), message: id };
        self.change_message(operator, id, (discard, "message.discard", "a message was discarded")).await
    }

    async fn change_message(
        &self,
        operator: &Operator,
        id: MessageId,
        (change, action, told): (OutboxChange, &'static str, &'static str),
    ) -> Result<(), ManageMessageError> {
        self.permit(operator, &Permission::MESSAGES_WRITE, action).await?;
        let message = self.store.outbox.message(&operator.scope, id).await?.ok_or(ManageMessageError::NotFound)?;
        let event = self
            .operator_event(operator, &message.tenant, EventType::AdminAction, self.clock.now(), told)
            .resource(format!("message/{id}"))
            .with("action", action)
            .with("kind", message.kind.as_str());
        match self.store.changes.commit(vec![Change::Outbox(change), event.record()]).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Message)) => {
                let now = self.store.outbox.message(&operator.scope, id).await?;
                Err(now.map_or(ManageMessageError::NotFound, |message| ManageMessageError::NotIn(message.state)))
            }
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    /// Enqueues a mail that tries the delivery.
    pub async fn test_message(
        &self,
        operator: &Operator,
        address: &str,
        languages: String,
    ) -> Result<MessageId, ManageMessageError> {
        let action = "message.test";
        self.permit(operator, &Permission::MESSAGES_WRITE, action).await?;
        if !self.sends_mail() {
            return Err(ManageMessageError::NoMail);
        }
        identifier::check_address(address).map_err(|_| ManageMessageError::NotAnAddress)?;
        let tenant = operator.tenant();
        let outgoing = Outgoing {
            tenant: tenant.clone(),
            identity: None,
            kind: MessageKind::Test,
            recipient: address.to_owned(),
            languages,
            content: Content::default(),
        };
        let message = self.message(outgoing).await?;
        let id = message.id;
        let enqueue = Change::Outbox(OutboxChange::Enqueue(Box::new(message)));
        let event = self
            .operator_event(operator, &tenant, EventType::AdminAction, self.clock.now(), "a test mail was enqueued")
            .resource(format!("message/{id}"))
            .with("action", action);
        self.commit(vec![enqueue, event.record()]).await?;
        Ok(id)
    }
}
