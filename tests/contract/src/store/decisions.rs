//! Use-cases that race: a decision still holds when it is committed, and no race ends in a failure.

use std::{future::Future, pin::Pin, sync::Arc};

use kayan_core::{
    AssignRole, AssignRoleError, Caller, ChangeUserError, DeleteUser, DeniedError, Failure, FindUserError, Grants,
    Kayan, LogIn, ManageTenantError, Operator, RefreshSession, RefreshSessionError, Register, RegisterError,
    SetUserPassword, SetUserPasswordError, SetUserState, Token, UpdateRole, UserRef,
};
use kayan_ports::{
    ADMIN, Change, CommitError, Guard, Identity, Role, RoleChange, Scope, State, Stores, TenantChange, TenantId, Traits,
};
use serde_json::json;

use crate::{
    Bench,
    office::{Gated, operator, pausing, quick, replica},
    race::{race, together},
    sample::{Account, at, creation, identity, named, object, tenant, unique},
};

/// How often each race is run.
const ROUNDS: usize = 60;
/// A password that the policy takes.
const PASSWORD: &str = "correct horse battery staple";
/// What `keeper` grants: enough to change users, and to see and do nothing else.
const KEEPER: [&str; 3] = ["users:read", "users:write", "users:delete"];

type Running = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// A tenant with an administrator, a keeper, and a user without roles.
struct Office {
    tenant: TenantId,
    admin: Identity,
    keeper: Identity,
    other: Identity,
}

impl Office {
    async fn open(bench: &dyn Bench) -> Self {
        let store = bench.store();
        let tenant = tenant(&format!("t{}", unique().simple()));
        bench.add_tenant(&tenant, true).await;
        let mut changes = vec![define(&tenant, "keeper", &KEEPER), define(&tenant, "helper", &["users:read"])];
        let person = |roles: &[&str]| Identity {
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            ..identity(&tenant)
        };
        let (admin, keeper, other) = (person(&[ADMIN]), person(&["keeper"]), person(&[]));
        changes.extend(
            [&admin, &keeper, &other]
                .map(|person| creation(person, vec![named("email", &format!("{}@example.org", person.id))])),
        );
        store.changes.commit(changes).await.unwrap();
        Self { tenant, admin, keeper, other }
    }

    fn admin(&self) -> Operator {
        operator(&self.admin, Grants::everything())
    }

    fn keeper(&self) -> Operator {
        operator(&self.keeper, Grants::direct(KEEPER.map(|permission| permission.parse().unwrap())))
    }

    async fn active_admins(&self, store: &Stores) -> usize {
        let mut admins = 0;
        for person in [&self.admin, &self.keeper, &self.other] {
            let found = store.accounts.identity(&Scope::System, person.id).await.unwrap();
            admins += usize::from(found.is_some_and(|identity| {
                identity.state == State::Active && identity.roles.iter().any(|role| role == ADMIN)
            }));
        }
        admins
    }
}

fn define(tenant: &TenantId, name: &str, permissions: &[&str]) -> Change {
    Change::Role(RoleChange::Create(Box::new(Role {
        tenant: tenant.clone(),
        name: name.to_owned(),
        description: String::new(),
        permissions: permissions.iter().map(|permission| (*permission).to_owned()).collect(),
        parents: vec![],
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    })))
}

fn refer(to: &Identity) -> UserRef {
    UserRef(to.id.to_string())
}

fn assign(role: &str, to: &Identity, give: bool) -> AssignRole {
    AssignRole { user: refer(to), role: role.to_owned(), give, expected: None }
}

/// An error that tells of a service that could not, or did not know what it was doing.
fn broken(failure: &Failure) -> String {
    format!("the service failed: {failure:?}")
}

fn refused(error: &ChangeUserError) -> Result<(), String> {
    match error {
        ChangeUserError::Find(FindUserError::Failed(failure) | FindUserError::Denied(DeniedError::Failed(failure))) => {
            Err(broken(failure))
        }
        _ => Ok(()),
    }
}

