//! What a law is given to work with.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_crypto::{OsEntropy, SealedKeys, SystemClock, WrappingSecrets};
use kayan_ports::{AttemptCounter, Keys, PasswordHash, PasswordHasher, Stores, TenantId};

/// A store of one's own, with the tenant `default` in it and nothing else.
#[async_trait]
pub trait Bench: Send + Sync {
    /// The store on trial.
    fn store(&self) -> Stores;

    /// Adds a tenant, directly in the database.
    async fn add_tenant(&self, tenant: &TenantId, active: bool);

    /// The names of all tables, if it has any.
    async fn tables(&self) -> Option<Vec<String>> {
        None
    }
}

/// A store that outlives its process.
#[async_trait]
pub trait Durable: Bench {
    /// Lets go of the store and opens the same database anew.
    async fn reopen(&mut self);
}

/// A counter of attempts.
pub struct AttemptsBench {
    /// The counter on trial.
    pub attempts: Arc<dyn AttemptCounter>,
    /// The store that it counts in, if it does.
    pub within: Option<Box<dyn Bench>>,
}

/// Processes on one database that keep keys there.
pub struct KeysBench {
    /// Starts another one, which remembers nothing.
    pub process: Box<dyn Fn() -> Arc<dyn Keys> + Send + Sync>,
    /// The store that they keep them in.
    pub within: Box<dyn Bench>,
}

impl KeysBench {
    /// Keys that are sealed within this store.
    pub fn sealed(within: Box<dyn Bench>) -> Self {
        let secrets = WrappingSecrets {
            data_key: None,
            data_key_previous: None,
            session_secret: vec![7; 32].into(),
            session_secret_previous: None,
        };
        let store = within.store();
        let process = move || -> Arc<dyn Keys> {
            let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
            Arc::new(SealedKeys::new(&store, clock, entropy, &secrets).expect("keys"))
        };
        Self { process: Box::new(process), within }
    }
}

/// A hasher and what it is to recognise.
pub struct HasherBench {
    /// The hasher on trial.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Hashes of formats that were made in the past, or are weaker than today's, and their passwords.
    pub outdated: Vec<(PasswordHash, &'static str)>,
    /// Hashes that are as strong as today's and were made elsewhere, and their passwords.
    pub current: Vec<(PasswordHash, &'static str)>,
}
