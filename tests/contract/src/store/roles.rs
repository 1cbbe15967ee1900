//! Roles: their definitions, who has which, and what keeps a tenant's last administrator.

use kayan_ports::{
    ADMIN, AccountChange, Change, CommitError, Guard, Identity, Role, RoleChange, State, TenantId, Unique, Version,
};

use crate::{
    Bench,
    race::{MANY, only_winner, race},
    sample::{at, creation, identity, named, tenant, unique},
};

fn role(tenant: &TenantId, name: &str) -> Role {
    Role {
        tenant: tenant.clone(),
        name: name.to_owned(),
        description: "Wer «alles» liest".to_owned(),
        permissions: vec!["users:read".to_owned(), "orders:**".to_owned()],
        parents: vec!["viewer".to_owned()],
        created_at: at(10),
        updated_at: at(11),
        version: 1,
    }
}

/// A tenant of this test alone.
async fn fresh(bench: &dyn Bench) -> TenantId {
    let tenant = tenant(&format!("t{}", unique().simple()));
    bench.add_tenant(&tenant, true).await;
    tenant
}

async fn version(bench: &dyn Bench, tenant: &TenantId) -> Version {
    bench.store().roles.roles(tenant).await.unwrap().unwrap().version
}

async fn somebody(bench: &dyn Bench, tenant: &TenantId, roles: &[&str]) -> Identity {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    let identity = Identity { roles, ..identity(tenant) };
    let name = format!("{}@example.org", identity.id);
    bench.store().changes.commit(vec![creation(&identity, vec![named("email", &name)])]).await.unwrap();
    identity
}

fn set_roles(of: &Identity, roles: &[&str]) -> Change {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    Change::Role(RoleChange::Assign {
        tenant: of.tenant.clone(),
        identity: of.id,
        expected: of.version,
        roles,
        at: at(20),
    })
}

fn stale(guard: Guard) -> Result<(), CommitError> {
    Err(CommitError::Stale(guard))
}

pub async fn a_role_comes_back_as_it_went_in(bench: &dyn Bench) {
    let (tenant, store) = (fresh(bench).await, bench.store());
    let (beta, alpha) = (role(&tenant, "beta"), role(&tenant, "alpha"));
    store.changes.commit(vec![Change::Role(RoleChange::Create(Box::new(beta.clone())))]).await.unwrap();
    store.changes.commit(vec![Change::Role(RoleChange::Create(Box::new(alpha.clone())))]).await.unwrap();
    let roles = store.roles.roles(&tenant).await.unwrap().unwrap();
    assert_eq!(roles.defined, [alpha.clone(), beta]);
    let new = Role { permissions: vec![], parents: vec![], updated_at: at(12), version: 2, ..alpha };
    store.changes.commit(vec![Change::Role(RoleChange::Replace(Box::new(new.clone())))]).await.unwrap();
    let after = store.roles.roles(&tenant).await.unwrap().unwrap();
    assert_eq!(after.defined.first(), Some(&new));
    assert!(after.version > roles.version, "a change counts");
}

pub async fn a_tenant_that_there_is_not_has_no_roles(bench: &dyn Bench) {
    let nowhere = tenant("nowhere");
    assert_eq!(bench.store().roles.roles(&nowhere).await, Ok(None));
    let refused =
        bench.store().changes.commit(vec![Change::Role(RoleChange::Create(Box::new(role(&nowhere, "alpha"))))]).await;
    assert_eq!(refused, stale(Guard::Tenant));
}

pub async fn a_roles_name_is_taken_once_in_its_tenant(bench: &dyn Bench) {
    let (one, other, store) = (fresh(bench).await, fresh(bench).await, bench.store());
    store.changes.commit(vec![Change::Role(RoleChange::Create(Box::new(role(&one, "alpha"))))]).await.unwrap();
    let again = store.changes.commit(vec![Change::Role(RoleChange::Create(Box::new(role(&one, "alpha"))))]).await;
    assert_eq!(again, Err(CommitError::Conflict(Unique::Role)));
    store.changes.commit(vec![Change::Role(RoleChange::Create(Box::new(role(&other, "alpha"))))]).await.unwrap();
}

