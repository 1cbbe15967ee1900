//! A sealed trail in a database, and the way back to it.

use std::{sync::Arc, time::Duration};

use kayan_cache::MemoryLimiter;
use kayan_core::{
    IdentitySchema, Kayan, Lifetimes, PasswordSettings, Ports, RateLimits, ReturnTo, Settings, VerifyTrail,
    policy::seal::{Head, SealKey, TrailReport},
};
use kayan_crypto::{SealedKeys, WrappingSecrets};
use kayan_fakes::{ManualClock, PlainHasher, SeededEntropy};
use kayan_ports::{
    AuditEvent, Change, Client, Clock, Commit, EventId, EventType, Outcome, Position, Seal, Seals, SessionId, Stores,
    Stretch, TenantId, Timestamp, TrailEvent,
};
use kayan_sql::{Driver, Expect, SqlStore, Statement, Value, migrate};
use serde_json::json;
use uuid::Uuid;

const EVENTS: u32 = 52;
const SEALED_TOGETHER: u32 = 7;

/// A tenant's trail as it was sealed.
pub(crate) struct Trail {
    pub(crate) tenant: TenantId,
    pub(crate) events: Vec<TrailEvent>,
    pub(crate) seals: Vec<Seal>,
}

pub(crate) struct Stage<D> {
    pub(crate) kayan: Kayan,
    pub(crate) store: Arc<SqlStore<D>>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) keys: Vec<[u8; 32]>,
    pub(crate) trails: Vec<Trail>,
    heads: Vec<(TenantId, Head)>,
}

impl<D: Driver> Stage<D> {
    /// Three tenants' events under several seals, and some that are not sealed yet.
    pub(crate) async fn new(driver: D) -> Self {
        let (store, clock) = (Arc::new(SqlStore::new(driver)), Arc::new(ManualClock::default()));
        let known = migrate::embedded(store.driver().dialect());
        migrate::up(store.driver(), known, None, clock.now(), &mut |_| {}).await.unwrap();
        let kayan = kayan(&store, &clock);
        let mut stage = Self { kayan, store, clock, keys: Vec::new(), trails: Vec::new(), heads: Vec::new() };
        let tenants = ["acme", "default", "umbrella"].map(|name| name.parse::<TenantId>().unwrap());
        for (number, tenant) in (0_u32..).zip(&tenants) {
            let events = (0..EVENTS).map(|event| make(tenant, number * 1_000 + event, stage.clock.now()));
            let changes = events.map(|event| Change::Record(Box::new(event))).collect();
            stage.store.commit(changes).await.unwrap();
        }
        stage.seal().await;
        let late = (9_000..).zip(&tenants).map(|(number, tenant)| make(tenant, number, stage.clock.now()));
        let late = late.map(|event| Change::Record(Box::new(event))).collect();
        stage.store.commit(late).await.unwrap();
        stage.keys = stage.kayan.seal_public_keys().await.unwrap();
        for tenant in tenants {
            let trail = stage.read(&tenant).await;
            assert_eq!(trail.seals.len(), EVENTS.div_ceil(SEALED_TOGETHER) as usize);
            stage.trails.push(trail);
        }
        stage.keep_a_copy().await;
        let reports = stage.verify(&[]).await;
        stage.heads = reports.into_iter().map(|report| (report.tenant, report.head.unwrap())).collect();
        stage
    }

    async fn read(&self, tenant: &TenantId) -> Trail {
        let seals = self.store.seals(tenant, i64::MIN, 100).await.unwrap();
        let until: Position = seals.last().unwrap().last;
        let stretch = Stretch { tenant: tenant.clone(), after: None, until, limit: 10_000 };
        Trail { tenant: tenant.clone(), events: self.store.trail(&stretch).await.unwrap(), seals }
    }

    /// Seals all that happened up to a minute ago, two hours later.
    pub(crate) async fn seal(&self) {
        self.clock.advance(Duration::from_hours(2));
        let sealed = self.kayan.seal_events_by(SEALED_TOGETHER).await.unwrap();
        assert!(!sealed.busy);
    }

    pub(crate) async fn verify(&self, expected: &[TenantId]) -> Vec<TrailReport> {
        let heads = self.heads.iter().filter(|(tenant, _)| expected.contains(tenant));
        let cmd = VerifyTrail { tenant: None, keys: self.keys.clone(), expected: heads.cloned().collect() };
        self.kayan.verify_trail(&cmd).await.unwrap()
    }

    pub(crate) async fn assert_clean(&self) {
        let all: Vec<_> = self.trails.iter().map(|trail| trail.tenant.clone()).collect();
        let reports = self.verify(if self.heads.is_empty() { &[] } else { &all }).await;
        assert_eq!(reports.len(), 3);
        for report in reports {
            assert_eq!(report.finding, None);
            assert_eq!(report.events + report.unsealed, u64::from(EVENTS) + 1);
        }
    }

