//! Passkeys: found by their credential id, each signature accepted once, and never the last way in removed.

use kayan_ports::{
    AccountChange, Change, CommitError, CredentialId, Factor, FactorChange, FactorKind, Guard, Identity, KnownFactors,
    Passkey, Removed, Scope, Sealed, TenantId, Unique, WaysIn,
};
use uuid::Uuid;

use crate::{
    Bench,
    race::{MANY, only_winner, race},
    sample::{Account, at, creation, identity, passkey, recovery_code, tenant, totp},
};

const STALE: CommitError = CommitError::Stale(Guard::Factor);
const CHANGED: CommitError = CommitError::Stale(Guard::Factors);
const LAST: CommitError = CommitError::Stale(Guard::LastCredential);
const BOTH: WaysIn = WaysIn { password: true, passkey: true, link: None };

fn add(factor: &Factor) -> Change {
    Change::Factor(FactorChange::Add(Box::new(factor.clone())))
}

fn using(factor: &Factor, counter: u32) -> Change {
    let (tenant, identity) = (factor.tenant.clone(), factor.identity);
    let (factor, backed_up) = (factor.id, true);
    Change::Factor(FactorChange::UsePasskey { tenant, identity, factor, counter, backed_up, at: at(90) })
}

fn rename(factor: &Factor, name: &str) -> Change {
    let (tenant, identity, name) = (factor.tenant.clone(), factor.identity, name.to_owned());
    Change::Factor(FactorChange::Rename { tenant, identity, factor: factor.id, name, at: at(90) })
}

fn pin(identity: &Identity, known: KnownFactors) -> Change {
    let (tenant, identity) = (identity.tenant.clone(), identity.id);
    Change::Factor(FactorChange::Pin { tenant, identity, known })
}

fn keep_way_in(factor: &Factor, ways_in: WaysIn) -> Change {
    let (tenant, identity) = (factor.tenant.clone(), factor.identity);
    Change::Factor(FactorChange::KeepWayIn { tenant, identity, without: factor.id, ways_in })
}

fn remove(factor: &Factor) -> Change {
    let (tenant, identity, which) = (factor.tenant.clone(), factor.identity, Removed::One(factor.id));
    Change::Factor(FactorChange::Remove { tenant, identity, which })
}

/// The list that removes a passkey.
fn removal(factor: &Factor) -> Vec<Change> {
    let (tenant, identity) = (factor.tenant.clone(), factor.identity);
    let pin = Change::Account(AccountChange::Pin { tenant, identity, version: 1 });
    vec![pin, keep_way_in(factor, BOTH), remove(factor)]
}

/// The passkey with these of its fields changed.
fn with(factor: &Factor, change: impl FnOnce(&mut Passkey)) -> Factor {
    let FactorKind::Webauthn(mut passkey) = factor.kind.clone() else { panic!("not a passkey: {factor:?}") };
    change(&mut passkey);
    Factor { kind: FactorKind::Webauthn(passkey), ..factor.clone() }
}

/// The passkey after a signature with this counter was accepted.
fn used(factor: &Factor, counter: u32) -> Factor {
    let used = with(factor, |passkey| (passkey.counter, passkey.backed_up) = (counter, true));
    Factor { last_used_at: Some(at(90)), ..used }
}

async fn anna(bench: &dyn Bench) -> Account {
    Account::register(&bench.store(), &TenantId::default(), "anna@example.org").await
}

/// Someone without a password.
async fn without_password(bench: &dyn Bench) -> Identity {
    let identity = identity(&TenantId::default());
    bench.store().changes.commit(vec![creation(&identity, Vec::new())]).await.unwrap();
    identity
}

pub async fn passkeys_come_back_as_they_went_in(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let longest: Vec<_> = (0..=u8::MAX).cycle().take(1_023).collect();
    let full =
        Factor { name: "Schlüssel 🔑 ".repeat(6).chars().take(64).collect(), ..passkey(&anna.identity, &longest) };
    let bare = with(&Factor { created_at: at(41), ..passkey(&anna.identity, &[0]) }, |passkey| {
        passkey.counter = u32::MAX;
        passkey.discoverable = None;
        (passkey.user_verified, passkey.backup_eligible, passkey.backed_up) = (false, true, true);
        passkey.transports = Vec::new();
        passkey.aaguid = Uuid::nil();
        "none".clone_into(&mut passkey.attestation_format);
    });
    let not_discoverable = Factor { created_at: at(42), ..passkey(&anna.identity, &[0, 0]) };
    let not_discoverable = with(&not_discoverable, |passkey| passkey.discoverable = Some(false));
    let all = [full, bare, not_discoverable];
    store.changes.commit(all.iter().map(add).collect()).await.unwrap();
    assert_eq!(store.factors.factors(&TenantId::default(), anna.identity.id).await.unwrap(), all);
    assert_eq!(store.factors.passkeys(&TenantId::default(), anna.identity.id).await.unwrap(), all);
    for factor in all {
        let FactorKind::Webauthn(passkey) = &factor.kind else { unreachable!("a passkey") };
        let found = store.factors.passkey(&TenantId::default(), &passkey.credential_id).await;
        assert_eq!(found, Ok(Some(factor.clone())));
    }
    for unknown in [&longest[1..], &[0, 0, 0], &[]] {
        assert_eq!(store.factors.passkey(&TenantId::default(), unknown).await, Ok(None));
    }
}