pub async fn i_29_another_tenants_role_is_neither_seen_nor_touched(bench: &dyn Bench) {
    let (own, other, store) = (fresh(bench).await, fresh(bench).await, bench.store());
    let theirs = role(&other, "alpha");
    store.changes.commit(vec![Change::Role(RoleChange::Create(Box::new(theirs.clone())))]).await.unwrap();
    assert_eq!(store.roles.roles(&own).await.unwrap().unwrap().defined, []);
    let replaced = Role { tenant: own.clone(), version: 2, ..theirs.clone() };
    assert_eq!(
        store.changes.commit(vec![Change::Role(RoleChange::Replace(Box::new(replaced)))]).await,
        stale(Guard::Role)
    );
    let delete = Change::Role(RoleChange::Delete { tenant: own.clone(), name: "alpha".to_owned(), expected: 1 });
    assert_eq!(store.changes.commit(vec![delete]).await, stale(Guard::Role));
    let bert = somebody(bench, &other, &["alpha"]).await;
    let reaching =
        Change::Role(RoleChange::Assign { tenant: own, identity: bert.id, expected: 1, roles: vec![], at: at(20) });
    assert_eq!(store.changes.commit(vec![reaching]).await, stale(Guard::Identity));
    assert_eq!(store.roles.roles(&other).await.unwrap().unwrap().defined, [theirs]);
    assert_eq!(store.accounts.identity(&other.into(), bert.id).await.unwrap().unwrap().roles, ["alpha"]);
}

pub async fn a_role_changed_meanwhile_is_not_overwritten(bench: &dyn Bench) {
    let (tenant, store) = (fresh(bench).await, bench.store());
    let alpha = role(&tenant, "alpha");
    store.changes.commit(vec![Change::Role(RoleChange::Create(Box::new(alpha.clone())))]).await.unwrap();
    let second = Role { version: 2, ..alpha.clone() };
    store.changes.commit(vec![Change::Role(RoleChange::Replace(Box::new(second.clone())))]).await.unwrap();
    assert_eq!(
        store.changes.commit(vec![Change::Role(RoleChange::Replace(Box::new(second)))]).await,
        stale(Guard::Role)
    );
    let delete =
        |expected| Change::Role(RoleChange::Delete { tenant: tenant.clone(), name: "alpha".to_owned(), expected });
    assert_eq!(store.changes.commit(vec![delete(1)]).await, stale(Guard::Role));
    store.changes.commit(vec![delete(2)]).await.unwrap();
    assert_eq!(store.roles.roles(&tenant).await.unwrap().unwrap().defined, []);
}

pub async fn a_role_that_somebody_has_is_not_deleted(bench: &dyn Bench) {
    let (tenant, store) = (fresh(bench).await, bench.store());
    store.changes.commit(vec![Change::Role(RoleChange::Create(Box::new(role(&tenant, "alpha"))))]).await.unwrap();
    let anna = somebody(bench, &tenant, &["alpha", "viewer"]).await;
    let delete = || Change::Role(RoleChange::Delete { tenant: tenant.clone(), name: "alpha".to_owned(), expected: 1 });
    assert_eq!(store.changes.commit(vec![delete()]).await, stale(Guard::RoleInUse));
    store.changes.commit(vec![set_roles(&anna, &["viewer"])]).await.unwrap();
    store.changes.commit(vec![delete()]).await.unwrap();
}

pub async fn new_roles_come_back_and_count_as_a_change(bench: &dyn Bench) {
    let (tenant, store) = (fresh(bench).await, bench.store());
    let anna = somebody(bench, &tenant, &["viewer"]).await;
    store.changes.commit(vec![set_roles(&anna, &["operator", "viewer"])]).await.unwrap();
    let after = store.accounts.identity(&tenant.into(), anna.id).await.unwrap().unwrap();
    assert_eq!((after.roles, after.version, after.updated_at), (vec!["operator".into(), "viewer".into()], 2, at(20)));
    assert_eq!(store.changes.commit(vec![set_roles(&anna, &[])]).await, stale(Guard::Identity), "changed meanwhile");
}

pub async fn role_definitions_that_were_held_are_those_that_were_read(bench: &dyn Bench) {
    let (tenant, store) = (fresh(bench).await, bench.store());
    let hold = |version| Change::Role(RoleChange::Pin { tenant: tenant.clone(), version });
    let before = version(bench, &tenant).await;
    store.changes.commit(vec![hold(before)]).await.unwrap();
    assert_eq!(version(bench, &tenant).await, before, "holding changes nothing");
    store
        .changes
        .commit(vec![hold(before), Change::Role(RoleChange::Create(Box::new(role(&tenant, "alpha"))))])
        .await
        .unwrap();
    let late = store
        .changes
        .commit(vec![hold(before), Change::Role(RoleChange::Create(Box::new(role(&tenant, "beta"))))])
        .await;
    assert_eq!(late, stale(Guard::Roles));
}

