//! Tests of which logins are from a known device, and what that changes.

use kayan_fakes::PlainCodes;
use kayan_ports::{Channel, Client, Clock as _, DeviceId, EventType, Lockout, Outcome, TenantSettings, TotpSetup};
use time::Duration;

use crate::{
    Caller, ChangePassword, EnrollTotp, ForgetMyDeviceError, LockoutSettings, LogInError, MyDevice, Opened, Purpose,
    RevokeSessions, Token, VerifyTotp,
    stage::{PASSWORD, Stage},
};

const ADA: &str = "ada@example.com";
const GRACE: &str = "grace@example.com";

/// A caller with this device, from an address of its own.
fn with(device: Option<&Token>, ip: &str) -> Caller {
    let client = Client { ip: Some(ip.to_owned()), user_agent: Some("a browser".to_owned()) };
    Caller { device: device.cloned(), client, ..Stage::stranger() }
}

fn bearer(opened: &Opened) -> Caller {
    Caller { device: opened.device.clone(), ..Stage::bearer(opened.session_token.hash()) }
}

async fn log_in(stage: &Stage, device: Option<&Token>, email: &str) -> Result<Opened, LogInError> {
    stage.kayan.log_in(&with(device, "192.0.2.1"), Stage::login(email, PASSWORD)).await
}

async fn devices(stage: &Stage, opened: &Opened) -> Vec<MyDevice> {
    stage.kayan.list_my_devices(&bearer(opened)).await.unwrap()
}

/// How many notices of a new device were sent.
async fn notices(stage: &Stage) -> usize {
    while !stage.kayan.deliver_messages(Channel::Mail).await.unwrap().is_empty() {}
    stage.mail.mails().iter().filter(|mail| mail.rendered.subject == "new_device").count()
}

#[tokio::test]
async fn a_login_from_another_device_adds_it_and_notifies_its_user() {
    let stage = Stage::new();
    let first = stage.person(ADA).await;
    assert_eq!(notices(&stage).await, 0, "a registration is no login from another device");
    stage.clock.advance(Duration::MINUTE);
    let same = log_in(&stage, first.device.as_ref(), ADA).await.unwrap();
    assert_eq!(same.device, first.device);
    assert_eq!((devices(&stage, &same).await.len(), notices(&stage).await), (1, 0));

    stage.clock.advance(Duration::MINUTE);
    let second = log_in(&stage, None, ADA).await.unwrap();
    assert_ne!(second.device, first.device);
    assert_eq!(notices(&stage).await, 1);
    let listed = devices(&stage, &second).await;
    let current: Vec<_> = listed.iter().map(|device| device.current).collect();
    assert_eq!(current, [true, false], "the last used first");
    assert_eq!(listed[1].last_seen_at - listed[1].first_seen_at, Duration::MINUTE);
    assert_eq!(stage.count(EventType::DeviceAdded, Outcome::Success), 2);
}

#[tokio::test]
async fn a_device_token_that_was_made_up_is_none() {
    let stage = Stage::new();
    let opened = stage.person(ADA).await;
    let made_up = Token::random(Purpose::Device, &kayan_fakes::SeededEntropy::new(9));
    let logged_in = log_in(&stage, Some(&made_up), ADA).await.unwrap();
    assert_ne!(logged_in.device, Some(made_up));
    assert_eq!(devices(&stage, &opened).await.len(), 2);
}

#[tokio::test]
async fn a_browser_of_two_users_keeps_one_token_and_is_a_device_of_both() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    stage.person(GRACE).await;
    let grace = log_in(&stage, ada.device.as_ref(), GRACE).await.unwrap();
    assert_eq!(grace.device, ada.device);
    assert_eq!(notices(&stage).await, 1, "it is new to her");
    log_in(&stage, grace.device.as_ref(), ADA).await.unwrap();
    log_in(&stage, grace.device.as_ref(), GRACE).await.unwrap();
    assert_eq!(notices(&stage).await, 1);
    assert_eq!((devices(&stage, &ada).await.len(), devices(&stage, &grace).await.len()), (1, 2));
}

