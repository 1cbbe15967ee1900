//! Tests of the flows.

use kayan_ports::{
    Aal, Accounts, Channel, EventType, MailFailure, Message, Method, Outcome, Scope, State, TenantSettings,
};
use time::Duration;

use crate::{
    Caller, Flow, ListMessages, LogInByCode, LogInByCodeError, LogInByLinkError, LogInError, Purpose, Recover,
    RecoverError, RegisterError, RequestByMail, RequestByMailError, SetUserState, Token, UserRef, VerifyAddressError,
    Weakness,
    stage::{PASSWORD, Stage},
};

const ADA: &str = "ada@example.com";
const NEW: &str = "another horse battery staple";

pub(crate) async fn request(stage: &Stage, flow: Flow, address: &str) -> Result<(), RequestByMailError> {
    let cmd = RequestByMail { flow, address: address.to_owned(), proof_of_work: None };
    stage.kayan.request_by_mail(&Stage::stranger(), &cmd).await.map(drop)
}

/// Delivers all that is due, and nothing else.
pub(crate) async fn deliver(stage: &Stage) {
    for channel in [Channel::Mail, Channel::Sms] {
        while !stage.kayan.deliver_messages(channel).await.unwrap().is_empty() {}
    }
}

/// The token of the link in the last mail.
pub(crate) fn token(stage: &Stage) -> Option<Token> {
    let link = stage.mail.last("link").unwrap();
    Token::read(Purpose::Link, link.split_once("#token=").unwrap().1)
}

/// The token of a link of this flow to ada, who is registered.
pub(super) async fn link(stage: &Stage, flow: Flow) -> Option<Token> {
    request(stage, flow, ADA).await.unwrap();
    deliver(stage).await;
    token(stage)
}

async fn code(stage: &Stage) -> String {
    request(stage, Flow::Code, ADA).await.unwrap();
    deliver(stage).await;
    stage.mail.last("code").unwrap()
}

async fn log_in_by_code(stage: &Stage, identifier: &str, code: &str) -> Result<crate::Opened, LogInByCodeError> {
    let cmd = LogInByCode { identifier: identifier.to_owned(), code: code.to_owned().into() };
    stage.kayan.log_in_by_code(&Stage::stranger(), &cmd).await
}

pub(crate) async fn recover(stage: &Stage, token: Option<Token>, password: &str) -> Result<(), RecoverError> {
    stage.kayan.recover(&Stage::stranger(), &Recover { token, password: password.into() }).await
}

async fn lock(stage: &Stage, id: kayan_ports::IdentityId) {
    let cmd =
        SetUserState { user: UserRef(id.to_string()), state: State::Locked, until: None, reason: None, expected: None };
    stage.kayan.set_user_state(&Stage::operator(), cmd).await.unwrap();
}

async fn verified(stage: &Stage, opened: &crate::Opened) -> Vec<String> {
    stage.store.identity(&Scope::System, opened.identity.id).await.unwrap().unwrap().verified
}

async fn messages(stage: &Stage) -> Vec<Message> {
    let all = ListMessages { state: None, limit: 100, offset: 0 };
    stage.kayan.list_messages(&Stage::operator(), &all).await.unwrap().rows
}

#[tokio::test]
async fn registering_sends_the_link_that_verifies_the_address() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    deliver(&stage).await;
    assert_eq!(stage.mail.mails().len(), 1);
    assert!(stage.mail.last("link").unwrap().starts_with("https://login.example/flow/verification#token=kyl_"));
    let address = stage.kayan.verify_address(&Stage::stranger(), token(&stage).as_ref()).await.unwrap();
    assert_eq!((address.as_str(), verified(&stage, &ada).await), (ADA, vec![ADA.to_owned()]));
    assert_eq!(stage.count(EventType::AddressVerified, Outcome::Success), 1);
    request(&stage, Flow::Verification, ADA).await.unwrap();
    deliver(&stage).await;
    assert_eq!(stage.mail.mails().len(), 1, "it is verified already");
}

#[tokio::test]
async fn where_a_verified_address_is_required_a_login_waits_for_it() {
    let stage = Stage::new();
    stage.set_tenant(TenantSettings { verification_required: true, ..TenantSettings::default() }).await;
    let refused = stage.kayan.register(&Stage::stranger(), Stage::registration(ADA)).await.unwrap_err();
    assert_eq!(refused, RegisterError::Unverified);
    let stranger = Stage::stranger();
    let log_in = || stage.kayan.log_in(&stranger, Stage::login(ADA, PASSWORD));
    assert_eq!(log_in().await.unwrap_err(), LogInError::Unverified);
    let wrong = stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, NEW)).await.unwrap_err();
    assert_eq!(wrong, LogInError::InvalidCredentials, "told only after the proof");
    deliver(&stage).await;
    stage.kayan.verify_address(&Stage::stranger(), token(&stage).as_ref()).await.unwrap();
    log_in().await.unwrap();
}

