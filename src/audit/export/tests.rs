//! Tests of what an export contains, and of its audit events.

use kayan_ports::{Clock as _, Failure, Outcome, Scope};
use serde_json::Value;

use super::*;
use crate::{Grants, stage::Stage};

fn all() -> ExportEvents {
    ExportEvents { query: EventQuery::all(Scope::System), format: ExportFormat::Ndjson }
}

async fn read(export: &mut EventExport) -> Vec<Value> {
    let mut text = Vec::new();
    while export.next(&mut text).await.unwrap() {}
    assert_eq!(export.next(&mut text).await, Ok(false));
    text.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

async fn busy(stage: &Stage, people: usize) -> usize {
    for _ in 0..people {
        stage.person(&format!("p{}@example.org", stage.store.events().len())).await;
        stage.clock.advance(std::time::Duration::from_secs(1));
    }
    stage.store.events().len()
}

#[tokio::test]
async fn an_export_holds_every_event_from_before_it_began_and_none_of_itself() {
    let stage = Stage::new();
    let count = busy(&stage, 3).await;
    let mut export = stage.kayan.export_events(&Stage::operator(), all()).await.unwrap();
    busy(&stage, 2).await;
    assert_eq!(read(&mut export).await.len(), count);
    assert_eq!(export.count(), u64::try_from(count).unwrap());
}

#[tokio::test]
async fn i_35_an_export_says_until_when_it_is_complete() {
    let stage = Stage::new();
    let now = stage.clock.now();
    let export = stage.kayan.export_events(&Stage::operator(), all()).await.unwrap();
    assert_eq!(export.complete_until(), now - SETTLES_WITHIN);
    let past = now - Duration::DAY;
    let query = EventQuery { end: Some(past), ..EventQuery::all(Scope::System) };
    let export = stage.kayan.export_events(&Stage::operator(), ExportEvents { query, ..all() }).await.unwrap();
    assert_eq!(export.complete_until(), past);
}

#[tokio::test]
async fn i_31_an_export_is_audited_when_it_begins_and_when_it_ends() {
    let stage = Stage::new();
    let count = busy(&stage, 2).await;
    let mut export = stage.kayan.export_events(&Stage::operator(), all()).await.unwrap();
    stage.kayan.end_export(&Stage::operator(), &export).await.unwrap();
    read(&mut export).await;
    stage.kayan.end_export(&Stage::operator(), &export).await.unwrap();
    let told: Vec<_> = stage.store.events().into_iter().skip(count).collect();
    assert!(
        told.iter().all(|event| event.kind == EventType::AdminAction && event.metadata["action"] == "audit.export")
    );
    assert_eq!(told[0].metadata["format"], "ndjson");
    assert_eq!((&told[1].metadata["count"], &told[1].metadata["whole"]), (&0.into(), &false.into()));
    assert_eq!((&told[2].metadata["count"], &told[2].metadata["whole"]), (&count.into(), &true.into()));
}

#[tokio::test]
async fn i_29_an_export_stays_within_the_operators_tenant_whatever_it_asks_for() {
    let stage = Stage::new();
    busy(&stage, 1).await;
    let operator = Operator::at_the_command_line(Scope::Tenant("other".parse().unwrap()));
    let mut export = stage.kayan.export_events(&operator, all()).await.unwrap();
    assert_eq!(read(&mut export).await.len(), 0);
}

#[tokio::test]
async fn an_export_needs_its_permission_and_a_refusal_is_audited() {
    let stage = Stage::new();
    let operator = Operator { grants: Grants::direct(["audit:read".parse().unwrap()]), ..Stage::operator() };
    let refused = stage.kayan.export_events(&operator, all()).await;
    assert!(matches!(refused, Err(DeniedError::Forbidden(_))));
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Failure), 1);
}

#[tokio::test]
async fn an_export_that_failed_is_not_taken_for_a_whole_one() {
    let stage = Stage::new();
    busy(&stage, 1).await;
    let mut export = stage.kayan.export_events(&Stage::operator(), all()).await.unwrap();
    stage.store.fail_next_read(Failure::Unavailable("gone".to_owned()));
    assert!(export.next(&mut Vec::new()).await.is_err());
    assert!(export.next(&mut Vec::new()).await.is_err(), "it does not begin anew");
    stage.kayan.end_export(&Stage::operator(), &export).await.unwrap();
    assert_eq!(stage.store.events().last().unwrap().metadata["whole"], false);
}
