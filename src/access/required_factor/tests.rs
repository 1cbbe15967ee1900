//! Tests of when, and of whom, a second factor is required.

use kayan_fakes::PlainCodes;
use kayan_ports::{Clock as _, EventType, Lockout, Method, Outcome, TenantId, TotpSetup};
use time::Duration;

use super::*;
use crate::{
    AssignRole, AuthenticateError, Caller, ChangePassword, CreateRole, DeleteMe, DeniedError, EnrollTotp, ListUsers,
    LockoutSettings, LogInError, Opened, RefreshSession, RefreshSessionError, RegisterError, Token, UpdateTenant,
    UserRef, VerifyTotp, WhoAmI,
    stage::{PASSWORD, Stage},
};

const ADA: &str = "ada@example.com";
const LACKING: AuthenticateError = AuthenticateError::LacksFactor;

fn caller(opened: &Opened) -> Caller {
    Stage::bearer(opened.session_token.hash())
}

async fn set(stage: &Stage, change: impl FnOnce(&mut TenantSettings)) {
    let mut settings = TenantSettings { mfa_required: true, ..TenantSettings::default() };
    change(&mut settings);
    let id = TenantId::default();
    let cmd = UpdateTenant { id, name: None, active: None, settings: Some(settings), expected: None };
    stage.kayan.update_tenant(&Stage::operator(), cmd).await.unwrap();
}

async fn set_roles(stage: &Stage, roles: &[&str]) {
    let roles = roles.iter().map(|role| (*role).to_owned()).collect();
    set(stage, |settings| settings.mfa_required_roles = Some(roles)).await;
}

async fn give(stage: &Stage, email: &str, role: &str) {
    let cmd = AssignRole { user: UserRef(email.to_owned()), role: role.to_owned(), give: true, expected: None };
    stage.kayan.assign_role(&Stage::operator(), cmd).await.unwrap();
}

async fn log_in(stage: &Stage, email: &str) -> Result<Opened, LogInError> {
    stage.kayan.log_in(&Stage::stranger(), Stage::login(email, PASSWORD)).await
}

async fn refresh(stage: &Stage, opened: &Opened) -> Result<Opened, RefreshSessionError> {
    let cmd = RefreshSession { refresh_token: Some(opened.refresh_token.clone()) };
    stage.kayan.refresh_session(&Stage::stranger(), cmd).await
}

async fn enroll(stage: &Stage, caller: &Caller, mfa_token: Option<Token>) -> TotpSetup {
    stage.kayan.enroll_totp(caller, EnrollTotp { name: String::new(), mfa_token }).await.unwrap()
}

/// Verifies the app's present code, and returns the session that it opened or stepped up.
async fn verify(stage: &Stage, caller: &Caller, app: &TotpSetup, mfa_token: Option<Token>) -> Option<Opened> {
    let cmd = VerifyTotp { code: PlainCodes::code(app, stage.clock.now()), mfa_token, trust_device: false };
    stage.kayan.verify_totp(caller, cmd).await.unwrap().opened
}

/// Enrolls an app in a session, and confirms it there.
async fn with_app(stage: &Stage, caller: &Caller) -> TotpSetup {
    let app = enroll(stage, caller, None).await;
    verify(stage, caller, &app, None).await;
    stage.clock.advance(Duration::seconds(30));
    app
}

#[tokio::test]
async fn before_its_date_nothing_is_asked_and_then_no_session_is_good_without_a_factor() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let from = stage.clock.now() + Duration::hours(1);
    set(&stage, |settings| settings.mfa_required_from = Some(from)).await;
    stage.kayan.who_am_i(&caller(&ada)).await.expect("nothing is revoked ahead of time");
    stage.person("grace@example.com").await;
    stage.clock.advance(Duration::hours(1) - Duration::MICROSECOND);
    let ada = refresh(&stage, &ada).await.unwrap();
    let late = log_in(&stage, ADA).await.unwrap();
    stage.kayan.who_am_i(&caller(&late)).await.unwrap();

    stage.clock.advance(Duration::MICROSECOND);
    for opened in [&ada, &late] {
        let me = caller(opened);
        assert_eq!(stage.kayan.who_am_i(&me).await.unwrap_err(), LACKING);
        assert_eq!(stage.kayan.who_am_i_with(&me, WhoAmI::default()).await.unwrap_err(), LACKING.into());
        assert_eq!(stage.kayan.list_my_sessions(&me).await.unwrap_err(), LACKING);
        assert_eq!(refresh(&stage, opened).await.unwrap_err(), RefreshSessionError::InvalidToken);
    }
    let LogInError::MfaRequired(challenge) = log_in(&stage, ADA).await.unwrap_err() else { panic!("no challenge") };
    assert_eq!(challenge.missing.enroll, [Method::Totp, Method::Webauthn]);
    let registering = stage.kayan.register(&Stage::stranger(), Stage::registration("b@example.com")).await;
    assert!(matches!(registering, Err(RegisterError::MfaRequired(_))));
    // It still proves or enrolls one, and ends.
    stage.kayan.list_my_factors(&caller(&late)).await.unwrap();
    let app = with_app(&stage, &caller(&late)).await;
    let stepped_up = verify(&stage, &caller(&late), &app, None).await.unwrap();
    stage.kayan.who_am_i(&caller(&stepped_up)).await.unwrap();
    refresh(&stage, &stepped_up).await.unwrap();
}