#[tokio::test]
async fn i_15_a_recovery_sets_the_password_and_ends_all_sessions_and_voids_other_links() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let (first, second) = (link(&stage, Flow::Recovery).await, link(&stage, Flow::Recovery).await);
    let magic = link(&stage, Flow::MagicLink).await;
    assert!(matches!(recover(&stage, first.clone(), "short").await, Err(RecoverError::WeakPassword(_))));
    recover(&stage, first.clone(), NEW).await.unwrap();
    let caller = Stage::bearer(ada.session_token.hash());
    assert!(stage.kayan.who_am_i(&caller).await.is_err(), "its session has ended");
    for spent in [first, second] {
        assert!(matches!(recover(&stage, spent, PASSWORD).await, Err(RecoverError::InvalidLink(_))));
    }
    let refused = stage.kayan.log_in_by_link(&Stage::stranger(), magic.as_ref()).await.unwrap_err();
    assert!(matches!(refused, LogInByLinkError::InvalidLink(_)));
    assert_eq!(stage.count(EventType::PasswordRecovered, Outcome::Success), 1);
    deliver(&stage).await;
    assert_eq!(stage.mail.mails().last().unwrap().rendered.subject, "password_changed", "its owner is notified");
    stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, NEW)).await.unwrap();
}

#[tokio::test]
async fn i_15_a_recovery_keeps_the_rules_of_the_tenant_and_a_refusal_leaves_the_link_as_it_was() {
    let stage = Stage::new();
    stage.person(ADA).await;
    let settings = TenantSettings {
        password_min_length: Some(20),
        password_history: Some(2),
        password_breach_check: Some(true),
        ..TenantSettings::default()
    };
    stage.set_tenant(settings).await;
    let breached = "mauve otters in the river";
    stage.breaches.add(breached);
    let first = link(&stage, Flow::Recovery).await;
    for (password, weakness) in [
        ("mauve otters", Weakness::TooShort { min: 20 }),
        (breached, Weakness::Breached),
        (PASSWORD, Weakness::Reused { last: 2 }),
    ] {
        assert_eq!(recover(&stage, first.clone(), password).await, Err(RecoverError::WeakPassword(weakness)));
    }
    recover(&stage, first, NEW).await.unwrap();
    let second = link(&stage, Flow::Recovery).await;
    for former in [PASSWORD, NEW] {
        let reused = Err(RecoverError::WeakPassword(Weakness::Reused { last: 2 }));
        assert_eq!(recover(&stage, second.clone(), former).await, reused, "{former}");
    }
    recover(&stage, second, "green otters in the river").await.unwrap();
    let third = link(&stage, Flow::Recovery).await;
    recover(&stage, third, PASSWORD).await.unwrap();
}

#[tokio::test]
async fn i_08_a_request_for_an_unknown_address_is_answered_alike_and_sends_nothing() {
    let stage = Stage::new();
    stage.person(ADA).await;
    deliver(&stage).await;
    for flow in [Flow::Verification, Flow::Recovery, Flow::MagicLink, Flow::Code] {
        request(&stage, flow, "nobody@example.com").await.unwrap();
    }
    deliver(&stage).await;
    assert_eq!(stage.mail.sent(), 1, "only the verification of the registration");
    assert!(messages(&stage).await.iter().all(|message| message.recipient == ADA), "nothing is kept of them");
}

#[tokio::test]
async fn i_02_a_link_is_good_for_its_own_flow_only() {
    let stage = Stage::new();
    stage.person(ADA).await;
    let stranger = Stage::stranger();
    let (recovery, magic) = (link(&stage, Flow::Recovery).await, link(&stage, Flow::MagicLink).await);
    assert!(matches!(recover(&stage, magic.clone(), NEW).await, Err(RecoverError::InvalidLink(_))));
    for wrong in [&recovery, &magic] {
        let refused = stage.kayan.verify_address(&stranger, wrong.as_ref()).await.unwrap_err();
        assert!(matches!(refused, VerifyAddressError::InvalidLink(_)));
    }
    let elsewhere = Caller { tenant: "other".parse().unwrap(), ..stranger.clone() };
    assert!(stage.kayan.log_in_by_link(&elsewhere, magic.as_ref()).await.is_err());
    stage.kayan.log_in_by_link(&stranger, magic.as_ref()).await.unwrap();
    recover(&stage, recovery, NEW).await.unwrap();
}

