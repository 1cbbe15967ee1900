//! Tests of invitations.

use kayan_ports::{EventType, Identity, Method, Outcome, Scope, State, TenantId, TenantSettings};
use time::Duration;

use crate::{
    AcceptInvitation, AcceptInvitationError, Caller, CreateUser, Idempotency, InviteUser, InviteUserError, Opened,
    Operator, Purpose, Token, UserRef,
    flow::tests::{deliver, token},
    stage::{PASSWORD, Stage},
};

const ADA: &str = "ada@example.com";

async fn created(stage: &Stage, state: State) -> Identity {
    let (tenant, traits) = (TenantId::default(), Stage::traits(ADA));
    let cmd = CreateUser { tenant, traits, password: None, state, roles: Vec::new() };
    stage.kayan.create_user(&Stage::operator(), cmd).await.unwrap()
}

async fn invite(stage: &Stage, operator: &Operator, deliver: bool) -> Result<Option<String>, InviteUserError> {
    let cmd = InviteUser { user: UserRef(ADA.to_owned()), deliver };
    let invited = stage.kayan.invite_user(operator, cmd).await?;
    Ok(invited.map(|invitation| invitation.link.to_string()))
}

/// The token that ada gets by mail.
async fn mailed(stage: &Stage) -> Option<Token> {
    assert_eq!(invite(stage, &Stage::operator(), true).await, Ok(None));
    deliver(stage).await;
    assert_eq!(stage.mail.last("address").as_deref(), Some(ADA));
    token(stage)
}

async fn accept(stage: &Stage, token: Option<&Token>, password: Option<&str>) -> Result<Opened, AcceptInvitationError> {
    let cmd = AcceptInvitation { token: token.cloned(), password: password.map(Into::into) };
    stage.kayan.accept_invitation(&Stage::stranger(), &cmd).await
}

async fn verified(stage: &Stage, user: &Identity) -> Vec<String> {
    stage.kayan.store.accounts.identity(&Scope::System, user.id).await.unwrap().unwrap().verified
}

#[tokio::test]
async fn an_invited_user_sets_a_password_is_logged_in_and_has_a_verified_address() {
    let stage = Stage::new();
    let ada = created(&stage, State::Active).await;
    let link = mailed(&stage).await;
    assert!(stage.mail.last("link").unwrap().starts_with("https://login.example/flow/invitation#token=kyl_"));
    let weak = accept(&stage, link.as_ref(), Some("short")).await;
    assert!(matches!(weak, Err(AcceptInvitationError::WeakPassword(_))));
    let opened = accept(&stage, link.as_ref(), Some(PASSWORD)).await.unwrap();
    assert_eq!(opened.identity.verified, [ADA]);
    stage.kayan.who_am_i(&Stage::bearer(opened.session_token.hash())).await.unwrap();
    assert_eq!(verified(&stage, &ada).await, [ADA]);
    stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.unwrap();
    assert!(accept(&stage, link.as_ref(), Some(PASSWORD)).await.is_err());
    assert_eq!(stage.count(EventType::PasswordChanged, Outcome::Success), 1);
    assert_eq!(invite(&stage, &Stage::operator(), true).await, Err(InviteUserError::HasPassword));
}

#[tokio::test]
async fn a_new_invitation_voids_the_one_before_and_each_is_good_for_seven_days() {
    let stage = Stage::new();
    created(&stage, State::Active).await;
    let (first, second) = (mailed(&stage).await, mailed(&stage).await);
    assert!(accept(&stage, first.as_ref(), None).await.is_err());
    stage.clock.advance(Duration::days(7) - Duration::microseconds(1));
    accept(&stage, second.as_ref(), None).await.unwrap();
    let third = mailed(&stage).await;
    stage.clock.advance(Duration::days(7));
    assert!(accept(&stage, third.as_ref(), None).await.is_err());
}

#[tokio::test]
async fn i_36_a_link_that_is_handed_out_verifies_nothing_and_is_stored_sealed() {
    let stage = Stage::new();
    let ada = created(&stage, State::Active).await;
    let operator = Operator { idempotency: Idempotency::new("key", [7; 32]), ..Stage::operator() };
    let link = invite(&stage, &operator, false).await.unwrap().unwrap();
    assert_eq!(
        invite(&stage, &operator, false).await.unwrap().as_ref(),
        Some(&link),
        "the same for a repeated request"
    );
    let text = link.split_once("#token=").unwrap().1;
    let tenant = TenantId::default();
    let stored = stage.kayan.store.responses.stored_response(&tenant, "system/cli", "key").await.unwrap().unwrap();
    assert!(!stored.response.contains(text), "{}", stored.response);
    accept(&stage, Token::read(Purpose::Link, text).as_ref(), Some(PASSWORD)).await.unwrap();
    assert!(verified(&stage, &ada).await.is_empty());
    assert_eq!(stage.mail.sent(), 0);
}

#[tokio::test]
async fn a_password_can_be_left_out_where_there_is_another_way_in() {
    for (methods, with, without) in [
        (vec![Method::Password], true, false),
        (vec![Method::Webauthn], false, true),
        (vec![Method::Code], false, true),
        (vec![Method::Password, Method::MagicLink], true, true),
    ] {
        for (password, accepted) in [(Some(PASSWORD), with), (None, without)] {
            let stage = Stage::new();
            created(&stage, State::Active).await;
            let settings = TenantSettings { methods: Some(methods.clone()), ..TenantSettings::default() };
            stage.set_tenant(settings).await;
            let link = mailed(&stage).await;
            let answer = accept(&stage, link.as_ref(), password).await;
            assert_eq!(answer.is_ok(), accepted, "{methods:?} {password:?}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_required_second_factor_is_asked_for_and_the_password_is_set() {
    let stage = Stage::new();
    created(&stage, State::Active).await;
    stage.require_mfa().await;
    let link = mailed(&stage).await;
    let refused = accept(&stage, link.as_ref(), Some(PASSWORD)).await.unwrap_err();
    let AcceptInvitationError::MfaRequired(challenge) = refused else { panic!("{refused:?}") };
    assert_eq!(challenge.missing.enroll, [Method::Totp, Method::Webauthn]);
    assert!(accept(&stage, link.as_ref(), Some(PASSWORD)).await.is_err(), "the link is used up");
    let refused = stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.unwrap_err();
    assert!(matches!(refused, crate::LogInError::MfaRequired(_)), "{refused:?}");
}

#[tokio::test]
async fn an_accepted_invitation_makes_its_browser_a_known_device() {
    let stage = Stage::new();
    created(&stage, State::Active).await;
    let link = mailed(&stage).await;
    let opened = accept(&stage, link.as_ref(), Some(PASSWORD)).await.unwrap();
    let again = stage.kayan.log_in(&Stage::on_device_of(&opened), Stage::login(ADA, PASSWORD)).await.unwrap();
    assert_eq!(again.device, opened.device);
    let caller = Caller { token: Some(again.session_token.hash()), ..Stage::on_device_of(&again) };
    let devices = stage.kayan.list_my_devices(&caller).await.unwrap();
    assert_eq!(devices.iter().map(|device| device.current).collect::<Vec<_>>(), [true]);
    let before = stage.mail.sent();
    deliver(&stage).await;
    assert_eq!(stage.mail.sent(), before, "neither was a login from a new device");
}

#[tokio::test]
async fn a_user_who_may_not_log_in_is_not_invited() {
    let stage = Stage::new();
    created(&stage, State::Pending).await;
    assert_eq!(invite(&stage, &Stage::operator(), true).await, Err(InviteUserError::NotActive(State::Pending)));
}
