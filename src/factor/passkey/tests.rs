//! What passkeys promise. The authenticator is software, what verifies it is what the service uses.

mod owned;
mod single_use;
mod usable;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_authenticator::{Authenticator, Model};
use kayan_ports::{
    Aal, AssertionResponse, AttestationResponse, CredentialId, EventType, FactorKind, Lockout, Method, Outcome,
    ResidentKey, TenantSettings, TokenHash,
};
use serde_json::Value;
use time::Duration;

use crate::{
    AuthenticateError, BeginPasskeyLogin, BeginPasskeyLoginError, BeginPasskeyRegistration,
    BeginPasskeyRegistrationError, BegunCeremony, Caller, FinishPasskeyLogin, FinishPasskeyLoginError,
    FinishPasskeyRegistration, FinishPasskeyRegistrationError, InvalidMfaToken, LockoutSettings, LogInError,
    MfaChallenge, Opened, PasskeyLogin, RegisterError, RegisteredPasskey, RemovePasskeyError, StepUpRequired,
    stage::{ORIGIN, PASSWORD, Stage},
};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

fn caller(opened: &Opened) -> Caller {
    Stage::bearer(opened.session_token.hash())
}

fn bytes(credential: &Value, pointer: &str) -> Vec<u8> {
    let text = credential.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

fn attestation(credential: &Value) -> AttestationResponse {
    AttestationResponse {
        credential_id: bytes(credential, "/rawId"),
        client_data: bytes(credential, "/response/clientDataJSON"),
        attestation_object: bytes(credential, "/response/attestationObject"),
        transports: vec!["internal".to_owned()],
        discoverable: credential.pointer("/clientExtensionResults/credProps/rk").and_then(Value::as_bool),
    }
}

fn assertion(credential: &Value) -> AssertionResponse {
    let handle = credential.pointer("/response/userHandle");
    AssertionResponse {
        credential_id: bytes(credential, "/rawId"),
        client_data: bytes(credential, "/response/clientDataJSON"),
        authenticator_data: bytes(credential, "/response/authenticatorData"),
        signature: bytes(credential, "/response/signature"),
        user_handle: handle.map(|_| bytes(credential, "/response/userHandle")),
    }
}

fn new_passkey() -> BeginPasskeyRegistration {
    BeginPasskeyRegistration {
        name: String::new(),
        resident_key: ResidentKey::Preferred,
        mfa_token: None,
        browser: None,
    }
}

fn registration(begun: &BegunCeremony, credential: &Value) -> FinishPasskeyRegistration {
    FinishPasskeyRegistration {
        session_id: Some(begun.session_id.clone()),
        response: attestation(credential),
        mfa_token: None,
        browser: None,
    }
}

fn login(begun: &BegunCeremony, credential: &Value) -> FinishPasskeyLogin {
    FinishPasskeyLogin {
        session_id: Some(begun.session_id.clone()),
        response: assertion(credential),
        mfa_token: None,
        browser: None,
        trust_device: false,
    }
}

fn named(identifier: &str) -> PasskeyLogin {
    PasskeyLogin::Identifier(identifier.to_owned())
}

impl Stage {
    async fn register_passkey(&self, owner: &Caller, key: &mut Authenticator) -> RegisteredPasskey {
        let begun = self.kayan.begin_passkey_registration(owner, new_passkey()).await.unwrap();
        let credential = key.register(&begun.options, ORIGIN).unwrap();
        self.kayan.finish_passkey_registration(owner, registration(&begun, &credential)).await.unwrap()
    }

    /// A user with a passkey, their first session, and the passkey.
    async fn with_passkey(&self, email: &str, model: Model) -> (Opened, Authenticator, RegisteredPasskey) {
        let (user, mut key) = (self.person(email).await, Authenticator::new(model));
        let registered = self.register_passkey(&caller(&user), &mut key).await;
        (user, key, registered)
    }

    async fn begin(&self, caller: &Caller, login: PasskeyLogin) -> Result<BegunCeremony, BeginPasskeyLoginError> {
        self.kayan.begin_passkey_login(caller, BeginPasskeyLogin { login, browser: None }).await
    }

    async fn log_in_by(
        &self,
        key: &mut Authenticator,
        wanted: PasskeyLogin,
    ) -> Result<Opened, FinishPasskeyLoginError> {
        let begun = self.begin(&Self::stranger(), wanted).await.unwrap();
        let credential = key.log_in(&begun.options, ORIGIN).unwrap();
        self.kayan.finish_passkey_login(&Self::stranger(), login(&begun, &credential)).await
    }

    async fn asked_for_factor(&self, email: &str) -> MfaChallenge {
        match self.kayan.log_in(&Self::stranger(), Self::login(email, PASSWORD)).await.unwrap_err() {
            LogInError::MfaRequired(challenge) => challenge,
            other => panic!("no challenge: {other}"),
        }
    }
}

#[tokio::test]
async fn a_passkey_logs_in_with_an_identifier_and_without() {
    let stage = Stage::new();
    let (ada, mut key, registered) = stage.with_passkey(ADA, Model::phone()).await;
    assert_eq!(registered.recovery_codes.map(|codes| codes.0.len()), Some(10), "it is the first factor");
    assert_eq!(registered.name, "Passkey");
    for wanted in [PasskeyLogin::Discoverable, named(ADA), named("ADA@example.com")] {
        let opened = stage.log_in_by(&mut key, wanted).await.unwrap();
        assert_eq!(opened.identity.id, ada.identity.id);
        assert_eq!((opened.session.aal, opened.amr()), (Aal::Aal2, vec!["swk", "user", "mfa"]));
    }
    assert_eq!(stage.count(EventType::LoginSuccess, Outcome::Success), 3);
    assert_eq!(stage.count(EventType::MfaEnrolled, Outcome::Success), 1);
}

#[tokio::test]
async fn i_19_a_key_that_cannot_leave_the_hardware_is_told_as_such_but_never_aal3() {
    let stage = Stage::new();
    let model = Model { verifies_user: true, discoverable: true, ..Model::security_key() };
    let (_, mut key, _) = stage.with_passkey(ADA, model).await;
    let opened = stage.log_in_by(&mut key, PasskeyLogin::Discoverable).await.unwrap();
    assert_eq!((opened.session.aal, opened.amr()), (Aal::Aal2, vec!["hwk", "user", "mfa"]));
}

#[tokio::test]
async fn i_19_a_key_that_verifies_nobody_completes_a_login_but_is_none() {
    let stage = Stage::new();
    let (_, mut key, _) = stage.with_passkey(ADA, Model::security_key()).await;
    let begun = stage.begin(&Stage::stranger(), named(ADA)).await.unwrap();
    key.lies.ignores_user_verification = true;
    let credential = key.log_in(&begun.options, ORIGIN).unwrap();
    let refused = stage.kayan.finish_passkey_login(&Stage::stranger(), login(&begun, &credential)).await;
    assert!(matches!(refused, Err(FinishPasskeyLoginError::Refused(_))), "{refused:?}");

    stage
        .kayan
        .log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD))
        .await
        .expect("a passkey alone asks for nothing");
    stage.require_mfa().await;
    let challenge = stage.asked_for_factor(ADA).await;
    assert_eq!(challenge.missing.methods, [Method::Webauthn, Method::RecoveryCode]);
    assert!(challenge.missing.enroll.is_empty());
    let token = challenge.mfa_token.clone();
    let begun = stage.begin(&Stage::stranger(), PasskeyLogin::SecondFactor(Some(token.clone()))).await.unwrap();
    let credential = key.log_in(&begun.options, ORIGIN).unwrap();
    let without = stage.kayan.finish_passkey_login(&Stage::stranger(), login(&begun, &credential)).await;
    assert_eq!(without.unwrap_err(), InvalidMfaToken.into(), "the ceremony alone is not enough");
    let cmd = FinishPasskeyLogin { mfa_token: Some(token), ..login(&begun, &credential) };
    let opened = stage.kayan.finish_passkey_login(&Stage::stranger(), cmd).await.unwrap();
    assert_eq!((opened.session.aal, opened.amr()), (Aal::Aal2, vec!["pwd", "hwk", "user", "mfa"]));
}

