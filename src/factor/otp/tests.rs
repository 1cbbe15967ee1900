//! Tests of codes as a second factor.

use kayan_ports::{Aal, Channel, Clock as _, EventType, Method, Outcome, TenantSettings};
use serde_json::json;
use time::Duration;

use crate::{
    Caller, EnrollTotp, EnrollTotpError, Flow, InvalidMfaToken, LogInByCode, LogInByCodeError, LogInError,
    MfaChallenge, Opened, Register, RequestOtp, RequestOtpError, RequestedOtp, RevokeSessions, Token, UserRef,
    VerifyOtp, VerifyPhone, VerifyTotp, VerifyTotpError,
    flow::{
        phone_verification::tests::another,
        tests::{deliver, request, token as link},
    },
    stage::{PASSWORD, Stage},
};

const ADA: &str = "ada@example.com";
const PHONE: &str = "+491701234567";

fn allowing(channels: &[Channel]) -> TenantSettings {
    TenantSettings { mfa_required: true, mfa_code_channels: channels.to_vec(), ..TenantSettings::default() }
}

fn caller(opened: &Opened) -> Caller {
    Stage::bearer(opened.session_token.hash())
}

impl Stage {
    /// With ada, whose address is verified, in a tenant that requires a second factor and allows a code by mail.
    async fn with_verified_ada() -> (Self, Opened) {
        let stage = Self::new();
        stage.person(ADA).await;
        request(&stage, Flow::Verification, ADA).await.unwrap();
        deliver(&stage).await;
        stage.kayan.verify_address(&Self::stranger(), link(&stage).as_ref()).await.unwrap();
        let ada = stage.kayan.log_in(&Self::stranger(), Self::login(ADA, PASSWORD)).await.unwrap();
        stage.set_tenant(allowing(&[Channel::Mail])).await;
        (stage, ada)
    }

    /// A session of ada by password alone: the tenant requires no second factor any more, but allows a code.
    async fn at_aal1(&self) -> Opened {
        self.set_tenant(TenantSettings { mfa_required: false, ..allowing(&[Channel::Mail]) }).await;
        self.kayan.log_in(&Self::stranger(), Self::login(ADA, PASSWORD)).await.unwrap()
    }

    async fn challenge(&self) -> MfaChallenge {
        match self.kayan.log_in(&Self::stranger(), Self::login(ADA, PASSWORD)).await.unwrap_err() {
            LogInError::MfaRequired(challenge) => challenge,
            other => panic!("no challenge: {other}"),
        }
    }

    async fn ask(&self, token: &Token, channel: Option<Channel>) -> Result<RequestedOtp, RequestOtpError> {
        let cmd = RequestOtp { mfa_token: Some(token.clone()), channel };
        self.kayan.request_otp(&Self::stranger(), &cmd).await
    }

    /// The code that this login gets by mail.
    async fn sent(&self, token: &Token) -> String {
        self.ask(token, None).await.unwrap();
        deliver(self).await;
        self.mail.last("code").unwrap()
    }

    async fn by_otp(&self, token: &Token, code: &str) -> Result<Opened, VerifyTotpError> {
        let cmd = VerifyOtp { code: code.to_owned().into(), mfa_token: Some(token.clone()) };
        self.kayan.verify_otp(&Self::stranger(), &cmd).await
    }
}

