//! Tests of which events of a commit reach the audit log, and when.

use std::{fs, task::Poll};

use kayan_fakes::MemoryStore;
use kayan_ports::{AuditEvent, Client, EventId, EventType, Outcome, TenantId};
use serde_json::{Map, Value};
use time::macros::datetime;
use uuid::Uuid;

use super::*;
use crate::Destination;

struct Bench {
    folder: tempfile::TempDir,
    memory: Arc<MemoryStore>,
    store: Audited,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = AuditLog::open(Destination::File(folder.path().join("audit.log"))).unwrap();
        let memory = Arc::new(MemoryStore::new());
        Self { store: Audited::new(memory.clone(), Arc::new(log)), folder, memory }
    }

    /// Everything that was written until the log was closed.
    fn written(&self) -> Vec<Value> {
        self.store.log.close();
        let text = fs::read_to_string(self.folder.path().join("audit.log")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

fn event(number: u128) -> AuditEvent {
    AuditEvent {
        id: EventId(Uuid::from_u128(number)),
        tenant: TenantId::default(),
        kind: EventType::LoginFailure,
        outcome: Outcome::Failure,
        actor: None,
        subject: None,
        message: "two\nlines".to_owned(),
        metadata: Map::new(),
        client: Client::default(),
        session: None,
        resource: None,
        old_value: None,
        new_value: None,
        risk: 20,
        request_id: None,
        created_at: datetime!(2026-11-25 18:00:00.000001 UTC),
    }
}

fn record(number: u128) -> Change {
    Change::Record(Box::new(event(number)))
}

#[tokio::test]
async fn what_is_committed_is_written_a_line_for_each_event() {
    let bench = Bench::new();
    bench.store.commit(vec![record(1), record(2)]).await.unwrap();
    bench.store.commit(vec![]).await.unwrap();
    let expected = [1, 2].map(|number| serde_json::to_value(event(number)).unwrap());
    assert_eq!(bench.written(), expected);
}

#[tokio::test]
async fn i_33_what_is_not_committed_is_not_written() {
    let bench = Bench::new();
    bench.memory.fail_next_commit(CommitError::Failed(Failure::Unavailable("away".to_owned())));
    assert_eq!(
        bench.store.commit(vec![record(1)]).await,
        Err(CommitError::Failed(Failure::Unavailable("away".to_owned())))
    );
    bench.store.commit(vec![record(2)]).await.unwrap();
    assert!(bench.store.commit(vec![record(3), record(2)]).await.is_err(), "there is one with this id");
    assert_eq!(bench.written().len(), 1);
}

#[tokio::test]
async fn what_is_committed_is_written_though_nobody_waits_for_it() {
    let bench = Bench::new();
    let mut asking = bench.store.commit(vec![record(1)]);
    let under_way = std::future::poll_fn(|context| Poll::Ready(asking.as_mut().poll(context).is_pending()));
    assert!(under_way.await, "it is under way");
    drop(asking);
    tokio::task::yield_now().await;
    assert_eq!((bench.memory.events().len(), bench.written().len()), (1, 1));
}