#[tokio::test]
async fn i_20_a_ceremony_is_finished_once_and_ends_exactly_after_five_minutes() {
    let stage = Stage::new();
    let (_, mut key, _) = stage.with_passkey(ADA, Model::phone()).await;
    let begun = stage.begin(&Stage::stranger(), PasskeyLogin::Discoverable).await.unwrap();
    let late = stage.begin(&Stage::stranger(), PasskeyLogin::Discoverable).await.unwrap();
    let credential = key.log_in(&begun.options, ORIGIN).unwrap();
    stage.clock.advance(Duration::minutes(5) - Duration::microseconds(1));
    stage.kayan.finish_passkey_login(&Stage::stranger(), login(&begun, &credential)).await.unwrap();
    let again = stage.kayan.finish_passkey_login(&Stage::stranger(), login(&begun, &credential)).await;
    assert_eq!(again.unwrap_err(), FinishPasskeyLoginError::UnknownCeremony);
    stage.clock.advance(Duration::microseconds(1));
    let credential = key.log_in(&late.options, ORIGIN).unwrap();
    let refused = stage.kayan.finish_passkey_login(&Stage::stranger(), login(&late, &credential)).await;
    assert_eq!(refused.unwrap_err(), FinishPasskeyLoginError::UnknownCeremony);
}