#[tokio::test]
async fn a_session_that_lacks_a_required_factor_can_log_out() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let from = stage.clock.now() + Duration::hours(1);
    set(&stage, |settings| settings.mfa_required_from = Some(from)).await;
    stage.clock.advance(Duration::hours(1));
    stage.kayan.log_out(&caller(&ada)).await.unwrap();
    assert_eq!(stage.kayan.log_out(&caller(&ada)).await.unwrap_err(), AuthenticateError::Unauthorized);
}

#[tokio::test]
async fn a_factor_is_required_of_those_who_have_a_role_directly_or_by_inheritance() {
    let stage = Stage::new();
    for (name, parents) in [("base", vec![]), ("middle", vec!["base".to_owned()]), ("top", vec!["middle".to_owned()])] {
        let (tenant, description, permissions) = (TenantId::default(), String::new(), Vec::new());
        let cmd = CreateRole { tenant, name: name.to_owned(), description, permissions, parents };
        stage.kayan.create_role(&Stage::operator(), cmd).await.unwrap();
    }
    let mut people = Vec::new();
    for (email, role) in [("a@example.com", "top"), ("b@example.com", "base"), ("c@example.com", "viewer")] {
        people.push(stage.person(email).await);
        give(&stage, email, role).await;
    }
    people.push(stage.person("d@example.com").await);
    set_roles(&stage, &["base", "operator"]).await;
    for (person, is_required) in people.iter().zip([true, true, false, false]) {
        let email = person.identity.traits.0["email"].as_str().unwrap();
        let me = stage.kayan.who_am_i(&caller(person)).await;
        assert_eq!(me.err(), is_required.then_some(LACKING), "{email}");
        let login = log_in(&stage, email).await;
        assert_eq!(matches!(login, Err(LogInError::MfaRequired(_))), is_required, "{email}");
        assert_eq!(refresh(&stage, person).await.is_err(), is_required, "{email}");
    }
    let before = log_in(&stage, "d@example.com").await.unwrap();
    give(&stage, "d@example.com", "operator").await;
    assert_eq!(stage.kayan.who_am_i(&caller(&before)).await.unwrap_err(), LACKING, "since the role was given");
}

#[tokio::test]
async fn i_31_a_session_without_the_required_factor_administers_nothing_and_that_is_audited() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    give(&stage, ADA, "admin").await;
    set_roles(&stage, &["admin"]).await;
    let operator = stage.kayan.authenticate_operator(&caller(&ada)).await.unwrap();
    let refused = stage.kayan.list_users(&operator, &ListUsers { limit: 20, ..ListUsers::default() }).await;
    assert_eq!(refused.unwrap_err(), DeniedError::LacksFactor);
    let event = stage.store.events().pop().unwrap();
    assert_eq!((event.kind, event.outcome), (EventType::AdminAction, Outcome::Failure));
    assert_eq!((&event.metadata["action"], &event.metadata["required"]), (&"user.list".into(), &"aal2".into()));
    assert_eq!(event.actor, Some(ada.identity.id.to_string()));

    let app = with_app(&stage, &caller(&ada)).await;
    let stepped_up = verify(&stage, &caller(&ada), &app, None).await.unwrap();
    let operator = stage.kayan.authenticate_operator(&caller(&stepped_up)).await.unwrap();
    stage.kayan.list_users(&operator, &ListUsers { limit: 20, ..ListUsers::default() }).await.unwrap();
}

