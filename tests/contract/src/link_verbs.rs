//! What can be done with links to accounts at providers: verbs of the matrix.

use kayan_ports::{Change, CredentialChange, FactorChange, Identity, ProviderAccount, ProviderLink, Stores, WaysIn};

use crate::{
    sample::{Account, at, uuid},
    store::matrix::commits,
    verb::{Verb, by_tenant},
};

/// A link of this identity to the account of this subject at the provider `idp`.
pub(crate) fn link(owner: &Identity, subject: &str) -> ProviderLink {
    ProviderLink {
        id: kayan_ports::CredentialId(uuid()),
        tenant: owner.tenant.clone(),
        identity: owner.id,
        account: ProviderAccount {
            provider: "idp".parse().expect("a name"),
            issuer: "https://idp.example.org".to_owned(),
            subject: subject.to_owned(),
        },
        email: "anna@example.org".to_owned(),
        created_at: at(5),
        last_used_at: None,
        version: 1,
    }
}

pub(crate) fn add_link(link: &ProviderLink) -> Change {
    Change::Credential(CredentialChange::Link(Box::new(link.clone())))
}

pub(crate) fn unlink(link: &ProviderLink) -> Change {
    let (tenant, identity) = (link.tenant.clone(), link.identity);
    Change::Credential(CredentialChange::Unlink { tenant, identity, link: link.id })
}

pub(crate) fn use_link(link: &ProviderLink, second: i64) -> Change {
    let (tenant, credential, version) = (link.tenant.clone(), link.id, link.version);
    Change::Credential(CredentialChange::Use { tenant, credential, version, at: at(second) })
}

/// Breaks unless the identity can log in without `without`, by this link or a passkey.
pub(crate) fn keep_link(without: &ProviderLink, other: Option<&ProviderLink>) -> Change {
    let (tenant, identity) = (without.tenant.clone(), without.identity);
    let ways_in = WaysIn { password: false, passkey: true, link: other.map(|other| other.id) };
    Change::Factor(FactorChange::KeepWayIn { tenant, identity, without: without.id, ways_in })
}

pub(crate) fn links() -> Vec<Verb> {
    vec![
        by_tenant("credentials", "find a link", |it, store, tenant| {
            Box::pin(async { store.credentials.link(tenant, &it.link.account).await.unwrap().is_some() })
        }),
        by_tenant("credentials", "read links", |it, store, tenant| {
            Box::pin(async { !store.credentials.links(tenant, it.account.identity.id).await.unwrap().is_empty() })
        }),
        by_tenant("credentials", "link an account", |it, store, tenant| {
            let added = ProviderLink { tenant: tenant.clone(), ..link(&it.admin, "of the admin") };
            Box::pin(commits(store, add_link(&added)))
        }),
        by_tenant("credentials", "use a link", |it, store, tenant| {
            let used = ProviderLink { tenant: tenant.clone(), ..it.link.clone() };
            Box::pin(commits(store, use_link(&used, 9)))
        }),
        by_tenant("credentials", "remove a link", |it, store, tenant| {
            let removed = ProviderLink { tenant: tenant.clone(), ..it.link.clone() };
            Box::pin(commits(store, unlink(&removed)))
        }),
    ]
}

/// Reads and writes a link once.
pub(crate) async fn exercise(store: &Stores, account: &Account) {
    let added = link(&account.identity, "1");
    store.changes.commit(vec![add_link(&added), use_link(&added, 9)]).await.unwrap();
    assert!(store.credentials.link(account.tenant(), &added.account).await.unwrap().is_some());
    assert_eq!(store.credentials.links(account.tenant(), account.identity.id).await.unwrap().len(), 1);
    store.changes.commit(vec![unlink(&added)]).await.unwrap();
}