#[tokio::test]
async fn i_19_a_code_completes_a_login_by_password_at_aal2() {
    let (stage, _) = Stage::with_verified_ada().await;
    let challenge = stage.challenge().await;
    assert_eq!((challenge.missing.methods, challenge.missing.enroll), (vec![Method::Otp], vec![]));
    let asked = stage.ask(&challenge.mfa_token, None).await.unwrap();
    let expected = RequestedOtp {
        channel: Channel::Mail,
        sent_to: "a***@example.com".to_owned(),
        expires_at: challenge.expires_at,
    };
    assert_eq!(asked, expected);
    deliver(&stage).await;
    let code = stage.mail.last("code").unwrap();
    assert_eq!((stage.mail.last("minutes").as_deref(), stage.mail.last("address").as_deref()), (Some("5"), Some(ADA)));
    let wrong = stage.by_otp(&challenge.mfa_token, another(&code)).await;
    assert_eq!(wrong.unwrap_err(), VerifyTotpError::InvalidCode);
    let opened = stage.by_otp(&challenge.mfa_token, &format!("{} {}", &code[..3], &code[3..])).await.unwrap();
    assert_eq!((opened.session.aal, opened.amr()), (Aal::Aal2, vec!["pwd", "otp", "mfa"]));
    for (kind, outcome) in [
        (EventType::MessageRequested, Outcome::Success),
        (EventType::MfaSuccess, Outcome::Success),
        (EventType::MfaFailure, Outcome::Failure),
    ] {
        assert_eq!(stage.count(kind, outcome), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn i_01_to_i_03_a_code_is_good_once_for_its_own_login_until_the_next_one() {
    let (stage, _) = Stage::with_verified_ada().await;
    let [one, other] = [stage.challenge().await.mfa_token, stage.challenge().await.mfa_token];
    let first = stage.sent(&one).await;
    assert_eq!(stage.by_otp(&other, &first).await.unwrap_err(), VerifyTotpError::InvalidCode, "of another login");
    let by_code = LogInByCode { identifier: ADA.to_owned(), code: first.clone().into() };
    let as_first_factor = stage.kayan.log_in_by_code(&Stage::stranger(), &by_code).await;
    assert_eq!(as_first_factor.unwrap_err(), LogInByCodeError::InvalidCode, "of another purpose");
    let second = stage.sent(&one).await;
    assert_ne!(first, second);
    assert_eq!(stage.by_otp(&one, &first).await.unwrap_err(), VerifyTotpError::InvalidCode, "replaced");
    stage.by_otp(&one, &second).await.unwrap();
    assert_eq!(stage.by_otp(&one, &second).await.unwrap_err(), InvalidMfaToken.into());

    request(&stage, Flow::Code, ADA).await.unwrap();
    deliver(&stage).await;
    let of_first_factor = stage.mail.last("code").unwrap();
    assert_eq!(stage.by_otp(&other, &of_first_factor).await.unwrap_err(), VerifyTotpError::InvalidCode);
    stage.clock.advance(Duration::minutes(5));
    assert_eq!(stage.ask(&other, None).await.unwrap_err(), InvalidMfaToken.into());
}

#[tokio::test]
async fn i_10_five_wrong_codes_void_the_login() {
    let (stage, _) = Stage::with_verified_ada().await;
    let token = stage.challenge().await.mfa_token;
    let code = stage.sent(&token).await;
    for _ in 0..5 {
        assert_eq!(stage.by_otp(&token, another(&code)).await.unwrap_err(), VerifyTotpError::InvalidCode);
    }
    assert_eq!(stage.by_otp(&token, &code).await.unwrap_err(), InvalidMfaToken.into());
}

#[tokio::test]
async fn i_19_a_link_or_a_code_by_mail_is_not_completed_by_another_code() {
    let (stage, _) = Stage::with_verified_ada().await;
    request(&stage, Flow::Code, ADA).await.unwrap();
    deliver(&stage).await;
    let by_code = LogInByCode { identifier: ADA.to_owned(), code: stage.mail.last("code").unwrap().into() };
    let refused = stage.kayan.log_in_by_code(&Stage::stranger(), &by_code).await.unwrap_err();
    let LogInByCodeError::MfaRequired(challenge) = refused else { panic!("no challenge: {refused}") };
    assert_eq!((challenge.missing.methods, challenge.missing.enroll.len()), (vec![], 2));
    assert_eq!(stage.ask(&challenge.mfa_token, None).await.unwrap_err(), RequestOtpError::NotAvailable);
}

#[tokio::test]
async fn a_code_replaces_no_stronger_factor_and_is_no_way_to_enroll_one_by_password_alone() {
    let (stage, _) = Stage::with_verified_ada().await;
    let token = stage.challenge().await.mfa_token;
    let enrolling = EnrollTotp { name: String::new(), mfa_token: Some(token) };
    let refused = stage.kayan.enroll_totp(&Stage::stranger(), enrolling).await.unwrap_err();
    assert_eq!(refused, EnrollTotpError::InvalidMfaToken(InvalidMfaToken));

    let ada = stage.at_aal1().await;
    let setup = stage.kayan.enroll_totp(&caller(&ada), EnrollTotp { name: String::new(), mfa_token: None }).await;
    let code = kayan_fakes::PlainCodes::code(&setup.unwrap(), stage.clock.now());
    let confirm = VerifyTotp { code, mfa_token: None, trust_device: false };
    stage.kayan.verify_totp(&caller(&ada), confirm).await.unwrap();
    stage.set_tenant(allowing(&[Channel::Mail])).await;
    let challenge = stage.challenge().await;
    assert_eq!(challenge.missing.methods, [Method::Totp, Method::RecoveryCode]);
    assert_eq!(stage.ask(&challenge.mfa_token, None).await.unwrap_err(), RequestOtpError::NotAvailable);
}

#[tokio::test]
async fn i_14_a_code_goes_to_verified_addresses_only_and_ends_with_the_address() {
    let (stage, ada) = Stage::with_verified_ada().await;
    let token = stage.challenge().await.mfa_token;
    let code = stage.sent(&token).await;
    stage.set_address(&ada, "ada@example.net").await;
    assert_eq!(stage.by_otp(&token, &code).await.unwrap_err(), VerifyTotpError::InvalidCode);
    let login = Stage::login("ada@example.net", PASSWORD);
    let refused = stage.kayan.log_in(&Stage::stranger(), login).await.unwrap_err();
    let LogInError::MfaRequired(challenge) = refused else { panic!("no challenge: {refused}") };
    assert!(challenge.missing.methods.is_empty(), "{challenge:?}");
    assert_eq!(stage.ask(&challenge.mfa_token, None).await.unwrap_err(), RequestOtpError::NotAvailable);
}

#[tokio::test]
async fn a_code_steps_a_session_up_that_was_opened_by_password() {
    let (stage, _) = Stage::with_verified_ada().await;
    let ada = stage.at_aal1().await;
    let ask = RequestOtp { mfa_token: None, channel: None };
    let asked = stage.kayan.request_otp(&caller(&ada), &ask).await.unwrap();
    assert_eq!(asked.expires_at, stage.clock.now() + Duration::minutes(10));
    deliver(&stage).await;
    let cmd = || VerifyOtp { code: stage.mail.last("code").unwrap().into(), mfa_token: None };
    let stepped = stage.kayan.verify_otp(&caller(&ada), &cmd()).await.unwrap();
    assert_eq!((stepped.session.id, stepped.session.aal), (ada.session.id, Aal::Aal2));
    assert_ne!(stepped.session.token, ada.session.token);
    assert_eq!(
        stage.kayan.verify_otp(&caller(&stepped), &cmd()).await.unwrap_err(),
        VerifyTotpError::InvalidCode,
        "used up"
    );

    request(&stage, Flow::MagicLink, ADA).await.unwrap();
    deliver(&stage).await;
    let by_link = stage.kayan.log_in_by_link(&Stage::stranger(), link(&stage).as_ref()).await.unwrap();
    assert_eq!(stage.kayan.request_otp(&caller(&by_link), &ask).await.unwrap_err(), RequestOtpError::NotAvailable);
}

#[tokio::test]
async fn revoking_the_sessions_of_a_user_voids_the_codes() {
    let (stage, ada) = Stage::with_verified_ada().await;
    let token = stage.challenge().await.mfa_token;
    let code = stage.sent(&token).await;
    let cmd = RevokeSessions { user: Some(UserRef(ada.identity.id.to_string())), ..RevokeSessions::default() };
    stage.kayan.revoke_sessions(&Stage::operator(), cmd).await.unwrap();
    assert_eq!(stage.by_otp(&token, &code).await.unwrap_err(), InvalidMfaToken.into());
}

#[tokio::test]
async fn the_tenant_says_by_which_channel_and_which_it_prefers() {
    let stage = Stage::with_phones();
    let traits = serde_json::from_value(json!({ "email": ADA, "phone": PHONE })).unwrap();
    let cmd = Register { traits, password: PASSWORD.into(), proof_of_work: None };
    stage.kayan.register(&Stage::stranger(), cmd).await.unwrap();
    request(&stage, Flow::Verification, ADA).await.unwrap();
    request(&stage, Flow::PhoneVerification, PHONE).await.unwrap();
    deliver(&stage).await;
    stage.kayan.verify_address(&Stage::stranger(), link(&stage).as_ref()).await.unwrap();
    let verify = VerifyPhone { phone: PHONE.to_owned(), code: stage.sms.last("code").unwrap().into() };
    stage.kayan.verify_phone(&Stage::stranger(), &verify).await.unwrap();

    let (mail, sms) = (Channel::Mail, Channel::Sms);
    for (channels, wanted, expected) in [
        (&[sms, mail][..], None, Some(sms)),
        (&[mail, sms], None, Some(mail)),
        (&[mail, sms], Some(sms), Some(sms)),
        (&[sms], Some(mail), None),
        (&[mail], None, Some(mail)),
    ] {
        stage.set_tenant(allowing(channels)).await;
        let token = stage.challenge().await.mfa_token;
        let asked = stage.ask(&token, wanted).await.map(|asked| asked.channel);
        assert_eq!(asked, expected.ok_or(RequestOtpError::NotAvailable), "{channels:?} {wanted:?}");
    }
    deliver(&stage).await;
    stage.set_tenant(allowing(&[sms])).await;
    let token = stage.challenge().await.mfa_token;
    assert_eq!(stage.ask(&token, None).await.unwrap().sent_to, "+49***67");
    deliver(&stage).await;
    stage.by_otp(&token, &stage.sms.last("code").unwrap()).await.unwrap();
}

#[tokio::test]
async fn an_address_gets_five_codes_an_hour() {
    let (stage, _) = Stage::with_verified_ada().await;
    let token = stage.challenge().await.mfa_token;
    // One was sent to verify the address.
    for _ in 0..4 {
        stage.ask(&token, None).await.unwrap();
    }
    assert!(matches!(stage.ask(&token, None).await, Err(RequestOtpError::Limited(_))));
}
