//! Tests of tenants and their settings.

use kayan_ports::{Method, State, TenantChange, TenantLimit};

use super::*;
use crate::{
    Caller, LogInError, MissingFactor, RegisterError, SetUserPassword, SetUserPasswordError, UserRef, Weakness,
    stage::{PASSWORD, Stage},
};

fn acme() -> TenantId {
    "acme".parse().unwrap()
}

fn in_acme() -> Caller {
    Caller { tenant: acme(), ..Stage::stranger() }
}

async fn create(stage: &Stage, settings: TenantSettings) -> Tenant {
    let cmd = CreateTenant { id: acme(), name: "Acme".to_owned(), settings };
    stage.kayan.create_tenant(&Stage::operator(), cmd).await.unwrap()
}

async fn update(stage: &Stage, change: impl FnOnce(&mut UpdateTenant)) -> Result<Tenant, ManageTenantError> {
    let mut cmd = UpdateTenant { id: acme(), name: None, active: None, settings: None, expected: None };
    change(&mut cmd);
    stage.kayan.update_tenant(&Stage::operator(), cmd).await
}

#[tokio::test]
async fn a_tenants_people_are_its_own() {
    let stage = Stage::new();
    create(&stage, TenantSettings::default()).await;
    stage.person("ada@example.com").await;
    let there = stage.kayan.register(&in_acme(), Stage::registration("ada@example.com")).await.unwrap();
    assert_eq!(there.identity.tenant, acme());
    let again = CreateTenant { id: acme(), name: String::new(), settings: TenantSettings::default() };
    let refused = stage.kayan.create_tenant(&Stage::operator(), again).await.unwrap_err();
    assert_eq!(refused, ManageTenantError::AlreadyExists(acme()));
}

#[tokio::test]
async fn an_inactive_tenant_is_out_at_once() {
    let stage = Stage::new();
    create(&stage, TenantSettings::default()).await;
    let ada = stage.kayan.register(&in_acme(), Stage::registration("ada@example.com")).await.unwrap();
    let caller = Caller { token: Some(ada.session_token.hash()), ..in_acme() };
    stage.kayan.who_am_i(&caller).await.unwrap();
    update(&stage, |cmd| cmd.active = Some(false)).await.unwrap();
    assert!(stage.kayan.who_am_i(&caller).await.is_err());
    let login = stage.kayan.log_in(&in_acme(), Stage::login("ada@example.com", PASSWORD)).await;
    assert_eq!(login.unwrap_err(), LogInError::NoTenant);
    let registering = stage.kayan.register(&in_acme(), Stage::registration("b@example.com")).await;
    assert_eq!(registering.unwrap_err(), RegisterError::NoTenant);
    update(&stage, |cmd| cmd.active = Some(true)).await.unwrap();
    assert!(stage.kayan.who_am_i(&caller).await.is_err(), "what was revoked stays revoked");
    stage.kayan.log_in(&in_acme(), Stage::login("ada@example.com", PASSWORD)).await.unwrap();
}

#[tokio::test]
async fn a_tenants_lifetimes_hold_for_its_sessions_and_their_refreshes() {
    let stage = Stage::new();
    let settings = TenantSettings { session_ttl: Some(300), session_max_ttl: Some(450), ..TenantSettings::default() };
    create(&stage, settings).await;
    let ada = stage.kayan.register(&in_acme(), Stage::registration("ada@example.com")).await.unwrap();
    let seconds = |opened: &crate::Opened| (opened.session.expires_at - opened.session.last_seen_at).whole_seconds();
    assert_eq!(seconds(&ada), 300);
    stage.clock.advance(std::time::Duration::from_secs(200));
    let refresh = crate::RefreshSession { refresh_token: Some(ada.refresh_token) };
    let next = stage.kayan.refresh_session(&in_acme(), refresh).await.unwrap();
    assert_eq!(seconds(&next), 250, "no further than the end");
    let bert = stage.person("bert@example.com").await;
    assert_eq!(seconds(&bert), 86_400, "others are as before");
}

#[tokio::test]
async fn a_tenants_password_policy_holds_wherever_a_password_is_set() {
    let stage = Stage::new();
    create(&stage, TenantSettings { password_min_length: Some(40), ..TenantSettings::default() }).await;
    let short = stage.kayan.register(&in_acme(), Stage::registration("ada@example.com")).await;
    assert_eq!(short.unwrap_err(), RegisterError::WeakPassword(Weakness::TooShort { min: 40 }));
    let cmd = crate::CreateUser {
        tenant: acme(),
        traits: Stage::traits("ada@example.com"),
        password: None,
        state: State::Active,
        roles: vec![],
    };
    let ada = stage.kayan.create_user(&Stage::operator(), cmd).await.unwrap();
    let set = SetUserPassword { user: UserRef(ada.id.to_string()), password: PASSWORD.into(), expected: None };
    let refused = stage.kayan.set_user_password(&Stage::operator(), set).await.unwrap_err();
    assert_eq!(refused, SetUserPasswordError::WeakPassword(Weakness::TooShort { min: 40 }));
}

