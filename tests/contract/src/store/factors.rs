//! Factors: each code is accepted once, and no other identity or tenant can use them.

use kayan_ports::{
    Change, CommitError, CredentialId, Factor, FactorChange, FactorKind, Guard, RecoveryHash, Removed, Scope, TenantId,
    Unique,
};
use uuid::Uuid;

use crate::{
    Bench,
    race::{MANY, only_winner, race},
    sample::{Account, at, identity, recovery_code, tenant, totp},
};

const STALE: CommitError = CommitError::Stale(Guard::Factor);

fn add(factor: &Factor) -> Change {
    Change::Factor(FactorChange::Add(Box::new(factor.clone())))
}

fn confirm(factor: &Factor, step: i64) -> Change {
    let (tenant, identity) = (factor.tenant.clone(), factor.identity);
    Change::Factor(FactorChange::Confirm { tenant, identity, factor: factor.id, step, at: at(60) })
}

fn use_totp(factor: &Factor, step: i64) -> Change {
    let (tenant, identity) = (factor.tenant.clone(), factor.identity);
    Change::Factor(FactorChange::UseTotp { tenant, identity, factor: factor.id, step, at: at(90) })
}

fn spend(code: &Factor) -> Change {
    let FactorKind::RecoveryCode { hash } = code.kind else { panic!("not a recovery code: {code:?}") };
    let (tenant, identity) = (code.tenant.clone(), code.identity);
    Change::Factor(FactorChange::UseRecoveryCode { tenant, identity, hash })
}

fn remove(of: &Factor, which: Removed) -> Change {
    Change::Factor(FactorChange::Remove { tenant: of.tenant.clone(), identity: of.identity, which })
}

/// The app after a code of `step` was accepted at that moment.
fn used(app: &Factor, step: i64, moment: i64) -> Factor {
    let FactorKind::Totp { secret, .. } = app.kind.clone() else { panic!("not an app: {app:?}") };
    let kind = FactorKind::Totp { secret, confirmed: true, last_step: step };
    Factor { kind, last_used_at: Some(at(moment)), ..app.clone() }
}

async fn anna(bench: &dyn Bench) -> Account {
    Account::register(&bench.store(), &TenantId::default(), "anna@example.org").await
}

pub async fn factors_come_back_as_they_went_in(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let (app, code) = (totp(&anna.identity), recovery_code(&anna.identity, 1));
    let named = Factor { name: "Telefon 📱".to_owned(), created_at: at(3), ..app.clone() };
    store.changes.commit(vec![add(&named), add(&code)]).await.unwrap();
    let found = store.factors.factors(&TenantId::default(), anna.identity.id).await.unwrap();
    assert_eq!(found, [named, code], "the one that was enrolled first comes first");
}

pub async fn an_absent_identity_gets_no_factor(bench: &dyn Bench) {
    let store = bench.store();
    let nobody = identity(&TenantId::default());
    let outcome = store.changes.commit(vec![add(&totp(&nobody))]).await;
    assert_eq!(outcome, Err(CommitError::Stale(Guard::Identity)));
}

pub async fn one_unconfirmed_app_is_kept_under_64_parallel_enrolments(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let enrolments = (0..MANY).map(|_| vec![add(&totp(&anna.identity))]).collect();
    let outcomes = race(&store, enrolments).await;
    only_winner(&outcomes, &CommitError::Conflict(Unique::Credential));
    assert_eq!(store.factors.factors(&TenantId::default(), anna.identity.id).await.unwrap().len(), 1);
}

pub async fn a_confirmed_app_leaves_room_for_another(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let (first, second) = (totp(&anna.identity), Factor { created_at: at(70), ..totp(&anna.identity) });
    store.changes.commit(vec![add(&first), confirm(&first, 7)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![confirm(&first, 8)]).await, Err(STALE), "it is confirmed once");
    store.changes.commit(vec![add(&second), confirm(&second, 7)]).await.unwrap();
    let found = store.factors.factors(&TenantId::default(), anna.identity.id).await.unwrap();
    assert_eq!(found, [used(&first, 7, 60), used(&second, 7, 60)]);
}

