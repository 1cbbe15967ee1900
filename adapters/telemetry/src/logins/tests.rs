//! Which logins are counted, and when.

use std::{task::Poll, time::Duration};

use ::metrics::LocalRecorderGuard;
use kayan_fakes::MemoryStore;
use kayan_ports::{
    Admission, AttemptCounter, AttemptKey, AuditEvent, Client, EventId, Failure, Lockout, Outcome, RateLimit,
    RateLimiter, Reservation, Target, TenantId, Timestamp,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use serde_json::json;
use time::macros::datetime;
use uuid::Uuid;

use super::*;
use crate::{CountedAttempts, CountedLimiter};

const NOON: Timestamp = datetime!(2026-11-25 12:00 UTC);

struct Bench {
    memory: Arc<MemoryStore>,
    store: CountedLogins,
    metrics: PrometheusHandle,
    _recording: LocalRecorderGuard<'static>,
}

impl Bench {
    fn new() -> Self {
        let recorder: &'static PrometheusRecorder = Box::leak(Box::new(PrometheusBuilder::new().build_recorder()));
        let recording = ::metrics::set_default_local_recorder(recorder);
        let memory = Arc::new(MemoryStore::new());
        let store = CountedLogins::new(memory.clone());
        Self { memory, store, metrics: recorder.handle(), _recording: recording }
    }

    /// How many logins by password have succeeded, and failed.
    fn counted(&self) -> (u64, u64) {
        let text = self.metrics.render();
        let of = |status: &str| {
            let series = format!("kayan_login_total{{status=\"{status}\",strategy=\"password\"}} ");
            let value = text.lines().find_map(|line| line.strip_prefix(&series));
            value.expect("it is there from the start").parse().unwrap()
        };
        (of("success"), of("failure"))
    }
}

/// A limit that is used up.
struct Exhausted;

#[async_trait]
impl RateLimiter for Exhausted {
    async fn admit(&self, limit: &RateLimit, _: &str, _: Timestamp) -> Result<Admission, Failure> {
        Ok(Admission::Refused { retry_after: limit.window })
    }
}

fn event(number: u128, kind: EventType, actor: Option<&str>) -> Change {
    let outcome = if kind == EventType::LoginSuccess { Outcome::Success } else { Outcome::Failure };
    Change::Record(Box::new(AuditEvent {
        id: EventId(Uuid::from_u128(number)),
        tenant: TenantId::default(),
        kind,
        outcome,
        actor: actor.map(ToOwned::to_owned),
        subject: None,
        message: String::new(),
        metadata: [("method".to_owned(), json!("password"))].into_iter().collect(),
        client: Client::default(),
        session: None,
        resource: None,
        old_value: None,
        new_value: None,
        risk: 0,
        request_id: None,
        created_at: NOON,
    }))
}

#[tokio::test]
async fn a_login_is_counted_once_by_what_came_of_it() {
    let bench = Bench::new();
    assert_eq!(bench.counted(), (0, 0));
    let session = event(1, EventType::SessionCreated, Some("ada"));
    bench.store.commit(vec![session, event(2, EventType::LoginSuccess, Some("ada"))]).await.unwrap();
    bench.store.commit(vec![event(3, EventType::LoginFailure, None)]).await.unwrap();
    bench.store.commit(vec![event(4, EventType::LoginBlocked, Some("ada"))]).await.unwrap();
    bench.store.commit(vec![event(5, EventType::Logout, Some("ada"))]).await.unwrap();
    assert_eq!(bench.counted(), (1, 2));
}

#[tokio::test]
async fn a_login_that_is_not_committed_is_not_counted_and_one_that_is_tried_again_is_counted_once() {
    let bench = Bench::new();
    let login = || vec![event(1, EventType::LoginSuccess, Some("ada"))];
    bench.memory.fail_next_commit(CommitError::Failed(Failure::Unavailable("away".to_owned())));
    assert!(bench.store.commit(login()).await.is_err());
    assert_eq!(bench.counted(), (0, 0));
    bench.store.commit(login()).await.unwrap();
    assert!(bench.store.commit(login()).await.is_err(), "there is one with this id");
    assert_eq!(bench.counted(), (1, 0));
}

#[tokio::test]
async fn a_login_is_counted_though_its_caller_is_gone() {
    let bench = Bench::new();
    let mut asking = bench.store.commit(vec![event(1, EventType::LoginSuccess, Some("ada"))]);
    let under_way = std::future::poll_fn(|context| Poll::Ready(asking.as_mut().poll(context).is_pending()));
    assert!(under_way.await, "it is under way");
    drop(asking);
    tokio::task::yield_now().await;
    assert_eq!(bench.counted(), (1, 0));
}

#[tokio::test]
async fn each_login_that_a_lockout_or_a_limit_refuses_is_counted_and_its_event_is_not_counted_again() {
    let bench = Bench::new();
    let attempts = CountedAttempts::new(bench.memory.clone());
    let limiter = CountedLimiter::new(Arc::new(Exhausted));
    for name in ["login", "password"] {
        let lockout = Lockout { name, max_failures: 1, duration: Duration::from_mins(15) };
        let limit = RateLimit { name, requests: 1, window: Duration::from_mins(1) };
        let target = Target { tenant: name.parse().unwrap(), identifier: [7; 32] };
        let key = AttemptKey { target, known_origin: None };
        assert_eq!(attempts.reserve(&key, &lockout, NOON).await, Ok(Reservation::Reserved));
        for _ in 0..2 {
            attempts.reserve(&key, &lockout, NOON).await.unwrap();
            limiter.admit(&limit, "192.0.2.1", NOON).await.unwrap();
        }
    }
    assert_eq!(bench.counted(), (0, 4), "two by each, of logins only");
    bench.store.commit(vec![event(1, EventType::LoginBlocked, None)]).await.unwrap();
    bench.store.commit(vec![event(2, EventType::RateLimited, None)]).await.unwrap();
    assert_eq!(bench.counted(), (0, 4));
}