#[tokio::test]
async fn a_tenant_that_is_unknown_or_switched_off_is_named_by_each_flow() {
    let stage = Stage::new();
    stage.store.add_tenant("closed".parse().unwrap(), false);
    for name in ["nowhere", "closed"] {
        let caller = Caller { tenant: name.parse().unwrap(), ..Stage::stranger() };
        let cmd = Recover { token: None, password: NEW.into() };
        assert_eq!(stage.kayan.recover(&caller, &cmd).await.unwrap_err(), RecoverError::NoTenant);
        assert_eq!(stage.kayan.verify_address(&caller, None).await.unwrap_err(), VerifyAddressError::NoTenant);
        assert_eq!(stage.kayan.log_in_by_link(&caller, None).await.unwrap_err(), LogInByLinkError::NoTenant);
    }
}

#[tokio::test]
async fn a_link_logs_in_once_and_verifies_the_address() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let magic = link(&stage, Flow::MagicLink).await;
    let opened = stage.kayan.log_in_by_link(&Stage::stranger(), magic.as_ref()).await.unwrap();
    assert_eq!((opened.session.aal, opened.session.methods[0].method), (Aal::Aal1, Method::MagicLink));
    assert_eq!(verified(&stage, &ada).await, [ADA]);
    let again = stage.kayan.log_in_by_link(&Stage::stranger(), magic.as_ref()).await.unwrap_err();
    assert!(matches!(again, LogInByLinkError::InvalidLink(_)));
}

#[tokio::test]
async fn links_and_codes_expire_to_the_microsecond() {
    for (flow, minutes) in [(Flow::MagicLink, 15), (Flow::Recovery, 60)] {
        let stage = Stage::new();
        stage.person(ADA).await;
        let token = link(&stage, flow).await;
        stage.clock.advance(Duration::minutes(minutes) - Duration::microseconds(1));
        let now = |stage: &Stage| stage.kayan.clock.now();
        let tenant = stage.kayan.active_tenant(&Stage::stranger()).await.unwrap().unwrap();
        let purpose = match flow {
            Flow::Recovery => kayan_ports::OneTimePurpose::Recovery,
            _ => kayan_ports::OneTimePurpose::MagicLink,
        };
        let opened = stage.kayan.opened_link(tenant.clone(), purpose, token.as_ref(), now(&stage)).await.unwrap();
        assert!(opened.is_some(), "{flow:?}");
        stage.clock.advance(Duration::microseconds(1));
        let opened = stage.kayan.opened_link(tenant.clone(), purpose, token.as_ref(), now(&stage)).await.unwrap();
        assert!(opened.is_none(), "{flow:?}");
    }
}

#[tokio::test]
async fn a_second_factor_is_still_asked_for_after_a_link() {
    let stage = Stage::new();
    stage.require_mfa().await;
    let refused = stage.kayan.register(&Stage::stranger(), Stage::registration(ADA)).await.unwrap_err();
    assert!(matches!(refused, RegisterError::MfaRequired(_)));
    let magic = link(&stage, Flow::MagicLink).await;
    let refused = stage.kayan.log_in_by_link(&Stage::stranger(), magic.as_ref()).await.unwrap_err();
    let LogInByLinkError::MfaRequired(challenge) = refused else { panic!("{refused:?}") };
    assert_eq!(challenge.missing.enroll, [Method::Totp, Method::Webauthn]);
    let again = stage.kayan.log_in_by_link(&Stage::stranger(), magic.as_ref()).await.unwrap_err();
    assert!(matches!(again, LogInByLinkError::InvalidLink(_)), "the link is used up");
}

#[tokio::test]
async fn i_03_a_code_is_good_once_for_its_own_address_and_a_new_one_voids_it() {
    let stage = Stage::new();
    stage.person(ADA).await;
    stage.person("grace@example.com").await;
    let first = code(&stage).await;
    assert!(matches!(log_in_by_code(&stage, "grace@example.com", &first).await, Err(LogInByCodeError::InvalidCode)));
    let second = code(&stage).await;
    if first != second {
        assert!(matches!(log_in_by_code(&stage, ADA, &first).await, Err(LogInByCodeError::InvalidCode)));
    }
    let spaced = format!(" {} {}", &second[..3], &second[3..]);
    let opened = log_in_by_code(&stage, "Ada@Example.com", &spaced).await.unwrap();
    assert_eq!((opened.session.aal, opened.session.methods[0].method), (Aal::Aal1, Method::Code));
    assert!(matches!(log_in_by_code(&stage, ADA, &second).await, Err(LogInByCodeError::InvalidCode)));
}

#[tokio::test]
async fn i_10_five_wrong_codes_void_the_code() {
    let stage = Stage::new();
    stage.person(ADA).await;
    let right = code(&stage).await;
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert!(matches!(log_in_by_code(&stage, ADA, wrong).await, Err(LogInByCodeError::InvalidCode)));
    }
    assert!(matches!(log_in_by_code(&stage, ADA, &right).await, Err(LogInByCodeError::InvalidCode)));
    assert_eq!(stage.count(EventType::LoginFailure, Outcome::Failure), 6);
}