pub async fn a_passkey_is_taken_once_in_its_tenant(bench: &dyn Bench) {
    let (store, anna, other) = (bench.store(), anna(bench).await, tenant("other"));
    bench.add_tenant(&other, true).await;
    let [berta, clara] = [(&TenantId::default(), "berta@example.org"), (&other, "clara@example.org")];
    let berta = Account::register(&store, berta.0, berta.1).await;
    let clara = Account::register(&store, clara.0, clara.1).await;
    let first = passkey(&anna.identity, b"same");
    store.changes.commit(vec![add(&first)]).await.unwrap();
    for owner in [&anna, &berta] {
        let outcome = store.changes.commit(vec![add(&passkey(&owner.identity, b"same"))]).await;
        assert_eq!(outcome, Err(CommitError::Conflict(Unique::Credential)));
    }
    let elsewhere = passkey(&clara.identity, b"same");
    store.changes.commit(vec![add(&elsewhere)]).await.unwrap();
    assert_eq!(store.factors.passkey(&TenantId::default(), b"same").await, Ok(Some(first)));
    assert_eq!(store.factors.passkey(&other, b"same").await, Ok(Some(elsewhere)));
}

pub async fn a_passkey_is_added_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let berta = Account::register(&store, &TenantId::default(), "berta@example.org").await;
    let owners = [&anna.identity, &berta.identity].into_iter().cycle().take(MANY);
    let passkeys: Vec<_> = owners.map(|owner| passkey(owner, b"same")).collect();
    let outcomes = race(&store, passkeys.iter().map(|passkey| vec![add(passkey)]).collect()).await;
    let winner = only_winner(&outcomes, &CommitError::Conflict(Unique::Credential));
    let found = store.factors.passkey(&TenantId::default(), b"same").await;
    assert_eq!(found, Ok(Some(passkeys[winner].clone())));
}

pub async fn i_20_a_signature_counter_grows_or_stays_at_0(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let berta = Account::register(&store, &TenantId::default(), "berta@example.org").await;
    let (key, app) = (passkey(&anna.identity, b"key"), totp(&anna.identity));
    let key = with(&key, |passkey| passkey.counter = 0);
    store.changes.commit(vec![add(&key), add(&app)]).await.unwrap();
    let foreign = Factor { identity: berta.identity.id, ..key.clone() };
    assert_eq!(store.changes.commit(vec![using(&foreign, 7)]).await, Err(STALE), "another identity's");
    assert_eq!(store.changes.commit(vec![using(&app, 7)]).await, Err(STALE), "an app");
    for (counter, accepted) in [
        (0, true),
        (0, true),
        (1, true),
        (1, false),
        (0, false),
        (7, true),
        (6, false),
        (7, false),
        (0, false),
        (u32::MAX, true),
        (u32::MAX, false),
    ] {
        let outcome = store.changes.commit(vec![using(&key, counter)]).await;
        assert_eq!(outcome, if accepted { Ok(()) } else { Err(STALE) }, "{counter}");
        if accepted {
            let found = store.factors.passkey(&TenantId::default(), b"key").await;
            assert_eq!(found, Ok(Some(used(&key, counter))));
        }
    }
}

pub async fn i_20_a_signature_is_accepted_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let key = passkey(&anna.identity, b"key");
    store.changes.commit(vec![add(&key)]).await.unwrap();
    let outcomes = race(&store, vec![vec![using(&key, 8)]; MANY]).await;
    only_winner(&outcomes, &STALE);
    assert_eq!(store.factors.passkey(&TenantId::default(), b"key").await, Ok(Some(used(&key, 8))));
}