#[tokio::test]
async fn i_20_a_ceremony_is_finished_by_the_same_browser_session_and_kind_only() {
    let stage = Stage::new();
    let (ada, mut key, _) = stage.with_passkey(ADA, Model::phone()).await;
    let bob = stage.person(BOB).await;

    let browser = Some(TokenHash([1; 32]));
    let cmd = BeginPasskeyLogin { login: PasskeyLogin::Discoverable, browser };
    let begun = stage.kayan.begin_passkey_login(&Stage::stranger(), cmd).await.unwrap();
    let credential = key.log_in(&begun.options, ORIGIN).unwrap();
    for other in [None, Some(TokenHash([2; 32]))] {
        let cmd = FinishPasskeyLogin { browser: other, ..login(&begun, &credential) };
        let refused = stage.kayan.finish_passkey_login(&Stage::stranger(), cmd).await;
        assert_eq!(refused.unwrap_err(), FinishPasskeyLoginError::UnknownCeremony);
    }
    let cmd = FinishPasskeyLogin { browser, ..login(&begun, &credential) };
    stage.kayan.finish_passkey_login(&Stage::stranger(), cmd).await.expect("nothing was used up");

    let begun = stage.kayan.begin_passkey_registration(&caller(&bob), new_passkey()).await.unwrap();
    let made = Authenticator::new(Model::phone()).register(&begun.options, ORIGIN).unwrap();
    let by_another = stage.kayan.finish_passkey_registration(&caller(&ada), registration(&begun, &made)).await;
    assert!(matches!(by_another, Err(FinishPasskeyRegistrationError::CeremonyFailed(_))), "{by_another:?}");
    let by_nobody = stage.kayan.finish_passkey_registration(&Stage::stranger(), registration(&begun, &made)).await;
    assert_eq!(by_nobody.unwrap_err(), AuthenticateError::Unauthorized.into());
    let as_login = stage.kayan.finish_passkey_login(&Stage::stranger(), login(&begun, &credential)).await;
    assert_eq!(as_login.unwrap_err(), FinishPasskeyLoginError::UnknownCeremony);

    let begun = stage.begin(&caller(&ada), PasskeyLogin::StepUp).await.unwrap();
    let credential = key.log_in(&begun.options, ORIGIN).unwrap();
    let by_another = stage.kayan.finish_passkey_login(&caller(&bob), login(&begun, &credential)).await;
    assert_eq!(by_another.unwrap_err(), FinishPasskeyLoginError::UnknownCeremony);
}

#[tokio::test]
async fn i_20_a_passkey_of_another_user_is_refused_where_an_identifier_was_given() {
    let stage = Stage::new();
    let (_, mut key, _) = stage.with_passkey(ADA, Model::phone()).await;
    stage.with_passkey(BOB, Model::phone()).await;
    for identifier in [BOB, "nobody@example.com"] {
        let begun = stage.begin(&Stage::stranger(), named(identifier)).await.unwrap();
        let mut options: Value = serde_json::from_str(&begun.options).unwrap();
        options["allowCredentials"] = Value::Array(Vec::new());
        let credential = key.log_in(&options.to_string(), ORIGIN).unwrap();
        let refused = stage.kayan.finish_passkey_login(&Stage::stranger(), login(&begun, &credential)).await;
        assert!(matches!(refused, Err(FinishPasskeyLoginError::Refused(_))), "{identifier}: {refused:?}");
    }
    assert_eq!(stage.count(EventType::LoginFailure, Outcome::Failure), 2);
}

