//! Seals, and the trail that they are made over.

use kayan_ports::{
    AuditEvent, Change, CommitError, EventId, Guard, Position, Seal, SealChange, Sealing, Stores, Stretch, TenantId,
    Timestamp, TrailEvent, Unique,
};
use time::Duration;
use uuid::Uuid;

use crate::{
    Bench,
    race::{MANY, only_winner, race},
    sample::{at, event, identity, record, tenant, uuid},
};

fn seal(tenant: &TenantId, number: i64) -> Seal {
    Seal {
        tenant: tenant.clone(),
        number,
        last: Position { at: at(number), id: EventId(uuid()) },
        entries: (0..=255).cycle().take(56 * 300).collect(),
        root: [1; 32],
        previous: [0xFF; 32],
        sealed_at: at(100 + number),
        public_key: [3; 32],
        signature: vec![4; 64],
    }
}

fn add(seal: &Seal) -> Change {
    Change::Seal(SealChange::Add(Box::new(seal.clone())))
}

pub async fn seals_come_back_as_they_went_in_and_in_order(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    assert_eq!(store.seals.last_seal(&tenant).await, Ok(None));
    assert_eq!(store.seals.seals(&tenant, i64::MIN, 100).await, Ok(vec![]));
    let seals: Vec<_> = (1..=12).map(|number| seal(&tenant, number)).collect();
    store.changes.commit(seals.iter().map(add).collect()).await.unwrap();
    assert_eq!(store.seals.last_seal(&tenant).await, Ok(seals.last().cloned()));
    assert_eq!(store.seals.seals(&tenant, i64::MIN, 100).await, Ok(seals.clone()));
    assert_eq!(store.seals.seals(&tenant, 9, 2).await, Ok(seals[9..11].to_vec()));
    assert_eq!(store.seals.seals(&tenant, 12, 100).await, Ok(vec![]));
}

pub async fn another_tenants_seals_are_absent(bench: &dyn Bench) {
    let (store, own) = (bench.store(), TenantId::default());
    let theirs = seal(&tenant("acme"), 1);
    store.changes.commit(vec![add(&theirs)]).await.unwrap();
    assert_eq!(store.seals.last_seal(&own).await, Ok(None));
    assert_eq!(store.seals.seals(&own, i64::MIN, 100).await, Ok(vec![]));
    assert_eq!(store.changes.commit(vec![add(&seal(&own, 1))]).await, Ok(()));
}

pub async fn a_chain_of_seals_goes_on_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    store.changes.commit(vec![add(&seal(&tenant, 1))]).await.unwrap();
    let tries: Vec<_> = (0..MANY).map(|_| seal(&tenant, 2)).collect();
    let lists = tries.iter().map(|seal| vec![add(seal)]).collect();
    let winner = only_winner(&race(&store, lists).await, &CommitError::Conflict(Unique::Seal));
    assert_eq!(store.seals.last_seal(&tenant).await, Ok(Some(tries[winner].clone())));
}

pub async fn one_process_at_a_time_has_the_right_to_seal(bench: &dyn Bench) {
    const BUSY: Result<(), CommitError> = Err(CommitError::Stale(Guard::Sealing));
    let store = bench.store();
    let (one, other) = (uuid(), uuid());
    let keep = |holder: Uuid, now: i64, until: i64| {
        Change::Seal(SealChange::Lease(Sealing {
            holder,
            now: at(now),
            until: at(until),
            sealed_until: Timestamp::UNIX_EPOCH,
        }))
    };
    assert_eq!(store.changes.commit(vec![keep(one, 0, 60)]).await, Ok(()));
    assert_eq!(store.changes.commit(vec![keep(other, 59, 120)]).await, BUSY);
    assert_eq!(store.changes.commit(vec![keep(one, 59, 119)]).await, Ok(()));
    assert_eq!(store.changes.commit(vec![keep(other, 60, 120)]).await, BUSY);
    assert_eq!(store.changes.commit(vec![keep(one, 70, 70)]).await, Ok(()), "it is given back");
    assert_eq!(store.changes.commit(vec![keep(other, 70, 130)]).await, Ok(()));
    assert_eq!(store.changes.commit(vec![keep(one, 130, 190)]).await, Ok(()), "its time is over");
    let holders: Vec<_> = (0..MANY).map(|_| vec![keep(uuid(), 190, 250)]).collect();
    only_winner(&race(&store, holders).await, &CommitError::Stale(Guard::Sealing));
}