    /// Runs one statement.
    pub(crate) async fn run(&self, sql: &str, params: Vec<Value>) {
        let sql: &'static str = String::leak(sql.to_owned());
        let statement = Statement { sql, params, expect: Expect::Any };
        self.store.driver().apply(vec![statement]).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    async fn keep_a_copy(&self) {
        let mut lock = self.store.driver().lock().await.unwrap();
        for table in ["audit_events", "audit_seals"] {
            lock.run(&format!("CREATE TABLE kept_{table} AS SELECT * FROM {table}"), None).await.unwrap();
        }
        lock.release().await.unwrap();
    }

    /// As it was before it was tampered with.
    pub(crate) async fn restore(&self) {
        let all = |sql: &'static str| Statement { sql, params: Vec::new(), expect: Expect::Any };
        let statements = [
            "DELETE FROM audit_events",
            "INSERT INTO audit_events SELECT * FROM kept_audit_events",
            "DELETE FROM audit_seals",
            "INSERT INTO audit_seals SELECT * FROM kept_audit_seals",
        ];
        self.store.driver().apply(statements.map(all).into()).await.unwrap();
    }

    /// As if nothing had been sealed.
    pub(crate) async fn forget_seals(&mut self) {
        self.heads.clear();
        self.run("DELETE FROM audit_seals", vec![]).await;
        let epoch = Timestamp::UNIX_EPOCH;
        self.run("UPDATE audit_sealing SET sealed_until = ?", vec![epoch.into()]).await;
    }

    pub(crate) async fn free_the_lease(&self) {
        let epoch = Timestamp::UNIX_EPOCH;
        let params = vec![epoch.into(), epoch.into()];
        self.run("UPDATE audit_sealing SET leased_until = ?, sealed_until = ?", params).await;
    }

    pub(crate) async fn delete(&self, tenant: &TenantId, id: EventId) {
        let params = vec![Value::text(tenant.as_str()), id.0.into()];
        self.run("DELETE FROM audit_events WHERE tenant_id = ? AND id = ?", params).await;
    }

    pub(crate) async fn delete_before(&self, tenant: &TenantId, before: Timestamp) {
        let params = vec![Value::text(tenant.as_str()), before.into()];
        self.run("DELETE FROM audit_events WHERE tenant_id = ? AND created_at < ?", params).await;
    }

    /// The event that a purge leaves behind.
    pub(crate) async fn write_purge(&self, tenant: &TenantId, before: Timestamp) {
        let event = make(tenant, 9_500, self.clock.now());
        let id = event.id;
        self.store.commit(vec![Change::Record(Box::new(event))]).await.unwrap();
        let before = before.format(&time::format_description::well_known::Rfc3339).unwrap();
        let metadata = Value::Json(json!({ "before": before, "count": 1 }).to_string());
        let sql = "UPDATE audit_events SET type = 'audit.purged', metadata = ? WHERE id = ?";
        self.run(sql, vec![metadata, id.0.into()]).await;
    }
}

/// A key that is not the service's.
pub(crate) fn forgers_key() -> SealKey {
    SealKey::from_seed(&[66; 32]).unwrap()
}

fn kayan<D: Driver>(store: &Arc<SqlStore<D>>, clock: &Arc<ManualClock>) -> Kayan {
    let hour = Duration::from_hours(1);
    let settings = Settings {
        lifetimes: Lifetimes { session: hour, refresh: hour, absolute: hour },
        refresh_reuse_window: Duration::from_secs(10),
        passwords: PasswordSettings::default(),
        lockout: None,
        limits: RateLimits::default(),
        issuer: "https://id.example".to_owned(),
        session_jwts: None,
        jwt_secrets: Vec::new(),
        key_rotation: Duration::from_hours(2_160),
        return_to: ReturnTo::default(),
    };
    let entropy = Arc::new(SeededEntropy::new(7));
    let secrets = WrappingSecrets {
        data_key: None,
        data_key_previous: None,
        session_secret: vec![7; 32].into(),
        session_secret_previous: None,
    };
    let keys = SealedKeys::new(&Stores::new(store.clone()), clock.clone(), entropy.clone(), &secrets).unwrap();
    let ports = Ports {
        keys: Arc::new(keys),
        jws: Arc::new(kayan_crypto::SystemJwsKeys::default()),
        biscuits: Arc::new(kayan_crypto::Biscuits::new(entropy.clone())),
        tokens: Arc::new(kayan_crypto::Biscuits::new(entropy.clone())),
        totp: Arc::new(kayan_crypto::AppCodes),
        relying_party: Arc::new(|_| None),
        providers: Vec::new(),
        store: Stores::new(store.clone()),
        breaches: None,
        attempts: store.clone(),
        hasher: Arc::new(PlainHasher::new()),
        limiter: Arc::new(MemoryLimiter::new()),
        messaging: None,
        clock: clock.clone(),
        entropy,
    };
    Kayan::new(ports, IdentitySchema::default(), settings)
}

/// Every third field is absent, and every third event happens at the moment of the one before.
pub(crate) fn make(tenant: &TenantId, number: u32, now: Timestamp) -> AuditEvent {
    let text = |which: u32, word: &str| (!(number + which).is_multiple_of(3)).then(|| format!("{word} {number}"));
    let json = |which: u32| text(which, "value").map(|text| json!({ "text": text, "list": [1.5, null, "ü"] }));
    let (kinds, moment) = (EventType::ALL, number % 1_000);
    AuditEvent {
        id: EventId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(number))),
        tenant: tenant.clone(),
        kind: kinds[number as usize % kinds.len()],
        outcome: if number.is_multiple_of(2) { Outcome::Success } else { Outcome::Failure },
        actor: text(0, "actor"),
        subject: text(1, "subject"),
        message: format!("Event {number} «happened»"),
        metadata: [("number".to_owned(), number.into())].into_iter().collect(),
        client: Client { ip: text(2, "address"), user_agent: text(0, "program") },
        session: text(1, "").map(|_| SessionId(Uuid::from_u128(u128::from(number) << 64))),
        resource: text(2, "resource"),
        old_value: json(0),
        new_value: json(1),
        risk: u8::try_from(number % 101).unwrap(),
        request_id: text(2, "request"),
        created_at: now + Duration::from_micros(u64::from(moment - u32::from(moment % 3 == 2)) * 1_000_003),
    }
}