#[tokio::test]
async fn a_forgotten_device_is_new_at_the_next_login_and_its_session_stays() {
    let stage = Stage::new();
    let (ada, grace) = (stage.person(ADA).await, stage.person(GRACE).await);
    let device = devices(&stage, &ada).await[0].id;
    let forget = async |opened: &Opened, device: DeviceId| stage.kayan.forget_my_device(&bearer(opened), device).await;
    assert_eq!(forget(&grace, device).await, Err(ForgetMyDeviceError::NotFound), "another user's");
    forget(&ada, device).await.unwrap();
    assert_eq!(forget(&ada, device).await, Err(ForgetMyDeviceError::NotFound));
    assert!(devices(&stage, &ada).await.is_empty());
    assert_eq!(stage.count(EventType::DeviceForgotten, Outcome::Success), 1);
    log_in(&stage, ada.device.as_ref(), ADA).await.unwrap();
    assert_eq!(notices(&stage).await, 1);
}

#[tokio::test]
async fn a_user_has_20_devices_and_the_least_recently_used_goes() {
    let stage = Stage::new();
    let first = stage.person(ADA).await;
    let second = log_in(&stage, None, ADA).await.unwrap();
    stage.clock.advance(Duration::SECOND);
    log_in(&stage, first.device.as_ref(), ADA).await.unwrap();
    for _ in 0..19 {
        stage.clock.advance(Duration::SECOND);
        log_in(&stage, None, ADA).await.unwrap();
    }
    assert_eq!(devices(&stage, &first).await.len(), 20);
    assert!(devices(&stage, &first).await.iter().any(|device| device.current));
    assert!(!devices(&stage, &second).await.iter().any(|device| device.current), "the least recently used");
}

fn locking() -> Stage {
    let lockout = Lockout { name: "login", max_failures: 3, duration: std::time::Duration::from_mins(15) };
    Stage::with(|settings| settings.lockout = Some(LockoutSettings { lockout, known_origins_apart: true }))
}

/// Guesses until this caller is locked out, and returns the number of guesses.
async fn guesses(stage: &Stage, caller: &Caller) -> usize {
    for number in 0..10 {
        match stage.kayan.log_in(caller, Stage::login(ADA, "wrong")).await {
            Err(LogInError::InvalidCredentials) => {}
            Err(LogInError::Locked(_)) => return number,
            other => panic!("{other:?}"),
        }
    }
    panic!("no lockout");
}

#[tokio::test]
async fn i_09_guesses_from_a_known_device_are_counted_apart_and_bounded() {
    let stage = locking();
    let ada = stage.person(ADA).await;
    assert_eq!(guesses(&stage, &with(None, "198.51.100.7")).await, 3, "a stranger");
    let on_the_road = with(ada.device.as_ref(), "198.51.100.7");
    stage.kayan.log_in(&on_the_road, Stage::login(ADA, PASSWORD)).await.expect("her device is known there as well");
    assert_eq!(guesses(&stage, &on_the_road).await, 3);
    assert_eq!(guesses(&stage, &with(ada.device.as_ref(), "203.0.113.9")).await, 0, "the same device elsewhere");
}

#[tokio::test]
async fn i_09_a_device_of_another_user_is_no_known_one() {
    let stage = locking();
    stage.person(ADA).await;
    let grace = stage.person(GRACE).await;
    assert_eq!(guesses(&stage, &with(None, "198.51.100.7")).await, 3);
    let with_hers = with(grace.device.as_ref(), "198.51.100.7");
    assert_eq!(guesses(&stage, &with_hers).await, 0);
    let made_up = Token::random(Purpose::Device, &kayan_fakes::SeededEntropy::new(9));
    assert_eq!(guesses(&stage, &with(Some(&made_up), "198.51.100.7")).await, 0);
}

/// A tenant where devices can be trusted for 30 days, and a user who has an app.
async fn with_app() -> (Stage, Opened, TotpSetup) {
    let stage = Stage::new();
    stage.set_tenant(TenantSettings { trusted_device_days: Some(30), ..TenantSettings::default() }).await;
    let ada = stage.person(ADA).await;
    let cmd = EnrollTotp { name: String::new(), mfa_token: None };
    let app = stage.kayan.enroll_totp(&bearer(&ada), cmd).await.unwrap();
    let cmd = VerifyTotp { code: code(&stage, &app), mfa_token: None, trust_device: false };
    stage.kayan.verify_totp(&bearer(&ada), cmd).await.unwrap();
    (stage, ada, app)
}

/// A code that was not used before.
fn code(stage: &Stage, app: &TotpSetup) -> String {
    stage.clock.advance(Duration::seconds(30));
    PlainCodes::code(app, stage.clock.now())
}

