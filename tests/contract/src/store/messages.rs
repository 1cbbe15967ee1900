//! What becomes of a message: it is delivered, postponed or given up, retried or discarded, listed and counted.

use kayan_ports::{
    AccountChange, Backlog, Change, Message, MessageQuery, MessageState, OutboxChange, Scope, Sealed, Stores, Tenant,
    TenantChange, TenantId, TenantSettings,
};
use uuid::Uuid;

use super::outbox::{STALE, commit, deliver, enqueued, give_up, ids, leased, postpone, prepare, read};
use crate::{
    Bench,
    sample::{Account, at, enqueue, message, tenant},
};

fn retry(message: &Message) -> OutboxChange {
    OutboxChange::Retry { scope: Scope::System, message: message.id, at: at(30) }
}

fn discard(message: &Message) -> OutboxChange {
    OutboxChange::Discard { scope: Scope::System, message: message.id }
}

/// A message in each state. The leased one is under this lease.
async fn one_in_each_state(store: &Stores) -> ([Message; 4], Uuid) {
    let [dead, delivered, running] = [enqueued(store, 1).await, enqueued(store, 2).await, enqueued(store, 3).await];
    let (name, taken) = leased(store, 9, 10).await;
    assert_eq!(ids(&taken), ids(&[dead.clone(), delivered.clone(), running.clone()]));
    commit(store, give_up(&dead, name)).await.unwrap();
    commit(store, deliver(&delivered, name)).await.unwrap();
    let due = enqueued(store, 4).await;
    ([due, running, delivered, dead], name)
}

pub async fn a_delivered_message_has_no_data_left(bench: &dyn Bench) {
    let store = bench.store();
    let message = enqueued(&store, 5).await;
    let (name, taken) = leased(&store, 9, 10).await;
    assert_eq!(taken[0].data, message.data, "there is something to erase");
    commit(&store, deliver(&message, name)).await.unwrap();
    let delivered = Message {
        data: None,
        state: MessageState::Delivered,
        finished_at: Some(at(20)),
        ..taken.into_iter().next().unwrap()
    };
    assert_eq!(read(&store, &message).await, Some(delivered));
}

pub async fn a_postponed_message_is_due_again_and_counts_its_attempts(bench: &dyn Bench) {
    let store = bench.store();
    let message = enqueued(&store, 5).await;
    let (name, _) = leased(&store, 9, 10).await;
    commit(&store, postpone(&message, name)).await.unwrap();
    let error = Some("421: «später»".to_owned());
    let postponed = Message { attempts: 1, due_at: at(900), error, ..message.clone() };
    assert_eq!(read(&store, &message).await.as_ref(), Some(&postponed));
    assert_eq!(leased(&store, 9, 899).await.1, []);
    let again = Message { state: MessageState::Leased, attempts: 2, due_at: at(960), ..postponed };
    assert_eq!(leased(&store, 9, 900).await.1, [again]);
}

pub async fn a_message_that_is_given_up_keeps_its_data_and_is_not_leased_again(bench: &dyn Bench) {
    let store = bench.store();
    let message = enqueued(&store, 5).await;
    let (name, taken) = leased(&store, 9, 10).await;
    commit(&store, give_up(&message, name)).await.unwrap();
    let dead = Message {
        state: MessageState::Dead,
        error: Some("550: no such user".to_owned()),
        finished_at: Some(at(20)),
        ..taken.into_iter().next().unwrap()
    };
    assert_eq!(dead.data, message.data);
    assert_eq!(read(&store, &message).await, Some(dead));
    assert_eq!(leased(&store, 9, 9_999).await.1, []);
}

