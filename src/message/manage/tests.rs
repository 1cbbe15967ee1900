//! What managing messages promises.

use kayan_ports::{AuditEvent, Channel, Clock, Outbox, Outcome, Scope, TenantId, Timestamp};
use serde_json::json;
use time::Duration;
use uuid::Uuid;

use super::*;
use crate::{Idempotency, message::content::Secret, policy::permission::Grants, stage::Stage};

const SECRET: &str = "kyl_planted_secret";
const ALL: ListMessages = ListMessages { state: None, limit: 100, offset: 0 };

fn acme() -> TenantId {
    "acme".parse().unwrap()
}

/// A service with a tenant `acme` beside `default`.
fn stage() -> Stage {
    let stage = Stage::new();
    stage.store.add_tenant(acme(), true);
    stage
}

fn of(tenant: TenantId) -> Operator {
    Operator::at_the_command_line(Scope::Tenant(tenant))
}

/// An operator with these permissions only.
fn with(permissions: &[&str]) -> Operator {
    let grants = Grants::direct(permissions.iter().map(|pattern| pattern.parse().unwrap()));
    Operator { grants, ..Stage::operator() }
}

impl Stage {
    async fn make(&self, change: OutboxChange) {
        self.kayan.commit(vec![Change::Outbox(change)]).await.unwrap();
    }

    /// A message in this state, with a secret in it.
    async fn in_state(&self, tenant: &TenantId, state: MessageState) -> MessageId {
        let expires_at = self.clock.now() + Duration::HOUR;
        let secret = Secret { text: SECRET.to_owned(), expires_at };
        let outgoing = Outgoing {
            tenant: tenant.clone(),
            identity: None,
            kind: MessageKind::Recovery,
            recipient: "ada@example.com".to_owned(),
            languages: String::new(),
            content: Content { secret: Some(secret), ..Content::default() },
        };
        let message = self.kayan.message(outgoing).await.unwrap();
        let (id, at, tenant) = (message.id, self.clock.now(), tenant.clone());
        self.make(OutboxChange::Enqueue(Box::new(message))).await;
        if state == MessageState::Due {
            return id;
        }
        let lease = Uuid::from_u128(id.0.as_u128() + 1);
        self.make(OutboxChange::Lease { lease, channel: Channel::Mail, most: 1, at, until: at + Duration::HOUR }).await;
        match state {
            MessageState::Delivered => self.make(OutboxChange::Deliver { tenant, message: id, lease, at }).await,
            MessageState::Dead => {
                let error = "rejected: 550 no such user".to_owned();
                self.make(OutboxChange::GiveUp { tenant, message: id, lease, at, error }).await;
            }
            MessageState::Due | MessageState::Leased => {}
        }
        id
    }

    /// The message as it is stored.
    async fn stored(&self, id: MessageId) -> Option<Message> {
        self.store.message(&Scope::System, id).await.unwrap()
    }

    fn later(&self) -> Timestamp {
        self.clock.advance(Duration::MINUTE);
        self.clock.now()
    }

    fn last_event(&self) -> AuditEvent {
        self.store.events().pop().unwrap()
    }
}

#[tokio::test]
async fn messages_are_listed_newest_first_and_by_state() {
    let (stage, root, default) = (stage(), Stage::operator(), TenantId::default());
    let mut ids = Vec::new();
    for state in MessageState::ALL.into_iter().rev() {
        ids.push((state, stage.in_state(&default, state).await));
        stage.later();
    }
    let listed = stage.kayan.list_messages(&root, &ALL).await.unwrap();
    let newest_first: Vec<_> = ids.iter().rev().map(|(_, id)| *id).collect();
    assert_eq!(listed.rows.iter().map(|message| message.id).collect::<Vec<_>>(), newest_first);
    assert_eq!(listed.total, 4);
    for (state, id) in ids {
        let query = ListMessages { state: Some(state), ..ALL };
        let page = stage.kayan.list_messages(&root, &query).await.unwrap();
        assert_eq!((page.total, page.rows[0].id, page.rows[0].state), (1, id, state));
    }
    let second = ListMessages { limit: 1, offset: 1, ..ALL };
    let page = stage.kayan.list_messages(&root, &second).await.unwrap();
    assert_eq!((page.total, page.rows.len(), page.rows[0].id), (4, 1, newest_first[1]));
}

