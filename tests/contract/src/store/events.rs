//! The audit trail, page by page, and its purge.

use std::collections::BTreeSet;

use kayan_ports::{
    AuditEvent, Change, Client, EventCursor, EventId, EventOrder, EventQuery, EventType, Outcome, PurgeEvents, Scope,
    Stores, TenantId,
};
use time::Duration;
use uuid::Uuid;

use crate::{
    Bench,
    race::{MANY, race},
    sample::{at, event, identity, record, tenant},
};

/// Every page, one behind the other.
async fn read(store: &Stores, query: &EventQuery, limit: u32) -> Vec<AuditEvent> {
    read_behind(store, query, None, limit).await
}

async fn read_behind(
    store: &Stores,
    query: &EventQuery,
    mut after: Option<EventCursor>,
    limit: u32,
) -> Vec<AuditEvent> {
    let mut all = Vec::new();
    loop {
        let page = store.audit.events(query, after, limit).await.unwrap();
        assert!(page.events.len() <= limit as usize, "a page is longer than was asked for");
        all.extend(page.events);
        match page.next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

fn sorted(mut events: Vec<AuditEvent>) -> Vec<AuditEvent> {
    events.sort_by_key(|event| EventCursor::from(event));
    events
}

fn newest(query: EventQuery) -> EventQuery {
    EventQuery { order: EventOrder::NewestFirst, ..query }
}

/// Events of two tenants, one a second, three of them at each moment.
async fn trail(bench: &dyn Bench) -> (TenantId, Vec<AuditEvent>) {
    let (store, own, other) = (bench.store(), tenant("own"), tenant("other"));
    for name in [&own, &other] {
        bench.add_tenant(name, true).await;
    }
    let whom = [&own, &other].map(identity);
    let make = |number: i64| {
        let who = &whom[usize::from(number % 4 == 0)];
        AuditEvent { created_at: at(number / 3), ..event(who) }
    };
    let events: Vec<_> = (0..24).map(make).collect();
    let mut shuffled: Vec<_> = events.iter().map(record).collect();
    shuffled.rotate_left(7);
    shuffled.reverse();
    store.changes.commit(shuffled).await.unwrap();
    (own, events)
}

pub async fn pages_of_events_are_disjoint_and_hold_all_in_order(bench: &dyn Bench) {
    let ((own, events), store) = (trail(bench).await, bench.store());
    for scope in [Scope::System, Scope::Tenant(own)] {
        let query = EventQuery::all(scope.clone());
        let mut expected: Vec<_> = sorted(events.clone()).into_iter().filter(|event| query.takes(event)).collect();
        for limit in [1, 2, 5, 24, 100] {
            assert_eq!(read(&store, &query, limit).await, expected, "{scope:?} {limit}");
        }
        expected.reverse();
        for limit in [1, 2, 5, 24, 100] {
            assert_eq!(read(&store, &newest(query.clone()), limit).await, expected, "{scope:?} {limit}");
        }
    }
}

pub async fn an_empty_trail_is_one_empty_page(bench: &dyn Bench) {
    let page = bench.store().audit.events(&EventQuery::all(Scope::System), None, 10).await.unwrap();
    assert_eq!((page.events, page.next), (vec![], None));
}

pub async fn i_35_pages_hold_each_event_once_under_64_parallel_writers(bench: &dyn Bench) {
    let (store, who) = (bench.store(), identity(&TenantId::default()));
    let lists = |from: i64| {
        let event = |number: i64| AuditEvent { created_at: at(from + number % 7), ..event(&who) };
        (0..i64::try_from(MANY).unwrap()).map(|number| vec![record(&event(number))]).collect::<Vec<_>>()
    };
    race(&store, lists(0)).await;
    let query = EventQuery::all(Scope::from(&who.tenant));
    let before: BTreeSet<_> = read(&store, &query, 100).await.iter().map(|event| event.id).collect();
    assert_eq!(before.len(), MANY);

    let reading = {
        let (store, query) = (store.clone(), query.clone());
        async move { read(&store, &query, 3).await }
    };
    let (seen, outcomes) = tokio::join!(tokio::spawn(reading), race(&store, lists(3)));
    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    let seen = seen.unwrap();
    let ids: BTreeSet<_> = seen.iter().map(|event| event.id).collect();
    assert_eq!(ids.len(), seen.len(), "an event was read twice");
    assert!(ids.is_superset(&before), "an event that was there was not read");
    assert_eq!(sorted(seen.clone()), seen, "they are not in order");
    assert_eq!(read(&store, &query, 100).await.len(), 2 * MANY);
}

pub async fn a_query_takes_what_all_of_its_conditions_say(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let (anna, bert) = (identity(&tenant), identity(&tenant));
    let mut written = Vec::new();
    for (number, kind) in (0..).zip([EventType::LoginSuccess, EventType::LoginFailure, EventType::AdminAction]) {
        for (actor, subject, outcome, ip) in [
            (Some(&anna), Some(&anna), Outcome::Success, Some("192.0.2.1")),
            (Some(&anna), Some(&bert), Outcome::Failure, Some("192.0.2.2")),
            (Some(&bert), None, Outcome::Success, None),
            (None, Some(&anna), Outcome::Failure, Some("192.0.2.1")),
            (None, None, Outcome::Success, Some("192.0.2.1")),
        ] {
            let id = |who: Option<&kayan_ports::Identity>| who.map(|who| who.id.to_string());
            let client = Client { ip: ip.map(str::to_owned), user_agent: None };
            let created_at = at(number);
            let (actor, subject) = (id(actor), id(subject));
            written.push(AuditEvent { kind, outcome, actor, subject, client, created_at, ..event(&anna) });
        }
    }
    store.changes.commit(written.iter().map(record).collect()).await.unwrap();

    let all = EventQuery::all(Scope::System);
    let [anna, bert] = [&anna, &bert].map(|who| Some(who.id.to_string()));
    let none = || all.clone();
    let types = |types: &[EventType]| types.to_vec();
    let queries = [
        (none(), 15),
        (EventQuery { types: types(&[EventType::LoginFailure]), ..none() }, 5),
        (EventQuery { types: types(&[EventType::LoginFailure, EventType::AdminAction]), ..none() }, 10),
        (EventQuery { types: types(&[EventType::Logout]), ..none() }, 0),
        (EventQuery { actor: anna.clone(), ..none() }, 6),
        (EventQuery { subject: anna.clone(), ..none() }, 6),
        (EventQuery { actor: anna.clone(), subject: bert.clone(), ..none() }, 3),
        (EventQuery { actor: bert.clone(), subject: bert, ..none() }, 0),
        (EventQuery { actor: Some("%".to_owned()), ..none() }, 0),
        (EventQuery { outcome: Some(Outcome::Failure), ..none() }, 6),
        (EventQuery { ip: Some("192.0.2.1".to_owned()), ..none() }, 9),
        (EventQuery { start: Some(at(1)), ..none() }, 10),
        (EventQuery { end: Some(at(1)), ..none() }, 5),
        (EventQuery { start: Some(at(1)), end: Some(at(2)), ..none() }, 5),
        (EventQuery { start: Some(at(1) + Duration::MICROSECOND), ..none() }, 5),
        (EventQuery { start: Some(at(2)), end: Some(at(1)), ..none() }, 0),
        (EventQuery { subject: anna.clone(), start: Some(at(1)), outcome: Some(Outcome::Success), ..none() }, 2),
        (EventQuery { actor: anna, types: types(&[EventType::AdminAction]), end: Some(at(3)), ..none() }, 2),
    ];
    for (query, count) in queries {
        for scope in [Scope::System, Scope::Tenant(tenant.clone())] {
            let query = EventQuery { scope, ..query.clone() };
            let expected: Vec<_> = sorted(written.clone()).into_iter().filter(|event| query.takes(event)).collect();
            assert_eq!(expected.len(), count, "{query:?}");
            for limit in [2, 100] {
                assert_eq!(read(&store, &query, limit).await, expected, "{query:?}");
                let mut back = read(&store, &newest(query.clone()), limit).await;
                back.reverse();
                assert_eq!(back, expected, "{query:?}");
            }
        }
    }
}

pub async fn a_cursor_holds_its_place_when_its_event_is_gone(bench: &dyn Bench) {
    let ((_, events), store) = (trail(bench).await, bench.store());
    let (query, events) = (EventQuery::all(Scope::System), sorted(events));
    let place = EventCursor::from(&events[9]);
    let until = events[12].created_at;
    let rest: Vec<_> = events[10..].iter().filter(|event| event.created_at >= until).cloned().collect();
    store
        .changes
        .commit(vec![Change::PurgeEvents(PurgeEvents { scope: Scope::System, until, parts_until: until })])
        .await
        .unwrap();
    assert_eq!(read_behind(&store, &query, Some(place), 2).await, rest);
    assert_eq!(read_behind(&store, &newest(query), Some(place), 2).await, vec![]);
}

pub async fn a_cursor_that_no_event_had_reaches_over_no_end(bench: &dyn Bench) {
    let ((_, events), store) = (trail(bench).await, bench.store());
    let query = EventQuery { start: Some(at(2)), end: Some(at(4)), ..EventQuery::all(Scope::System) };
    let within = sorted(events).into_iter().filter(|event| query.takes(event)).count();
    let far = |seconds| Some(EventCursor { at: at(seconds), id: EventId(Uuid::max()) });
    for (before, behind) in [(far(-9_000), far(9_000)), (None, far(4))] {
        assert_eq!(read_behind(&store, &query, before, 10).await.len(), within);
        assert_eq!(read_behind(&store, &query, behind, 10).await.len(), 0);
        assert_eq!(read_behind(&store, &newest(query.clone()), behind, 10).await.len(), within);
    }
    assert_eq!(read_behind(&store, &newest(query), far(-9_000), 10).await.len(), 0);
}

pub async fn i_29_another_tenants_events_are_in_no_page(bench: &dyn Bench) {
    let ((own, events), store) = (trail(bench).await, bench.store());
    let foreign = events.iter().find(|event| event.tenant != own).unwrap();
    let mine = events.iter().filter(|event| event.tenant == own).count();
    let query = EventQuery::all(Scope::Tenant(own.clone()));
    assert_eq!(read(&store, &query, 5).await.len(), mine);
    for query in [
        EventQuery { subject: foreign.subject.clone(), ..query.clone() },
        EventQuery { actor: foreign.actor.clone(), ..query.clone() },
        EventQuery { scope: Scope::Tenant(tenant("nobodys")), ..query },
    ] {
        assert_eq!(read(&store, &query, 5).await, vec![], "{query:?}");
        assert_eq!(read(&store, &newest(query), 5).await, vec![]);
    }
}

pub async fn a_purge_removes_what_is_older_and_leaves_the_rest(bench: &dyn Bench) {
    let ((own, events), store) = (trail(bench).await, bench.store());
    let purge = |scope: &Scope, until, parts_until| {
        Change::PurgeEvents(PurgeEvents { scope: scope.clone(), until, parts_until })
    };
    let left = async || read(&store, &EventQuery::all(Scope::System), 100).await;
    let kept = |expected: &dyn Fn(&AuditEvent) -> bool| {
        sorted(events.clone()).into_iter().filter(|event| expected(event)).collect::<Vec<_>>()
    };
    let own_scope = Scope::Tenant(own.clone());
    store.changes.commit(vec![purge(&own_scope, at(3), at(3))]).await.unwrap();
    assert_eq!(left().await, kept(&|event| event.tenant != own || event.created_at >= at(3)));
    store.changes.commit(vec![purge(&own_scope, at(3), at(3))]).await.unwrap();
    store.changes.commit(vec![purge(&Scope::System, at(5), at(5))]).await.unwrap();
    assert_eq!(left().await, kept(&|event| event.created_at >= at(5)));
    let told = event(&identity(&own));
    let foreign = purge(&Scope::Tenant(tenant("nobodys")), at(99), at(99));
    store.changes.commit(vec![foreign, purge(&Scope::System, at(99), at(99)), record(&told)]).await.unwrap();
    assert_eq!(left().await, vec![told], "what a purge tells of itself outlives it");
}

pub async fn events_are_counted_by_tenant(bench: &dyn Bench) {
    let ((own, events), store) = (trail(bench).await, bench.store());
    let count = |name: &str, until| {
        let older = events.iter().filter(|event| event.tenant.as_str() == name && event.created_at < until).count();
        (tenant(name), u64::try_from(older).unwrap())
    };
    for until in [at(4), at(99)] {
        let expected = vec![count("other", until), count("own", until)];
        assert_eq!(store.audit.count_events(&Scope::System, until).await, Ok(expected));
        let scope = Scope::Tenant(own.clone());
        assert_eq!(store.audit.count_events(&scope, until).await, Ok(vec![count("own", until)]));
    }
    assert_eq!(store.audit.count_events(&Scope::System, at(0)).await, Ok(vec![]));
    assert_eq!(store.audit.count_events(&Scope::Tenant(tenant("nobodys")), at(99)).await, Ok(vec![]));
}
