//! How often a use-case waits for its database: counted on real servers, with the lockout and its counter in there too.
#![expect(clippy::unwrap_used, reason = "what cannot be set up breaks the test")]

use std::{sync::Arc, time::Duration};

use kayan_cache::{CachedSessions, MemoryLimiter};
use kayan_contract::throw_away::{POSTGRES, PostgresDatabase};
use kayan_core::{
    Caller, IdentitySchema, Kayan, Lifetimes, LockoutSettings, LogIn, Operator, PasswordSettings, Ports, RateLimits,
    RefreshSession, Register, ReturnTo, Settings, UpdateTenant,
};
use kayan_crypto::{Biscuits, SealedKeys, WrappingSecrets};
use kayan_fakes::{ManualClock, PlainHasher, SeededEntropy};
use kayan_ports::{Client, Clock, Lockout, Scope, Stores, TenantId, TenantSettings, Traits};
use kayan_postgres::PostgresDriver;
use kayan_sql::{Dialect, SqlStore, migrate};

const PASSWORD: &str = "correct horse battery staple";

struct Counted {
    kayan: Kayan,
    store: Arc<SqlStore<PostgresDriver>>,
    clock: Arc<ManualClock>,
    _database: PostgresDatabase,
}

impl Counted {
    /// A store that caches sessions for this long.
    async fn new(remembered: Duration) -> Self {
        let database = PostgresDatabase::create().await;
        let driver = PostgresDriver::connect(&database.dsn(POSTGRES), kayan_postgres::Settings::default()).unwrap();
        let store = Arc::new(SqlStore::new(driver));
        let clock = Arc::new(ManualClock::default());
        migrate::up(store.driver(), migrate::embedded(Dialect::Postgres), None, clock.now(), &mut |_| {})
            .await
            .unwrap();
        let entropy = Arc::new(SeededEntropy::new(7));
        let secrets = WrappingSecrets {
            data_key: None,
            data_key_previous: None,
            session_secret: vec![7; 32].into(),
            session_secret_previous: None,
        };
        let behind = Stores::new(store.clone());
        let keys = SealedKeys::new(&behind, clock.clone(), entropy.clone(), &secrets).unwrap();
        let ports = Ports {
            messaging: None,
            store: Arc::new(CachedSessions::new(&behind, clock.clone(), remembered)).before(behind),
            breaches: None,
            attempts: Arc::<SqlStore<_>>::clone(&store),
            hasher: Arc::new(PlainHasher::new()),
            limiter: Arc::new(MemoryLimiter::new()),
            keys: Arc::new(keys),
            jws: Arc::new(kayan_crypto::SystemJwsKeys::default()),
            biscuits: Arc::new(Biscuits::new(entropy.clone())),
            tokens: Arc::new(Biscuits::new(entropy.clone())),
            totp: Arc::new(kayan_crypto::AppCodes),
            relying_party: Arc::new(|_| None),
            providers: Vec::new(),
            clock: clock.clone(),
            entropy,
        };
        let settings = Settings {
            lifetimes: Lifetimes {
                session: Duration::from_hours(1),
                refresh: Duration::from_hours(2),
                absolute: Duration::from_hours(3),
            },
            refresh_reuse_window: Duration::from_secs(10),
            passwords: PasswordSettings::default(),
            lockout: Some(LockoutSettings {
                lockout: Lockout { name: "login", max_failures: 5, duration: Duration::from_mins(15) },
                known_origins_apart: true,
            }),
            limits: RateLimits::default(),
            issuer: "https://id.example".to_owned(),
            session_jwts: None,
            jwt_secrets: Vec::new(),
            key_rotation: Duration::from_hours(2_160),
            return_to: ReturnTo::default(),
        };
        Self { kayan: Kayan::new(ports, IdentitySchema::default(), settings), store, clock, _database: database }
    }

    /// So often something waited, once its statements were prepared.
    async fn trips(&self, mut work: impl AsyncFnMut()) -> u64 {
        // Statements are prepared on each connection, and there is one only: nothing here runs at the same time.
        work().await;
        let before = self.store.driver().round_trips();
        work().await;
        self.store.driver().round_trips() - before
    }
}

