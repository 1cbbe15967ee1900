//! The outbox: messages are stored with their cause, leased by one worker at a time, and delivered or given up.

use std::collections::BTreeSet;

use kayan_ports::{
    AccountChange, Backlog, Change, Channel, CommitError, Guard, Identity, Message, MessageId, MessageKind,
    MessageState, OutboxChange, Scope, Sealed, Stores, TenantId,
};
use uuid::Uuid;

use crate::{
    Bench,
    race::race,
    sample::{Account, at, enqueue, identity, lease, lease_by, message, tenant, unique},
};

pub(super) const STALE: CommitError = CommitError::Stale(Guard::Message);

/// A change to a leased message.
type Under = fn(&Message, Uuid) -> OutboxChange;

pub(super) fn prepare(message: &Message, lease: Uuid, identity: &Identity) -> OutboxChange {
    let (tenant, data) = (message.tenant.clone(), Sealed(vec![0, 0xFF, 9]));
    OutboxChange::Prepare { tenant, message: message.id, lease, identity: identity.id, data }
}

pub(super) fn deliver(message: &Message, lease: Uuid) -> OutboxChange {
    OutboxChange::Deliver { tenant: message.tenant.clone(), message: message.id, lease, at: at(20) }
}

pub(super) fn postpone(message: &Message, lease: Uuid) -> OutboxChange {
    let (tenant, error) = (message.tenant.clone(), "421: «später»".to_owned());
    OutboxChange::Postpone { tenant, message: message.id, lease, due_at: at(900), error }
}

pub(super) fn give_up(message: &Message, lease: Uuid) -> OutboxChange {
    let (tenant, error) = (message.tenant.clone(), "550: no such user".to_owned());
    OutboxChange::GiveUp { tenant, message: message.id, lease, at: at(20), error }
}

pub(super) fn remove(message: &Message, lease: Uuid) -> OutboxChange {
    OutboxChange::Drop { tenant: message.tenant.clone(), message: message.id, lease }
}

pub(super) async fn commit(store: &Stores, change: OutboxChange) -> Result<(), CommitError> {
    store.changes.commit(vec![Change::Outbox(change)]).await
}

pub(super) async fn read(store: &Stores, message: &Message) -> Option<Message> {
    store.outbox.message(&Scope::System, message.id).await.unwrap()
}

/// A message without a user that is due at this second.
pub(super) async fn enqueued(store: &Stores, second: i64) -> Message {
    let message = Message { due_at: at(second), ..message(&TenantId::default(), None) };
    store.changes.commit(vec![enqueue(&message)]).await.unwrap();
    message
}

/// Leases messages that are due at this second for a minute.
pub(super) async fn leased(store: &Stores, most: u32, second: i64) -> (Uuid, Vec<Message>) {
    let name = unique();
    store.changes.commit(vec![lease(name, most, second)]).await.unwrap();
    (name, store.outbox.leased(name).await.unwrap())
}

pub(super) fn ids(messages: &[Message]) -> Vec<MessageId> {
    messages.iter().map(|message| message.id).collect()
}

pub async fn a_message_comes_back_as_it_went_in(bench: &dyn Bench) {
    let (store, default) = (bench.store(), TenantId::default());
    let anna = Account::register(&store, &default, "anna@example.org").await;
    for kind in MessageKind::ALL {
        let mut whole = message(&default, Some(anna.identity.id));
        whole.kind = kind;
        let mut least = message(&default, None);
        (least.languages, least.data, least.error) = (String::new(), None, None);
        store.changes.commit(vec![enqueue(&whole), enqueue(&least)]).await.unwrap();
        assert_eq!(read(&store, &whole).await, Some(whole));
        assert_eq!(read(&store, &least).await, Some(least));
    }
}

pub async fn a_message_needs_an_active_tenant_and_is_for_one_of_its_users(bench: &dyn Bench) {
    let (store, default) = (bench.store(), TenantId::default());
    let [other, closed] = ["other", "closed"].map(tenant);
    bench.add_tenant(&other, true).await;
    bench.add_tenant(&closed, false).await;
    let anna = Account::register(&store, &default, "anna@example.org").await;
    for refused in [
        message(&closed, None),
        message(&tenant("nowhere"), None),
        message(&other, Some(anna.identity.id)),
        message(&default, Some(identity(&default).id)),
    ] {
        let outcome = store.changes.commit(vec![enqueue(&refused)]).await;
        assert_eq!(outcome, Err(CommitError::Stale(Guard::Tenant)), "{refused:?}");
        assert_eq!(read(&store, &refused).await, None);
    }
}

pub async fn i_44_a_list_that_is_rolled_back_enqueues_nothing(bench: &dyn Bench) {
    let (store, default) = (bench.store(), TenantId::default());
    let [before, after] = [message(&default, None), message(&default, None)];
    let absent =
        Change::Account(AccountChange::Pin { tenant: default.clone(), identity: identity(&default).id, version: 1 });
    let outcome = store.changes.commit(vec![enqueue(&before), absent, enqueue(&after)]).await;
    assert_eq!(outcome, Err(CommitError::Stale(Guard::Identity)));
    for message in [before, after] {
        assert_eq!(read(&store, &message).await, None);
    }
    assert_eq!(store.outbox.backlog().await, Ok(Backlog::default()));
}