pub async fn an_unconfirmed_app_is_forgotten_after_a_while(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let (done, pending) = (totp(&anna.identity), Factor { created_at: at(70), ..totp(&anna.identity) });
    store.changes.commit(vec![add(&done), confirm(&done, 7), add(&pending)]).await.unwrap();
    store.changes.commit(vec![remove(&pending, Removed::UnconfirmedBefore(at(70)))]).await.unwrap();
    assert_eq!(store.factors.factors(&TenantId::default(), anna.identity.id).await.unwrap().len(), 2);
    store.changes.commit(vec![remove(&pending, Removed::UnconfirmedBefore(at(71)))]).await.unwrap();
    let found = store.factors.factors(&TenantId::default(), anna.identity.id).await.unwrap();
    assert_eq!(found, [used(&done, 7, 60)]);
}

pub async fn i_05_a_step_is_accepted_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let app = totp(&anna.identity);
    store.changes.commit(vec![add(&app)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![use_totp(&app, 8)]).await, Err(STALE), "it is not confirmed yet");
    store.changes.commit(vec![confirm(&app, 7)]).await.unwrap();
    for spent in [7, 6] {
        assert_eq!(store.changes.commit(vec![use_totp(&app, spent)]).await, Err(STALE), "step {spent}");
    }
    let outcomes = race(&store, vec![vec![use_totp(&app, 8)]; MANY]).await;
    only_winner(&outcomes, &STALE);
    let found = store.factors.factors(&TenantId::default(), anna.identity.id).await.unwrap();
    assert_eq!(found, [used(&app, 8, 90)]);
}

pub async fn i_06_recovery_codes_work_in_any_order_and_each_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let codes: Vec<_> = (1..=3).map(|number| recovery_code(&anna.identity, number)).collect();
    store.changes.commit(codes.iter().map(add).collect()).await.unwrap();
    let outcomes = race(&store, vec![vec![spend(&codes[2])]; MANY]).await;
    only_winner(&outcomes, &STALE);
    store.changes.commit(vec![spend(&codes[0])]).await.unwrap();
    let found = store.factors.factors(&TenantId::default(), anna.identity.id).await.unwrap();
    assert_eq!(found, [codes[1].clone()]);
    assert_eq!(store.changes.commit(vec![spend(&recovery_code(&anna.identity, 9))]).await, Err(STALE));
}

pub async fn i_06_new_recovery_codes_void_the_old_ones_and_leave_apps(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let (app, old, new) = (totp(&anna.identity), recovery_code(&anna.identity, 1), recovery_code(&anna.identity, 2));
    store.changes.commit(vec![add(&app), confirm(&app, 7), add(&old)]).await.unwrap();
    store.changes.commit(vec![remove(&old, Removed::RecoveryCodes), add(&new)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![spend(&old)]).await, Err(STALE));
    let found = store.factors.factors(&TenantId::default(), anna.identity.id).await.unwrap();
    assert_eq!(found, [used(&app, 7, 60), new]);
}

pub async fn another_identitys_recovery_code_is_not_accepted(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let berta = Account::register(&store, &TenantId::default(), "berta@example.org").await;
    let (hers, same) = (recovery_code(&anna.identity, 1), recovery_code(&berta.identity, 1));
    store.changes.commit(vec![add(&hers)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![spend(&same)]).await, Err(STALE));
    // Two people may draw the same one.
    store.changes.commit(vec![add(&same), spend(&same)]).await.unwrap();
    assert_eq!(store.factors.factors(&TenantId::default(), anna.identity.id).await.unwrap(), [hers]);
}