pub async fn pinned_factors_are_those_that_were_read(bench: &dyn Bench) {
    let (store, anna, other) = (bench.store(), anna(bench).await, tenant("other"));
    bench.add_tenant(&other, true).await;
    let berta = without_password(bench).await;
    let (key, app, code) = (passkey(&anna.identity, b"key"), totp(&anna.identity), recovery_code(&anna.identity, 1));
    let kind = FactorKind::Totp { secret: Sealed(vec![7; 16]), confirmed: true, last_step: 1 };
    let confirmed = Factor { kind, ..totp(&anna.identity) };
    let all = [
        KnownFactors::Nothing,
        KnownFactors::NoApp,
        KnownFactors::Apps,
        KnownFactors::Passkey { one: key.id, most: 2 },
        KnownFactors::Passkey { one: key.id, most: 1 },
        KnownFactors::Passkey { one: code.id, most: 20 },
    ];
    for (step, holds) in [
        (vec![add(&app), add(&code), add(&passkey(&berta, b"another"))], [true, true, false, false, false, false]),
        (vec![add(&confirmed)], [false, false, true, false, false, false]),
        (vec![add(&key)], [false, false, false, true, false, false]),
        (vec![remove(&confirmed)], [false, true, false, true, false, false]),
        (vec![remove(&key)], [true, true, false, false, false, false]),
    ] {
        store.changes.commit(step).await.unwrap();
        for (known, holds) in all.into_iter().zip(holds) {
            let expected = if holds { Ok(()) } else { Err(CHANGED) };
            assert_eq!(store.changes.commit(vec![pin(&anna.identity, known)]).await, expected, "{known:?}");
        }
    }
    let foreign = Identity { tenant: other, ..anna.identity };
    let refused = store.changes.commit(vec![pin(&foreign, KnownFactors::Nothing)]).await;
    assert_eq!(refused, Err(CommitError::Stale(Guard::Identity)));
}

pub async fn the_first_factor_is_added_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let passkeys: Vec<_> = (0..MANY).map(|n| passkey(&anna.identity, &n.to_be_bytes())).collect();
    let lists = passkeys.iter().map(|it| vec![pin(&anna.identity, KnownFactors::Nothing), add(it)]);
    let outcomes = race(&store, lists.collect()).await;
    let winner = only_winner(&outcomes, &CHANGED);
    let found = store.factors.factors(&TenantId::default(), anna.identity.id).await;
    assert_eq!(found, Ok(vec![passkeys[winner].clone()]));
}

pub async fn no_more_passkeys_are_added_than_there_is_room_for_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let first = passkey(&anna.identity, b"first");
    store.changes.commit(vec![add(&first)]).await.unwrap();
    let known = KnownFactors::Passkey { one: first.id, most: 5 };
    let list = |n: usize| vec![pin(&anna.identity, known), add(&passkey(&anna.identity, &n.to_be_bytes()))];
    let outcomes = race(&store, (0..MANY).map(list).collect()).await;
    let count = |expected: Result<(), CommitError>| outcomes.iter().filter(|outcome| **outcome == expected).count();
    assert_eq!((count(Ok(())), count(Err(CHANGED))), (4, MANY - 4), "{outcomes:?}");
    assert_eq!(store.factors.passkeys(&TenantId::default(), anna.identity.id).await.unwrap().len(), 5);
}

pub async fn a_passkey_or_an_app_gets_a_new_name_and_nothing_else_does(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let berta = Account::register(&store, &TenantId::default(), "berta@example.org").await;
    let (key, app, code) = (passkey(&anna.identity, b"key"), totp(&anna.identity), recovery_code(&anna.identity, 1));
    store.changes.commit(vec![add(&key), add(&app), add(&code)]).await.unwrap();
    let name: String = "Ключ 🔑 ".repeat(11).chars().take(64).collect();
    store.changes.commit(vec![rename(&key, &name), rename(&app, "")]).await.unwrap();
    let password = Factor { id: anna.password.id, ..key.clone() };
    let foreign = Factor { identity: berta.identity.id, ..key.clone() };
    let absent = Factor { id: CredentialId(anna.identity.id.0), ..key.clone() };
    for other in [&code, &password, &foreign, &absent] {
        assert_eq!(store.changes.commit(vec![rename(other, "mine")]).await, Err(STALE), "{other:?}");
    }
    let found = store.factors.factors(&TenantId::default(), anna.identity.id).await.unwrap();
    assert_eq!(found, [Factor { name, ..key }, app, code]);
}

