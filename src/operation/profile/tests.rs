//! Tests of who may profile the process.

use async_trait::async_trait;
use kayan_ports::{Scope, TenantId};

use super::*;
use crate::{
    policy::permission::{Grants, Pattern},
    stage::Stage,
};

struct Seen;

#[async_trait]
impl Profiler for Seen {
    async fn heap(&self) -> Result<Vec<u8>, ProfileError> {
        Ok(vec![1])
    }

    async fn cpu(&self, _: Duration) -> Result<Vec<u8>, ProfileError> {
        Err(ProfileError::Busy)
    }

    async fn purge(&self) -> Result<Resident, ProfileError> {
        Ok(Resident { before: 2, after: 1 })
    }
}

#[tokio::test]
async fn whoever_lacks_the_permission_or_administers_one_tenant_only_sees_nothing() {
    let stage = Stage::new();
    let root = Stage::operator();
    assert_eq!(stage.kayan.profile_heap(Some(&root), &Seen).await, Ok(vec![1]));
    assert_eq!(stage.kayan.profile_heap(None, &Seen).await, Ok(vec![1]));
    let bound = Operator { scope: Scope::Tenant(TenantId::default()), ..root.clone() };
    let bare = Operator { grants: Grants::default(), ..root };
    let denied = DeniedError::Forbidden(Pattern::only(&Permission::DEBUG_READ));
    for operator in [bound, bare] {
        let who = Some(operator);
        assert_eq!(stage.kayan.profile_heap(who.as_ref(), &Seen).await, Err(denied.clone().into()));
        let cpu = stage.kayan.profile_cpu(who.as_ref(), &Seen, Duration::from_secs(1)).await;
        assert_eq!(cpu, Err(denied.clone().into()));
        assert_eq!(stage.kayan.purge_memory(who.as_ref(), &Seen).await, Err(denied.clone().into()));
        assert_eq!(stage.kayan.permit_metrics(who.as_ref()).await, Err(denied.clone().into()));
    }
}
