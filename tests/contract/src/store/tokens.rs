//! Ends of admin tokens: kept once, and known wherever they count.

use kayan_ports::{AdminTokenId, Change, CommitError, Revocation, Scope, Unique};

use crate::{
    Bench,
    race::{MANY, only_winner, race},
    sample::{at, tenant, uuid},
};

fn end(by: &Scope) -> Revocation {
    Revocation { id: AdminTokenId(uuid()), by: by.clone(), expires_at: at(3_600), at: at(0) }
}

fn revoke(end: &Revocation) -> Change {
    Change::RevokeAdminToken(Box::new(end.clone()))
}

pub async fn a_revoked_token_is_told_among_any_number_of_ids(bench: &dyn Bench) {
    let store = bench.store();
    let ends: Vec<_> = (0..9).map(|_| end(&Scope::System)).collect();
    let ids: Vec<_> = ends.iter().map(|end| end.id).collect();
    assert_eq!(store.revocations.revocations(&Scope::System, &ids).await, Ok(vec![]));
    assert_eq!(store.revocations.revocations(&Scope::System, &[]).await, Ok(vec![]));
    for revoked in [0, 3, 4, 8] {
        store.changes.commit(vec![revoke(&ends[revoked])]).await.unwrap();
        assert_eq!(
            store.revocations.revocations(&Scope::System, &ids[revoked..=revoked]).await,
            Ok(vec![ids[revoked]])
        );
    }
    let mut found = store.revocations.revocations(&Scope::System, &ids).await.unwrap();
    found.sort();
    assert_eq!(found, [ids[0], ids[3], ids[4], ids[8]]);
}

pub async fn i_29_a_tenant_revokes_its_own_tokens_only_and_the_system_everybodys(bench: &dyn Bench) {
    let store = bench.store();
    let [acme, other] = ["acme", "other"].map(|name| Scope::Tenant(tenant(name)));
    let (theirs, everybodys) = (end(&acme), end(&Scope::System));
    store.changes.commit(vec![revoke(&theirs), revoke(&everybodys)]).await.unwrap();
    let ids = [theirs.id, everybodys.id];
    for (scope, expected) in [(&other, vec![ids[1]]), (&Scope::System, vec![ids[1]])] {
        assert_eq!(store.revocations.revocations(scope, &ids).await, Ok(expected));
    }
    // Also by the system: told once all the same.
    store.changes.commit(vec![revoke(&Revocation { by: Scope::System, ..theirs })]).await.unwrap();
    let mut found = store.revocations.revocations(&acme, &ids).await.unwrap();
    found.sort();
    assert_eq!(found, ids);
}

pub async fn a_token_is_revoked_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, end) = (bench.store(), end(&Scope::System));
    let outcomes = race(&store, vec![vec![revoke(&end)]; MANY]).await;
    only_winner(&outcomes, &CommitError::Conflict(Unique::Revocation));
    assert_eq!(store.revocations.revocations(&Scope::System, &[end.id]).await, Ok(vec![end.id]));
}