/// Makes another user an administrator, and steps down.
async fn hand_over(kayan: Arc<Kayan>, admin: Operator, from: Identity, to: Identity) -> Result<(), String> {
    for cmd in [assign(ADMIN, &to, true), assign(ADMIN, &from, false)] {
        match kayan.assign_role(&admin, cmd).await {
            Err(AssignRoleError::Change(error)) => refused(&error)?,
            Ok(_) | Err(AssignRoleError::UnknownRole(_)) => {}
        }
    }
    Ok(())
}

async fn shut_out(kayan: Arc<Kayan>, keeper: Operator, user: UserRef, round: usize) -> Result<(), String> {
    let outcome = if round.is_multiple_of(2) {
        let cmd = SetUserState { user, state: State::Locked, until: None, reason: None, expected: None };
        kayan.set_user_state(&keeper, cmd).await.map(drop)
    } else {
        kayan.delete_user(&keeper, DeleteUser { user, reason: None, expected: None }).await
    };
    outcome.or_else(|error| refused(&error))
}

/// A steps down for X, whom B is locking or deleting: X had no role when B looked.
pub async fn i_30_an_admin_is_left_when_one_hands_over_to_somebody_who_is_being_shut_out(bench: &dyn Bench) {
    let store = bench.store();
    let (one, other) = (quick(&store), quick(&store));
    for round in 0..ROUNDS {
        let office = Office::open(bench).await;
        let (admin, keeper, heir) = (office.admin.clone(), office.keeper(), office.other.clone());
        let both: [Running; 2] = [
            Box::pin(hand_over(one.clone(), office.admin(), admin, heir.clone())),
            Box::pin(shut_out(other.clone(), keeper, refer(&heir), round)),
        ];
        assert_eq!(together(both.into_iter()).await, [Ok(()), Ok(())], "round {round}");
        assert!(office.active_admins(&store).await > 0, "no active administrator is left in round {round}");
    }
}

/// B decides to lock or delete X, A hands over to X, and then B commits.
pub async fn i_30_an_admin_is_left_when_one_hands_over_before_a_lock_or_deletion_is_committed(bench: &dyn Bench) {
    let store = bench.store();
    let elsewhere = quick(&store);
    for round in 0..2 {
        let office = Office::open(bench).await;
        let (admin, heir) = (office.admin.clone(), office.other.clone());
        let (kayan, gate) = pausing(&store);
        let shutting_out = tokio::spawn(shut_out(kayan, office.keeper(), refer(&heir), round));
        gate.begun.await.unwrap();
        hand_over(elsewhere.clone(), office.admin(), admin, heir).await.unwrap();
        gate.go_on.send(()).unwrap();
        assert_eq!(shutting_out.await.unwrap(), Ok(()), "round {round}");
        assert!(office.active_admins(&store).await > 0, "no active administrator is left in round {round}");
    }
}

/// What happens between the decision that a user's password may be set and its commit, and makes it wrong.
#[derive(Debug, Clone, Copy)]
enum Meanwhile {
    TheyBecomeAdmin,
    TheirRoleGrowsLarger,
    TheOperatorLosesItsRole,
    TheOperatorIsLocked,
}

impl Meanwhile {
    async fn happens(self, kayan: &Kayan, office: &Office) {
        let admin = office.admin();
        match self {
            Self::TheyBecomeAdmin => drop(kayan.assign_role(&admin, assign(ADMIN, &office.other, true)).await.unwrap()),
            Self::TheirRoleGrowsLarger => {
                let cmd = UpdateRole {
                    tenant: office.tenant.clone(),
                    name: "helper".to_owned(),
                    description: None,
                    permissions: Some(vec!["**".to_owned()]),
                    parents: None,
                    expected: None,
                };
                kayan.update_role(&admin, cmd).await.unwrap();
            }
            Self::TheOperatorLosesItsRole => {
                drop(kayan.assign_role(&admin, assign("keeper", &office.keeper, false)).await.unwrap());
            }
            Self::TheOperatorIsLocked => {
                let (user, state) = (refer(&office.keeper), State::Locked);
                let cmd = SetUserState { user, state, until: None, reason: None, expected: None };
                kayan.set_user_state(&admin, cmd).await.unwrap();
            }
        }
    }
}

