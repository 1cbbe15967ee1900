//! Tests of phone numbers: verified, logged in with, and sent codes by SMS.

use kayan_ports::{Accounts, Channel, EventType, MailFailure, Method, Outcome, Scope, TenantSettings, Traits};
use serde_json::json;
use time::Duration;

use crate::{
    Flow, ListMessages, LogInByCode, LogInByCodeError, LogInError, MessageOutcome, Opened, Register, RegisterError,
    RequestByMailError, TestMessageError, UpdateMe, VerifyPhone, VerifyPhoneError,
    flow::tests::{deliver, request},
    stage::{PASSWORD, Stage},
};

const ADA: &str = "+491701234567";
const SPACED: &str = "+49 (170) 123-4567";
const GRACE: &str = "+14155550123";

fn traits(phone: &str) -> Traits {
    serde_json::from_value(json!({ "phone": phone })).unwrap()
}

async fn register(stage: &Stage, phone: &str) -> Result<Opened, RegisterError> {
    stage
        .kayan
        .register(
            &Stage::stranger(),
            Register { traits: traits(phone), password: PASSWORD.into(), proof_of_work: None },
        )
        .await
}

async fn verify(stage: &Stage, phone: &str, code: &str) -> Result<String, VerifyPhoneError> {
    let cmd = VerifyPhone { phone: phone.to_owned(), code: code.to_owned().into() };
    stage.kayan.verify_phone(&Stage::stranger(), &cmd).await
}

async fn log_in_by_code(stage: &Stage, phone: &str, code: &str) -> Result<Opened, LogInByCodeError> {
    let cmd = LogInByCode { identifier: phone.to_owned(), code: code.to_owned().into() };
    stage.kayan.log_in_by_code(&Stage::stranger(), &cmd).await
}

async fn code(stage: &Stage, flow: Flow, phone: &str) -> String {
    request(stage, flow, phone).await.unwrap();
    deliver(stage).await;
    assert_eq!(stage.sms.last("address").as_deref(), Some(ADA));
    stage.sms.last("code").unwrap()
}

