//! What asking for permissions promises.

use kayan_ports::{EventType, RoleChange};

use super::*;
use crate::{
    AssignRole, ChangeUserError, CreateRole, CreateUser, DefineRoleError, DeleteUser, Grants, Pattern, SetUserPassword,
    SetUserState, UpdateRole, UpdateTenant, UserRef,
    stage::{PASSWORD, Stage},
};

fn grants(patterns: &[&str]) -> Grants {
    Grants::direct(patterns.iter().map(|text| text.parse::<Pattern>().unwrap()))
}

fn role(name: &str, permissions: &[&str], parents: &[&str]) -> CreateRole {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    CreateRole {
        tenant: kayan_ports::TenantId::default(),
        name: name.to_owned(),
        description: String::new(),
        permissions: owned(permissions),
        parents: owned(parents),
    }
}

fn give(user: &str, role: &str) -> AssignRole {
    AssignRole { user: UserRef(user.to_owned()), role: role.to_owned(), give: true, expected: None }
}

fn asking(identity: IdentityId, permission: &str) -> CheckPermission {
    CheckPermission { identity, permission: permission.parse().unwrap() }
}

#[tokio::test]
async fn a_permission_is_told_with_the_roles_it_comes_through() {
    let stage = Stage::new();
    let (root, ada) = (Stage::operator(), stage.person("ada@example.com").await.identity.id);
    stage.kayan.create_role(&root, role("editor", &["orders:**"], &["viewer"])).await.unwrap();
    stage.kayan.create_role(&root, role("boss", &[], &["editor"])).await.unwrap();
    stage.kayan.assign_role(&root, give("ada@example.com", "boss")).await.unwrap();
    let check = async |permission| stage.kayan.check_permission(&root, &asking(ada, permission)).await.unwrap();
    let via = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    assert_eq!(check("orders:refund:eu").await, PermissionCheck { allowed: true, via: via(&["boss", "editor"]) });
    assert_eq!(check("users:read").await, PermissionCheck { allowed: true, via: via(&["boss", "editor", "viewer"]) });
    assert_eq!(check("users:write").await, PermissionCheck { allowed: false, via: vec![] });
}

#[tokio::test]
async fn a_changed_role_counts_at_once_here_and_within_five_seconds_elsewhere() {
    let stage = Stage::new();
    let (root, ada) = (Stage::operator(), stage.person("ada@example.com").await.identity.id);
    stage.kayan.create_role(&root, role("editor", &["orders:write"], &[])).await.unwrap();
    stage.kayan.assign_role(&root, give("ada@example.com", "editor")).await.unwrap();
    let allowed = async || stage.kayan.check_permission(&root, &asking(ada, "orders:write")).await.unwrap().allowed;
    assert!(allowed().await);
    let empty = UpdateRole {
        tenant: kayan_ports::TenantId::default(),
        name: "editor".to_owned(),
        description: None,
        permissions: Some(vec![]),
        parents: None,
        expected: Some(1),
    };
    stage.kayan.update_role(&root, empty.clone()).await.unwrap();
    assert!(!allowed().await);
    assert_eq!(stage.kayan.update_role(&root, empty).await, Err(DefineRoleError::Changed), "version 1 is gone");

    // Another replica's change goes past this one.
    let roles = kayan_ports::Roles::roles(&*stage.store, &kayan_ports::TenantId::default()).await.unwrap().unwrap();
    let mut editor = roles.defined[0].clone();
    (editor.permissions, editor.version) = (vec!["orders:write".to_owned()], editor.version + 1);
    let put = kayan_ports::Change::Role(RoleChange::Replace(Box::new(editor)));
    kayan_ports::Commit::commit(&*stage.store, vec![put]).await.unwrap();
    assert!(!allowed().await, "remembered");
    stage.clock.advance(std::time::Duration::from_secs(5));
    assert!(allowed().await);
}

#[tokio::test]
async fn whoever_is_not_active_may_nothing() {
    let stage = Stage::new();
    let (root, ada) = (Stage::operator(), stage.person("ada@example.com").await.identity.id);
    stage.kayan.assign_role(&root, give("ada@example.com", "admin")).await.unwrap();
    let lock = SetUserState {
        user: UserRef("ada@example.com".to_owned()),
        state: State::Locked,
        until: None,
        reason: None,
        expected: None,
    };
    stage.kayan.set_user_state(&root, lock).await.unwrap();
    let check = stage.kayan.check_permission(&root, &asking(ada, "users:read")).await.unwrap();
    assert_eq!(check, PermissionCheck { allowed: false, via: vec![] });
}