const ALL: [Meanwhile; 4] = [
    Meanwhile::TheyBecomeAdmin,
    Meanwhile::TheirRoleGrowsLarger,
    Meanwhile::TheOperatorLosesItsRole,
    Meanwhile::TheOperatorIsLocked,
];

fn new_password(of: &Identity) -> SetUserPassword {
    SetUserPassword { user: refer(of), password: PASSWORD.into(), expected: None }
}

#[track_caller]
fn assert_forbidden(outcome: &Result<(), SetUserPasswordError>, why: Meanwhile) {
    let forbidden = |error: &ChangeUserError| {
        matches!(error, ChangeUserError::Find(FindUserError::Denied(DeniedError::Forbidden(_))))
    };
    assert!(matches!(outcome, Err(SetUserPasswordError::Change(error)) if forbidden(error)), "{why:?}: {outcome:?}");
}

pub async fn i_30_a_password_is_not_set_by_who_may_no_longer_when_it_is_hashed(bench: &dyn Bench) {
    let store = bench.store();
    let elsewhere = quick(&store);
    for meanwhile in ALL {
        let office = Office::open(bench).await;
        elsewhere.assign_role(&office.admin(), assign("helper", &office.other, true)).await.unwrap();
        let (hasher, gate) = Gated::new();
        let (kayan, keeper, cmd) = (replica(&store, hasher), office.keeper(), new_password(&office.other));
        let setting = tokio::spawn(async move { kayan.set_user_password(&keeper, cmd).await });
        gate.begun.await.unwrap();
        meanwhile.happens(&elsewhere, &office).await;
        gate.go_on.send(()).unwrap();
        assert_forbidden(&setting.await.unwrap(), meanwhile);
        assert_eq!(store.credentials.password(&Scope::System, office.other.id).await, Ok(None), "{meanwhile:?}");
    }
}

/// The replica has remembered the roles a moment ago; its operator's request began before they changed.
pub async fn i_30_a_replica_decides_by_roles_as_they_are_and_not_as_it_remembers_them(bench: &dyn Bench) {
    let store = bench.store();
    let (here, elsewhere) = (quick(&store), quick(&store));
    for meanwhile in ALL {
        let office = Office::open(bench).await;
        elsewhere.assign_role(&office.admin(), assign("helper", &office.other, true)).await.unwrap();
        here.set_user_password(&office.keeper(), new_password(&office.other)).await.unwrap();
        let before = store.credentials.password(&Scope::System, office.other.id).await.unwrap();
        meanwhile.happens(&elsewhere, &office).await;
        assert_forbidden(&here.set_user_password(&office.keeper(), new_password(&office.other)).await, meanwhile);
        assert_eq!(store.credentials.password(&Scope::System, office.other.id).await.unwrap(), before, "{meanwhile:?}");
    }
}

fn caller(tenant: &TenantId) -> Caller {
    Caller { tenant: tenant.clone(), ..Caller::default() }
}

fn registration(email: &str) -> Register {
    Register { traits: Traits(object(json!({ "email": email }))), password: PASSWORD.into(), proof_of_work: None }
}

/// Refreshes a session again and again until it is over, so that the deletion meets a refresh at work.
async fn refresh(kayan: Arc<Kayan>, caller: Caller, mut token: Token) -> Result<(), String> {
    for _ in 0..1000 {
        match kayan.refresh_session(&caller, RefreshSession { refresh_token: Some(token) }).await {
            Ok(opened) => token = opened.refresh_token,
            Err(RefreshSessionError::Failed(failure)) => return Err(broken(&failure)),
            Err(_) => return Ok(()),
        }
        // A store that answers at once would keep the deletion waiting for a thread.
        tokio::task::yield_now().await;
    }
    Err("the session is never over".to_owned())
}