pub async fn a_leased_message_is_prepared_for_a_user_of_its_tenant(bench: &dyn Bench) {
    let (store, default, other) = (bench.store(), TenantId::default(), tenant("other"));
    bench.add_tenant(&other, true).await;
    let anna = Account::register(&store, &default, "anna@example.org").await;
    let foreign = Account::register(&store, &other, "anna@example.org").await;
    let message = enqueued(&store, 5).await;
    let (name, taken) = leased(&store, 9, 10).await;
    let absent = crate::sample::identity(&default);
    for refused in [&foreign.identity, &absent] {
        assert_eq!(commit(&store, prepare(&message, name, refused)).await, Err(STALE));
    }
    assert_eq!(store.outbox.leased(name).await.unwrap(), taken);
    commit(&store, prepare(&message, name, &anna.identity)).await.unwrap();
    let data = Some(Sealed(vec![0, 0xFF, 9]));
    let prepared = Message { identity: Some(anna.identity.id), data, ..taken.into_iter().next().unwrap() };
    assert_eq!(store.outbox.leased(name).await.unwrap(), [prepared], "it is still leased");
}

pub async fn a_message_that_is_due_or_dead_is_retried_and_no_other(bench: &dyn Bench) {
    let store = bench.store();
    let ([due, running, delivered, dead], name) = one_in_each_state(&store).await;
    for refused in [&running, &delivered, &message(&TenantId::default(), None)] {
        let before = read(&store, refused).await;
        assert_eq!(commit(&store, retry(refused)).await, Err(STALE), "{before:?}");
        assert_eq!(read(&store, refused).await, before);
    }
    commit(&store, retry(&due)).await.unwrap();
    commit(&store, retry(&dead)).await.unwrap();
    assert_eq!(read(&store, &due).await, Some(Message { due_at: at(30), ..due.clone() }));
    let error = Some("550: no such user".to_owned());
    assert_eq!(read(&store, &dead).await, Some(Message { due_at: at(30), error, ..dead.clone() }), "counted anew");
    assert_eq!(store.outbox.leased(name).await.unwrap().len(), 1);
    assert_eq!(ids(&leased(&store, 9, 30).await.1), ids(&[dead, due]));
}

pub async fn a_message_is_discarded_unless_it_is_leased(bench: &dyn Bench) {
    let store = bench.store();
    let ([due, running, delivered, dead], name) = one_in_each_state(&store).await;
    for discarded in [&due, &delivered, &dead] {
        commit(&store, discard(discarded)).await.unwrap();
        assert_eq!(read(&store, discarded).await, None);
        assert_eq!(commit(&store, discard(discarded)).await, Err(STALE), "it is gone");
    }
    assert_eq!(commit(&store, discard(&running)).await, Err(STALE));
    assert_eq!(ids(&store.outbox.leased(name).await.unwrap()), [running.id]);
}

pub async fn messages_go_with_their_user_and_with_their_tenant(bench: &dyn Bench) {
    let (store, other) = (bench.store(), tenant("other"));
    let other_tenant = Tenant {
        id: other.clone(),
        name: "Other".to_owned(),
        active: true,
        settings: TenantSettings::default(),
        created_at: at(0),
        updated_at: at(0),
        version: 1,
        epoch: 0,
    };
    store.changes.commit(vec![Change::Tenant(TenantChange::Create(Box::new(other_tenant)))]).await.unwrap();
    let anna = Account::register(&store, &other, "anna@example.org").await;
    let berta = Account::register(&store, &TenantId::default(), "berta@example.org").await;
    let [hers, prepared, nobodys] = [Some(anna.identity.id), None, None].map(|owner| message(&other, owner));
    let kept = [message(&TenantId::default(), Some(berta.identity.id)), message(&TenantId::default(), None)];
    let all = [&hers, &nobodys, &kept[0], &kept[1]];
    store.changes.commit([&prepared].map(enqueue).into()).await.unwrap();
    let (name, _) = leased(&store, 9, 10).await;
    commit(&store, prepare(&prepared, name, &anna.identity)).await.unwrap();
    store.changes.commit(all.map(enqueue).into()).await.unwrap();

    let delete = AccountChange::Delete { scope: Scope::System, identity: anna.identity.id, expected: None };
    store.changes.commit(vec![Change::Account(delete)]).await.unwrap();
    assert_eq!((read(&store, &hers).await, read(&store, &prepared).await), (None, None));
    assert!(read(&store, &nobodys).await.is_some());
    let close = Change::Tenant(TenantChange::Delete { tenant: other, expected: 1 });
    store.changes.commit(vec![close]).await.unwrap();
    assert_eq!(read(&store, &nobodys).await, None);
    for message in kept {
        assert!(read(&store, &message).await.is_some());
    }
}