#[tokio::test]
async fn an_operator_sets_none_of_the_last_passwords_either() {
    let stage = Stage::new();
    create(&stage, TenantSettings { password_history: Some(2), ..TenantSettings::default() }).await;
    let ada = stage.kayan.register(&in_acme(), Stage::registration("ada@example.com")).await.unwrap();
    let set = async |password: &str| {
        let user = UserRef(ada.identity.id.to_string());
        let cmd = SetUserPassword { user, password: password.into(), expected: None };
        stage.kayan.set_user_password(&Stage::operator(), cmd).await
    };
    let reused = Err(SetUserPasswordError::WeakPassword(Weakness::Reused { last: 2 }));
    assert_eq!(set(PASSWORD).await, reused);
    assert_eq!(set("mauve otters in the river").await, Ok(()));
    assert_eq!(set(PASSWORD).await, reused);
    assert_eq!(set("green otters in the river").await, Ok(()));
    assert_eq!(set(PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn a_tenants_limits_hold_for_known_and_unknown_alike() {
    let stage = Stage::new();
    let limit = Some(TenantLimit { requests: 2, window: 60 });
    create(&stage, TenantSettings { login_limit: limit, registration_limit: limit, ..TenantSettings::default() }).await;
    for number in 0..2 {
        stage.kayan.register(&in_acme(), Stage::registration(&format!("a{number}@example.com"))).await.unwrap();
    }
    let third = stage.kayan.register(&in_acme(), Stage::registration("a2@example.com")).await;
    assert!(matches!(third, Err(RegisterError::Limited(_))));
    for email in ["a0@example.com", "nobody@example.com"] {
        for _ in 0..2 {
            let wrong = stage.kayan.log_in(&in_acme(), Stage::login(email, "wrong")).await;
            assert_eq!(wrong.unwrap_err(), LogInError::InvalidCredentials);
        }
        let limited = stage.kayan.log_in(&in_acme(), Stage::login(email, "wrong")).await;
        assert!(matches!(limited, Err(LogInError::Limited(_))), "{email}");
    }
}

#[tokio::test]
async fn where_two_factors_are_wanted_nobody_comes_in_on_one() {
    let stage = Stage::new();
    create(&stage, TenantSettings::default()).await;
    let ada = stage.kayan.register(&in_acme(), Stage::registration("ada@example.com")).await.unwrap();
    let wanted = TenantSettings { mfa_required: true, ..TenantSettings::default() };
    update(&stage, |cmd| cmd.settings = Some(wanted)).await.unwrap();
    let caller = Caller { token: Some(ada.session_token.hash()), ..in_acme() };
    assert!(stage.kayan.who_am_i(&caller).await.is_err(), "nor stays in");
    let refresh = crate::RefreshSession { refresh_token: Some(ada.refresh_token) };
    assert!(stage.kayan.refresh_session(&in_acme(), refresh).await.is_err());
    let right = stage.kayan.log_in(&in_acme(), Stage::login("ada@example.com", PASSWORD)).await;
    let missing = MissingFactor { methods: Vec::new(), enroll: vec![Method::Totp, Method::Webauthn] };
    let LogInError::MfaRequired(challenge) = right.unwrap_err() else { panic!("no challenge") };
    assert_eq!(challenge.missing, missing);
    let asked = stage.store.events().pop().unwrap();
    assert_eq!((asked.kind.as_str(), &asked.metadata["method"]), ("auth.mfa.required", &"password".into()));
    assert_eq!(asked.actor, Some(ada.identity.id.to_string()));
    let wrong = stage.kayan.log_in(&in_acme(), Stage::login("ada@example.com", "wrong")).await;
    assert_eq!(wrong.unwrap_err(), LogInError::InvalidCredentials, "told after the proof only");
    let registering = stage.kayan.register(&in_acme(), Stage::registration("b@example.com")).await;
    let RegisterError::MfaRequired(challenge) = registering.unwrap_err() else { panic!("no challenge") };
    assert_eq!(challenge.missing, missing);
}

#[tokio::test]
async fn a_method_that_a_tenant_does_not_name_lets_nobody_in() {
    let stage = Stage::new();
    create(&stage, TenantSettings::default()).await;
    stage.kayan.register(&in_acme(), Stage::registration("ada@example.com")).await.unwrap();
    // A list without passwords can't be written yet, so the test stores it as a later version would.
    let none = TenantSettings { methods: Some(vec![]), ..TenantSettings::default() };
    let refused = update(&stage, |cmd| cmd.settings = Some(none.clone())).await.unwrap_err();
    assert!(matches!(refused, ManageTenantError::Invalid(_)));
    let stored = kayan_ports::Tenants::tenant(&*stage.store, &acme()).await.unwrap().unwrap();
    let put = Change::Tenant(TenantChange::Replace(Box::new(Tenant { settings: none, version: 2, ..stored })));
    kayan_ports::Commit::commit(&*stage.store, vec![put]).await.unwrap();
    let login = stage.kayan.log_in(&in_acme(), Stage::login("ada@example.com", PASSWORD)).await;
    assert_eq!(login.unwrap_err(), LogInError::MethodDisabled);
    let unknown = stage.kayan.log_in(&in_acme(), Stage::login("nobody@example.com", PASSWORD)).await;
    assert_eq!(unknown.unwrap_err(), LogInError::MethodDisabled, "the same error as before");
    let registering = stage.kayan.register(&in_acme(), Stage::registration("b@example.com")).await;
    assert_eq!(registering.unwrap_err(), RegisterError::MethodDisabled);
}

#[tokio::test]
async fn the_default_tenant_stays_and_so_does_one_with_users() {
    let stage = Stage::new();
    create(&stage, TenantSettings::default()).await;
    let default = TenantId::default();
    let refused = stage.kayan.delete_tenant(&Stage::operator(), &default, None).await.unwrap_err();
    assert!(matches!(refused, ManageTenantError::InUse(_)));
    let shut = UpdateTenant { id: default, name: None, active: Some(false), settings: None, expected: None };
    let refused = stage.kayan.update_tenant(&Stage::operator(), shut).await.unwrap_err();
    assert!(matches!(refused, ManageTenantError::InUse(_)));
    let ada = stage.kayan.register(&in_acme(), Stage::registration("ada@example.com")).await.unwrap().identity;
    let refused = stage.kayan.delete_tenant(&Stage::operator(), &acme(), None).await.unwrap_err();
    assert!(matches!(refused, ManageTenantError::InUse(_)));
    let gone = crate::DeleteUser { user: UserRef(ada.id.to_string()), reason: None, expected: None };
    stage.kayan.delete_user(&Stage::operator(), gone).await.unwrap();
    let stale = stage.kayan.delete_tenant(&Stage::operator(), &acme(), Some(7)).await.unwrap_err();
    assert_eq!(stale, ManageTenantError::Changed);
    stage.kayan.delete_tenant(&Stage::operator(), &acme(), Some(1)).await.unwrap();
    let gone = stage.kayan.find_tenant(&Stage::operator(), &acme()).await.unwrap_err();
    assert_eq!(gone, ManageTenantError::NotFound(acme()));
}

#[tokio::test]
async fn a_factor_is_required_only_of_roles_that_exist() {
    let stage = Stage::new();
    let of = |roles: &[&str]| {
        let roles = roles.iter().map(|role| (*role).to_owned()).collect();
        TenantSettings { mfa_required: true, mfa_required_roles: Some(roles), ..TenantSettings::default() }
    };
    let unknown = CreateTenant { id: acme(), name: String::new(), settings: of(&["admin", "clerk"]) };
    let refused = stage.kayan.create_tenant(&Stage::operator(), unknown).await.unwrap_err();
    let ManageTenantError::Invalid(fields) = refused else { panic!("{refused}") };
    assert_eq!((&*fields[0].pointer, &*fields[0].code), ("/settings/mfa_required_roles/1", "role"));
    assert!(fields[0].message.contains("there is no role `clerk`; there are admin, operator, viewer"), "{fields:?}");
    create(&stage, of(&["admin"])).await;
    let refused = update(&stage, |cmd| cmd.settings = Some(of(&["clerk"]))).await.unwrap_err();
    assert!(matches!(refused, ManageTenantError::Invalid(_)), "{refused}");
    let role = crate::CreateRole {
        tenant: acme(),
        name: "clerk".to_owned(),
        description: String::new(),
        permissions: Vec::new(),
        parents: Vec::new(),
    };
    stage.kayan.create_role(&Stage::operator(), role).await.unwrap();
    update(&stage, |cmd| cmd.settings = Some(of(&["clerk"]))).await.unwrap();
    let delete = || crate::DeleteRole { tenant: acme(), name: "clerk".to_owned(), expected: None };
    let refused = stage.kayan.delete_role(&Stage::operator(), delete()).await.unwrap_err();
    assert!(refused.to_string().contains("`mfa_required_roles`"), "{refused}");
    update(&stage, |cmd| cmd.settings = Some(TenantSettings::default())).await.unwrap();
    stage.kayan.delete_role(&Stage::operator(), delete()).await.unwrap();
}