#[tokio::test]
async fn i_30_nobody_grants_what_they_do_not_hold() {
    let stage = Stage::new();
    stage.person("ada@example.com").await;
    let clerk = Operator { grants: grants(&["users:*", "roles:*"]), ..Stage::operator() };
    let denied = |pattern: &str| DeniedError::Forbidden(pattern.parse().unwrap());
    let kayan = &stage.kayan;

    let refused = kayan.assign_role(&clerk, give("ada@example.com", "admin")).await.unwrap_err();
    assert_eq!(refused, ChangeUserError::from(denied("**")).into());
    let refused = kayan.create_role(&clerk, role("mine", &["users:read", "audit:*"], &[])).await.unwrap_err();
    assert_eq!(refused, denied("audit:*").into());
    let refused = kayan.create_role(&clerk, role("mine", &[], &["operator"])).await.unwrap_err();
    assert_eq!(refused, denied("tenants:read").into(), "nor by inheritance");
    kayan.create_role(&clerk, role("mine", &["users:read"], &[])).await.unwrap();
    let wider = UpdateRole {
        tenant: kayan_ports::TenantId::default(),
        name: "mine".to_owned(),
        description: None,
        permissions: Some(vec!["**".to_owned()]),
        parents: None,
        expected: None,
    };
    assert_eq!(kayan.update_role(&clerk, wider).await.unwrap_err(), denied("**").into());
    let boss = CreateUser {
        tenant: kayan_ports::TenantId::default(),
        traits: Stage::traits("boss@example.com"),
        password: None,
        state: State::Active,
        roles: vec!["mine".to_owned(), "admin".to_owned()],
    };
    assert_eq!(kayan.create_user(&clerk, boss).await.unwrap_err(), denied("**").into());
    let refusals = stage.store.events().into_iter().filter(|event| event.outcome == kayan_ports::Outcome::Failure);
    assert_eq!(refusals.filter(|event| event.kind == EventType::AdminAction).count(), 5, "each is audited (I-31)");
}

#[tokio::test]
async fn i_30_nobody_changes_somebody_who_may_more_than_they_do() {
    let stage = Stage::new();
    let admin = stage.person("root@example.com").await.identity;
    stage.kayan.assign_role(&Stage::operator(), give("root@example.com", "admin")).await.unwrap();
    let clerk = Operator { grants: grants(&["users:*", "roles:*"]), ..Stage::operator() };
    let refused: ChangeUserError = DeniedError::Forbidden(Pattern::everything()).into();
    let user = || UserRef(admin.id.to_string());
    let set = SetUserPassword { user: user(), password: PASSWORD.into(), expected: None };
    assert_eq!(stage.kayan.set_user_password(&clerk, set).await.unwrap_err(), refused.clone().into());
    let lock = SetUserState { user: user(), state: State::Locked, until: None, reason: None, expected: None };
    assert_eq!(stage.kayan.set_user_state(&clerk, lock).await.unwrap_err(), refused);
    let delete = DeleteUser { user: user(), reason: None, expected: None };
    assert_eq!(stage.kayan.delete_user(&clerk, delete).await.unwrap_err(), refused);
    let take = AssignRole { give: false, ..give("root@example.com", "admin") };
    assert_eq!(stage.kayan.assign_role(&clerk, take).await.unwrap_err(), refused.into());
}

/// An administrator in a session of their own.
async fn session_admin(stage: &Stage, email: &str) -> Operator {
    let opened = stage.person(email).await;
    stage.kayan.assign_role(&Stage::operator(), give(email, "admin")).await.unwrap();
    stage.kayan.authenticate_operator(&Stage::bearer(opened.session_token.hash())).await.unwrap()
}

