//! What authenticator apps and recovery codes promise.

use kayan_fakes::PlainCodes;
use kayan_ports::{Aal, EventType, Lockout, Method, Outcome, TotpSetup};
use time::Duration;

use crate::{
    AuthenticateError, Caller, ChangePassword, DisableTotpError, EnrollTotp, EnrollTotpError, InvalidMfaToken,
    LockoutSettings, LogInError, MfaChallenge, Opened, RefreshSession, RefreshSessionError,
    RegenerateRecoveryCodesError, RegisterError, ResetMfa, RevokeSessions, StepUpRequired, Token, UserRef,
    VerifyRecoveryCode, VerifyTotp, VerifyTotpError, WhoAmI, WhoAmIError,
    stage::{PASSWORD, Stage},
};

const ADA: &str = "ada@example.com";

fn caller(opened: &Opened) -> Caller {
    Stage::bearer(opened.session_token.hash())
}

fn enrollment(mfa_token: Option<Token>) -> EnrollTotp {
    EnrollTotp { name: "phone".to_owned(), mfa_token }
}

fn verification(code: String, mfa_token: Option<&Token>) -> VerifyTotp {
    VerifyTotp { code, mfa_token: mfa_token.cloned(), trust_device: false }
}

impl Stage {
    fn code(&self, setup: &TotpSetup) -> String {
        PlainCodes::code(setup, kayan_ports::Clock::now(&*self.clock))
    }

    /// Goes to the next time step, so that there is a new code.
    fn next_code(&self, setup: &TotpSetup) -> String {
        self.clock.advance(Duration::seconds(30));
        self.code(setup)
    }

    /// A user with a confirmed app, their first session, and their recovery codes.
    async fn with_app(&self) -> (Opened, TotpSetup, Vec<String>) {
        let ada = self.person(ADA).await;
        let setup = self.kayan.enroll_totp(&caller(&ada), enrollment(None)).await.unwrap();
        let verified = self.kayan.verify_totp(&caller(&ada), verification(self.code(&setup), None)).await.unwrap();
        let codes = verified.recovery_codes.unwrap().0.iter().map(|code| code.to_string()).collect();
        (ada, setup, codes)
    }

    async fn challenged(&self) -> MfaChallenge {
        match self.kayan.log_in(&Self::stranger(), Self::login(ADA, PASSWORD)).await.unwrap_err() {
            LogInError::MfaRequired(challenge) => challenge,
            other => panic!("no challenge: {other}"),
        }
    }

    async fn by_code(&self, token: &Token, code: String) -> Result<Opened, VerifyTotpError> {
        let verified = self.kayan.verify_totp(&Self::stranger(), verification(code, Some(token))).await?;
        Ok(verified.opened.expect("a session"))
    }

    async fn by_recovery_code(&self, token: &Token, code: &str) -> Result<Opened, VerifyTotpError> {
        let cmd = VerifyRecoveryCode { code: code.to_owned(), mfa_token: Some(token.clone()) };
        Ok(self.kayan.verify_recovery_code(&Self::stranger(), cmd).await?.opened)
    }
}

