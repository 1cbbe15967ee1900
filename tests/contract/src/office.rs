//! Kayan itself on a store that is on trial, with a hasher that can be made to wait.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use kayan_cache::MemoryLimiter;
use kayan_core::{
    Grants, IdentitySchema, Kayan, Lifetimes, Operator, PasswordSettings, Ports, RateLimits, ReturnTo, Settings,
};
use kayan_crypto::{AppCodes, Biscuits, OsEntropy, SealedKeys, SystemJwsKeys, WrappingSecrets};
use kayan_fakes::{ManualClock, MemoryStore, PlainHasher};
use kayan_ports::{
    AdoptError, Client, Entropy, HashCost, HashError, Identity, Password, PasswordHash, PasswordHasher, Scope, Stores,
    TenantId, Verdict, Work,
};
use tokio::sync::oneshot;

/// A process that serves the store. Its clock stands still, so it remembers roles for as long as it may.
pub(crate) fn replica(store: &Stores, hasher: Arc<dyn PasswordHasher>) -> Arc<Kayan> {
    drawing(store, hasher, Arc::new(OsEntropy))
}

/// A replica whose ids are drawn from `ids`.
fn drawing(store: &Stores, hasher: Arc<dyn PasswordHasher>, ids: Arc<dyn Entropy>) -> Arc<Kayan> {
    let (clock, entropy) = (Arc::new(ManualClock::default()), Arc::new(OsEntropy));
    let secrets = WrappingSecrets {
        data_key: None,
        data_key_previous: None,
        session_secret: vec![7; 32].into(),
        session_secret_previous: None,
    };
    let keys = SealedKeys::new(store, clock.clone(), entropy.clone(), &secrets).expect("keys");
    let ports = Ports {
        store: store.clone(),
        hasher,
        breaches: None,
        attempts: Arc::new(MemoryStore::new()),
        limiter: Arc::new(MemoryLimiter::new()),
        keys: Arc::new(keys),
        jws: Arc::new(SystemJwsKeys::default()),
        biscuits: Arc::new(Biscuits::new(entropy.clone())),
        tokens: Arc::new(Biscuits::new(entropy)),
        totp: Arc::new(AppCodes),
        relying_party: Arc::new(|_| None),
        providers: Vec::new(),
        messaging: None,
        clock,
        entropy: ids,
    };
    let lifetimes = Lifetimes {
        session: Duration::from_hours(24),
        refresh: Duration::from_hours(168),
        absolute: Duration::from_hours(720),
    };
    let settings = Settings {
        lifetimes,
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
    Arc::new(Kayan::new(ports, IdentitySchema::default(), settings))
}

/// A replica with a hasher that costs nothing.
pub(crate) fn quick(store: &Stores) -> Arc<Kayan> {
    replica(store, Arc::new(PlainHasher::new()))
}

/// A replica that pauses once between a decision and its commit: when it draws the id of the audit event.
pub(crate) fn pausing(store: &Stores) -> (Arc<Kayan>, Gate) {
    let (pause, gate) = Pause::new();
    (drawing(store, Arc::new(PlainHasher::new()), Arc::new(Pausing(pause))), gate)
}

/// An administrator of their own tenant, with the roles they had when the request began.
pub(crate) fn operator(who: &Identity, grants: Grants) -> Operator {
    Operator {
        scope: Scope::Tenant(who.tenant.clone()),
        name: who.id.to_string(),
        credential: format!("identity/{}", who.id),
        identity: Some(who.id),
        grants,
        lacks_factor: false,
        client: Client::default(),
        request_id: None,
        idempotency: None,
    }
}

/// Says once that it begins, and goes on when it is told to.
struct Pause(Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>);

/// The other side of a pause: what says that it has begun, and what ends it.
pub(crate) struct Gate {
    pub(crate) begun: oneshot::Receiver<()>,
    pub(crate) go_on: oneshot::Sender<()>,
}

impl Pause {
    fn new() -> (Self, Gate) {
        let ((begins, begun), (go_on, goes_on)) = (oneshot::channel(), oneshot::channel());
        (Self(Mutex::new(Some((begins, goes_on)))), Gate { begun, go_on })
    }

    /// What to wait for; `None` after the first time.
    fn begin(&self) -> Option<oneshot::Receiver<()>> {
        let (begins, goes_on) = self.0.lock().expect("no thread panics while holding it").take()?;
        begins.send(()).expect("the test waits for the pause");
        Some(goes_on)
    }
}

/// A source of chance that pauses at its first use.
struct Pausing(Pause);

impl Entropy for Pausing {
    fn fill(&self, bytes: &mut [u8]) {
        if let Some(goes_on) = self.0.begin() {
            tokio::task::block_in_place(|| goes_on.blocking_recv()).expect("the test ends the pause");
        }
        OsEntropy.fill(bytes);
    }
}

/// A hasher that pauses at its first hash.
pub(crate) struct Gated {
    inner: PlainHasher,
    pause: Pause,
}

impl Gated {
    pub(crate) fn new() -> (Arc<Self>, Gate) {
        let (pause, gate) = Pause::new();
        (Arc::new(Self { inner: PlainHasher::new(), pause }), gate)
    }
}

#[async_trait]
impl PasswordHasher for Gated {
    async fn hash(&self, tenant: &TenantId, password: &Password) -> Result<PasswordHash, HashError> {
        if let Some(goes_on) = self.pause.begin() {
            goes_on.await.expect("the test ends the pause");
        }
        self.inner.hash(tenant, password).await
    }

    async fn verify(
        &self,
        tenant: &TenantId,
        against: Option<&PasswordHash>,
        password: &Password,
    ) -> Result<Verdict, HashError> {
        self.inner.verify(tenant, against, password).await
    }

    async fn compute(&self, tenant: &TenantId, work: Work) -> Result<(), HashError> {
        self.inner.compute(tenant, work).await
    }

    fn adopt(&self, hash: &PasswordHash, most: HashCost) -> Result<PasswordHash, AdoptError> {
        self.inner.adopt(hash, most)
    }

    fn max_bytes(&self) -> usize {
        self.inner.max_bytes()
    }
}