pub(crate) fn another(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

async fn verified(stage: &Stage, opened: &Opened) -> Vec<String> {
    stage.store.identity(&Scope::System, opened.identity.id).await.unwrap().unwrap().verified
}

#[tokio::test]
async fn a_phone_number_is_verified_by_the_code_that_was_sent_to_it_and_logs_in_however_it_is_written() {
    let stage = Stage::with_phones();
    let ada = register(&stage, SPACED).await.unwrap();
    deliver(&stage).await;
    assert_eq!((stage.sms.sent(), stage.mail.sent()), (0, 0), "an SMS costs money: none is sent unasked");
    let right = code(&stage, Flow::PhoneVerification, SPACED).await;
    assert!(right.len() == 6 && right.bytes().all(|digit| digit.is_ascii_digit()), "{right}");
    assert_eq!(stage.sms.last("host").as_deref(), Some("login.example"));
    assert_eq!(stage.sms.last("minutes").as_deref(), Some("10"));
    assert_eq!(verify(&stage, ADA, another(&right)).await, Err(VerifyPhoneError::InvalidCode));
    assert_eq!(verify(&stage, GRACE, &right).await, Err(VerifyPhoneError::InvalidCode));
    assert_eq!(
        verify(&stage, "+49 170 1234567", &format!("{} {}", &right[..3], &right[3..])).await,
        Ok(ADA.to_owned())
    );
    assert_eq!(verified(&stage, &ada).await, [ADA]);
    assert_eq!(verify(&stage, ADA, &right).await, Err(VerifyPhoneError::InvalidCode), "it is used up");
    request(&stage, Flow::PhoneVerification, ADA).await.unwrap();
    deliver(&stage).await;
    assert_eq!(stage.sms.sent(), 1, "it is verified already");
    stage.kayan.log_in(&Stage::stranger(), Stage::login(SPACED, PASSWORD)).await.unwrap();
    let event = stage.store.events().into_iter().find(|event| event.kind == EventType::AddressVerified).unwrap();
    assert_eq!(event.metadata["address"], "+49***67");
}

#[tokio::test]
async fn i_02_a_code_that_logs_in_verifies_no_phone_number_and_the_other_way_round() {
    let stage = Stage::with_phones();
    let ada = register(&stage, ADA).await.unwrap();
    let (login, verification) = (code(&stage, Flow::Code, ADA).await, code(&stage, Flow::PhoneVerification, ADA).await);
    assert_ne!(login, verification, "of this seed");
    assert_eq!(verify(&stage, ADA, &login).await, Err(VerifyPhoneError::InvalidCode));
    assert!(matches!(log_in_by_code(&stage, ADA, &verification).await, Err(LogInByCodeError::InvalidCode)));
    let opened = log_in_by_code(&stage, SPACED, &login).await.unwrap();
    assert_eq!((opened.session.methods[0].method, opened.amr()), (Method::Code, vec!["otp"]));
    assert_eq!(verified(&stage, &ada).await, [ADA], "the SMS was read");
    assert!(matches!(log_in_by_code(&stage, ADA, &login).await, Err(LogInByCodeError::InvalidCode)), "used up");
}

#[tokio::test]
async fn i_10_five_wrong_codes_void_a_code_and_so_do_ten_minutes_and_a_new_number() {
    let stage = Stage::with_phones();
    let ada = register(&stage, ADA).await.unwrap();
    let right = code(&stage, Flow::PhoneVerification, ADA).await;
    for _ in 0..5 {
        assert_eq!(verify(&stage, ADA, another(&right)).await, Err(VerifyPhoneError::InvalidCode));
    }
    assert_eq!(verify(&stage, ADA, &right).await, Err(VerifyPhoneError::InvalidCode));
    let late = code(&stage, Flow::PhoneVerification, ADA).await;
    stage.clock.advance(Duration::minutes(10));
    assert_eq!(verify(&stage, ADA, &late).await, Err(VerifyPhoneError::InvalidCode));
    let given_up = code(&stage, Flow::PhoneVerification, ADA).await;
    let caller = Stage::bearer(ada.session_token.hash());
    stage.kayan.update_me(&caller, UpdateMe { traits: traits(GRACE) }).await.unwrap();
    assert_eq!(verify(&stage, ADA, &given_up).await, Err(VerifyPhoneError::InvalidCode));
}

#[tokio::test]
async fn where_a_verified_address_is_required_a_verified_phone_number_is_one() {
    let stage = Stage::with_phones();
    stage.set_tenant(TenantSettings { verification_required: true, ..TenantSettings::default() }).await;
    assert_eq!(register(&stage, ADA).await.unwrap_err(), RegisterError::Unverified);
    let log_in = async || stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await;
    assert_eq!(log_in().await.unwrap_err(), LogInError::Unverified);
    let right = code(&stage, Flow::PhoneVerification, ADA).await;
    verify(&stage, ADA, &right).await.unwrap();
    log_in().await.unwrap();
}

#[tokio::test]
async fn i_08_nothing_is_sent_to_or_kept_of_a_phone_number_that_nobody_has() {
    let stage = Stage::with_phones();
    register(&stage, ADA).await.unwrap();
    for flow in [Flow::Code, Flow::PhoneVerification] {
        request(&stage, flow, GRACE).await.unwrap();
    }
    assert_eq!(messages(&stage).await.len(), 2, "whose it is, is not looked up before");
    deliver(&stage).await;
    assert_eq!((stage.sms.sent(), messages(&stage).await.len()), (0, 0));
    assert_eq!(verify(&stage, GRACE, "000000").await, Err(VerifyPhoneError::InvalidCode));
}

async fn messages(stage: &Stage) -> Vec<String> {
    let all = ListMessages { state: None, limit: 100, offset: 0 };
    let page = stage.kayan.list_messages(&Stage::operator(), &all).await.unwrap();
    page.rows.into_iter().map(|message| message.recipient).collect()
}

#[tokio::test]
async fn i_36_operators_see_a_phone_number_in_part_only() {
    let stage = Stage::with_phones();
    register(&stage, ADA).await.unwrap();
    request(&stage, Flow::Code, ADA).await.unwrap();
    assert_eq!(messages(&stage).await, ["+49***67"]);
    let id = stage.kayan.test_message(&Stage::operator(), SPACED, String::new()).await.unwrap();
    assert_eq!(stage.kayan.show_message(&Stage::operator(), id).await.unwrap().recipient, "+49***67");
    stage.kayan.retry_message(&Stage::operator(), id).await.unwrap();
    deliver(&stage).await;
    assert_eq!(stage.sms.mails().len(), 2);
    for event in stage.store.events() {
        let metadata = serde_json::to_string(&event.metadata).unwrap();
        assert!(!metadata.contains("1234567"), "{metadata}");
        let is_about_one = event.metadata.get("address").is_some();
        assert!(!is_about_one || event.metadata["address"] == "+49***67", "{metadata}");
    }
}

#[tokio::test]
async fn an_sms_costs_money_so_that_fewer_may_be_requested_than_mails() {
    let stage = Stage::with_phones();
    for _ in 0..5 {
        request(&stage, Flow::Code, ADA).await.unwrap();
    }
    let limited = async |phone: &str| match request(&stage, Flow::PhoneVerification, phone).await {
        Err(RequestByMailError::Limited(limited)) => limited.limit.name,
        other => panic!("{other:?}"),
    };
    assert_eq!(limited(SPACED).await, "sms");
    for number in 0..4 {
        request(&stage, Flow::Code, &format!("+4930123456{number}")).await.unwrap();
    }
    assert_eq!(limited(GRACE).await, "sms_client");
    request(&stage, Flow::Code, "ada@example.com").await.unwrap();
    stage.clock.advance(Duration::hours(2));
    request(&stage, Flow::Code, ADA).await.unwrap();
}

#[tokio::test]
async fn what_is_no_phone_number_is_refused_and_no_code_is_sent_for_a_method_that_is_off_or_without_sms() {
    let mut stage = Stage::with_phones();
    for text in ["", "0170 1234567", "+49 (0)170 1234567", "+49 170", "ada@example.com", "+491701234567\n"] {
        let refused = request(&stage, Flow::PhoneVerification, text).await.unwrap_err();
        assert_eq!(refused, RequestByMailError::NotAPhone, "{text:?}");
    }
    assert_eq!(request(&stage, Flow::Code, "+49 170").await.unwrap_err(), RequestByMailError::NotAPhone);
    for flow in [Flow::Verification, Flow::Recovery, Flow::MagicLink] {
        assert_eq!(request(&stage, flow, ADA).await.unwrap_err(), RequestByMailError::NotAnAddress, "{flow:?}");
    }
    let methods = Some(vec![Method::Password]);
    stage.set_tenant(TenantSettings { methods, ..TenantSettings::default() }).await;
    assert_eq!(request(&stage, Flow::Code, ADA).await.unwrap_err(), RequestByMailError::MethodDisabled);
    stage.kayan.messaging.as_mut().unwrap().sms = None;
    let refused = request(&stage, Flow::PhoneVerification, ADA).await.unwrap_err();
    assert_eq!(refused, RequestByMailError::MethodDisabled);
    assert_eq!(log_in_by_code(&stage, ADA, "000000").await.unwrap_err(), LogInByCodeError::MethodDisabled);
    let refused = stage.kayan.test_message(&Stage::operator(), ADA, String::new()).await;
    assert_eq!(refused.unwrap_err(), TestMessageError::NoSms);
    assert_eq!(stage.count(EventType::MessageRequested, Outcome::Success), 0);
}

#[tokio::test]
async fn a_webhook_that_is_away_holds_up_no_mail_and_an_sms_without_one_waits() {
    let mut stage = Stage::with_phones();
    stage.sms.refuse(Some(MailFailure::TimedOut));
    for address in [ADA, "ada@example.com"] {
        stage.kayan.test_message(&Stage::operator(), address, String::new()).await.unwrap();
    }
    let outcomes = async |stage: &Stage, channel| -> Vec<_> {
        stage.kayan.deliver_messages(channel).await.unwrap().into_iter().map(|worked| worked.outcome).collect()
    };
    assert_eq!(outcomes(&stage, Channel::Sms).await, [MessageOutcome::Postponed(MailFailure::TimedOut)]);
    assert_eq!(outcomes(&stage, Channel::Mail).await, [MessageOutcome::Delivered]);
    let sms = stage.kayan.messaging.as_mut().unwrap().sms.take();
    stage.clock.advance(Duration::hours(1));
    assert_eq!(outcomes(&stage, Channel::Sms).await, [MessageOutcome::Postponed(MailFailure::Unreachable)]);
    stage.sms.refuse(None);
    stage.kayan.messaging.as_mut().unwrap().sms = sms;
    stage.clock.advance(Duration::hours(2));
    assert_eq!(outcomes(&stage, Channel::Sms).await, [MessageOutcome::Delivered]);
    assert_eq!(stage.sms.mails().len(), 1);
}