#[tokio::test]
async fn a_password_alone_opens_nothing_once_an_app_is_confirmed() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let setup = stage.kayan.enroll_totp(&caller(&ada), enrollment(None)).await.unwrap();
    stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.expect("not confirmed yet");
    let code = verification(stage.code(&setup), None);
    let confirmed = stage.kayan.verify_totp(&caller(&ada), code).await.unwrap();
    assert!(confirmed.opened.is_none(), "the session is as it was");
    assert_eq!(confirmed.recovery_codes.map(|codes| codes.0.len()), Some(10));

    let challenge = stage.challenged().await;
    assert_eq!(challenge.missing.methods, [Method::Totp, Method::RecoveryCode]);
    assert!(challenge.missing.enroll.is_empty());
    let opened = stage.by_code(&challenge.mfa_token, stage.next_code(&setup)).await.unwrap();
    assert_eq!((opened.session.aal, opened.amr()), (Aal::Aal2, vec!["pwd", "otp", "mfa"]));
    for kind in [EventType::MfaEnrolled, EventType::MfaRequired, EventType::MfaSuccess] {
        assert_eq!(stage.count(kind, Outcome::Success), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn i_01_an_mfa_token_opens_one_session_and_ends_exactly_after_five_minutes() {
    let stage = Stage::new();
    let (_, setup, codes) = stage.with_app().await;
    let challenge = stage.challenged().await;
    stage.by_code(&challenge.mfa_token, stage.next_code(&setup)).await.unwrap();
    let again = stage.by_recovery_code(&challenge.mfa_token, &codes[0]).await;
    assert_eq!(again.unwrap_err(), InvalidMfaToken.into());

    let (one, other) = (stage.challenged().await, stage.challenged().await);
    stage.clock.advance(one.expires_at - kayan_ports::Clock::now(&*stage.clock) - Duration::microseconds(1));
    stage.by_recovery_code(&one.mfa_token, &codes[0]).await.unwrap();
    stage.clock.advance(Duration::microseconds(1));
    let late = stage.by_recovery_code(&other.mfa_token, &codes[1]).await;
    assert_eq!(late.unwrap_err(), InvalidMfaToken.into());
}

#[tokio::test]
async fn i_02_an_mfa_token_is_no_session_and_a_session_no_mfa_token() {
    let stage = Stage::new();
    let (ada, setup, _) = stage.with_app().await;
    let challenge = stage.challenged().await;
    let me = stage.kayan.who_am_i(&Stage::bearer(challenge.mfa_token.hash())).await;
    assert_eq!(me.unwrap_err(), AuthenticateError::Unauthorized);
    let refresh = RefreshSession { refresh_token: Some(challenge.mfa_token.clone()) };
    let refreshed = stage.kayan.refresh_session(&Stage::stranger(), refresh).await;
    assert_eq!(refreshed.unwrap_err(), RefreshSessionError::InvalidToken);
    let code = stage.next_code(&setup);
    assert_eq!(stage.by_code(&ada.session_token, code).await.unwrap_err(), InvalidMfaToken.into());
}

#[tokio::test]
async fn i_05_a_step_is_refused_on_every_path_once_it_was_used() {
    let stage = Stage::new();
    let (ada, setup, _) = stage.with_app().await;
    let challenge = stage.challenged().await;
    // The code that confirmed the app.
    let replayed = stage.by_code(&challenge.mfa_token, stage.code(&setup)).await;
    assert_eq!(replayed.unwrap_err(), VerifyTotpError::InvalidCode);
    let code = stage.next_code(&setup);
    stage.by_code(&challenge.mfa_token, code.clone()).await.unwrap();
    let in_session = stage.kayan.verify_totp(&caller(&ada), verification(code.clone(), None)).await;
    assert_eq!(in_session.unwrap_err(), VerifyTotpError::InvalidCode);
    let another_login = stage.challenged().await;
    assert_eq!(stage.by_code(&another_login.mfa_token, code).await.unwrap_err(), VerifyTotpError::InvalidCode);
    assert_eq!(stage.count(EventType::MfaFailure, Outcome::Failure), 3);
}

#[tokio::test]
async fn i_06_recovery_codes_work_in_any_order_each_once_and_new_ones_void_the_old() {
    let stage = Stage::new();
    let (_, setup, codes) = stage.with_app().await;
    for code in [&codes[7], &codes[2]] {
        let challenge = stage.challenged().await;
        let opened = stage.by_recovery_code(&challenge.mfa_token, &code.to_lowercase()).await.unwrap();
        assert_eq!(opened.session.aal, Aal::Aal2);
        let again = stage.challenged().await;
        let refused = stage.by_recovery_code(&again.mfa_token, code).await;
        assert_eq!(refused.unwrap_err(), VerifyTotpError::InvalidCode);
    }
    let challenge = stage.challenged().await;
    let opened = stage.by_code(&challenge.mfa_token, stage.next_code(&setup)).await.unwrap();
    assert_eq!(stage.kayan.list_my_factors(&caller(&opened)).await.unwrap().recovery_codes, 8);
    let new = stage.kayan.regenerate_recovery_codes(&caller(&opened)).await.unwrap();
    assert_eq!(new.0.len(), 10);
    let challenge = stage.challenged().await;
    let old = stage.by_recovery_code(&challenge.mfa_token, &codes[0]).await;
    assert_eq!(old.unwrap_err(), VerifyTotpError::InvalidCode);
    stage.by_recovery_code(&challenge.mfa_token, &new.0[9]).await.unwrap();
}

#[tokio::test]
async fn i_10_wrong_codes_lock_the_factor_and_an_mfa_token_takes_five() {
    let lockout = Lockout { name: "", max_failures: 8, duration: std::time::Duration::from_mins(15) };
    let stage = Stage::with(|settings| {
        settings.lockout = Some(LockoutSettings { lockout, known_origins_apart: false });
    });
    let (_, setup, codes) = stage.with_app().await;
    let challenge = stage.challenged().await;
    for _ in 0..5 {
        let wrong = stage.by_code(&challenge.mfa_token, "000000".to_owned()).await;
        assert_eq!(wrong.unwrap_err(), VerifyTotpError::InvalidCode);
    }
    let right = stage.by_code(&challenge.mfa_token, stage.next_code(&setup)).await;
    assert_eq!(right.unwrap_err(), InvalidMfaToken.into(), "five wrong codes void the token");
    let challenge = stage.challenged().await;
    for _ in 0..3 {
        stage.by_recovery_code(&challenge.mfa_token, "wrong").await.unwrap_err();
    }
    let locked = stage.by_recovery_code(&challenge.mfa_token, &codes[0]).await;
    assert!(matches!(locked.unwrap_err(), VerifyTotpError::Locked(_)), "eight wrong codes lock the account's factors");
    stage.clock.advance(Duration::minutes(15));
    let challenge = stage.challenged().await;
    stage.by_recovery_code(&challenge.mfa_token, &codes[0]).await.expect("nothing was used up, and the lock is over");
}

#[tokio::test]
async fn i_18_an_mfa_token_enrolls_an_app_only_for_a_user_without_one() {
    let stage = Stage::new();
    stage.with_app().await;
    let challenge = stage.challenged().await;
    let enrolled = stage.kayan.enroll_totp(&Stage::stranger(), enrollment(Some(challenge.mfa_token))).await;
    assert_eq!(enrolled.unwrap_err(), EnrollTotpError::InvalidMfaToken(InvalidMfaToken));
}

#[tokio::test]
async fn a_required_factor_is_enrolled_during_the_login() {
    let stage = Stage::new();
    stage.person("grace@example.com").await;
    stage.require_mfa().await;
    let registered = stage.kayan.register(&Stage::stranger(), Stage::registration(ADA)).await;
    let RegisterError::MfaRequired(_) = registered.unwrap_err() else { panic!("no challenge") };
    let challenge = stage.challenged().await;
    assert_eq!((challenge.missing.methods, challenge.missing.enroll), (vec![], vec![Method::Totp, Method::Webauthn]));
    let token = challenge.mfa_token;
    let setup = stage.kayan.enroll_totp(&Stage::stranger(), enrollment(Some(token.clone()))).await.unwrap();
    let wrong = stage.by_code(&token, "000000".to_owned()).await;
    assert_eq!(wrong.unwrap_err(), VerifyTotpError::InvalidCode);
    let cmd = verification(stage.code(&setup), Some(&token));
    let verified = stage.kayan.verify_totp(&Stage::stranger(), cmd).await.unwrap();
    assert_eq!(verified.recovery_codes.map(|codes| codes.0.len()), Some(10));
    let opened = verified.opened.unwrap();
    assert_eq!(opened.session.aal, Aal::Aal2);
    stage.kayan.who_am_i(&caller(&opened)).await.unwrap();
}

#[tokio::test]
async fn a_step_up_renews_the_session_with_new_tokens_and_voids_the_old() {
    let stage = Stage::new();
    let (ada, setup, _) = stage.with_app().await;
    let at_aal2 = WhoAmI { min_aal: Some(Aal::Aal2), max_age: Some(Duration::minutes(5)) };
    let refused = stage.kayan.who_am_i_with(&caller(&ada), at_aal2).await;
    assert_eq!(refused.unwrap_err(), WhoAmIError::StepUp(StepUpRequired::Aal2));
    let cmd = verification(stage.next_code(&setup), None);
    let opened = stage.kayan.verify_totp(&caller(&ada), cmd).await.unwrap().opened.unwrap();
    assert_eq!((opened.session.id, opened.session.aal), (ada.session.id, Aal::Aal2));
    stage.kayan.who_am_i_with(&caller(&opened), at_aal2).await.unwrap();
    assert_eq!(stage.kayan.who_am_i(&caller(&ada)).await.unwrap_err(), AuthenticateError::Unauthorized);
    let old = RefreshSession { refresh_token: Some(ada.refresh_token) };
    let refused = stage.kayan.refresh_session(&Stage::stranger(), old).await;
    assert_eq!(refused.unwrap_err(), RefreshSessionError::InvalidToken);
    let new = RefreshSession { refresh_token: Some(opened.refresh_token) };
    let refreshed = stage.kayan.refresh_session(&Stage::stranger(), new).await.unwrap();
    assert_eq!(refreshed.session.aal, Aal::Aal2, "a refresh keeps the level");
    stage.clock.advance(Duration::minutes(5) + Duration::microseconds(1));
    let refused = stage.kayan.who_am_i_with(&caller(&refreshed), at_aal2).await;
    assert_eq!(refused.unwrap_err(), WhoAmIError::StepUp(StepUpRequired::Recent(Duration::minutes(5))));
}

#[tokio::test]
async fn factors_are_changed_only_at_aal2_and_soon_after_a_proof() {
    let stage = Stage::new();
    let (ada, setup, _) = stage.with_app().await;
    let aal2 = StepUpRequired::Aal2;
    let (aal1, kayan) = (caller(&ada), &stage.kayan);
    assert_eq!(kayan.disable_totp(&aal1, None).await.unwrap_err(), DisableTotpError::StepUp(aal2));
    let refused = kayan.regenerate_recovery_codes(&aal1).await.unwrap_err();
    assert_eq!(refused, RegenerateRecoveryCodesError::StepUp(aal2));
    let refused = kayan.enroll_totp(&aal1, enrollment(None)).await.unwrap_err();
    assert_eq!(refused, EnrollTotpError::StepUp(aal2));

    let cmd = verification(stage.next_code(&setup), None);
    let opened = kayan.verify_totp(&aal1, cmd).await.unwrap().opened.unwrap();
    let me = caller(&opened);
    let second = kayan.enroll_totp(&me, enrollment(None)).await.unwrap();
    let pending = kayan.enroll_totp(&me, enrollment(None)).await.unwrap_err();
    assert!(matches!(pending, EnrollTotpError::AlreadyEnrolled(_)), "{pending}");
    let confirmed = kayan.verify_totp(&me, verification(stage.code(&second), None)).await.unwrap();
    assert!(confirmed.recovery_codes.is_none(), "it is not the first factor");
    stage.clock.advance(Duration::minutes(5) + Duration::seconds(1));
    let stale = StepUpRequired::Recent(Duration::minutes(5));
    assert_eq!(kayan.disable_totp(&me, None).await.unwrap_err(), DisableTotpError::StepUp(stale));
}

#[tokio::test]
async fn with_the_last_app_the_recovery_codes_go_and_a_password_is_enough_again() {
    let stage = Stage::new();
    let (ada, setup, _) = stage.with_app().await;
    let cmd = verification(stage.next_code(&setup), None);
    let opened = stage.kayan.verify_totp(&caller(&ada), cmd).await.unwrap().opened.unwrap();
    let mine = stage.kayan.list_my_factors(&caller(&opened)).await.unwrap();
    stage.kayan.disable_totp(&caller(&opened), Some(mine.factors[0].id)).await.unwrap();
    let left = stage.kayan.list_my_factors(&caller(&opened)).await.unwrap();
    assert_eq!((left.factors.len(), left.recovery_codes), (0, 0));
    stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.unwrap();
    let nothing = stage.kayan.disable_totp(&caller(&opened), None).await;
    assert_eq!(nothing.unwrap_err(), DisableTotpError::NotFound);
}

#[tokio::test]
async fn an_operator_resets_factors_and_thereby_ends_sessions_and_pending_logins() {
    let stage = Stage::new();
    let (ada, setup, _) = stage.with_app().await;
    let challenge = stage.challenged().await;
    let cmd = ResetMfa { user: UserRef(ADA.to_owned()), expected: None };
    assert_eq!(stage.kayan.reset_mfa(&Stage::operator(), &cmd).await.unwrap(), 11);
    assert_eq!(stage.kayan.who_am_i(&caller(&ada)).await.unwrap_err(), AuthenticateError::Unauthorized);
    let pending = stage.by_code(&challenge.mfa_token, stage.next_code(&setup)).await;
    assert_eq!(pending.unwrap_err(), InvalidMfaToken.into());
    stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.expect("a password is enough again");
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Success), 1);
}