pub async fn role_definitions_are_changed_once_under_64_parallel_tries(bench: &dyn Bench) {
    let (tenant, store) = (fresh(bench).await, bench.store());
    let before = version(bench, &tenant).await;
    let put = |number| Change::Role(RoleChange::Create(Box::new(role(&tenant, &format!("r{number}")))));
    let hold = || Change::Role(RoleChange::Pin { tenant: tenant.clone(), version: before });
    let outcomes = race(&store, (0..MANY).map(|number| vec![hold(), put(number)]).collect()).await;
    only_winner(&outcomes, &CommitError::Stale(Guard::Roles));
    assert_eq!(store.roles.roles(&tenant).await.unwrap().unwrap().defined.len(), 1);
}

pub async fn an_admin_is_there_or_not(bench: &dyn Bench) {
    let (tenant, store) = (fresh(bench).await, bench.store());
    let keep = || Change::Role(RoleChange::RequireAdmin(tenant.clone()));
    assert_eq!(store.changes.commit(vec![keep()]).await, stale(Guard::LastAdmin));
    somebody(bench, &tenant, &["operator"]).await;
    assert_eq!(store.changes.commit(vec![keep()]).await, stale(Guard::LastAdmin));
    let anna = somebody(bench, &tenant, &["viewer", ADMIN]).await;
    store.changes.commit(vec![keep()]).await.unwrap();
    let lock = Change::Account(AccountChange::SetState {
        scope: (&tenant).into(),
        identity: anna.id,
        expected: Some(1),
        state: State::Locked,
        until: None,
        at: at(20),
    });
    let hold = Change::Role(RoleChange::Pin { tenant: tenant.clone(), version: version(bench, &tenant).await });
    let list = vec![hold, lock.clone(), keep()];
    assert_eq!(store.changes.commit(list).await, stale(Guard::LastAdmin), "within the list, too");
    assert_eq!(store.accounts.identity(&(&tenant).into(), anna.id).await.unwrap().unwrap().state, State::Active);
    store.changes.commit(vec![lock]).await.unwrap();
    assert_eq!(store.changes.commit(vec![keep()]).await, stale(Guard::LastAdmin));
}

/// Each of them takes `admin` from itself; one must be left over, although each saw all others when it began.
pub async fn i_30_one_admin_is_left_under_64_parallel_demotions(bench: &dyn Bench) {
    let (tenant, store) = (fresh(bench).await, bench.store());
    let mut admins = Vec::new();
    for _ in 0..MANY {
        admins.push(somebody(bench, &tenant, &[ADMIN]).await);
    }
    let held = version(bench, &tenant).await;
    let hold = || Change::Role(RoleChange::Pin { tenant: tenant.clone(), version: held });
    let demote = |admin| vec![hold(), set_roles(admin, &[]), Change::Role(RoleChange::RequireAdmin(tenant.clone()))];
    let outcomes = race(&store, admins.iter().map(demote).collect()).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), MANY - 1, "{outcomes:?}");
    assert!(outcomes.contains(&stale(Guard::LastAdmin)), "{outcomes:?}");
    let scope = (&tenant).into();
    let mut left = 0;
    for admin in &admins {
        left += usize::from(!store.accounts.identity(&scope, admin.id).await.unwrap().unwrap().roles.is_empty());
    }
    assert_eq!(left, 1);
}

/// The last two at the same moment, often: here it shows whether one waits for the other before it looks who is left.
pub async fn i_30_of_two_admins_one_is_left_however_often_both_step_down(bench: &dyn Bench) {
    let store = bench.store();
    for _ in 0..40 {
        let tenant = fresh(bench).await;
        let admins = [somebody(bench, &tenant, &[ADMIN]).await, somebody(bench, &tenant, &[ADMIN]).await];
        let hold = Change::Role(RoleChange::Pin { tenant: tenant.clone(), version: version(bench, &tenant).await });
        let demote =
            |admin| vec![hold.clone(), set_roles(admin, &[]), Change::Role(RoleChange::RequireAdmin(tenant.clone()))];
        let mut outcomes = race(&store, admins.iter().map(demote).collect()).await;
        outcomes.sort_by_key(Result::is_err);
        assert_eq!(outcomes, [Ok(()), stale(Guard::LastAdmin)]);
    }
}

pub async fn an_identity_that_is_gone_has_no_role_any_more(bench: &dyn Bench) {
    let (tenant, store) = (fresh(bench).await, bench.store());
    store.changes.commit(vec![Change::Role(RoleChange::Create(Box::new(role(&tenant, "alpha"))))]).await.unwrap();
    let anna = somebody(bench, &tenant, &["alpha"]).await;
    let scope = (&tenant).into();
    store
        .changes
        .commit(vec![Change::Account(AccountChange::Delete { scope, identity: anna.id, expected: Some(1) })])
        .await
        .unwrap();
    let delete = Change::Role(RoleChange::Delete { tenant: tenant.clone(), name: "alpha".to_owned(), expected: 1 });
    store.changes.commit(vec![delete]).await.unwrap();
}
