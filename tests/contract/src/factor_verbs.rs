//! What can be done with factors and one-time tokens: verbs of the matrix.

use kayan_ports::{Change, FactorChange, FactorKind, KnownFactors, OneTimeChange, OneTimeToken, Removed, WaysIn};

use crate::{
    sample::{at, ceremony, one_time},
    store::matrix::commits,
    thing::CREDENTIAL,
    verb::{Verb, by_tenant},
};

pub(crate) fn factors() -> Vec<Verb> {
    vec![
        by_tenant("credentials", "read factors", |it, store, tenant| {
            Box::pin(async { !store.factors.factors(tenant, it.account.identity.id).await.unwrap().is_empty() })
        }),
        by_tenant("credentials", "use a recovery code", |it, store, tenant| {
            let (tenant, identity) = (tenant.clone(), it.account.identity.id);
            let FactorKind::RecoveryCode { hash } = it.code.kind else { unreachable!("a recovery code") };
            Box::pin(commits(store, Change::Factor(FactorChange::UseRecoveryCode { tenant, identity, hash })))
        }),
        by_tenant("credentials", "remove a factor", |it, store, tenant| {
            let (tenant, identity, which) = (tenant.clone(), it.account.identity.id, Removed::One(it.code.id));
            Box::pin(commits(store, Change::Factor(FactorChange::Remove { tenant, identity, which })))
        }),
        by_tenant("credentials", "find a passkey", |it, store, tenant| {
            Box::pin(async {
                let found = store.factors.passkey(tenant, CREDENTIAL).await.unwrap();
                found.is_some_and(|found| found.id == it.passkey.id)
            })
        }),
        by_tenant("credentials", "use a passkey", |it, store, tenant| {
            let (tenant, identity, factor) = (tenant.clone(), it.account.identity.id, it.passkey.id);
            let (counter, backed_up, at) = (8, false, at(9));
            let change = FactorChange::UsePasskey { tenant, identity, factor, counter, backed_up, at };
            Box::pin(commits(store, Change::Factor(change)))
        }),
        by_tenant("credentials", "rename a passkey", |it, store, tenant| {
            let (tenant, identity, factor) = (tenant.clone(), it.account.identity.id, it.passkey.id);
            let change = FactorChange::Rename { tenant, identity, factor, name: "mine".to_owned(), at: at(9) };
            Box::pin(commits(store, Change::Factor(change)))
        }),
        by_tenant("credentials", "pin factors", |it, store, tenant| {
            let (tenant, identity) = (tenant.clone(), it.account.identity.id);
            let known = KnownFactors::Passkey { one: it.passkey.id, most: 20 };
            Box::pin(commits(store, Change::Factor(FactorChange::Pin { tenant, identity, known })))
        }),
        by_tenant("credentials", "keep a way in", |it, store, tenant| {
            let (tenant, identity, without) = (tenant.clone(), it.account.identity.id, it.passkey.id);
            let ways_in = WaysIn { password: true, passkey: true, link: None };
            Box::pin(commits(store, Change::Factor(FactorChange::KeepWayIn { tenant, identity, without, ways_in })))
        }),
        by_tenant("one_time_tokens", "read", |it, store, tenant| {
            let token = &it.one_time;
            Box::pin(async move {
                store.one_time.one_time(tenant, token.purpose, &token.hash, at(9)).await.unwrap().is_some()
            })
        }),
        by_tenant("one_time_tokens", "issue", |it, store, tenant| {
            let token = OneTimeToken { tenant: tenant.clone(), ..one_time(&it.admin) };
            Box::pin(commits(store, Change::OneTime(OneTimeChange::Issue(Box::new(token)))))
        }),
        by_tenant("one_time_tokens", "replace", |it, store, tenant| {
            let token = OneTimeToken { tenant: tenant.clone(), ..it.one_time.clone() };
            Box::pin(commits(store, Change::OneTime(OneTimeChange::Replace(Box::new(token)))))
        }),
        by_tenant("one_time_tokens", "replace one without an identity", |it, store, tenant| {
            let token = OneTimeToken { tenant: tenant.clone(), ..it.ceremony.clone() };
            Box::pin(commits(store, Change::OneTime(OneTimeChange::Replace(Box::new(token)))))
        }),
        by_tenant("one_time_tokens", "issue without an identity", |it, store, tenant| {
            Box::pin(async move {
                let token = ceremony(tenant);
                let (purpose, hash) = (token.purpose, token.hash);
                commits(store, Change::OneTime(OneTimeChange::Issue(Box::new(token)))).await
                    && store.one_time.one_time(&it.tenant, purpose, &hash, at(9)).await.unwrap().is_some()
            })
        }),
        by_tenant("one_time_tokens", "read one without an identity", |it, store, tenant| {
            let token = &it.ceremony;
            Box::pin(async move {
                store.one_time.one_time(tenant, token.purpose, &token.hash, at(9)).await.unwrap().is_some()
            })
        }),
        by_tenant("one_time_tokens", "use one without an identity", |it, store, tenant| {
            let (tenant, purpose, hash) = (tenant.clone(), it.ceremony.purpose, it.ceremony.hash);
            Box::pin(commits(store, Change::OneTime(OneTimeChange::Use { tenant, purpose, hash, at: at(9) })))
        }),
        by_tenant("one_time_tokens", "try", |it, store, tenant| {
            let (tenant, purpose, hash) = (tenant.clone(), it.one_time.purpose, it.one_time.hash);
            Box::pin(commits(store, Change::OneTime(OneTimeChange::Try { tenant, purpose, hash, at: at(9) })))
        }),
        by_tenant("one_time_tokens", "use", |it, store, tenant| {
            let (tenant, purpose, hash) = (tenant.clone(), it.one_time.purpose, it.one_time.hash);
            Box::pin(commits(store, Change::OneTime(OneTimeChange::Use { tenant, purpose, hash, at: at(9) })))
        }),
        by_tenant("one_time_tokens", "void", |it, store, tenant| {
            let (tenant, token, since) = (tenant.clone(), &it.one_time, at(0));
            Box::pin(async move {
                let (identity, purpose) = (it.account.identity.id, token.purpose);
                store
                    .changes
                    .commit(vec![Change::OneTime(OneTimeChange::Void { tenant, identity, purpose, since })])
                    .await
                    .ok();
                store.one_time.one_time(&it.tenant, purpose, &token.hash, at(9)).await.unwrap().is_none()
            })
        }),
    ]
}