pub async fn messages_are_listed_newest_first_in_pages_with_their_total(bench: &dyn Bench) {
    let (store, other) = (bench.store(), tenant("other"));
    bench.add_tenant(&other, true).await;
    let ([due, running, delivered, dead], _) = one_in_each_state(&store).await;
    let foreign = Message { created_at: at(1), ..message(&other, None) };
    let oldest = Message { created_at: at(-1), ..message(&TenantId::default(), None) };
    store.changes.commit([&foreign, &oldest].map(enqueue).into()).await.unwrap();
    let default = || Scope::Tenant(TenantId::default());
    // Those of one moment are in the order of their ids.
    let newest_first = ids(&[due.clone(), running.clone(), delivered.clone(), dead.clone(), oldest.clone()]);
    let anywhere: Vec<_> = [foreign.id].into_iter().chain(newest_first.clone()).collect();
    for (scope, state, expected) in [
        (default(), None, newest_first),
        (default(), Some(MessageState::Due), ids(&[due.clone(), oldest.clone()])),
        (default(), Some(MessageState::Leased), vec![running.id]),
        (default(), Some(MessageState::Delivered), vec![delivered.id]),
        (default(), Some(MessageState::Dead), vec![dead.id]),
        (Scope::System, Some(MessageState::Due), ids(&[foreign.clone(), due, oldest])),
        (Scope::System, None, anywhere),
        (Scope::Tenant(other), None, vec![foreign.id]),
        (Scope::Tenant(tenant("nowhere")), None, Vec::new()),
    ] {
        let mut found = Vec::new();
        for offset in [0, 2, 4, 6] {
            let query = MessageQuery { scope: scope.clone(), state, limit: 2, offset };
            let page = store.outbox.messages(&query).await.unwrap();
            assert_eq!((page.total, page.damaged), (expected.len() as u64, Vec::new()));
            found.extend(ids(&page.rows));
        }
        assert_eq!(found, expected, "{scope:?} {state:?}");
    }
}

pub async fn the_backlog_is_what_waits_and_since_when_and_what_is_dead(bench: &dyn Bench) {
    let (store, other) = (bench.store(), tenant("other"));
    bench.add_tenant(&other, true).await;
    assert_eq!(store.outbox.backlog().await, Ok(Backlog::default()));
    let ([_, running, ..], name) = one_in_each_state(&store).await;
    assert_eq!(store.outbox.backlog().await, Ok(Backlog { waiting: 2, oldest: Some(at(0)), dead: 1 }));
    // The earliest created is not the earliest due.
    let foreign = Message { created_at: at(-9), due_at: at(800), ..message(&other, None) };
    store.changes.commit(vec![enqueue(&foreign)]).await.unwrap();
    assert_eq!(store.outbox.backlog().await, Ok(Backlog { waiting: 3, oldest: Some(at(-9)), dead: 1 }));
    let (taken, _) = leased(&store, 9, 800).await;
    assert_eq!(store.outbox.backlog().await, Ok(Backlog { waiting: 3, oldest: Some(at(-9)), dead: 1 }));
    commit(&store, deliver(&foreign, taken)).await.unwrap();
    assert_eq!(store.outbox.backlog().await, Ok(Backlog { waiting: 2, oldest: Some(at(0)), dead: 1 }));
    assert_eq!(commit(&store, give_up(&running, name)).await, Err(STALE), "taken over");
    commit(&store, give_up(&running, taken)).await.unwrap();
    assert_eq!(store.outbox.backlog().await, Ok(Backlog { waiting: 1, oldest: Some(at(0)), dead: 2 }));
}
