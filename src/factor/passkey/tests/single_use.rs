//! A ceremony takes one response, also if that is refused.

use super::*;

fn refused<T: std::fmt::Debug>(outcome: Result<T, FinishPasskeyLoginError>) {
    assert!(matches!(outcome, Err(FinishPasskeyLoginError::Refused(_))), "{outcome:?}");
}

fn unknown<T: std::fmt::Debug>(outcome: Result<T, FinishPasskeyLoginError>) {
    assert_eq!(outcome.unwrap_err(), FinishPasskeyLoginError::UnknownCeremony);
}

fn failed(outcome: Result<RegisteredPasskey, FinishPasskeyRegistrationError>) -> String {
    match outcome.unwrap_err() {
        FinishPasskeyRegistrationError::CeremonyFailed(why) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn i_20_a_refused_response_uses_a_login_up() {
    let stage = Stage::new();
    let (ada, mut key, _) = stage.with_passkey(ADA, Model::phone()).await;
    let mine = caller(&ada);
    for (caller, wanted) in [
        (Stage::stranger(), PasskeyLogin::Discoverable),
        (Stage::stranger(), named(ADA)),
        (mine.clone(), PasskeyLogin::StepUp),
    ] {
        let begun = stage.begin(&caller, wanted).await.unwrap();
        let right = key.log_in(&begun.options, ORIGIN).unwrap();
        let mut wrong = right.clone();
        kayan_authenticator::spoil(&mut wrong, "signature");
        refused(stage.kayan.finish_passkey_login(&caller, login(&begun, &wrong)).await);
        unknown(stage.kayan.finish_passkey_login(&caller, login(&begun, &right)).await);
    }
    // Each refusal is audited once, and a response to a ceremony that is used up is not.
    assert_eq!(stage.count(EventType::LoginFailure, Outcome::Failure), 2);
    assert_eq!(stage.count(EventType::MfaFailure, Outcome::Failure), 1);
}

#[tokio::test]
async fn i_20_a_refused_response_uses_a_second_factors_ceremony_up_and_leaves_its_login() {
    let stage = Stage::new();
    let (_, mut key, _) = stage.with_passkey(ADA, Model::phone()).await;
    stage.require_mfa().await;
    let token = stage.asked_for_factor(ADA).await.mfa_token;
    let begin = async || stage.begin(&Stage::stranger(), PasskeyLogin::SecondFactor(Some(token.clone()))).await;
    let begun = begin().await.unwrap();
    let right = key.log_in(&begun.options, ORIGIN).unwrap();
    let mut wrong = right.clone();
    kayan_authenticator::spoil(&mut wrong, "signature");
    let with_token = |credential| FinishPasskeyLogin { mfa_token: Some(token.clone()), ..login(&begun, credential) };
    refused(stage.kayan.finish_passkey_login(&Stage::stranger(), with_token(&wrong)).await);
    unknown(stage.kayan.finish_passkey_login(&Stage::stranger(), with_token(&right)).await);
    let begun = begin().await.unwrap();
    let credential = key.log_in(&begun.options, ORIGIN).unwrap();
    let cmd = FinishPasskeyLogin { mfa_token: Some(token.clone()), ..login(&begun, &credential) };
    stage.kayan.finish_passkey_login(&Stage::stranger(), cmd).await.unwrap();
}

#[tokio::test]
async fn i_20_a_response_for_an_account_that_is_not_active_uses_the_ceremony_up() {
    let stage = Stage::new();
    let (ada, mut key, _) = stage.with_passkey(ADA, Model::phone()).await;
    let begun = stage.begin(&Stage::stranger(), PasskeyLogin::Discoverable).await.unwrap();
    let credential = key.log_in(&begun.options, ORIGIN).unwrap();
    let finish = async || stage.kayan.finish_passkey_login(&Stage::stranger(), login(&begun, &credential)).await;
    for (state, expected) in [
        (kayan_ports::State::Locked, FinishPasskeyLoginError::NotActive),
        (kayan_ports::State::Active, FinishPasskeyLoginError::UnknownCeremony),
    ] {
        let user = crate::UserRef(ada.identity.id.to_string());
        let cmd = crate::SetUserState { user, state, until: None, reason: None, expected: None };
        stage.kayan.set_user_state(&Stage::operator(), cmd).await.unwrap();
        assert_eq!(finish().await.unwrap_err(), expected);
    }
}

#[tokio::test]
async fn i_20_a_refused_response_uses_a_registration_up() {
    let stage = Stage::new();
    let (ada, eve) = (stage.person(ADA).await, stage.person("eve@example.com").await);
    let mut key = Authenticator::new(Model::phone());
    key.lies.credential_id = Some(vec![7; 32]);
    stage.register_passkey(&caller(&ada), &mut key).await;
    let decoy = stage.begin(&Stage::stranger(), named("nobody@example.com")).await.unwrap();
    let decoy: Value = serde_json::from_str(&decoy.options).unwrap();
    // A decoy is refused as a passkey is that there is: only after the response was verified (I-08).
    for taken in [vec![7; 32], bytes(&decoy, "/allowCredentials/0/id")] {
        let mut answers = Vec::new();
        for is_wrong in [false, true] {
            let begun = stage.kayan.begin_passkey_registration(&caller(&eve), new_passkey()).await.unwrap();
            let mut other = Authenticator::new(Model::phone());
            let right = other.register(&begun.options, ORIGIN).unwrap();
            other.lies.credential_id = Some(taken.clone());
            let mut bad = other.register(&begun.options, ORIGIN).unwrap();
            if is_wrong {
                bad["response"]["clientDataJSON"] = Value::from("e30");
            }
            let finish =
                async |it| stage.kayan.finish_passkey_registration(&caller(&eve), registration(&begun, it)).await;
            answers.push(failed(finish(&bad).await));
            assert_eq!(failed(finish(&right).await), FinishPasskeyLoginError::UnknownCeremony.to_string());
        }
        assert_eq!(answers[0], "this passkey is registered already");
        assert_ne!(answers[1], answers[0], "what does not verify tells nothing of who has it");
    }
    stage.register_passkey(&caller(&eve), &mut Authenticator::new(Model::phone())).await;
}
