//! The laws of the ports, kept by the fakes.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_cache::MemoryLimiter;
use kayan_contract::{AttemptsBench, Bench, HasherBench, KeysBench};
use kayan_fakes::{MemoryStore, PlainHasher};
use kayan_ports::{RateLimiter, Stores, TenantId};

struct Memory(Arc<MemoryStore>);

#[async_trait]
impl Bench for Memory {
    fn store(&self) -> Stores {
        Stores::new(self.0.clone())
    }

    async fn add_tenant(&self, tenant: &TenantId, active: bool) {
        self.0.add_tenant(tenant.clone(), active);
    }
}

mod store {
    use super::{Arc, Memory, MemoryStore};

    async fn fresh() -> Memory {
        Memory(Arc::new(MemoryStore::new()))
    }

    kayan_contract::laws!(store, fresh);
}

mod attempts {
    use super::{Arc, AttemptsBench, Memory, MemoryStore};

    async fn fresh() -> AttemptsBench {
        let store = Arc::new(MemoryStore::new());
        AttemptsBench { attempts: store.clone(), within: Some(Box::new(Memory(store))) }
    }

    kayan_contract::laws!(attempts, fresh);
    kayan_contract::laws!(attempts_in_store, fresh);
}

mod keys {
    use super::{Arc, KeysBench, Memory, MemoryStore};

    async fn fresh() -> KeysBench {
        KeysBench::sealed(Box::new(Memory(Arc::new(MemoryStore::new()))))
    }

    kayan_contract::laws!(keys, fresh);
}

mod limiter {
    use super::{Arc, MemoryLimiter, RateLimiter};

    async fn fresh() -> Arc<dyn RateLimiter> {
        Arc::new(MemoryLimiter::new())
    }

    kayan_contract::laws!(limiter, fresh);
}

mod hasher {
    use super::{Arc, HasherBench, PlainHasher};

    async fn fresh() -> HasherBench {
        let (hasher, elsewhere) = (PlainHasher::new(), PlainHasher::new());
        let outdated = vec![(hasher.outdated_hash("old", "correct horse"), "correct horse")];
        let current = vec![(elsewhere.outdated_hash("plain", "correct horse"), "correct horse")];
        HasherBench { hasher: Arc::new(hasher), outdated, current }
    }

    kayan_contract::laws!(hasher, fresh);
}