async fn delete(kayan: Arc<Kayan>, user: UserRef) -> Result<(), String> {
    let operator = Operator::at_the_command_line(Scope::System);
    let outcome = kayan.delete_user(&operator, DeleteUser { user, reason: None, expected: None }).await;
    outcome.map_err(|error| format!("not deleted: {error:?}"))
}

pub async fn deleting_somebody_who_refreshes_succeeds_and_breaks_no_refresh(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let kayan = quick(&store);
    for round in 0..20 {
        let email = format!("anna{round}@example.org");
        let mut sessions = vec![kayan.register(&caller(&tenant), registration(&email)).await.unwrap()];
        for _ in 0..3 {
            let cmd = LogIn { identifier: email.clone(), password: PASSWORD.into(), proof_of_work: None };
            sessions.push(kayan.log_in(&caller(&tenant), cmd).await.unwrap());
        }
        let user = UserRef(sessions[0].identity.id.to_string());
        let mut all: Vec<Running> = vec![Box::pin(delete(kayan.clone(), user))];
        for opened in sessions {
            all.push(Box::pin(refresh(kayan.clone(), caller(&tenant), opened.refresh_token)));
        }
        assert_eq!(together(all.into_iter()).await, vec![Ok(()); 5], "round {round}");
    }
}

async fn register(kayan: Arc<Kayan>, tenant: TenantId, number: usize) -> Result<(), String> {
    match kayan.register(&caller(&tenant), registration(&format!("anna{number}@example.org"))).await {
        Ok(_) | Err(RegisterError::NoTenant) => Ok(()),
        Err(error) => Err(format!("{error:?}")),
    }
}

async fn close(kayan: Arc<Kayan>, tenant: TenantId) -> Result<(), String> {
    let operator = Operator::at_the_command_line(Scope::System);
    match kayan.delete_tenant(&operator, &tenant, None).await {
        Ok(()) | Err(ManageTenantError::InUse(_)) => Ok(()),
        Err(error) => Err(format!("{error:?}")),
    }
}

pub async fn a_tenant_that_people_register_in_is_deleted_or_in_use(bench: &dyn Bench) {
    let store = bench.store();
    let kayan = quick(&store);
    for round in 0..20 {
        let tenant = tenant(&format!("t{}", unique().simple()));
        bench.add_tenant(&tenant, true).await;
        let mut all: Vec<Running> =
            (0..4).map(|number| -> Running { Box::pin(register(kayan.clone(), tenant.clone(), number)) }).collect();
        all.insert(round % 5, Box::pin(close(kayan.clone(), tenant.clone())));
        assert_eq!(together(all.into_iter()).await, vec![Ok(()); 5], "round {round}");
    }
    // Without a password to judge, registrations and the deletion reach the database at the same moment.
    for round in 0..50 {
        let tenant = tenant(&format!("t{}", unique().simple()));
        bench.add_tenant(&tenant, true).await;
        let mut lists: Vec<_> =
            (0..4).map(|number| Account::of(&tenant, &format!("anna{number}@example.org")).registration()).collect();
        lists.insert(round % 5, vec![Change::Tenant(TenantChange::Delete { tenant, expected: 1 })]);
        let mut outcomes = race(&store, lists).await;
        let (deletion, any_in) = (outcomes.remove(round % 5), outcomes.contains(&Ok(())));
        let expected = if any_in { Err(CommitError::Stale(Guard::TenantInUse)) } else { Ok(()) };
        assert_eq!(deletion, expected, "round {round}: {outcomes:?}");
        let fine =
            |outcome: &Result<(), CommitError>| matches!(outcome, Ok(()) | Err(CommitError::Stale(Guard::Tenant)));
        assert!(outcomes.iter().all(fine), "round {round}: {outcomes:?}");
    }
}