#[tokio::test]
async fn i_20_a_counter_that_goes_backwards_refuses_and_is_audited() {
    let stage = Stage::new();
    let model = Model { verifies_user: true, discoverable: true, ..Model::security_key() };
    let (_, mut key, _) = stage.with_passkey(ADA, model).await;
    let mut copy = key.clone();
    stage.log_in_by(&mut key, PasskeyLogin::Discoverable).await.unwrap();
    let refused = stage.log_in_by(&mut copy, PasskeyLogin::Discoverable).await;
    assert!(matches!(refused, Err(FinishPasskeyLoginError::Refused(_))), "{refused:?}");
    assert_eq!(stage.count(EventType::PasskeyCounter, Outcome::Failure), 1);
    stage.log_in_by(&mut key, PasskeyLogin::Discoverable).await.expect("the original still works");
}

#[tokio::test]
async fn i_08_an_unknown_identifier_is_asked_for_a_passkey_that_is_always_the_same() {
    let stage = Stage::new();
    let (_, mut key, _) = stage.with_passkey(ADA, Model::phone()).await;
    stage.person(BOB).await;
    let mut asked = Vec::new();
    for identifier in [ADA, ADA, BOB, BOB, "nobody@example.com", "nobody@example.com", "someone@example.com", "\u{0}"] {
        let begun = stage.begin(&Stage::stranger(), named(identifier)).await.unwrap();
        let mut options: Value = serde_json::from_str(&begun.options).unwrap();
        asked.push(options["allowCredentials"].take());
        options["challenge"].take();
        let members: Vec<_> = options.as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["allowCredentials", "challenge", "rpId", "timeout", "userVerification"], "{identifier}");
    }
    assert_eq!(asked[0], asked[1]);
    assert_eq!((&asked[2], &asked[4]), (&asked[3], &asked[5]));
    for (at, one) in asked.iter().enumerate() {
        assert_eq!(one.as_array().map(Vec::len), Some(1), "{at}");
    }
    assert_ne!(asked[2], asked[4]);
    assert_ne!(asked[4], asked[6]);
    stage.log_in_by(&mut key, named(ADA)).await.unwrap();
}

#[tokio::test]
async fn i_10_an_identifier_that_is_locked_begins_no_passkey_login() {
    let lockout = Lockout { name: "login", max_failures: 2, duration: std::time::Duration::from_mins(5) };
    let stage =
        Stage::with(|settings| settings.lockout = Some(LockoutSettings { lockout, known_origins_apart: false }));
    stage.with_passkey(ADA, Model::phone()).await;
    for identifier in [ADA, "nobody@example.com"] {
        for _ in 0..5 {
            stage.begin(&Stage::stranger(), named(identifier)).await.expect("beginning counts for nothing");
        }
        for _ in 0..2 {
            stage.kayan.log_in(&Stage::stranger(), Stage::login(identifier, "wrong")).await.unwrap_err();
        }
        let locked = stage.begin(&Stage::stranger(), named(identifier)).await;
        assert!(matches!(locked, Err(BeginPasskeyLoginError::Locked(_))), "{identifier}: {locked:?}");
    }
}