#[tokio::test]
async fn a_second_factor_is_proven_before_the_password_is_asked_for() {
    let lockout = Lockout { name: "", max_failures: 3, duration: std::time::Duration::from_mins(15) };
    let stage = Stage::with(|settings| {
        settings.lockout = Some(LockoutSettings { lockout, known_origins_apart: false });
    });
    let ada = stage.person(ADA).await;
    let app = with_app(&stage, &caller(&ada)).await;
    let change =
        |current: &str| ChangePassword { current_password: current.into(), new_password: "7 new words".into() };
    for guess in ["wrong", "wrong", "wrong", PASSWORD] {
        let refused = stage.kayan.change_password(&caller(&ada), change(guess)).await.unwrap_err();
        assert_eq!(refused, LACKING.into());
        let refused = stage.kayan.delete_me(&caller(&ada), DeleteMe { password: guess.into() }).await.unwrap_err();
        assert_eq!(refused, LACKING.into());
    }
    assert_eq!(stage.count(EventType::PasswordChanged, Outcome::Failure), 0);
    let me = caller(&verify(&stage, &caller(&ada), &app, None).await.unwrap());
    // The password is proof enough that the user is there, however long ago the factor was proven.
    stage.clock.advance(Duration::hours(1));
    stage.kayan.change_password(&me, change(PASSWORD)).await.expect("nothing was counted");
    stage.kayan.delete_me(&me, DeleteMe { password: "7 new words".into() }).await.unwrap();
}

#[tokio::test]
async fn the_first_confirmed_factor_ends_the_users_other_sessions() {
    let stage = Stage::new();
    let (ada, other, grace) =
        (stage.person(ADA).await, log_in(&stage, ADA).await.unwrap(), stage.person("grace@example.com").await);
    let app = enroll(&stage, &caller(&ada), None).await;
    stage.kayan.who_am_i(&caller(&other)).await.expect("it is not confirmed yet");
    verify(&stage, &caller(&ada), &app, None).await;
    assert_eq!(stage.kayan.who_am_i(&caller(&other)).await.unwrap_err(), AuthenticateError::Unauthorized);
    assert_eq!(refresh(&stage, &other).await.unwrap_err(), RefreshSessionError::InvalidToken);
    for kept in [&ada, &grace] {
        stage.kayan.who_am_i(&caller(kept)).await.unwrap();
    }
    let told = stage.store.events().into_iter().find(|event| event.kind == EventType::MfaEnrolled).unwrap();
    assert!(told.message.contains("other sessions were revoked"), "{}", told.message);

    stage.clock.advance(Duration::seconds(30));
    let LogInError::MfaRequired(challenge) = log_in(&stage, ADA).await.unwrap_err() else { panic!("no challenge") };
    let at_aal2 = verify(&stage, &Stage::stranger(), &app, Some(challenge.mfa_token)).await.unwrap();
    let second = enroll(&stage, &caller(&at_aal2), None).await;
    stage.clock.advance(Duration::seconds(30));
    verify(&stage, &caller(&at_aal2), &second, None).await;
    stage.kayan.who_am_i(&caller(&ada)).await.expect("only the first one ends others");
}

#[tokio::test]
async fn a_factor_that_is_enrolled_during_a_login_ends_the_sessions_from_before() {
    let stage = Stage::new();
    let before = stage.person(ADA).await;
    let from = stage.clock.now() + Duration::hours(1);
    set(&stage, |settings| settings.mfa_required_from = Some(from)).await;
    stage.clock.advance(Duration::hours(1));
    let LogInError::MfaRequired(challenge) = log_in(&stage, ADA).await.unwrap_err() else { panic!("no challenge") };
    let (stranger, token) = (Stage::stranger(), challenge.mfa_token);
    let app = enroll(&stage, &stranger, Some(token.clone())).await;
    let opened = verify(&stage, &stranger, &app, Some(token)).await.unwrap();
    stage.kayan.who_am_i(&caller(&opened)).await.unwrap();
    assert_eq!(stage.kayan.who_am_i(&caller(&before)).await.unwrap_err(), AuthenticateError::Unauthorized);

    stage.clock.advance(Duration::seconds(30));
    let LogInError::MfaRequired(challenge) = log_in(&stage, ADA).await.unwrap_err() else { panic!("no challenge") };
    verify(&stage, &stranger, &app, Some(challenge.mfa_token)).await.unwrap();
    stage.kayan.who_am_i(&caller(&opened)).await.expect("a login with a factor ends no other session");
}
