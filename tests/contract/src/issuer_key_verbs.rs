//! What can be done with issuer keys: samples, each question and write once, and verbs of the matrix.

use kayan_ports::{
    Change, IssuerKey, IssuerKeyChange, IssuerKeyState, Jwk, JwsAlgorithm, KeyId, KeyUse, Scope, Sealed, Stores,
    TenantId, Timestamp,
};

use crate::{
    sample::{at, uuid},
    store::matrix::commits,
    verb::{Verb, by_scope, by_tenant},
};

/// A key that is made at this second.
pub(crate) fn issuer_key(tenant: &TenantId, state: IssuerKeyState, second: i64) -> IssuerKey {
    let id = KeyId(uuid());
    let public = Jwk {
        kty: "EC".to_owned(),
        usage: "sig".to_owned(),
        alg: "ES256".to_owned(),
        kid: id.to_string(),
        crv: Some("P-256".to_owned()),
        x: Some("x".repeat(43)),
        y: Some("y".repeat(43)),
        n: None,
        e: None,
    };
    IssuerKey {
        id,
        tenant: tenant.clone(),
        usage: KeyUse::Jwt,
        algorithm: JwsAlgorithm::Es256,
        state,
        private: Some(Sealed((0..=255).collect())),
        public,
        created_at: at(second),
        since: at(second),
    }
}

pub(crate) fn add(key: &IssuerKey) -> Change {
    Change::IssuerKey(IssuerKeyChange::Add(Box::new(key.clone())))
}

pub(crate) fn activate(key: &IssuerKey, at: Timestamp) -> Change {
    Change::IssuerKey(IssuerKeyChange::Activate { tenant: key.tenant.clone(), key: key.id, at })
}

pub(crate) fn retire(key: &IssuerKey, from: IssuerKeyState, to: IssuerKeyState, at: Timestamp) -> Change {
    Change::IssuerKey(IssuerKeyChange::Retire { tenant: key.tenant.clone(), key: key.id, from, to, at })
}

/// Reads and writes everything once.
pub(crate) async fn exercise(store: &Stores, tenant: &TenantId) {
    let (active, next) = (issuer_key(tenant, IssuerKeyState::Active, 1), issuer_key(tenant, IssuerKeyState::Next, 2));
    let keys = &store.issuer_keys;
    store.changes.commit(vec![add(&active), add(&next)]).await.unwrap();
    assert!(keys.issuer_key(tenant, KeyUse::Jwt, JwsAlgorithm::Es256, IssuerKeyState::Active).await.unwrap().is_some());
    for scope in [Scope::System, Scope::from(tenant)] {
        assert!(keys.issuer_key_of_id(&scope, next.id).await.unwrap().is_some());
        assert!(keys.issuer_keys(&scope).await.unwrap().len() >= 2);
    }
    for state in IssuerKeyState::ALL {
        keys.due_issuer_keys(state, at(2)).await.unwrap();
    }
    let (before, after) = (IssuerKeyState::Active, IssuerKeyState::Retiring);
    store.changes.commit(vec![retire(&active, before, after, at(3)), activate(&next, at(3))]).await.unwrap();
}

/// Whether the owner still has the active key of a furnished tenant.
async fn is_active(store: &Stores, tenant: &TenantId, key: KeyId) -> bool {
    let (usage, algorithm) = (KeyUse::Jwt, JwsAlgorithm::Es256);
    let found = store.issuer_keys.issuer_key(tenant, usage, algorithm, IssuerKeyState::Active).await.unwrap();
    found.is_some_and(|found| found.id == key)
}

pub(crate) fn issuer_keys() -> Vec<Verb> {
    vec![
        by_tenant("issuer_keys", "read", |it, store, tenant| Box::pin(is_active(store, tenant, it.signing[0].id))),
        by_scope("issuer_keys", "find", |it, store, scope| {
            Box::pin(async { store.issuer_keys.issuer_key_of_id(scope, it.signing[0].id).await.unwrap().is_some() })
        }),
        by_scope("issuer_keys", "list", |it, store, scope| {
            Box::pin(async {
                store.issuer_keys.issuer_keys(scope).await.unwrap().iter().any(|key| key.id == it.signing[0].id)
            })
        }),
        by_tenant("issuer_keys", "activate", |it, store, tenant| {
            let next = IssuerKey { tenant: tenant.clone(), ..it.signing[1].clone() };
            Box::pin(async move {
                let (from, to) = (IssuerKeyState::Active, IssuerKeyState::Retiring);
                let _in_the_way = commits(store, retire(&it.signing[0], from, to, at(9))).await;
                commits(store, activate(&next, at(9))).await && is_active(store, &it.tenant, next.id).await
            })
        }),
        by_tenant("issuer_keys", "retire", |it, store, tenant| {
            let key = IssuerKey { tenant: tenant.clone(), ..it.signing[1].clone() };
            Box::pin(commits(store, retire(&key, IssuerKeyState::Next, IssuerKeyState::Retired, at(9))))
        }),
    ]
}
