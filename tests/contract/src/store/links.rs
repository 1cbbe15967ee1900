//! Links to accounts at identity providers: an account has one owner in a tenant, and an identity one account at each provider.

use kayan_ports::{
    CommitError, Factor, FactorChange, Guard, ProviderAccount, ProviderLink, Removed, Stores, TenantId, Unique,
};

use crate::{
    Bench,
    link_verbs::{add_link, keep_link, link, unlink, use_link},
    race::{MANY, only_winner, race},
    sample::{Account, at, creation, identity, passkey, tenant},
};

const TAKEN: CommitError = CommitError::Conflict(Unique::Credential);
const STALE: CommitError = CommitError::Stale(Guard::Credential);
const LAST: CommitError = CommitError::Stale(Guard::LastCredential);

async fn anna_and_bert(bench: &dyn Bench) -> (Stores, Account, Account) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = Account::register(&store, &tenant, "anna@example.org").await;
    let bert = Account::register(&store, &tenant, "bert@example.org").await;
    (store, anna, bert)
}

async fn links(store: &Stores, of: &Account) -> Vec<ProviderLink> {
    store.credentials.links(of.tenant(), of.identity.id).await.unwrap()
}

fn at_provider(name: &str, link: ProviderLink) -> ProviderLink {
    let account = ProviderAccount { provider: name.parse().expect("a name"), ..link.account };
    ProviderLink { account, ..link }
}

pub async fn links_come_back_as_they_went_in_and_are_neither_passwords_nor_factors(bench: &dyn Bench) {
    let (store, anna, bert) = anna_and_bert(bench).await;
    let subject = "Ä|\u{1F511}".repeat(40);
    let first = ProviderLink { email: String::new(), ..link(&anna.identity, &subject) };
    let second = ProviderLink { created_at: at(6), ..at_provider("other", link(&anna.identity, &subject)) };
    store.changes.commit(vec![add_link(&second), add_link(&first)]).await.unwrap();
    assert_eq!(links(&store, &anna).await, [first.clone(), second.clone()]);
    assert_eq!(links(&store, &bert).await, []);
    assert_eq!(store.credentials.link(anna.tenant(), &first.account).await, Ok(Some(first.clone())));
    for other in [
        ProviderAccount { subject: "other".to_owned(), ..first.account.clone() },
        ProviderAccount { issuer: "https://idp.example.org/".to_owned(), ..first.account.clone() },
        // The parts are the same when put together.
        ProviderAccount {
            issuer: format!("{}{subject}", first.account.issuer),
            subject: String::new(),
            ..first.account.clone()
        },
    ] {
        assert_eq!(store.credentials.link(anna.tenant(), &other).await, Ok(None), "{other:?}");
    }
    let all = FactorChange::Remove { tenant: anna.tenant().clone(), identity: anna.identity.id, which: Removed::All };
    store.changes.commit(vec![use_link(&first, 9), kayan_ports::Change::Factor(all)]).await.unwrap();
    let used = ProviderLink { last_used_at: Some(at(9)), ..first };
    assert_eq!(links(&store, &anna).await, [used, second], "removing all factors leaves links");
    assert_eq!(store.factors.factors(anna.tenant(), anna.identity.id).await, Ok(Vec::<Factor>::new()));
    assert_eq!(store.credentials.password(&anna.tenant().into(), anna.identity.id).await.unwrap(), Some(anna.password));
}

pub async fn an_account_at_a_provider_is_linked_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, anna, bert) = anna_and_bert(bench).await;
    let lists = (0..MANY)
        .map(|n| vec![add_link(&link(if n.is_multiple_of(2) { &anna.identity } else { &bert.identity }, "1"))]);
    let winner = only_winner(&race(&store, lists.collect()).await, &TAKEN);
    let (owner, other) = if winner.is_multiple_of(2) { (&anna, &bert) } else { (&bert, &anna) };
    assert_eq!((links(&store, owner).await.len(), links(&store, other).await.len()), (1, 0));
    let second = link(&owner.identity, "2");
    assert_eq!(store.changes.commit(vec![add_link(&second)]).await, Err(TAKEN), "one at each provider");
    let lists = (0..MANY).map(|n| vec![add_link(&link(&other.identity, &n.to_string()))]);
    let lists: Vec<_> = lists.skip(2).collect();
    only_winner(&race(&store, lists).await, &TAKEN);
    let absent = link(&identity(&TenantId::default()), "absent");
    assert_eq!(store.changes.commit(vec![add_link(&absent)]).await, Err(CommitError::Stale(Guard::Identity)));
}