/// Logs in with a code as well, and may trust the device.
async fn log_in_twofold(stage: &Stage, device: Option<&Token>, app: &TotpSetup, trust_device: bool) -> Opened {
    let challenge = match log_in(stage, device, ADA).await {
        Err(LogInError::MfaRequired(challenge)) => challenge,
        other => panic!("{other:?}"),
    };
    let cmd = VerifyTotp { code: code(stage, app), mfa_token: Some(challenge.mfa_token), trust_device };
    let verified = stage.kayan.verify_totp(&with(device, "192.0.2.1"), cmd).await.unwrap();
    verified.opened.unwrap()
}

async fn is_asked(stage: &Stage, device: Option<&Token>) -> bool {
    matches!(log_in(stage, device, ADA).await, Err(LogInError::MfaRequired(_)))
}

#[tokio::test]
async fn a_trusted_device_stands_in_for_the_app_at_aal1_for_days_and_no_longer() {
    let (stage, ada, app) = with_app().await;
    let untrusted = log_in_twofold(&stage, ada.device.as_ref(), &app, false).await;
    assert!(is_asked(&stage, untrusted.device.as_ref()).await);
    let trusted = log_in_twofold(&stage, ada.device.as_ref(), &app, true).await;
    let since = trusted.session.issued_at;
    let device = trusted.device.as_ref();
    assert_ne!(trusted.device, ada.device, "a new token: the one before may have been copied");
    assert!(is_asked(&stage, ada.device.as_ref()).await);

    let opened = log_in(&stage, device, ADA).await.unwrap();
    assert_eq!((opened.session.aal.as_str(), opened.amr()), ("aal1", vec!["pwd"]), "only what was proven");
    let listed = devices(&stage, &opened).await;
    assert_eq!((listed.len(), listed[0].trusted_until), (1, Some(since + Duration::days(30))));
    let change = ChangePassword { current_password: PASSWORD.into(), new_password: "another horse battery".into() };
    stage.kayan.change_password(&bearer(&opened), change).await.expect_err("what needs aal2 asks for it");

    stage.clock.set(since + Duration::days(30) - Duration::MICROSECOND);
    assert!(!is_asked(&stage, device).await);
    stage.clock.advance(Duration::MICROSECOND);
    assert!(is_asked(&stage, device).await);
}

#[tokio::test]
async fn trust_is_void_once_the_password_changes_or_sessions_are_revoked_or_the_tenant_ends_it() {
    let (stage, ada, app) = with_app().await;
    let trusted = async || log_in_twofold(&stage, None, &app, true).await;

    let opened = trusted().await;
    assert!(!is_asked(&stage, opened.device.as_ref()).await);
    stage.kayan.revoke_my_other_sessions(&bearer(&opened)).await.unwrap();
    assert!(is_asked(&stage, opened.device.as_ref()).await);

    let opened = trusted().await;
    let same = ChangePassword { current_password: PASSWORD.into(), new_password: PASSWORD.into() };
    stage.kayan.change_password(&bearer(&opened), same).await.unwrap();
    assert!(is_asked(&stage, opened.device.as_ref()).await);

    let opened = trusted().await;
    stage.kayan.revoke_sessions(&Stage::operator(), RevokeSessions::default()).await.unwrap();
    assert!(is_asked(&stage, opened.device.as_ref()).await);

    let opened = trusted().await;
    stage.set_tenant(TenantSettings::default()).await;
    assert!(is_asked(&stage, opened.device.as_ref()).await);
    let ignored = trusted().await;
    stage.set_tenant(TenantSettings { trusted_device_days: Some(30), ..TenantSettings::default() }).await;
    assert!(is_asked(&stage, ignored.device.as_ref()).await, "trusted where that was not allowed");
    assert_eq!(ada.identity.id, ignored.identity.id);
}

#[tokio::test]
async fn a_second_factor_that_is_required_is_asked_for_on_a_trusted_device_too() {
    let (stage, _, app) = with_app().await;
    let opened = log_in_twofold(&stage, None, &app, true).await;
    let required = TenantSettings { trusted_device_days: Some(30), mfa_required: true, ..TenantSettings::default() };
    stage.set_tenant(required).await;
    assert!(is_asked(&stage, opened.device.as_ref()).await);
}

#[tokio::test]
async fn a_trusted_device_does_not_replace_the_password() {
    let (stage, _, app) = with_app().await;
    let opened = log_in_twofold(&stage, None, &app, true).await;
    let wrong = stage.kayan.log_in(&with(opened.device.as_ref(), "192.0.2.1"), Stage::login(ADA, "wrong")).await;
    assert_eq!(wrong.map(drop), Err(LogInError::InvalidCredentials));
}
