//! Logins.

use kayan_authenticator::{Algorithm, USER_VERIFIED};

use super::*;

#[tokio::test]
async fn a_passkey_of_each_algorithm_logs_its_user_in() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256] {
        let mut stage = Stage::new(Model { algorithm, ..Model::phone() }).await;
        let proven = Assertion { counter: 0, user_verified: true, backed_up: true };
        assert_eq!(stage.log_in(UserVerification::Required).await, Ok(proven));
    }
}

#[tokio::test]
async fn i_20_a_login_that_requires_user_verification_is_refused_without_it() {
    let lies = Lies { flags_cleared: USER_VERIFIED, ..Lies::default() };
    assert_eq!(log_in_lying(lies).await, refused(Refusal::UserVerification));
    let mut stage = Stage::new(Model::security_key()).await;
    stage.authenticator.lies.ignores_user_verification = true;
    assert_eq!(stage.log_in(UserVerification::Required).await, refused(Refusal::UserVerification));
}

#[tokio::test]
async fn i_20_a_passkey_that_was_verified_when_it_was_registered_is_verified_each_time() {
    let mut stage = Stage::new(Model::phone()).await;
    stage.authenticator.lies.flags_cleared = USER_VERIFIED;
    assert_eq!(stage.log_in(UserVerification::Preferred).await, refused(Refusal::UserVerification));
}

#[tokio::test]
async fn as_a_second_factor_a_security_key_without_a_pin_will_do() {
    let mut stage = Stage::new(Model::security_key()).await;
    let proven = |user_verified, counter| Ok(Assertion { counter, user_verified, backed_up: false });
    assert_eq!(stage.log_in(UserVerification::Preferred).await, proven(false, 2));
    stage.authenticator.model.verifies_user = true;
    assert_eq!(stage.log_in(UserVerification::Preferred).await, proven(true, 3), "it got a PIN since");
    assert_eq!(stage.log_in(UserVerification::Required).await, proven(true, 4));
}

#[tokio::test]
async fn i_20_what_was_changed_after_it_was_signed_is_refused() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256] {
        let mut stage = Stage::new(Model { algorithm, counter: 1, counter_step: 1, ..Model::phone() }).await;
        let ceremony = stage.begin(UserVerification::Required);
        let signed = stage.respond(&ceremony);
        let mut changed = [signed.clone(), signed.clone(), signed.clone(), signed.clone()];
        *changed[0].signature.last_mut().unwrap() ^= 1;
        // the counter
        *changed[1].authenticator_data.last_mut().unwrap() ^= 1;
        changed[2].authenticator_data.push(0);
        changed[3].client_data.push(b' ');
        for response in changed {
            assert_eq!(stage.finish(&ceremony, response).await, refused(Refusal::Signature));
        }
        for signature in [Vec::new(), vec![0; 64], vec![0x30, 0], vec![0; 256]] {
            let forged = AssertionResponse { signature, ..signed.clone() };
            assert_eq!(stage.finish(&ceremony, forged).await, refused(Refusal::Signature));
        }
        assert!(stage.finish(&ceremony, signed).await.is_ok());
    }
}

#[tokio::test]
async fn i_20_a_signature_of_another_key_is_refused() {
    let mut stage = Stage::new(Model::phone()).await;
    register(&stage.service, &mut stage.authenticator).await.unwrap();
    stage.authenticator.mix_up_keys();
    assert_eq!(stage.log_in(UserVerification::Required).await, refused(Refusal::Signature));
}

#[tokio::test]
async fn i_20_a_response_to_another_login_is_refused() {
    let mut stage = Stage::new(Model::phone()).await;
    let (one, other) = (stage.begin(UserVerification::Required), stage.begin(UserVerification::Required));
    let response = stage.respond(&one);
    assert_eq!(stage.finish(&other, response).await, refused(Refusal::Challenge));
}

#[tokio::test]
async fn i_20_a_passkey_that_was_not_asked_for_is_refused() {
    let mut stage = Stage::new(Model::phone()).await;
    let another = [AllowedPasskey { credential_id: vec![7; 16], transports: Vec::new() }];
    let asked = stage.service.begin_login(&another, UserVerification::Required).unwrap();
    let any = stage.service.begin_login(&[], UserVerification::Required).unwrap();
    let options: Value = serde_json::from_str(&asked.options).unwrap();
    stage.authenticator.lies.challenge = options["challenge"].as_str().map(str::to_owned);
    let response = stage.respond(&any);
    assert_eq!(stage.finish(&asked, response).await, refused(Refusal::Credential));
    stage.authenticator.lies = Lies { credential_id: Some(vec![7; 16]), ..Lies::default() };
    let response = stage.respond(&any);
    assert_eq!(stage.finish(&any, response).await, refused(Refusal::Credential), "the passkey is not the response's");
}