pub async fn messages_are_leased_in_the_order_in_which_they_are_due_and_none_before(bench: &dyn Bench) {
    let store = bench.store();
    let [third, first, second, later] =
        [enqueued(&store, 8).await, enqueued(&store, 5).await, enqueued(&store, 7).await, enqueued(&store, 11).await];
    let (name, taken) = leased(&store, 2, 10).await;
    assert_eq!(ids(&taken).into_iter().collect::<BTreeSet<_>>(), [first.id, second.id].into());
    for (was, is) in [(&first, read(&store, &first).await), (&second, read(&store, &second).await)] {
        let expected = Message { state: MessageState::Leased, attempts: 1, due_at: at(70), ..was.clone() };
        assert_eq!(is, Some(expected));
    }
    assert_eq!(ids(&leased(&store, 9, 10).await.1), [third.id]);
    assert_eq!(leased(&store, 9, 10).await.1, [], "none is no error");
    assert_eq!(ids(&leased(&store, 9, 11).await.1), [later.id], "it is due exactly then");
    assert_eq!(store.outbox.leased(name).await.unwrap(), taken, "as before");
}

pub async fn messages_of_one_channel_are_leased_and_those_of_the_other_left(bench: &dyn Bench) {
    let store = bench.store();
    let mail = enqueued(&store, 8).await;
    let sms = Message { recipient: "+491701234567".to_owned(), due_at: at(5), ..message(&TenantId::default(), None) };
    store.changes.commit(vec![enqueue(&sms)]).await.unwrap();
    let lease = async |channel| {
        let name = unique();
        store.changes.commit(vec![lease_by(channel, name, 9, 10)]).await.unwrap();
        ids(&store.outbox.leased(name).await.unwrap())
    };
    assert_eq!(lease(Channel::Mail).await, [mail.id]);
    assert_eq!(lease(Channel::Mail).await, []);
    assert_eq!(lease(Channel::Sms).await, [sms.id]);
}

pub async fn i_43_16_parallel_leases_share_no_message(bench: &dyn Bench) {
    let store = bench.store();
    let all: Vec<_> = (0..80).map(|_| message(&TenantId::default(), None)).collect();
    store.changes.commit(all.iter().map(enqueue).collect()).await.unwrap();
    let names: Vec<_> = (0..16).map(|_| unique()).collect();
    let outcomes = race(&store, names.iter().map(|name| vec![lease(*name, 5, 10)]).collect()).await;
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let mut taken = Vec::new();
    for name in names {
        let leased = store.outbox.leased(name).await.unwrap();
        assert!(leased.len() <= 5, "{leased:?}");
        assert!(leased.iter().all(|message| message.attempts == 1), "{leased:?}");
        taken.extend(ids(&leased));
    }
    let distinct: BTreeSet<_> = taken.iter().copied().collect();
    assert_eq!(distinct.len(), taken.len(), "a message has one lease");
    taken.extend(ids(&leased(&store, 100, 10).await.1));
    let left: BTreeSet<_> = taken.iter().copied().collect();
    assert_eq!((taken.len(), left), (80, ids(&all).into_iter().collect()), "what nobody took is still due");
}

pub async fn a_lease_that_has_ended_is_taken_over_and_a_running_one_is_not(bench: &dyn Bench) {
    let store = bench.store();
    let message = enqueued(&store, 5).await;
    let (first, _) = leased(&store, 9, 10).await;
    assert_eq!(leased(&store, 9, 69).await.1, []);
    let (second, taken) = leased(&store, 9, 70).await;
    let expected = Message { state: MessageState::Leased, attempts: 2, due_at: at(130), ..message.clone() };
    assert_eq!(taken, [expected], "it ends exactly then");
    assert_eq!(store.outbox.leased(first).await, Ok(Vec::new()));
    commit(&store, deliver(&message, second)).await.unwrap();
    assert_eq!(leased(&store, 9, 9_999).await.1, [], "what was delivered is not leased again");
}

pub async fn nothing_is_taken_of_a_worker_whose_lease_was_taken_over(bench: &dyn Bench) {
    let (store, default) = (bench.store(), TenantId::default());
    let anna = Account::register(&store, &default, "anna@example.org").await;
    let changes: [Under; 4] = [deliver, postpone, give_up, remove];
    let all = |message: &Message, lease| {
        let changes = changes.map(|change| change(message, lease)).into_iter();
        changes.chain([prepare(message, lease, &anna.identity)]).collect::<Vec<_>>()
    };
    let message = enqueued(&store, 5).await;
    let (slow, _) = leased(&store, 9, 10).await;
    let (second, taken) = leased(&store, 9, 70).await;
    for change in all(&message, slow).into_iter().chain(all(&message, unique())) {
        assert_eq!(commit(&store, change.clone()).await, Err(STALE), "{change:?}");
    }
    assert_eq!(read(&store, &message).await.as_slice(), taken);
    for (number, end) in changes.into_iter().enumerate() {
        let message = enqueued(&store, 100).await;
        let (name, _) = leased(&store, 1, 100).await;
        commit(&store, end(&message, name)).await.unwrap();
        let ended = read(&store, &message).await;
        for change in all(&message, name) {
            assert_eq!(commit(&store, change.clone()).await, Err(STALE), "{change:?} after end {number}");
        }
        assert_eq!(read(&store, &message).await, ended);
        assert_eq!(store.outbox.leased(name).await, Ok(Vec::new()));
    }
    let late = leased(&store, 9, 70).await.1;
    assert_eq!(late, [], "the second lease runs");
    commit(&store, deliver(&message, second)).await.unwrap();
}