#[tokio::test]
async fn another_users_or_tenants_code_completes_no_login() {
    let stage = Stage::new();
    let (_, _, codes) = stage.with_app().await;
    let challenge = stage.challenged().await;
    let grace = stage.person("grace@example.com").await;
    let hers = stage.kayan.enroll_totp(&caller(&grace), enrollment(None)).await.unwrap();
    stage.kayan.verify_totp(&caller(&grace), verification(stage.code(&hers), None)).await.unwrap();
    let foreign = stage.by_code(&challenge.mfa_token, stage.next_code(&hers)).await;
    assert_eq!(foreign.unwrap_err(), VerifyTotpError::InvalidCode);
    stage.store.add_tenant("other".parse().unwrap(), true);
    let elsewhere = Caller { tenant: "other".parse().unwrap(), ..Stage::stranger() };
    let cmd = VerifyRecoveryCode { code: codes[0].clone(), mfa_token: Some(challenge.mfa_token) };
    let refused = stage.kayan.verify_recovery_code(&elsewhere, cmd).await;
    assert_eq!(refused.unwrap_err(), InvalidMfaToken.into());
}

#[tokio::test]
async fn codes_are_counted_also_where_passwords_are_not() {
    let stage = Stage::new();
    let (ada, setup, _) = stage.with_app().await;
    let cmd = verification(stage.next_code(&setup), None);
    let ada = stage.kayan.verify_totp(&caller(&ada), cmd).await.unwrap().opened.unwrap();
    for _ in 0..10 {
        let wrong = stage.kayan.verify_totp(&caller(&ada), verification("000000".to_owned(), None)).await;
        assert_eq!(wrong.unwrap_err(), VerifyTotpError::InvalidCode);
    }
    let right = stage.kayan.verify_totp(&caller(&ada), verification(stage.next_code(&setup), None)).await;
    assert!(matches!(right.unwrap_err(), VerifyTotpError::Locked(_)));
    let password = ChangePassword { current_password: PASSWORD.into(), new_password: "another long phrase 7".into() };
    stage.kayan.change_password(&caller(&ada), password).await.expect("the password is not locked with the codes");
}

