//! Kayan itself on a store that is on trial, with a hasher that can be made to wait.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use kayan_cache::MemoryLimiter;
use kayan_core::{Grants, IdentitySchema, Kayan, Lifetimes, Operator, Ports, RateLimits, Settings};
use kayan_crypto::{Biscuits, OsEntropy, SealedKeys, WrappingSecrets};
use kayan_fakes::{ManualClock, MemoryStore, PlainHasher};
use kayan_ports::{
    AdoptError, Client, HashCost, HashError, Identity, Password, PasswordHash, PasswordHasher, Scope, Stores, TenantId,
    Verdict, Work,
};
use tokio::sync::{Mutex, oneshot};

/// A process that serves the store. Its clock stands still, so it remembers roles for as long as it may.
pub(crate) fn replica(store: &Stores, hasher: Arc<dyn PasswordHasher>) -> Arc<Kayan> {
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
        attempts: Arc::new(MemoryStore::new()),
        limiter: Arc::new(MemoryLimiter::new()),
        keys: Arc::new(keys),
        tokens: Arc::new(Biscuits::new(entropy.clone())),
        clock,
        entropy,
    };
    let lifetimes = Lifetimes {
        session: Duration::from_hours(24),
        refresh: Duration::from_hours(168),
        absolute: Duration::from_hours(720),
    };
    let settings = Settings {
        lifetimes,
        refresh_reuse_window: Duration::from_secs(10),
        password_min_length: 8,
        lockout: None,
        limits: RateLimits::default(),
    };
    Arc::new(Kayan::new(ports, IdentitySchema::default(), settings))
}

/// A replica with a hasher that costs nothing.
pub(crate) fn quick(store: &Stores) -> Arc<Kayan> {
    replica(store, Arc::new(PlainHasher::new()))
}

/// Somebody who administers the tenant that they belong to, as they were when their request began.
pub(crate) fn operator(who: &Identity, grants: Grants) -> Operator {
    Operator {
        scope: Scope::Tenant(who.tenant.clone()),
        name: who.id.to_string(),
        credential: format!("identity/{}", who.id),
        identity: Some(who.id),
        grants,
        client: Client::default(),
        request_id: None,
        idempotency: None,
    }
}

/// A hasher whose first hash says when it begins, and goes on when it is told to.
pub(crate) struct Gated {
    inner: PlainHasher,
    gate: Mutex<Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>>,
}

/// The other side of the gate: what says that the hash has begun, and what lets it go on.
pub(crate) struct Gate {
    pub(crate) begun: oneshot::Receiver<()>,
    pub(crate) go_on: oneshot::Sender<()>,
}

impl Gated {
    pub(crate) fn new() -> (Arc<Self>, Gate) {
        let ((begins, begun), (go_on, goes_on)) = (oneshot::channel(), oneshot::channel());
        let gate = Mutex::new(Some((begins, goes_on)));
        (Arc::new(Self { inner: PlainHasher::new(), gate }), Gate { begun, go_on })
    }
}

#[async_trait]
impl PasswordHasher for Gated {
    async fn hash(&self, tenant: &TenantId, password: &Password) -> Result<PasswordHash, HashError> {
        let gate = self.gate.lock().await.take();
        if let Some((begins, goes_on)) = gate {
            begins.send(()).expect("nobody waits for the hash");
            goes_on.await.expect("nobody lets the hash go on");
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