#[tokio::test]
async fn i_36_what_a_message_says_is_in_no_answer_and_in_no_event() {
    let (stage, root) = (stage(), Stage::operator());
    let id = stage.in_state(&TenantId::default(), MessageState::Dead).await;
    assert!(stage.stored(id).await.unwrap().data.is_some());
    assert_eq!(stage.kayan.show_message(&root, id).await.unwrap().data, None);
    assert_eq!(stage.kayan.list_messages(&root, &ALL).await.unwrap().rows[0].data, None);
    stage.kayan.retry_message(&root, id).await.unwrap();
    stage.kayan.discard_message(&root, id).await.unwrap();
    let events = serde_json::to_string(&stage.store.events()).unwrap();
    assert!(events.contains("a***@example.com"), "{events}");
    assert!(!events.contains(SECRET) && !events.contains("ada@example.com"), "{events}");
}

#[tokio::test]
async fn i_29_messages_of_another_tenant_are_not_there() {
    let stage = stage();
    let (theirs, ours) = (stage.in_state(&acme(), MessageState::Dead).await, of(TenantId::default()));
    let mine = stage.in_state(&TenantId::default(), MessageState::Dead).await;
    let before = stage.stored(theirs).await;
    let listed = stage.kayan.list_messages(&ours, &ALL).await.unwrap();
    assert_eq!((listed.total, listed.rows[0].id), (1, mine));
    let not_found = ManageMessageError::NotFound(theirs);
    assert_eq!(stage.kayan.show_message(&ours, theirs).await, Err(not_found.clone()));
    assert_eq!(stage.kayan.retry_message(&ours, theirs).await, Err(not_found.clone()));
    assert_eq!(stage.kayan.discard_message(&ours, theirs).await, Err(not_found.clone()));
    assert_eq!(stage.stored(theirs).await, before);
    assert!(stage.store.events().is_empty(), "nothing was done");
    stage.kayan.retry_message(&of(acme()), theirs).await.unwrap();
    assert_eq!(stage.last_event().tenant, acme());
    assert_eq!(stage.kayan.list_messages(&Stage::operator(), &ALL).await.unwrap().total, 2);
}

#[tokio::test]
async fn i_31_reading_and_changing_messages_need_a_permission_each_and_a_refusal_is_audited() {
    let stage = stage();
    let id = stage.in_state(&TenantId::default(), MessageState::Dead).await;
    let before = stage.stored(id).await;
    let (reader, writer) = (with(&["messages:read"]), with(&["messages:write"]));
    stage.kayan.list_messages(&reader, &ALL).await.unwrap();
    stage.kayan.show_message(&reader, id).await.unwrap();
    assert!(stage.store.events().is_empty());
    let denied = |required: &str| DeniedError::Forbidden(required.parse().unwrap());
    let refusals = [
        ("message.list", stage.kayan.list_messages(&writer, &ALL).await.unwrap_err()),
        ("message.show", is_denied(stage.kayan.show_message(&writer, id).await.unwrap_err())),
        ("message.retry", is_denied(stage.kayan.retry_message(&reader, id).await.unwrap_err())),
        ("message.discard", is_denied(stage.kayan.discard_message(&reader, id).await.unwrap_err())),
    ];
    for (number, (action, error)) in refusals.into_iter().enumerate() {
        let required = if number < 2 { "messages:read" } else { "messages:write" };
        assert_eq!(error, denied(required), "{action}");
        let event = &stage.store.events()[number];
        assert_eq!((&event.metadata["action"], &event.metadata["required"]), (&json!(action), &json!(required)));
        assert_eq!(event.outcome, Outcome::Failure);
    }
    let refused = stage.kayan.test_message(&reader, "ada@example.com", String::new()).await;
    assert_eq!(refused, Err(TestMessageError::Denied(denied("messages:write"))));
    assert_eq!(stage.stored(id).await, before);
    stage.kayan.retry_message(&writer, id).await.unwrap();
}

