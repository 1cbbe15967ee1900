//! Tests of the delivery.

use kayan_fakes::ManualClock;
use kayan_ports::{
    Change, Channel, MailFailure, Message, MessageKind, MessageQuery, MessageState, OptionalNotice, Outbox,
    OutboxChange, Scope, TenantSettings,
};
use serde_json::{Map, json};
use time::Duration;

use super::Outcome;
use crate::{
    Caller,
    message::{content::Content, enqueue::Outgoing},
    stage::Stage,
};

async fn enqueue(stage: &Stage, languages: &str, values: Map<String, serde_json::Value>) {
    let outgoing = Outgoing {
        tenant: Caller::default().tenant,
        identity: None,
        kind: MessageKind::Test,
        recipient: "ada@example.com".to_owned(),
        languages: languages.to_owned(),
        content: Content { values, ..Content::default() },
    };
    let enqueue = stage.kayan.enqueue(outgoing).await.unwrap();
    stage.kayan.commit(vec![enqueue]).await.unwrap();
}

async fn work(stage: &Stage) -> Vec<Outcome> {
    stage.kayan.deliver_messages(Channel::Mail).await.unwrap().into_iter().map(|worked| worked.outcome).collect()
}

async fn message(stage: &Stage) -> Message {
    let all = MessageQuery { scope: Scope::System, state: None, limit: 100, offset: 0 };
    stage.store.messages(&all).await.unwrap().rows.swap_remove(0)
}

#[tokio::test]
async fn i_36_a_message_that_was_delivered_is_delivered_once_and_its_data_erased() {
    let stage = Stage::new();
    enqueue(&stage, "", Map::new()).await;
    assert!(message(&stage).await.data.is_some());
    assert_eq!(work(&stage).await, [Outcome::Delivered]);
    assert_eq!(work(&stage).await, []);
    let after = message(&stage).await;
    assert_eq!((after.state, after.data, after.attempts), (MessageState::Delivered, None, 1));
    assert_eq!(stage.mail.mails()[0].id, after.id);
}

#[tokio::test]
async fn a_message_is_retried_when_the_server_says_later_and_given_up_after_a_day() {
    let stage = Stage::new();
    enqueue(&stage, "", Map::new()).await;
    stage.mail.refuse(Some(MailFailure::Deferred));
    assert_eq!(work(&stage).await, [Outcome::Postponed(MailFailure::Deferred)]);
    assert_eq!(work(&stage).await, [], "not before it is due");
    let waits = message(&stage).await;
    assert_eq!((waits.state, waits.error.as_deref()), (MessageState::Due, Some("deferred: the test says so")));
    let mut last = Vec::new();
    for _ in 0..30 {
        stage.clock.advance(Duration::minutes(67));
        last.extend(work(&stage).await);
    }
    assert_eq!(last.last(), Some(&Outcome::GivenUp(MailFailure::Deferred)));
    let dead = message(&stage).await;
    assert_eq!((dead.state, dead.data.is_some()), (MessageState::Dead, true), "an operator can retry it");

    let retry =
        OutboxChange::Retry { scope: Scope::System, message: dead.id, at: kayan_ports::Clock::now(&*stage.clock) };
    stage.kayan.commit(vec![Change::Outbox(retry)]).await.unwrap();
    assert_eq!(work(&stage).await, [Outcome::Postponed(MailFailure::Deferred)], "with all its attempts again");
}

#[tokio::test]
async fn a_message_that_is_refused_for_good_is_given_up_at_once() {
    let stage = Stage::new();
    enqueue(&stage, "", Map::new()).await;
    stage.mail.refuse(Some(MailFailure::Rejected));
    assert_eq!(work(&stage).await, [Outcome::GivenUp(MailFailure::Rejected)]);
}

#[tokio::test]
async fn a_message_whose_worker_died_is_delivered_by_another_when_the_lease_ends() {
    let stage = Stage::new();
    enqueue(&stage, "", Map::new()).await;
    let at = ManualClock::default();
    let at = kayan_ports::Clock::now(&at);
    let lease = OutboxChange::Lease {
        lease: uuid::Uuid::nil(),
        channel: Channel::Mail,
        most: 10,
        at,
        until: at + Duration::minutes(5),
    };
    stage.kayan.commit(vec![Change::Outbox(lease)]).await.unwrap();
    stage.clock.advance(Duration::minutes(5) - Duration::microseconds(1));
    assert_eq!(work(&stage).await, []);
    stage.clock.advance(Duration::microseconds(1));
    assert_eq!(work(&stage).await, [Outcome::Delivered]);
}

#[tokio::test]
async fn a_damaged_message_does_not_hold_up_the_others() {
    let stage = Stage::new();
    enqueue(&stage, "", Map::new()).await;
    let mut damaged = message(&stage).await;
    damaged.id = kayan_ports::MessageId(uuid::Uuid::from_u128(7));
    stage.kayan.commit(vec![Change::Outbox(OutboxChange::Enqueue(Box::new(damaged)))]).await.unwrap();
    let mut outcomes = work(&stage).await;
    outcomes.sort_by_key(|outcome| *outcome == Outcome::Broken);
    assert_eq!(outcomes, [Outcome::Delivered, Outcome::Broken]);
}

#[tokio::test]
async fn a_message_is_in_the_language_that_its_reader_prefers() {
    for (wanted, expected) in [("", "en"), ("de-AT,en;q=0.5", "de"), ("en;q=0.5, de;q=0.9", "de"), ("fr", "en")] {
        let stage = Stage::new();
        enqueue(&stage, wanted, [("left".to_owned(), json!(3))].into_iter().collect()).await;
        work(&stage).await;
        assert_eq!(stage.mail.mails()[0].rendered.language, expected, "{wanted:?}");
        assert_eq!(stage.mail.last("left").as_deref(), Some("3"));
    }
}

#[tokio::test]
async fn a_notice_that_the_tenant_has_switched_off_is_not_sent() {
    let stage = Stage::new();
    stage.person("ada@example.com").await;
    work(&stage).await;
    let notices_off = vec![OptionalNotice::AccountLocked];
    stage.set_tenant(TenantSettings { notices_off, ..TenantSettings::default() }).await;
    let address = crate::policy::identifier::address("ada@example.com").unwrap();
    let mut outcomes = Vec::new();
    for kind in [MessageKind::AccountLocked, MessageKind::PasswordChanged] {
        let outgoing = Outgoing::to_address(&Stage::stranger(), kind, &address);
        let enqueue = stage.kayan.enqueue(outgoing).await.unwrap();
        stage.kayan.commit(vec![enqueue]).await.unwrap();
        outcomes.extend(work(&stage).await);
    }
    assert_eq!(outcomes, [Outcome::Dropped, Outcome::Delivered]);
}