#[tokio::test]
async fn a_login_that_lacks_a_factor_ends_with_its_password_and_with_all_sessions() {
    let stage = Stage::new();
    let (ada, setup, codes) = stage.with_app().await;
    let cmd = verification(stage.next_code(&setup), None);
    let ada = stage.kayan.verify_totp(&caller(&ada), cmd).await.unwrap().opened.unwrap();
    let challenge = stage.challenged().await;
    let new = ChangePassword { current_password: PASSWORD.into(), new_password: "another long phrase 7".into() };
    stage.kayan.change_password(&caller(&ada), new).await.unwrap();
    let pending = stage.by_code(&challenge.mfa_token, stage.next_code(&setup)).await;
    assert_eq!(pending.unwrap_err(), InvalidMfaToken.into());
    let login = Stage::login(ADA, "another long phrase 7");
    let LogInError::MfaRequired(challenge) = stage.kayan.log_in(&Stage::stranger(), login).await.unwrap_err() else {
        panic!("no challenge")
    };
    stage.kayan.revoke_sessions(&Stage::operator(), RevokeSessions::default()).await.unwrap();
    let pending = stage.by_recovery_code(&challenge.mfa_token, &codes[0]).await;
    assert_eq!(pending.unwrap_err(), InvalidMfaToken.into());
}
