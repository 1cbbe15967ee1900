//! Tests of listing events.

use kayan_ports::{EventOrder, EventType, Scope};

use super::*;
use crate::{Grants, stage::Stage};

fn newest() -> EventQuery {
    EventQuery { order: EventOrder::NewestFirst, ..EventQuery::all(Scope::System) }
}

async fn busy(stage: &Stage) -> usize {
    for number in 0..3 {
        stage.person(&format!("p{number}@example.org")).await;
        stage.clock.advance(std::time::Duration::from_secs(1));
    }
    stage.store.events().len()
}

#[tokio::test]
async fn lists_follow_each_other_without_a_gap() {
    let stage = Stage::new();
    let count = busy(&stage).await;
    for types in [vec![], EventType::ALL.to_vec()] {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let query = EventQuery { types: types.clone(), ..newest() };
            let list = stage.kayan.list_events(&Stage::operator(), &query, after, 2).await.unwrap();
            assert!(list.events.len() <= 2);
            seen.extend(list.events.iter().map(EventCursor::from));
            after = list.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), count);
        assert!(seen.is_sorted_by(|newer, older| newer > older), "{seen:?}");
    }
}

#[tokio::test]
async fn i_29_a_list_stays_within_the_operators_tenant_whatever_it_asks_for() {
    let stage = Stage::new();
    busy(&stage).await;
    let operator = Operator::at_the_command_line(Scope::Tenant("other".parse().unwrap()));
    let list = stage.kayan.list_events(&operator, &newest(), None, 10).await.unwrap();
    assert_eq!((list.events, list.next), (vec![], None));
}

#[tokio::test]
async fn a_list_needs_its_permission() {
    let stage = Stage::new();
    let operator = Operator { grants: Grants::direct(["audit:export".parse().unwrap()]), ..Stage::operator() };
    let refused = stage.kayan.list_events(&operator, &newest(), None, 10).await;
    assert!(matches!(refused, Err(DeniedError::Forbidden(_))));
}