fn is_denied(error: ManageMessageError) -> DeniedError {
    match error {
        ManageMessageError::Denied(denied) => denied,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn only_a_message_that_waits_or_was_given_up_can_be_retried_and_is_due_at_once() {
    let (stage, root, default) = (stage(), Stage::operator(), TenantId::default());
    for state in [MessageState::Dead, MessageState::Due] {
        let id = stage.in_state(&default, state).await;
        let now = stage.later();
        stage.kayan.retry_message(&root, id).await.unwrap();
        let message = stage.stored(id).await.unwrap();
        assert_eq!((message.state, message.attempts, message.due_at), (MessageState::Due, 0, now), "{state:?}");
        assert_eq!(message.finished_at, None);
        stage.kayan.discard_message(&root, id).await.unwrap();
    }
    let events = stage.store.events().len();
    for state in [MessageState::Leased, MessageState::Delivered] {
        let id = stage.in_state(&default, state).await;
        let refused = stage.kayan.retry_message(&root, id).await;
        assert_eq!(refused, Err(ManageMessageError::WrongState(state)));
        assert_eq!(stage.stored(id).await.unwrap().state, state);
    }
    assert_eq!(stage.store.events().len(), events, "no event for a change that was not made");
}

#[tokio::test]
async fn a_message_is_discarded_unless_it_is_being_delivered() {
    let (stage, root, default) = (stage(), Stage::operator(), TenantId::default());
    for state in [MessageState::Delivered, MessageState::Dead, MessageState::Due] {
        let id = stage.in_state(&default, state).await;
        stage.kayan.discard_message(&root, id).await.unwrap();
        assert_eq!(stage.stored(id).await, None, "{state:?}");
        let again = stage.kayan.discard_message(&root, id).await;
        assert_eq!(again, Err(ManageMessageError::NotFound(id)));
    }
    let id = stage.in_state(&default, MessageState::Leased).await;
    let refused = stage.kayan.discard_message(&root, id).await.unwrap_err();
    assert_eq!(refused, ManageMessageError::WrongState(MessageState::Leased));
    assert_eq!(refused.to_string(), "the message is leased: it is being delivered; look again in a minute");
    assert!(stage.stored(id).await.is_some());
}

#[tokio::test]
async fn i_31_every_change_is_audited_with_what_was_changed() {
    let (stage, root) = (stage(), Stage::operator());
    let id = stage.in_state(&acme(), MessageState::Dead).await;
    stage.kayan.retry_message(&root, id).await.unwrap();
    let retried = stage.last_event();
    stage.kayan.discard_message(&root, id).await.unwrap();
    let discarded = stage.last_event();
    for (event, action, state) in [(retried, "message.retry", "dead"), (discarded, "message.discard", "due")] {
        assert_eq!((event.kind, event.outcome, &event.tenant), (EventType::AdminAction, Outcome::Success, &acme()));
        assert_eq!(event.resource, Some(format!("message/{id}")));
        let told = ["action", "kind", "state", "address"].map(|name| event.metadata[name].as_str().unwrap().to_owned());
        assert_eq!(told, [action, "recovery", state, "a***@example.com"]);
    }
}

#[tokio::test]
async fn a_retry_that_is_repeated_with_its_key_is_carried_out_once() {
    let stage = stage();
    let id = stage.in_state(&TenantId::default(), MessageState::Dead).await;
    let operator = Operator { idempotency: Idempotency::new("k", [7; 32]), ..Stage::operator() };
    stage.kayan.retry_message(&operator, id).await.unwrap();
    let (lease, at) = (Uuid::from_u128(1), stage.clock.now());
    stage.make(OutboxChange::Lease { lease, channel: Channel::Mail, most: 1, at, until: at + Duration::HOUR }).await;
    assert_eq!(stage.kayan.retry_message(&operator, id).await, Ok(()), "the answer of the first");
    assert_eq!(stage.stored(id).await.unwrap().state, MessageState::Leased);
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Success), 1);
}

#[tokio::test]
async fn a_test_mail_is_enqueued_for_the_operators_tenant_and_audited() {
    let stage = stage();
    let id = stage.kayan.test_message(&of(acme()), "ada@example.com", "de".to_owned()).await.unwrap();
    let message = stage.stored(id).await.unwrap();
    assert_eq!((message.kind, message.state, &message.tenant), (MessageKind::Test, MessageState::Due, &acme()));
    assert_eq!((&*message.recipient, &*message.languages), ("ada@example.com", "de"));
    let event = stage.last_event();
    assert_eq!((&event.metadata["action"], event.resource), (&json!("message.test"), Some(format!("message/{id}"))));
}

#[tokio::test]
async fn no_test_mail_is_enqueued_to_what_is_no_address_for_no_tenant_or_without_a_mail_server() {
    let mut stage = stage();
    let test = async |stage: &Stage, operator: &Operator, address: &str| {
        stage.kayan.test_message(operator, address, String::new()).await.unwrap_err()
    };
    let root = Stage::operator();
    assert_eq!(test(&stage, &root, "ada").await, TestMessageError::NotAnAddress("ada".to_owned()));
    let nowhere: TenantId = "nowhere".parse().unwrap();
    assert_eq!(test(&stage, &of(nowhere.clone()), "ada@example.com").await, TestMessageError::NoTenant(nowhere));
    stage.kayan.messaging = None;
    assert_eq!(test(&stage, &root, "ada@example.com").await, TestMessageError::NoMail);
    assert_eq!(stage.kayan.list_messages(&root, &ALL).await.unwrap().total, 0);
    assert!(stage.store.events().is_empty());
}
