//! The data key and the signing keys: one of each, and each given back bit by bit.

use kayan_ports::{
    Change, CommitError, Guard, KeyChange, KeyId, KeyPurpose, Scope, Sealed, SealedKey, TenantId, Unique, WrappedKey,
    Wrapper,
};

use crate::{
    Bench,
    race::{MANY, only_winner, race},
    sample::{at, tenant, token, uuid},
};

/// Every byte there is.
fn bytes() -> Sealed {
    Sealed((0..=254).chain(uuid().into_bytes()).filter(|byte| byte % 2 == 0 || *byte > 128).collect())
}

fn data_key() -> WrappedKey {
    WrappedKey { wrapped: bytes(), by: Wrapper::SessionSecret, version: 1, created_at: at(1), updated_at: at(2) }
}

fn anew(of: &WrappedKey) -> WrappedKey {
    WrappedKey { wrapped: bytes(), by: Wrapper::DataKey, version: of.version + 1, updated_at: at(3), ..of.clone() }
}

fn signing_key(scope: Scope, purpose: KeyPurpose) -> SealedKey {
    SealedKey { id: KeyId(uuid()), scope, purpose, sealed: bytes(), public: token().0, created_at: at(1) }
}

fn keep(key: &WrappedKey) -> Vec<Change> {
    vec![Change::Key(KeyChange::StoreDataKey(Box::new(key.clone())))]
}

fn rewrap(key: &WrappedKey) -> Vec<Change> {
    vec![Change::Key(KeyChange::RewrapDataKey(Box::new(key.clone())))]
}

fn keep_signing(key: &SealedKey) -> Vec<Change> {
    vec![Change::Key(KeyChange::StoreSigningKey(Box::new(key.clone())))]
}

pub async fn the_data_key_comes_back_as_it_went_in_and_as_it_was_wrapped_anew(bench: &dyn Bench) {
    let (store, key) = (bench.store(), data_key());
    assert_eq!(store.keys.data_key().await, Ok(None));
    store.changes.commit(keep(&key)).await.unwrap();
    assert_eq!(store.keys.data_key().await, Ok(Some(key.clone())));
    store.changes.commit(rewrap(&anew(&key))).await.unwrap();
    let kept = store.keys.data_key().await.unwrap().unwrap();
    assert_eq!((kept.by, kept.version, kept.created_at, kept.updated_at), (Wrapper::DataKey, 2, at(1), at(3)));
    let refused = store.changes.commit(rewrap(&anew(&key))).await;
    assert_eq!(refused, Err(CommitError::Stale(Guard::DataKey)));
    assert_eq!(store.keys.data_key().await, Ok(Some(kept)));
}

pub async fn a_data_key_that_is_not_there_is_not_wrapped_anew(bench: &dyn Bench) {
    let store = bench.store();
    assert_eq!(store.changes.commit(rewrap(&anew(&data_key()))).await, Err(CommitError::Stale(Guard::DataKey)));
    assert_eq!(store.keys.data_key().await, Ok(None));
}

pub async fn one_data_key_is_kept_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, keys) = (bench.store(), (0..MANY).map(|_| data_key()).collect::<Vec<_>>());
    let outcomes = race(&store, keys.iter().map(keep).collect()).await;
    let winner = only_winner(&outcomes, &CommitError::Conflict(Unique::DataKey));
    assert_eq!(store.keys.data_key().await, Ok(Some(keys[winner].clone())));
}

pub async fn a_data_key_is_wrapped_anew_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, key) = (bench.store(), data_key());
    store.changes.commit(keep(&key)).await.unwrap();
    let keys: Vec<_> = (0..MANY).map(|_| anew(&key)).collect();
    let outcomes = race(&store, keys.iter().map(rewrap).collect()).await;
    let winner = only_winner(&outcomes, &CommitError::Stale(Guard::DataKey));
    assert_eq!(store.keys.data_key().await, Ok(Some(keys[winner].clone())));
}

pub async fn every_owner_and_purpose_has_a_signing_key_of_its_own(bench: &dyn Bench) {
    let store = bench.store();
    bench.add_tenant(&tenant("acme"), true).await;
    let owners = [Scope::System, Scope::Tenant(TenantId::default()), Scope::Tenant(tenant("acme"))];
    let all = owners.iter().flat_map(|owner| KeyPurpose::ALL.map(|purpose| (owner, purpose)));
    let mut kept = Vec::new();
    for (owner, purpose) in all {
        assert_eq!(store.keys.signing_key(owner, purpose).await, Ok(None));
        let key = signing_key(owner.clone(), purpose);
        store.changes.commit(keep_signing(&key)).await.unwrap();
        kept.push(key);
    }
    for key in kept {
        assert_eq!(store.keys.signing_key(&key.scope, key.purpose).await, Ok(Some(key)));
    }
}

pub async fn one_signing_key_is_kept_under_64_parallel_tries(bench: &dyn Bench) {
    let store = bench.store();
    let keys: Vec<_> = (0..MANY).map(|_| signing_key(Scope::System, KeyPurpose::AuditSeal)).collect();
    let outcomes = race(&store, keys.iter().map(keep_signing).collect()).await;
    let winner = only_winner(&outcomes, &CommitError::Conflict(Unique::SigningKey));
    assert_eq!(store.keys.signing_key(&Scope::System, KeyPurpose::AuditSeal).await, Ok(Some(keys[winner].clone())));
}
