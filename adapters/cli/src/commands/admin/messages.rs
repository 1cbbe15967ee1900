//! `kayan admin message`: lists, retries and discards messages to users, tries their delivery, and shows their texts.

use kayan_core::{ListMessages, ManageMessageError, Operator, TestMessageError};
use kayan_ports::{Message, MessageId, TenantId, timestamp};
use serde_json::{Value, json};

use super::operator;
use crate::{
    args::{Format, MessageAction, WhichMessage},
    commands::{open, settings},
    compose,
    exit::Exit,
    output,
};

/// What delivers the messages: not this command.
pub(super) const DELIVERS: &str = "the running service delivers it within seconds; without one, it waits";

pub(super) async fn run(action: MessageAction) -> Result<(), Exit> {
    match action {
        MessageAction::List { state, tenant, limit, offset, output } => {
            let query = ListMessages { state, limit, offset };
            list(&operator(tenant), &query, output.format).await
        }
        MessageAction::Show { which, output } => {
            let (operator, id) = named(which);
            let message = open().await?.show_message(&operator, id).await?;
            match output.format {
                Format::Json => output::json(&as_json(&message)),
                Format::Table => table(&[message]),
            }
        }
        MessageAction::Retry { which } => {
            let (operator, id) = named(which);
            open().await?.retry_message(&operator, id).await?;
            output::note(format_args!("the message is due: {DELIVERS}"));
            Ok(())
        }
        MessageAction::Discard { which } => {
            let (operator, id) = named(which);
            open().await?.discard_message(&operator, id).await?;
            output::note("the message is deleted");
            Ok(())
        }
        MessageAction::Test { address, language, tenant, output } => {
            test(tenant, &address, language, output.format).await
        }
        MessageAction::Preview { kind, language, tenant } => {
            let languages: Vec<_> = language.as_deref().into_iter().collect();
            let templates = compose::templates(&settings()?)?;
            output::line(&templates.preview(&tenant, kind, &languages)?.html)
        }
    }
}

async fn list(operator: &Operator, query: &ListMessages, format: Format) -> Result<(), Exit> {
    let page = open().await?.list_messages(operator, query).await?;
    match format {
        Format::Json => output::json(&page.rows.iter().map(as_json).collect::<Vec<_>>())?,
        Format::Table => table(&page.rows)?,
    }
    super::tell_damaged(&page.damaged);
    if format == Format::Table {
        output::note(format_args!("{} of {}", page.rows.len(), page.total));
    }
    Ok(())
}

async fn test(tenant: TenantId, address: &str, language: Option<String>, format: Format) -> Result<(), Exit> {
    let languages = language.unwrap_or_default();
    let id = open().await?.test_message(&operator(Some(tenant)), address, languages).await?;
    output::note(format_args!(
        "the message is enqueued: {DELIVERS}; kayan admin message show {id} tells what became of it"
    ));
    match format {
        Format::Json => output::json(&json!({ "id": id })),
        Format::Table => output::line(&id.to_string()),
    }
}

fn named(which: WhichMessage) -> (Operator, MessageId) {
    (operator(which.tenant), MessageId(which.id))
}

fn table(messages: &[Message]) -> Result<(), Exit> {
    let rows = messages.iter().map(|message| {
        vec![
            message.id.to_string(),
            message.tenant.to_string(),
            message.kind.as_str().to_owned(),
            message.recipient.clone(),
            message.state.as_str().to_owned(),
            message.attempts.to_string(),
            timestamp::text(message.created_at),
            timestamp::text(message.due_at),
            message.error.clone().unwrap_or_default(),
        ]
    });
    let header = ["id", "tenant", "kind", "recipient", "state", "attempts", "created at", "due at", "error"];
    output::table(&header, rows.collect())
}

fn as_json(message: &Message) -> Value {
    json!({
        "id": message.id,
        "tenant_id": message.tenant,
        "kind": message.kind.as_str(),
        "recipient": message.recipient,
        "state": message.state.as_str(),
        "attempts": message.attempts,
        "due_at": timestamp::text(message.due_at),
        "error": message.error,
        "created_at": timestamp::text(message.created_at),
        "finished_at": message.finished_at.map(timestamp::text),
    })
}

impl From<ManageMessageError> for Exit {
    fn from(error: ManageMessageError) -> Self {
        match error {
            ManageMessageError::NotFound(_) => Self::not_found(error),
            ManageMessageError::Denied(_) | ManageMessageError::WrongState(_) | ManageMessageError::Failed(_) => {
                Self::failed(error)
            }
        }
    }
}

impl From<TestMessageError> for Exit {
    fn from(error: TestMessageError) -> Self {
        match error {
            TestMessageError::NotAnAddress(_) => Self::usage(error),
            TestMessageError::NoMail | TestMessageError::NoSms => Self::config(error),
            TestMessageError::NoTenant(_) => Self::not_found(error),
            TestMessageError::Denied(_) | TestMessageError::Failed(_) => Self::failed(error),
        }
    }
}