#[tokio::test]
async fn i_20_a_signature_counter_must_rise_unless_there_is_none() {
    for (stored, sent, is_good) in [
        (0, 0, true),
        (0, 1, true),
        (1, 2, true),
        (1, u32::MAX, true),
        (1, 1, false),
        (1, 0, false),
        (2, 1, false),
        (u32::MAX, 0, false),
    ] {
        let mut stage = Stage::new(Model::phone()).await;
        stage.passkey.counter = stored;
        stage.authenticator.lies.counter = Some(sent);
        let outcome = stage.log_in(UserVerification::Required).await.map(|proven| proven.counter);
        let expected = if is_good { Ok(sent) } else { Err(CeremonyError::CounterWentBackwards) };
        assert_eq!(outcome, expected, "{stored}, {sent}");
    }
}

#[tokio::test]
async fn i_20_a_copy_of_an_authenticator_is_noticed_by_its_counter() {
    let mut stage = Stage::new(Model::security_key()).await;
    let mut copy = stage.authenticator.clone();
    stage.passkey.counter = stage.log_in(UserVerification::Preferred).await.unwrap().counter;
    std::mem::swap(&mut stage.authenticator, &mut copy);
    let outcome = stage.log_in(UserVerification::Preferred).await;
    assert_eq!(outcome, Err(CeremonyError::CounterWentBackwards));
}

#[tokio::test]
async fn i_20_a_forged_counter_is_a_wrong_signature_and_no_copy() {
    let mut stage = Stage::new(Model::security_key()).await;
    let ceremony = stage.begin(UserVerification::Preferred);
    let mut response = stage.respond(&ceremony);
    response.authenticator_data.truncate(33);
    response.authenticator_data.extend([0; 4]);
    assert_eq!(stage.finish(&ceremony, response).await, refused(Refusal::Signature));
}

#[tokio::test]
async fn whether_a_passkey_may_be_backed_up_never_changes() {
    for (model, lies) in [
        (Model::phone(), Lies { flags_cleared: BACKUP_ELIGIBLE | BACKED_UP, ..Lies::default() }),
        (Model::phone(), Lies { flags_cleared: BACKUP_ELIGIBLE, ..Lies::default() }),
        (Model::security_key(), Lies { flags_set: BACKUP_ELIGIBLE, ..Lies::default() }),
        (Model::security_key(), Lies { flags_set: BACKUP_ELIGIBLE | BACKED_UP, ..Lies::default() }),
    ] {
        let mut stage = Stage::new(model).await;
        stage.authenticator.lies = lies;
        assert_eq!(stage.log_in(UserVerification::Preferred).await, refused(Refusal::BackupEligibility));
    }
}

#[tokio::test]
async fn whether_a_passkey_is_backed_up_now_is_told() {
    let mut stage = Stage::new(Model { backed_up: false, ..Model::phone() }).await;
    let mut is_backed_up = Vec::new();
    for backed_up in [false, true, false] {
        stage.authenticator.model.backed_up = backed_up;
        is_backed_up.push(stage.log_in(UserVerification::Required).await.unwrap().backed_up);
    }
    assert_eq!(is_backed_up, [false, true, false]);
}

#[tokio::test]
async fn i_20_the_user_handle_is_the_passkeys() {
    let mut stage = Stage::new(Model::phone()).await;
    let any = stage.service.begin_login(&[], UserVerification::Required).unwrap();
    let one = stage.begin(UserVerification::Required);
    let with = |handle: Option<&[u8]>, response: AssertionResponse| AssertionResponse {
        user_handle: handle.map(<[u8]>::to_vec),
        ..response
    };
    for handle in [&[][..], &[7; 16], &HANDLE.as_bytes()[..15], HANDLE.to_string().as_bytes()] {
        for ceremony in [&any, &one] {
            let response = with(Some(handle), stage.respond(ceremony));
            assert_eq!(stage.finish(ceremony, response).await, refused(Refusal::UserHandle));
        }
    }
    let response = with(None, stage.respond(&any));
    assert_eq!(stage.finish(&any, response).await, refused(Refusal::UserHandle), "nothing else names the user");
    let response = with(None, stage.respond(&one));
    assert!(stage.finish(&one, response).await.is_ok(), "the request named the passkey");
    let response = stage.respond(&any);
    assert!(stage.finish(&any, response).await.is_ok());
}