fn stranger() -> Caller {
    Caller { client: Client { ip: Some("192.0.2.1".to_owned()), user_agent: None }, ..Caller::default() }
}

fn registration(name: &str) -> Register {
    let traits: Traits = serde_json::from_value(serde_json::json!({ "email": format!("{name}@example.org") })).unwrap();
    Register { traits, password: PASSWORD.into(), proof_of_work: None }
}

fn login(password: &str) -> LogIn {
    LogIn { identifier: "anna@example.org".to_owned(), password: password.into(), proof_of_work: None }
}

#[tokio::test]
async fn a_registration_takes_at_most_two_round_trips() {
    let counted = Counted::new(Duration::ZERO).await;
    let mut number = 0;
    let trips = counted.trips(async || {
        number += 1;
        counted.kayan.register(&stranger(), registration(&format!("p{number}"))).await.unwrap();
    });
    assert!((1..=2).contains(&trips.await));
}

#[tokio::test]
async fn a_login_takes_at_most_three_round_trips_right_or_wrong() {
    let counted = Counted::new(Duration::ZERO).await;
    let registered = counted.kayan.register(&stranger(), registration("anna")).await.unwrap();
    let known = Caller { device: registered.device, ..stranger() };
    for caller in [stranger(), known] {
        let right = counted.trips(async || drop(counted.kayan.log_in(&caller, login(PASSWORD)).await.unwrap()));
        assert!((1..=3).contains(&right.await), "from a new device or from a known one");
    }
    let wrong = counted.trips(async || drop(counted.kayan.log_in(&stranger(), login("wrong")).await.unwrap_err()));
    assert!((1..=3).contains(&wrong.await));
}

#[tokio::test]
async fn a_locked_login_takes_at_most_three_round_trips() {
    let counted = Counted::new(Duration::ZERO).await;
    let locked = async || drop(counted.kayan.log_in(&stranger(), login("wrong")).await.unwrap_err());
    for _ in 0..6 {
        locked().await;
    }
    assert!((1..=3).contains(&counted.trips(locked).await));
}

#[tokio::test]
async fn a_refresh_takes_at_most_two_round_trips() {
    let counted = Counted::new(Duration::ZERO).await;
    let mut opened = counted.kayan.register(&stranger(), registration("anna")).await.unwrap();
    let trips = counted.trips(async || {
        let text = opened.refresh_token.expose().to_string();
        let refresh_token = kayan_core::Token::read(kayan_core::Purpose::Refresh, &text);
        opened = counted.kayan.refresh_session(&stranger(), RefreshSession { refresh_token }).await.unwrap();
    });
    assert!((1..=2).contains(&trips.await));
}

async fn require_of_admins(kayan: &Kayan) {
    let roles = Some(vec!["admin".to_owned()]);
    let settings = TenantSettings { mfa_required: true, mfa_required_roles: roles, ..TenantSettings::default() };
    let id = TenantId::default();
    let cmd = UpdateTenant { id, name: None, active: None, settings: Some(settings), expected: None };
    kayan.update_tenant(&Operator::at_the_command_line(Scope::System), cmd).await.unwrap();
}

#[tokio::test]
async fn whoami_takes_one_round_trip_and_none_from_the_cache() {
    for (remembered, expected) in [(Duration::ZERO, 1), (Duration::from_secs(5), 0)] {
        let counted = Counted::new(remembered).await;
        let opened = counted.kayan.register(&stranger(), registration("anna")).await.unwrap();
        let caller = Caller { token: Some(opened.session.token), ..stranger() };
        let whoami = async || drop(counted.kayan.who_am_i(&caller).await.unwrap());
        assert_eq!(counted.trips(whoami).await, expected);
        require_of_admins(&counted.kayan).await;
        assert_eq!(counted.trips(whoami).await, expected, "where a second factor is required of others");
        counted.clock.advance(Duration::from_secs(5));
        let before = counted.store.driver().round_trips();
        counted.kayan.who_am_i(&caller).await.unwrap();
        assert_eq!(counted.store.driver().round_trips() - before, 1, "what is as old as the limit is read anew");
    }
}