#[tokio::test]
async fn i_30_the_last_admin_is_not_demoted_locked_or_deleted() {
    let stage = Stage::new();
    let ada = session_admin(&stage, "ada@example.com").await;
    let own = || UserRef(ada.identity.unwrap().to_string());
    let take = |user| AssignRole { user, role: "admin".to_owned(), give: false, expected: None };
    let kayan = &stage.kayan;
    assert_eq!(kayan.assign_role(&ada, take(own())).await.unwrap_err(), ChangeUserError::LastAdmin.into());
    let lock = |user| SetUserState { user, state: State::Locked, until: None, reason: None, expected: None };
    assert_eq!(kayan.set_user_state(&ada, lock(own())).await.unwrap_err(), ChangeUserError::OwnAccount);
    let delete = |user| DeleteUser { user, reason: None, expected: None };
    assert_eq!(kayan.delete_user(&ada, delete(own())).await.unwrap_err(), ChangeUserError::OwnAccount);

    let bert = session_admin(&stage, "bert@example.com").await;
    kayan.set_user_state(&bert, lock(own())).await.unwrap();
    let last = || UserRef(bert.identity.unwrap().to_string());
    let other = Operator { identity: None, name: "a token".to_owned(), ..bert.clone() };
    assert_eq!(kayan.set_user_state(&other, lock(last())).await.unwrap_err(), ChangeUserError::LastAdmin);
    assert_eq!(kayan.delete_user(&other, delete(last())).await.unwrap_err(), ChangeUserError::LastAdmin);
    assert_eq!(kayan.assign_role(&other, take(last())).await.unwrap_err(), ChangeUserError::LastAdmin.into());
    // The command line is the way back in: no role is required there.
    kayan.set_user_state(&Stage::operator(), lock(last())).await.unwrap();
}

#[tokio::test]
async fn i_30_the_last_admin_does_not_delete_their_own_account() {
    let stage = Stage::new();
    let opened = stage.person("ada@example.com").await;
    stage.kayan.assign_role(&Stage::operator(), give("ada@example.com", "admin")).await.unwrap();
    let caller = Stage::bearer(opened.session_token.hash());
    let delete = || crate::DeleteMe { password: PASSWORD.into() };
    assert_eq!(stage.kayan.delete_me(&caller, delete()).await.unwrap_err(), crate::DeleteMeError::LastAdmin);
    session_admin(&stage, "bert@example.com").await;
    stage.kayan.delete_me(&caller, delete()).await.unwrap();
}

#[tokio::test]
async fn i_29_an_operator_of_one_tenant_finds_nothing_in_another() {
    let stage = Stage::new();
    let acme: kayan_ports::TenantId = "acme".parse().unwrap();
    let create =
        crate::CreateTenant { id: acme.clone(), name: String::new(), settings: kayan_ports::TenantSettings::default() };
    stage.kayan.create_tenant(&Stage::operator(), create.clone()).await.unwrap();
    let ada = stage.person("ada@example.com").await.identity;
    let bound = Operator { scope: (&acme).into(), ..Stage::operator() };
    let (kayan, user) = (&stage.kayan, || UserRef(ada.id.to_string()));
    assert!(kayan.find_user(&bound, &user()).await.is_err());
    let lock = SetUserState { user: user(), state: State::Locked, until: None, reason: None, expected: None };
    assert!(kayan.set_user_state(&bound, lock).await.is_err());
    assert_eq!(
        kayan.check_permission(&bound, &asking(ada.id, "users:read")).await,
        Err(CheckPermissionError::NotFound(ada.id))
    );
    let default = kayan_ports::TenantId::default();
    assert!(kayan.find_tenant(&bound, &default).await.is_err());
    assert!(kayan.list_roles(&bound, &default).await.is_err());
    assert!(kayan.create_role(&bound, role("x", &[], &[])).await.is_err());
    let rename = UpdateTenant { id: default.clone(), name: None, active: None, settings: None, expected: None };
    assert!(kayan.update_tenant(&bound, rename).await.is_err());
    assert!(kayan.create_tenant(&bound, crate::CreateTenant { id: "new".parse().unwrap(), ..create }).await.is_err());
    let everybody = crate::RevokeSessions { tenant: Some(default), ..Default::default() };
    assert!(kayan.revoke_sessions(&bound, everybody).await.is_err());
    assert_eq!(kayan.revoke_sessions(&bound, crate::RevokeSessions::default()).await, Ok(Some(0)), "its own: none");
    assert_eq!(kayan.list_tenants(&bound, 20, 0).await.unwrap().rows.len(), 1, "its own");
}