pub async fn a_removed_factor_is_gone_and_the_password_stays(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let (app, code) = (totp(&anna.identity), recovery_code(&anna.identity, 1));
    store.changes.commit(vec![add(&app), add(&code)]).await.unwrap();
    store.changes.commit(vec![remove(&app, Removed::One(app.id))]).await.unwrap();
    assert_eq!(store.changes.commit(vec![remove(&app, Removed::One(app.id))]).await, Err(STALE));
    assert_eq!(store.changes.commit(vec![remove(&app, Removed::One(anna.password.id))]).await, Err(STALE));
    store.changes.commit(vec![add(&app), remove(&app, Removed::All), remove(&app, Removed::All)]).await.unwrap();
    assert_eq!(store.factors.factors(&TenantId::default(), anna.identity.id).await, Ok(vec![]));
    assert_eq!(store.credentials.password(&Scope::System, anna.identity.id).await, Ok(Some(anna.password)));
}

pub async fn i_29_another_tenants_factor_is_neither_read_nor_used(bench: &dyn Bench) {
    let store = bench.store();
    let (acme, other) = (tenant("acme"), tenant("other"));
    bench.add_tenant(&acme, true).await;
    bench.add_tenant(&other, true).await;
    let anna = Account::register(&store, &acme, "anna@example.org").await;
    let (app, code) = (totp(&anna.identity), recovery_code(&anna.identity, 1));
    store.changes.commit(vec![add(&app), add(&code)]).await.unwrap();
    let foreign = |factor: &Factor| Factor { tenant: other.clone(), ..factor.clone() };
    assert_eq!(store.factors.factors(&other, anna.identity.id).await, Ok(vec![]));
    let (app_elsewhere, code_elsewhere) = (foreign(&app), foreign(&code));
    let tries = [
        (
            add(&Factor { kind: FactorKind::RecoveryCode { hash: RecoveryHash([9; 32]) }, ..app_elsewhere.clone() }),
            CommitError::Stale(Guard::Identity),
        ),
        (confirm(&app_elsewhere, 7), STALE),
        (spend(&code_elsewhere), STALE),
        (remove(&app_elsewhere, Removed::One(app.id)), STALE),
    ];
    for (change, refusal) in tries {
        assert_eq!(store.changes.commit(vec![change.clone()]).await, Err(refusal), "{change:?}");
    }
    store.changes.commit(vec![remove(&app_elsewhere, Removed::All)]).await.unwrap();
    store.changes.commit(vec![confirm(&app, 7)]).await.unwrap();
    assert_eq!(store.changes.commit(vec![use_totp(&app_elsewhere, 8)]).await, Err(STALE));
    let found = store.factors.factors(&acme, anna.identity.id).await.unwrap();
    assert_eq!(found, [used(&app, 7, 60), code]);
}

pub async fn the_newest_apps_are_found_among_as_many_credentials(bench: &dyn Bench) {
    let (store, anna) = (bench.store(), anna(bench).await);
    let berta = Account::register(&store, &TenantId::default(), "berta@example.org").await;
    let numbered =
        |number: u128, factor: Factor| Factor { id: CredentialId(Uuid::from_u128(u128::MAX - number)), ..factor };
    let old = numbered(3, totp(&anna.identity));
    let code = numbered(2, recovery_code(&anna.identity, 1));
    let new = numbered(1, totp(&berta.identity));
    store.changes.commit(vec![add(&old), confirm(&old, 7), add(&code), add(&new)]).await.unwrap();
    for (among, expected) in [(1, vec![&new]), (2, vec![&new]), (3, vec![&new, &old]), (100, vec![&new, &old])] {
        let mut found: Vec<_> = store.factors.newest_apps(among).await.unwrap().into_iter().map(|app| app.id).collect();
        found.sort();
        let mut expected: Vec<_> = expected.into_iter().map(|app| app.id).collect();
        expected.sort();
        assert_eq!(found, expected, "among {among}");
    }
    assert!(store.factors.newest_apps(100).await.unwrap().contains(&new), "as it went in");
}
