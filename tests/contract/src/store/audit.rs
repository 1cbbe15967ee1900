//! The audit trail.

use kayan_ports::{AuditEvent, Client, EventType, Outcome, TenantId};
use serde_json::Map;

use crate::{
    Bench,
    sample::{Account, at, event, identity, record},
};

pub async fn every_event_comes_back_as_it_went_in(bench: &dyn Bench) {
    let (store, who) = (bench.store(), identity(&TenantId::default()));
    let mut written = Vec::new();
    for kind in EventType::ALL {
        for (outcome, risk) in [(Outcome::Success, 0), (Outcome::Failure, 100)] {
            written.push(AuditEvent { kind: *kind, outcome, risk, ..event(&who) });
        }
    }
    written.push(AuditEvent {
        actor: None,
        metadata: Map::new(),
        client: Client::default(),
        session: None,
        resource: None,
        old_value: None,
        new_value: None,
        request_id: None,
        ..event(&who)
    });
    store.changes.commit(written.iter().map(record).collect()).await.unwrap();
    assert_eq!(store.audit.events_about(&who.tenant, who.id).await, Ok(written));
}

pub async fn events_about_somebody_are_those_they_did_and_those_done_to_them(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let (who, other) = (identity(&tenant), identity(&tenant));
    let [me, them] = [&who, &other].map(|identity| Some(identity.id.to_string()));
    let make = |seconds, actor: &Option<String>, subject: &Option<String>| AuditEvent {
        created_at: at(seconds),
        actor: actor.clone(),
        subject: subject.clone(),
        ..event(&who)
    };
    let (third, second) = (make(30, &me, &them), make(20, &Some("cli".to_owned()), &me));
    let (first, fourth) = (make(10, &me, &me), make(40, &me, &None));
    let (unrelated, nobodys) = (make(15, &them, &them), make(25, &None, &None));
    let written = [&third, &second, &unrelated, &nobodys, &fourth, &first];
    store.changes.commit(written.into_iter().map(record).collect()).await.unwrap();
    assert_eq!(store.audit.events_about(&tenant, who.id).await, Ok(vec![first, second, third, fourth]));
}

pub async fn an_event_stands_beside_the_change_it_tells_of(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let refused = Account::of(&TenantId::default(), "anna@example.org");
    for mut list in [refused.registration(), refused.registration()] {
        list.rotate_right(1);
        store.changes.commit(list).await.unwrap_err();
    }
    assert_eq!(store.audit.events_about(anna.tenant(), refused.identity.id).await, Ok(vec![]));
    assert_eq!(store.audit.events_about(anna.tenant(), anna.identity.id).await, Ok(vec![anna.event]));
}