pub async fn what_is_sealed_moves_forward_only(bench: &dyn Bench) {
    let store = bench.store();
    let holder = uuid();
    assert_eq!(store.seals.sealed_until().await, Ok(Timestamp::UNIX_EPOCH));
    for (said, kept) in [(at(10), at(10)), (at(5), at(10)), (at(11), at(11))] {
        let sealing = Sealing { holder, now: at(0), until: at(0), sealed_until: said };
        store.changes.commit(vec![Change::Seal(SealChange::Lease(sealing))]).await.unwrap();
        assert_eq!(store.seals.sealed_until().await, Ok(kept));
    }
}

async fn write(store: &Stores, tenant: &TenantId, seconds: &[i64]) -> Vec<AuditEvent> {
    let who = identity(tenant);
    let make = |second: &i64| AuditEvent { created_at: at(*second), ..event(&who) };
    let events: Vec<_> = seconds.iter().map(make).collect();
    store.changes.commit(events.iter().map(record).collect()).await.unwrap();
    events
}

pub async fn tenants_with_new_events_are_found_by_time(bench: &dyn Bench) {
    let (store, own, acme) = (bench.store(), TenantId::default(), tenant("acme"));
    write(&store, &own, &[10, 10, 20]).await;
    write(&store, &acme, &[5, 20]).await;
    let found = async |after: i64, until: i64| {
        let found = store.seals.unsealed(at(after), at(until)).await.unwrap();
        assert_eq!(found.up_to, at(until));
        let mut tenants = found.tenants;
        tenants.sort();
        tenants
    };
    assert_eq!(found(0, 30).await, [acme.clone(), own.clone()]);
    assert_eq!(found(5, 19).await, std::slice::from_ref(&own), "the earlier moment is not in it");
    assert_eq!(found(4, 5).await, [acme], "the later moment is");
    assert_eq!(found(20, 30).await, []);
}

pub async fn the_trail_is_read_word_for_word(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let mut events = write(&store, &tenant, &[1, 2]).await;
    let bare = AuditEvent {
        actor: None,
        subject: Some(String::new()),
        metadata: serde_json::from_str("{\"z\":1.50,\"a\":[1e3,\" é\\u0000\"],\"n\":18446744073709551615}").unwrap(),
        client: kayan_ports::Client::default(),
        session: None,
        resource: None,
        old_value: None,
        new_value: Some(serde_json::Value::Null),
        request_id: None,
        risk: 0,
        created_at: at(3) + Duration::microseconds(1),
        ..event(&identity(&tenant))
    };
    store.changes.commit(vec![record(&bare)]).await.unwrap();
    events.push(bare);
    let until = Position { at: at(100), id: EventId(Uuid::max()) };
    let read = store.seals.trail(&Stretch { tenant, after: None, until, limit: 100 }).await.unwrap();
    assert_eq!(read, events.iter().map(TrailEvent::from).collect::<Vec<_>>());
}

pub async fn a_stretch_is_what_lies_behind_one_event_and_up_to_another(bench: &dyn Bench) {
    let (store, tenant_id) = (bench.store(), TenantId::default());
    write(&store, &tenant("acme"), &[1, 2, 3]).await;
    // Four at one moment: their ids part them.
    let mut events = write(&store, &tenant_id, &[3, 2, 2, 2, 2, 1]).await;
    events.sort_by_key(|event| (event.created_at, event.id));
    let ids: Vec<_> = events.iter().map(|event| event.id).collect();
    let place = |number: usize| Position { at: events[number].created_at, id: events[number].id };
    for first in 0..=events.len() {
        for last in 0..events.len() {
            let after = first.checked_sub(1).map(place);
            let stretch = Stretch { tenant: tenant_id.clone(), after, until: place(last), limit: 2 };
            let read = store.seals.trail(&stretch).await.unwrap();
            let read: Vec<_> = read.iter().map(|event| event.id).collect();
            let expected = ids.get(first..=last).unwrap_or_default();
            assert_eq!(read, expected.iter().copied().take(2).collect::<Vec<_>>(), "{first} to {last}");
        }
    }
}

pub async fn every_trail_is_found_by_its_tenants_name(bench: &dyn Bench) {
    let store = bench.store();
    assert_eq!(store.seals.next_trail(None).await, Ok(None));
    for name in ["b-2", "a", "zz"] {
        write(&store, &tenant(name), &[1, 2]).await;
    }
    let only_sealed = tenant("b_1");
    store.changes.commit(vec![add(&seal(&only_sealed, 1))]).await.unwrap();
    let mut names = Vec::new();
    let mut next = store.seals.next_trail(None).await.unwrap();
    while let Some(tenant) = next {
        next = store.seals.next_trail(Some(&tenant)).await.unwrap();
        names.push(tenant.to_string());
    }
    assert_eq!(names, ["a", "b-2", "b_1", "zz"]);
}