#[tokio::test]
async fn i_14_a_link_to_an_address_that_was_given_up_is_void() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let recovery = link(&stage, Flow::Recovery).await;
    stage.set_address(&ada, "new@example.com").await;
    assert!(matches!(recover(&stage, recovery, NEW).await, Err(RecoverError::InvalidLink(_))));
}

#[tokio::test]
async fn a_user_who_is_not_active_gets_no_mail_and_uses_no_link() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let magic = link(&stage, Flow::MagicLink).await;
    let sent = stage.mail.sent();
    lock(&stage, ada.identity.id).await;
    assert!(stage.kayan.log_in_by_link(&Stage::stranger(), magic.as_ref()).await.is_err());
    request(&stage, Flow::Recovery, ADA).await.unwrap();
    deliver(&stage).await;
    assert_eq!(stage.mail.sent(), sent);
}

#[tokio::test]
async fn an_address_gets_five_mails_an_hour() {
    let stage = Stage::new();
    for _ in 0..5 {
        request(&stage, Flow::Recovery, ADA).await.unwrap();
    }
    for flow in [Flow::Recovery, Flow::Code] {
        let refused = request(&stage, flow, "ADA@example.com").await.unwrap_err();
        assert!(matches!(refused, RequestByMailError::Limited(limited) if limited.limit.name == "mail"), "{refused:?}");
    }
    request(&stage, Flow::Recovery, "grace@example.com").await.unwrap();
    stage.clock.advance(Duration::hours(2));
    request(&stage, Flow::Recovery, ADA).await.unwrap();
}

#[tokio::test]
async fn what_is_no_address_and_what_the_tenant_excludes_is_refused() {
    let stage = Stage::new();
    for text in
        ["", "ada", "ada@", "@example.com", "a\r\nBcc: b@example.com", "ada@example.com\n", "\"a b\"@example.com"]
    {
        let refused = request(&stage, Flow::Recovery, text).await.unwrap_err();
        assert_eq!(refused, RequestByMailError::NotAnAddress, "{text:?}");
    }
    let methods = Some(vec![Method::Webauthn]);
    stage.set_tenant(TenantSettings { methods, ..TenantSettings::default() }).await;
    for flow in [Flow::Recovery, Flow::MagicLink, Flow::Code] {
        assert_eq!(request(&stage, flow, ADA).await.unwrap_err(), RequestByMailError::MethodDisabled, "{flow:?}");
    }
    request(&stage, Flow::Verification, ADA).await.unwrap();
    let refused = log_in_by_code(&stage, ADA, "123456").await.unwrap_err();
    assert_eq!(refused, LogInByCodeError::MethodDisabled);
}

#[tokio::test]
async fn a_message_that_is_retried_carries_the_same_link() {
    let stage = Stage::new();
    stage.person(ADA).await;
    deliver(&stage).await;
    stage.mail.refuse(Some(MailFailure::Deferred));
    request(&stage, Flow::MagicLink, ADA).await.unwrap();
    deliver(&stage).await;
    stage.mail.refuse(None);
    stage.clock.advance(Duration::minutes(2));
    deliver(&stage).await;
    let message = messages(&stage).await.swap_remove(0);
    assert_eq!((message.attempts, message.data), (2, None), "what it said is erased");
    stage.kayan.log_in_by_link(&Stage::stranger(), token(&stage).as_ref()).await.unwrap();
    assert_eq!(stage.count(EventType::MessageRequested, Outcome::Success), 1);
}

#[tokio::test]
async fn a_message_that_is_delivered_late_carries_a_new_link_and_none_if_its_user_is_locked_by_then() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    deliver(&stage).await;
    stage.mail.refuse(Some(MailFailure::Unreachable));
    request(&stage, Flow::MagicLink, ADA).await.unwrap();
    deliver(&stage).await;
    stage.clock.advance(Duration::hours(2));
    stage.mail.refuse(None);
    deliver(&stage).await;
    assert_eq!(stage.mail.last("minutes").as_deref(), Some("15"));
    stage.kayan.log_in_by_link(&Stage::on_device_of(&ada), token(&stage).as_ref()).await.unwrap();
    assert_eq!(stage.count(EventType::MessageRequested, Outcome::Success), 1, "it was requested once");

    stage.mail.refuse(Some(MailFailure::Unreachable));
    request(&stage, Flow::Recovery, ADA).await.unwrap();
    deliver(&stage).await;
    lock(&stage, ada.identity.id).await;
    stage.clock.advance(Duration::hours(2));
    stage.mail.refuse(None);
    let sent = stage.mail.sent();
    deliver(&stage).await;
    assert_eq!((stage.mail.sent(), messages(&stage).await.len()), (sent, 2), "it is dropped");
}