#[tokio::test]
async fn i_18_a_user_without_a_factor_registers_a_passkey_by_the_mfa_token_and_is_logged_in() {
    let stage = Stage::new();
    stage.require_mfa().await;
    let refused = stage.kayan.register(&Stage::stranger(), Stage::registration(ADA)).await.unwrap_err();
    let RegisterError::MfaRequired(challenge) = refused else { panic!("{refused}") };
    assert_eq!(challenge.missing.enroll, [Method::Totp, Method::Webauthn]);
    let token = challenge.mfa_token;
    let cmd = BeginPasskeyRegistration { mfa_token: Some(token.clone()), ..new_passkey() };
    let begun = stage.kayan.begin_passkey_registration(&Stage::stranger(), cmd).await.unwrap();
    let mut key = Authenticator::new(Model::security_key());
    let credential = key.register(&begun.options, ORIGIN).unwrap();
    let cmd = registration(&begun, &credential);
    let without = stage.kayan.finish_passkey_registration(&Stage::stranger(), cmd).await;
    assert_eq!(without.unwrap_err(), InvalidMfaToken.into());
    let cmd = FinishPasskeyRegistration { mfa_token: Some(token.clone()), ..registration(&begun, &credential) };
    let registered = stage.kayan.finish_passkey_registration(&Stage::stranger(), cmd).await.unwrap();
    assert_eq!(registered.opened.map(|opened| opened.session.aal), Some(Aal::Aal2));
    assert!(registered.recovery_codes.is_some());

    let challenge = stage.asked_for_factor(ADA).await;
    let cmd = BeginPasskeyRegistration { mfa_token: Some(challenge.mfa_token), ..new_passkey() };
    let another = stage.kayan.begin_passkey_registration(&Stage::stranger(), cmd).await;
    assert_eq!(another.unwrap_err(), InvalidMfaToken.into(), "a password is not enough to add a second one");
}

#[tokio::test]
async fn stepping_up_by_a_passkey_renews_the_same_session() {
    let stage = Stage::new();
    let (ada, mut key, _) = stage.with_passkey(ADA, Model::phone()).await;
    stage.clock.advance(Duration::minutes(6));
    let again = stage.kayan.begin_passkey_registration(&caller(&ada), new_passkey()).await;
    assert_eq!(again.unwrap_err(), StepUpRequired::Aal2.into());
    let begun = stage.begin(&caller(&ada), PasskeyLogin::StepUp).await.unwrap();
    let credential = key.log_in(&begun.options, ORIGIN).unwrap();
    let opened = stage.kayan.finish_passkey_login(&caller(&ada), login(&begun, &credential)).await.unwrap();
    assert_eq!((opened.session.id, opened.session.aal), (ada.session.id, Aal::Aal2));
    let old = stage.kayan.who_am_i(&caller(&ada)).await;
    assert_eq!(old.unwrap_err(), AuthenticateError::Unauthorized, "its old token is void");
    stage.register_passkey(&caller(&opened), &mut Authenticator::new(Model::phone())).await;
}

#[tokio::test]
async fn a_tenant_that_does_not_allow_passkeys_takes_none() {
    let stage = Stage::new();
    let (ada, mut key, _) = stage.with_passkey(ADA, Model::phone()).await;
    let begun = stage.begin(&Stage::stranger(), PasskeyLogin::Discoverable).await.unwrap();
    let credential = key.log_in(&begun.options, ORIGIN).unwrap();
    let opened = stage.log_in_by(&mut key, PasskeyLogin::Discoverable).await.unwrap();
    stage.set_tenant(TenantSettings { methods: Some(vec![Method::Password]), ..TenantSettings::default() }).await;
    for wanted in [PasskeyLogin::Discoverable, named(ADA)] {
        let refused = stage.begin(&Stage::stranger(), wanted).await;
        assert_eq!(refused.unwrap_err(), BeginPasskeyLoginError::MethodDisabled);
    }
    stage.kayan.finish_passkey_login(&Stage::stranger(), login(&begun, &credential)).await.unwrap_err();
    let refused = stage.kayan.begin_passkey_registration(&caller(&opened), new_passkey()).await;
    assert_eq!(refused.unwrap_err(), BeginPasskeyRegistrationError::MethodDisabled);
    stage.kayan.who_am_i(&caller(&ada)).await.expect("sessions stay");
}

#[tokio::test]
async fn i_11_a_passkey_of_an_account_that_is_not_active_opens_nothing() {
    let stage = Stage::new();
    let (ada, mut key, _) = stage.with_passkey(ADA, Model::phone()).await;
    let user = crate::UserRef(ada.identity.id.to_string());
    let state = kayan_ports::State::Locked;
    let cmd = crate::SetUserState { user, state, until: None, reason: None, expected: None };
    stage.kayan.set_user_state(&Stage::operator(), cmd).await.unwrap();
    let refused = stage.log_in_by(&mut key, named(ADA)).await;
    assert_eq!(refused.unwrap_err(), FinishPasskeyLoginError::NotActive, "told only after the proof");
}