pub async fn i_21_the_last_way_in_is_kept(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let hers = passkey(&anna.identity, b"hers");
    store.changes.commit(vec![add(&hers)]).await.unwrap();
    store.changes.commit(removal(&hers)).await.unwrap();

    let berta = without_password(bench).await;
    let (only, second) = (passkey(&berta, b"only"), passkey(&berta, b"second"));
    let unverified = with(&passkey(&berta, b"unverified"), |passkey| passkey.user_verified = false);
    let (app, code) = (totp(&berta), recovery_code(&berta, 1));
    store.changes.commit(vec![add(&only), add(&unverified), add(&app), add(&code), add(&hers)]).await.unwrap();
    assert_eq!(store.changes.commit(removal(&only)).await, Err(LAST), "the others are no way in");
    store.changes.commit(removal(&unverified)).await.unwrap();
    store.changes.commit(vec![add(&second)]).await.unwrap();
    store.changes.commit(removal(&only)).await.unwrap();
    assert_eq!(store.changes.commit(removal(&second)).await, Err(LAST));
    assert_eq!(store.factors.factors(&TenantId::default(), berta.id).await.unwrap(), [second, app, code]);
}

pub async fn i_21_what_the_tenant_does_not_allow_is_no_way_in(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let (only, berta) = (passkey(&anna.identity, b"only"), without_password(bench).await);
    let (first, second) = (passkey(&berta, b"first"), passkey(&berta, b"second"));
    store.changes.commit(vec![add(&only), add(&first), add(&second)]).await.unwrap();
    for (password, passkey) in [(true, true), (true, false), (false, true), (false, false)] {
        let keep = |factor| store.changes.commit(vec![keep_way_in(factor, WaysIn { password, passkey, link: None })]);
        assert_eq!(keep(&only).await, if password { Ok(()) } else { Err(LAST) }, "a password: {password} {passkey}");
        assert_eq!(keep(&first).await, if passkey { Ok(()) } else { Err(LAST) }, "a passkey: {password} {passkey}");
    }
}

pub async fn i_21_of_two_last_passkeys_one_is_left_when_both_are_removed_at_once(bench: &dyn Bench) {
    let store = bench.store();
    let mut pairs = Vec::new();
    for number in 0..64 {
        let owner = without_password(bench).await;
        let pair = [passkey(&owner, &[number, 1]), passkey(&owner, &[number, 2])];
        store.changes.commit(pair.iter().map(add).collect()).await.unwrap();
        pairs.push(pair);
    }
    let outcomes = race(&store, pairs.iter().flatten().map(removal).collect()).await;
    for (pair, outcomes) in pairs.iter().zip(outcomes.chunks(2)) {
        let winner = only_winner(outcomes, &LAST);
        let left = store.factors.factors(&TenantId::default(), pair[0].identity).await;
        assert_eq!(left, Ok(vec![pair[1 - winner].clone()]));
    }
}

pub async fn a_deleted_identitys_passkey_is_gone_and_can_be_added_anew(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    store.changes.commit(vec![add(&passkey(&anna.identity, b"key"))]).await.unwrap();
    let (scope, identity) = (Scope::from(anna.tenant()), anna.identity.id);
    let delete = Change::Account(AccountChange::Delete { scope, identity, expected: None });
    store.changes.commit(vec![delete]).await.unwrap();
    assert_eq!(store.factors.passkey(&TenantId::default(), b"key").await, Ok(None));
    let anew = passkey(&without_password(bench).await, b"key");
    store.changes.commit(vec![add(&anew)]).await.unwrap();
    assert_eq!(store.factors.passkey(&TenantId::default(), b"key").await, Ok(Some(anew)));
}

pub async fn i_29_another_tenants_passkey_is_neither_read_nor_used(bench: &dyn Bench) {
    let (store, anna, other) = (bench.store(), anna(bench).await, tenant("other"));
    bench.add_tenant(&other, true).await;
    let key = passkey(&anna.identity, b"key");
    store.changes.commit(vec![add(&key)]).await.unwrap();
    assert_eq!(store.factors.passkey(&other, b"key").await, Ok(None));
    assert_eq!(store.factors.factors(&other, anna.identity.id).await, Ok(vec![]));
    let foreign = Factor { tenant: other.clone(), ..key.clone() };
    let another = Factor { tenant: other, ..passkey(&anna.identity, b"another") };
    for (change, refusal) in [
        (add(&another), CommitError::Stale(Guard::Identity)),
        (using(&foreign, 9), STALE),
        (rename(&foreign, "mine"), STALE),
        (keep_way_in(&foreign, BOTH), LAST),
        (remove(&foreign), STALE),
    ] {
        assert_eq!(store.changes.commit(vec![change.clone()]).await, Err(refusal), "{change:?}");
    }
    assert_eq!(store.factors.passkey(&TenantId::default(), b"key").await, Ok(Some(key)));
}
