//! The laws of the ports, kept by the fakes.

use std::sync::Arc;

use async_trait::async_trait;
use kayan_contract::{Bench, HasherBench};
use kayan_memory::{MemoryStore, PlainHasher};
use kayan_ports::{Store, TenantId};

struct Memory(Arc<MemoryStore>);

#[async_trait]
impl Bench for Memory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::<MemoryStore>::clone(&self.0)
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