pub async fn a_link_that_was_removed_ends_no_login_and_can_be_made_anew(bench: &dyn Bench) {
    let (store, anna, bert) = anna_and_bert(bench).await;
    let hers = link(&anna.identity, "1");
    store.changes.commit(vec![add_link(&hers)]).await.unwrap();
    let foreign = ProviderLink { identity: bert.identity.id, ..hers.clone() };
    assert_eq!(store.changes.commit(vec![unlink(&foreign)]).await, Err(STALE));
    let stale = ProviderLink { version: 2, ..hers.clone() };
    assert_eq!(store.changes.commit(vec![use_link(&stale, 9)]).await, Err(STALE));
    only_winner(&race(&store, vec![vec![unlink(&hers)]; MANY]).await, &STALE);
    assert_eq!(store.changes.commit(vec![use_link(&hers, 9)]).await, Err(STALE));
    assert_eq!(store.credentials.link(anna.tenant(), &hers.account).await, Ok(None));
    store.changes.commit(vec![add_link(&link(&bert.identity, "1"))]).await.unwrap();
}

pub async fn i_21_a_link_is_a_way_in_while_it_is_there(bench: &dyn Bench) {
    let store = bench.store();
    let owner = identity(&TenantId::default());
    let (one, two) = (link(&owner, "1"), at_provider("other", link(&owner, "2")));
    store.changes.commit(vec![creation(&owner, Vec::new()), add_link(&one), add_link(&two)]).await.unwrap();
    let mut removals = Vec::new();
    for (removed, other) in [(&one, &two), (&two, &one)] {
        let (tenant, id, version) = (owner.tenant.clone(), owner.id, owner.version);
        let pin = kayan_ports::AccountChange::Pin { tenant, identity: id, version };
        removals.push(vec![kayan_ports::Change::Account(pin), keep_link(removed, Some(other)), unlink(removed)]);
    }
    only_winner(&race(&store, removals).await, &LAST);
    let left = store.credentials.links(&TenantId::default(), owner.id).await.unwrap();
    assert_eq!(store.changes.commit(vec![keep_link(&left[0], None)]).await, Err(LAST));
    let key = kayan_ports::Change::Factor(FactorChange::Add(Box::new(passkey(&owner, b"key"))));
    store.changes.commit(vec![key, keep_link(&left[0], None), unlink(&left[0])]).await.unwrap();
}

pub async fn i_29_another_tenants_link_is_neither_read_nor_used(bench: &dyn Bench) {
    let (store, anna, _) = anna_and_bert(bench).await;
    let other = tenant("other");
    bench.add_tenant(&other, true).await;
    let hers = link(&anna.identity, "1");
    store.changes.commit(vec![add_link(&hers)]).await.unwrap();
    assert_eq!(store.credentials.link(&other, &hers.account).await, Ok(None));
    assert_eq!(store.credentials.links(&other, anna.identity.id).await, Ok(vec![]));
    let foreign = ProviderLink { tenant: other.clone(), ..hers.clone() };
    let another = ProviderLink { tenant: other.clone(), ..link(&anna.identity, "2") };
    for (change, refusal) in [
        (add_link(&another), CommitError::Stale(Guard::Identity)),
        (use_link(&foreign, 9), STALE),
        (keep_link(&foreign, Some(&foreign)), LAST),
        (unlink(&foreign), STALE),
    ] {
        assert_eq!(store.changes.commit(vec![change.clone()]).await, Err(refusal), "{change:?}");
    }
    let theirs = Account::register(&store, &other, "anna@example.org").await;
    store.changes.commit(vec![add_link(&link(&theirs.identity, "1"))]).await.expect("an account of each tenant");
    assert_eq!(links(&store, &anna).await, [hers]);
}
