//! Lists, retries and discards messages, for operators.

use kayan_ports::{
    Backlog, Change, Channel, CommitError, EventType, Guard, Identifier, Message, MessageId, MessageKind, MessageQuery,
    MessageState, OutboxChange, Page, TenantId,
};

use crate::{
    DeniedError, Failure, Kayan, Operator,
    access::idempotency::Once,
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
    /// There is no such message in the operator's scope.
    #[error("there is no message `{0}`; messages of a deleted user are deleted too")]
    NotFound(MessageId),
    /// Its state does not allow it.
    #[error("the message is {}: {}", .0.as_str(), remedy(*.0))]
    WrongState(MessageState),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Why no test message was enqueued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestMessageError {
    /// The operator may not do it.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// It is neither an e-mail address nor a phone number.
    #[error("`{0}` is neither an e-mail address nor a phone number: write it as in ada@example.com or +49 170 1234567")]
    NotAnAddress(String),
    /// The service delivers no mail.
    #[error("this service sends no mail: set KAYAN_SMTP_URL and KAYAN_MAIL_FROM")]
    NoMail,
    /// The service delivers no SMS.
    #[error("this service sends no SMS: set KAYAN_SMS_WEBHOOK_URL and KAYAN_SMS_WEBHOOK_SECRET")]
    NoSms,
    /// The tenant does not exist, or is not active.
    #[error("there is no active tenant `{0}`")]
    NoTenant(TenantId),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What it says is nobody's but its reader's, and a phone number is shown in part only (I-36).
fn without_data(message: Message) -> Message {
    let recipient = Identifier::from_canonical(message.recipient);
    let recipient = if recipient.is_phone() { recipient.masked() } else { recipient.as_str().to_owned() };
    Message { data: None, recipient, ..message }
}

fn masked(address: &str) -> String {
    Identifier::from_canonical(address.to_owned()).masked()
}

/// What to do about a message whose state does not allow a change.
fn remedy(state: MessageState) -> &'static str {
    match state {
        MessageState::Leased => "it is being delivered; look again in a minute",
        MessageState::Delivered => "the mail server has accepted it, and what it said is erased; have a new one sent",
        // It was leased a moment ago.
        MessageState::Due | MessageState::Dead => "it has changed in the meantime; try again",
    }
}

impl Kayan {
    /// What waits in the outbox, of all tenants.
    pub async fn message_backlog(&self) -> Result<Backlog, Failure> {
        self.store.outbox.backlog().await
    }

    /// The messages of the operator's scope, newest first. What they say is not part of it.
    pub async fn list_messages(&self, operator: &Operator, query: &ListMessages) -> Result<Page<Message>, DeniedError> {
        self.permit(operator, &Permission::MESSAGES_READ, "message.list").await?;
        let ListMessages { state, limit, offset } = *query;
        let query = MessageQuery { scope: operator.scope.clone(), state, limit, offset };
        let page = self.store.outbox.messages(&query).await?;
        Ok(Page { rows: page.rows.into_iter().map(without_data).collect(), ..page })
    }

    /// A message. What it says is not part of it.
    pub async fn show_message(&self, operator: &Operator, id: MessageId) -> Result<Message, ManageMessageError> {
        self.permit(operator, &Permission::MESSAGES_READ, "message.show").await?;
        self.message_in_scope(operator, id).await.map(without_data)
    }

    /// Makes a message that waits, or was given up, due at once.
    pub async fn retry_message(&self, operator: &Operator, id: MessageId) -> Result<(), ManageMessageError> {
        let (scope, at) = (operator.scope.clone(), self.clock.now());
        let retry = OutboxChange::Retry { scope, message: id, at };
        self.change_message(operator, id, (retry, "message.retry", "a message was made due at once")).await
    }

    /// Deletes a message that is not being delivered.
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
        self.once(operator, |once| self.commit_to_message(once, operator, id, (change, action, told))).await
    }

    async fn commit_to_message(
        &self,
        once: Once<'_>,
        operator: &Operator,
        id: MessageId,
        (change, action, told): (OutboxChange, &'static str, &'static str),
    ) -> Result<(), ManageMessageError> {
        let message = self.message_in_scope(operator, id).await?;
        let event = self
            .operator_event(operator, &message.tenant, EventType::AdminAction, self.clock.now(), told)
            .resource(format!("message/{id}"))
            .with("action", action)
            .with("kind", message.kind.as_str())
            .with("state", message.state.as_str())
            .with("address", masked(&message.recipient));
        let event = match message.identity {
            Some(identity) => event.about(identity),
            None => event,
        };
        match once.commit(vec![Change::Outbox(change), event.record()], None, &()).await {
            Ok(()) => Ok(()),
            Err(CommitError::Stale(Guard::Message)) => {
                Err(ManageMessageError::WrongState(self.message_in_scope(operator, id).await?.state))
            }
            Err(other) => Err(Failure::from(other).into()),
        }
    }

    async fn message_in_scope(&self, operator: &Operator, id: MessageId) -> Result<Message, ManageMessageError> {
        let found = self.store.outbox.message(&operator.scope, id).await?;
        found.ok_or(ManageMessageError::NotFound(id))
    }

    /// Enqueues a mail, or an SMS, that tries the delivery. `languages` are those of its reader, as in an `Accept-Language` header.
    pub async fn test_message(
        &self,
        operator: &Operator,
        address: &str,
        languages: String,
    ) -> Result<MessageId, TestMessageError> {
        let action = "message.test";
        self.permit(operator, &Permission::MESSAGES_WRITE, action).await?;
        let recipient = match identifier::canonical(address).ok().filter(Identifier::is_phone) {
            Some(_) if !self.sends_by(Channel::Sms) => return Err(TestMessageError::NoSms),
            None if !self.sends_mail() => return Err(TestMessageError::NoMail),
            Some(number) => number.as_str().to_owned(),
            None if identifier::check_address(address).is_ok() => address.to_owned(),
            None => return Err(TestMessageError::NotAnAddress(address.to_owned())),
        };
        let tenant = operator.tenant();
        let outgoing = Outgoing {
            tenant: tenant.clone(),
            identity: None,
            kind: MessageKind::Test,
            recipient: recipient.clone(),
            languages,
            content: Content::default(),
        };
        let message = self.message(outgoing).await?;
        let id = message.id;
        let enqueue = Change::Outbox(OutboxChange::Enqueue(Box::new(message)));
        let event = self
            .operator_event(operator, &tenant, EventType::AdminAction, self.clock.now(), "a test message was enqueued")
            .resource(format!("message/{id}"))
            .with("action", action)
            .with("address", masked(&recipient));
        match self.store.changes.commit(vec![enqueue, event.record()]).await {
            Ok(()) => Ok(id),
            Err(CommitError::Stale(Guard::Tenant)) => Err(TestMessageError::NoTenant(tenant)),
            Err(other) => Err(Failure::from(other).into()),
        }
    }
}

#[cfg(test)]
mod tests;
