//! The part of the matrix about passwords.

use kayan_ports::{Change, CredentialChange, Scope};

use crate::{
    sample::{at, next_password, password},
    store::matrix::commits,
    verb::{Verb, by_scope, by_tenant},
};

pub(crate) fn credentials() -> Vec<Verb> {
    vec![
        by_scope("credentials", "read", |it, store, scope| {
            Box::pin(async { store.credentials.password(scope, it.account.identity.id).await.unwrap().is_some() })
        }),
        by_tenant("credentials", "add", |it, store, tenant| {
            let mut password = password(&it.admin);
            password.tenant = tenant.clone();
            Box::pin(commits(store, Change::Credential(CredentialChange::Add(Box::new(password)))))
        }),
        by_tenant("credentials", "replace", |it, store, tenant| {
            let mut next = next_password(&it.account.password);
            next.tenant = tenant.clone();
            Box::pin(commits(store, Change::Credential(CredentialChange::Replace(Box::new(next)))))
        }),
        by_scope("credentials", "read former", |it, store, scope| {
            Box::pin(async {
                let (owner, id) = (Scope::from(it.account.tenant()), it.account.identity.id);
                // Changed once more by each caller.
                let current = store.credentials.password(&owner, id).await.unwrap().unwrap();
                let (former, credential) = (vec![current.secret.clone()], Box::new(next_password(&current)));
                let change = Change::Credential(CredentialChange::ChangePassword { credential, former });
                store.changes.commit(vec![change]).await.unwrap();
                !store.credentials.former_passwords(scope, id).await.unwrap().is_empty()
            })
        }),
        by_tenant("credentials", "change", |it, store, tenant| {
            let mut next = next_password(&it.account.password);
            next.tenant = tenant.clone();
            let credential = Box::new(next);
            Box::pin(commits(
                store,
                Change::Credential(CredentialChange::ChangePassword { credential, former: Vec::new() }),
            ))
        }),
        by_tenant("credentials", "use", |it, store, tenant| {
            let (tenant, credential) = (tenant.clone(), it.account.password.id);
            Box::pin(commits(
                store,
                Change::Credential(CredentialChange::Use { tenant, credential, version: 1, at: at(9) }),
            ))
        }),
    ]
}
