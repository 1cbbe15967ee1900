//! The laws of the store, kept behind the session cache, and the cache's own promises.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up breaks the test")]

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kayan_cache::CachedSessions;
use kayan_contract::Bench;
use kayan_fakes::{ManualClock, MemoryStore};
use kayan_ports::{
    Aal, AccountChange, Change, Client, Clock, Commit, Failure, Identity, IdentityId, Lookup, Scope, Session,
    SessionChange, SessionId, State, Stores, TenantId, TokenHash, Traits,
};
use uuid::Uuid;

const MAX_AGE: Duration = Duration::from_secs(5);

struct Cached {
    inner: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    store: Stores,
}

async fn fresh() -> Cached {
    let (inner, clock) = (Arc::new(MemoryStore::new()), Arc::new(ManualClock::default()));
    let behind = Stores::new(inner.clone());
    let store = Arc::new(CachedSessions::new(&behind, clock.clone(), MAX_AGE)).before(behind);
    Cached { inner, clock, store }
}

#[async_trait]
impl Bench for Cached {
    fn store(&self) -> Stores {
        self.store.clone()
    }

    /// From outside, as an operator's SQL does it: it is seen when the remembered answers are too old.
    async fn add_tenant(&self, tenant: &TenantId, active: bool) {
        self.inner.add_tenant(tenant.clone(), active);
        self.clock.advance(MAX_AGE);
    }
}

kayan_contract::laws!(store, fresh);

const TOKEN: TokenHash = TokenHash([7; 32]);

impl Cached {
    /// A user with a session whose token was presented once.
    async fn with_session() -> (Self, Identity, Session) {
        let cached = fresh().await;
        let now = cached.clock.now();
        let identity = Identity {
            id: IdentityId(Uuid::from_u128(1)),
            tenant: TenantId::default(),
            traits: Traits::default(),
            state: State::Active,
            verified: Vec::new(),
            roles: Vec::new(),
            created_at: now,
            updated_at: now,
            last_login_at: None,
            version: 1,
        };
        let session = Session {
            id: SessionId(Uuid::from_u128(2)),
            tenant: TenantId::default(),
            identity: identity.id,
            token: TOKEN,
            active: true,
            epoch: 0,
            aal: Aal::Aal1,
            methods: Vec::new(),
            issued_at: now,
            expires_at: now + Duration::from_hours(1),
            ends_at: now + Duration::from_hours(2),
            last_seen_at: now,
            client: Client::default(),
        };
        let create =
            Change::Account(AccountChange::Create { identity: Box::new(identity.clone()), identifiers: Vec::new() });
        let open = Change::Session(SessionChange::Open(Box::new(session.clone())));
        cached.store.changes.commit(vec![create, open]).await.unwrap();
        assert!(cached.is_active().await.unwrap());
        (cached, identity, session)
    }

    async fn is_active(&self) -> Result<bool, Failure> {
        match self.store.access_tokens.authenticated_session(&TenantId::default(), &TOKEN).await? {
            Lookup::Found(presented) => Ok(presented.session.active && presented.identity.state == State::Active),
            Lookup::Absent | Lookup::NoTenant => Ok(false),
        }
    }
}

fn everybody() -> Change {
    Change::Session(SessionChange::RevokeAll { scope: Scope::System, epoch: 1 })
}

#[tokio::test]
async fn a_token_that_was_just_presented_is_known_without_the_database() {
    let (cached, ..) = Cached::with_session().await;
    cached.inner.fail_next_read(Failure::Unavailable("away".to_owned()));
    assert_eq!(cached.is_active().await, Ok(true));
    cached.clock.advance(Duration::from_micros(4_999_999));
    assert_eq!(cached.is_active().await, Ok(true));
    cached.clock.advance(Duration::from_micros(1));
    assert_eq!(cached.is_active().await, Err(Failure::Unavailable("away".to_owned())));
}

#[tokio::test]
async fn i_22_what_others_revoke_is_dead_at_the_limit() {
    let (cached, ..) = Cached::with_session().await;
    cached.inner.commit(vec![everybody()]).await.unwrap();
    assert_eq!(cached.is_active().await, Ok(true));
    cached.clock.advance(MAX_AGE);
    assert_eq!(cached.is_active().await, Ok(false));
}

#[tokio::test]
async fn i_22_what_this_process_revokes_is_dead_at_once() {
    let tenant = TenantId::default;
    let identity = IdentityId(Uuid::from_u128(1));
    let one =
        Change::Session(SessionChange::Revoke { tenant: tenant(), identity, session: SessionId(Uuid::from_u128(2)) });
    let all_of =
        |identity| Change::Session(SessionChange::RevokeOf { scope: Scope::Tenant(tenant()), identity, except: None });
    let at = ManualClock::default().now();
    let lock = Change::Account(AccountChange::SetState {
        scope: Scope::System,
        identity,
        expected: None,
        state: State::Locked,
        until: None,
        at,
    });
    let delete = Change::Account(AccountChange::Delete { scope: Scope::System, identity, expected: None });
    for change in [one, all_of(identity), everybody(), lock, delete] {
        let (cached, ..) = Cached::with_session().await;
        let told = format!("{change:?}");
        cached.store.changes.commit(vec![change]).await.unwrap();
        assert_eq!(cached.is_active().await, Ok(false), "{told}");
    }
}

#[tokio::test]
async fn i_29_a_remembered_token_is_nothing_in_another_tenant() {
    let (cached, ..) = Cached::with_session().await;
    let other: TenantId = "other".parse().unwrap();
    cached.inner.add_tenant(other.clone(), true);
    assert_eq!(cached.store.access_tokens.authenticated_session(&other, &TOKEN).await, Ok(Lookup::Absent));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_from_before_a_revocation_is_never_remembered_after_it() {
    for _ in 0..500 {
        let (cached, ..) = Cached::with_session().await;
        cached.clock.advance(MAX_AGE);
        let cached = Arc::new(cached);
        let asking = cached.clone();
        let reader = tokio::spawn(async move { asking.is_active().await });
        cached.store.changes.commit(vec![everybody()]).await.unwrap();
        reader.await.unwrap().unwrap();
        assert_eq!(cached.is_active().await, Ok(false));
    }
}
