//! What both ceremonies verify.

use super::*;

#[tokio::test]
async fn i_20_a_response_from_another_origin_is_refused() {
    let party = RelyingParty::new("example.com", "", &[ORIGIN, ANDROID, "https://example.com:8443"]).unwrap();
    let service = Ceremonies::new(party);
    for origin in [ORIGIN, ANDROID, "https://example.com:8443"] {
        assert_eq!(both_from(&service, origin).await, (true, true), "{origin}");
    }
    for origin in [
        "https://login.example.com.evil.example",
        "https://evil.example",
        "https://evil-login.example.com",
        "https://example.com",
        "https://a.login.example.com",
        "https://login.example.com:8443",
        "https://example.com:443",
        "http://login.example.com",
        "https://login.example.com/",
        "https://login.example.com/login",
        "https://user@login.example.com",
        "https://LOGIN.example.com",
        "android:apk-key-hash:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "android:apk-key-hash:",
        "null",
        "",
    ] {
        assert_eq!(both_from(&service, origin).await, (false, false), "{origin:?}");
    }
}

const ANDROID: &str = "android:apk-key-hash:R5k9Z-zZ05CXIQGLyLCBCGrJvPCBpOWhzuAo39nOOUM";

/// Whether a registration and a login from this origin succeed; if not, for this reason.
async fn both_from(service: &Ceremonies, origin: &str) -> (bool, bool) {
    fn succeeded<T: std::fmt::Debug + PartialEq>(result: Result<T, CeremonyError>) -> bool {
        let fails = result.is_err();
        assert!(!fails || result == refused(Refusal::Origin), "{result:?}");
        !fails
    }
    let mut authenticator = Authenticator::default();
    let passkey = register(service, &mut authenticator).await.unwrap();
    let login = service.begin_login(&[], UserVerification::Required).unwrap();
    let response = assertion(&authenticator.log_in(&login.options, origin).unwrap());
    let logged_in = service.finish_login(&login.state, &passkey, response).await;
    let registration = begin_registration(service);
    let response = attestation(&authenticator.register(&registration.options, origin).unwrap());
    let registered = service.finish_registration(&registration.state, HANDLE, response).await;
    (succeeded(registered), succeeded(logged_in))
}

#[tokio::test]
async fn i_20_a_response_for_another_relying_party_is_refused() {
    for rp_id in ["login.example.com", "example.org", "EXAMPLE.com", ""] {
        both_refuse(Lies { rp_id: Some(rp_id.to_owned()), ..Lies::default() }, Refusal::RpId).await;
    }
}

#[tokio::test]
async fn i_20_a_response_to_another_challenge_is_refused() {
    for challenge in [URL_SAFE_NO_PAD.encode([0; 32]), String::new()] {
        both_refuse(Lies { challenge: Some(challenge), ..Lies::default() }, Refusal::Challenge).await;
    }
    both_refuse(Lies { challenge: Some("?".to_owned()), ..Lies::default() }, Refusal::Malformed).await;
}

#[tokio::test]
async fn i_20_a_response_of_the_other_type_is_refused() {
    let of_type = |kind: &str| Lies { client_type: Some(kind.to_owned()), ..Lies::default() };
    assert_eq!(register_lying(Model::phone(), of_type("webauthn.get")).await, refused(Refusal::Type));
    assert_eq!(log_in_lying(of_type("webauthn.create")).await, refused(Refusal::Type));
    both_refuse(of_type("payment.get"), Refusal::Type).await;
}

#[tokio::test]
async fn i_20_a_response_from_a_frame_of_another_site_is_refused() {
    both_refuse(Lies { cross_origin: true, ..Lies::default() }, Refusal::CrossOrigin).await;
    let framed = Lies { top_origin: Some("https://evil.example".to_owned()), ..Lies::default() };
    both_refuse(framed, Refusal::CrossOrigin).await;
}

#[tokio::test]
async fn i_20_a_response_without_the_user_is_refused() {
    both_refuse(Lies { flags_cleared: 1, ..Lies::default() }, Refusal::UserPresence).await;
}

#[tokio::test]
async fn a_passkey_that_is_backed_up_without_being_eligible_is_refused() {
    let lies = || Lies { flags_set: BACKED_UP, ..Lies::default() };
    assert_eq!(register_lying(Model::security_key(), lies()).await, refused(Refusal::BackupState));
    let mut stage = Stage::new(Model::security_key()).await;
    stage.authenticator.lies = lies();
    assert_eq!(stage.log_in(UserVerification::Preferred).await, refused(Refusal::BackupState));
}

#[tokio::test]
async fn i_20_a_ceremony_is_finished_as_what_it_was_begun_for() {
    let mut stage = Stage::new(Model::phone()).await;
    let (registration, login) = (begin_registration(&stage.service), stage.begin(UserVerification::Required));
    let attested = attestation(&stage.authenticator.register(&registration.options, ORIGIN).unwrap_or_default());
    let response = stage.respond(&login);
    let finish = stage.service.finish_registration(&login.state, HANDLE, attested.clone()).await;
    assert_eq!(finish, refused(Refusal::Ceremony));
    assert_eq!(stage.finish(&registration, response).await, refused(Refusal::Ceremony));
    let stranger = Uuid::from_u128(1);
    let finish = stage.service.finish_registration(&registration.state, stranger, attested.clone()).await;
    assert_eq!(finish, refused(Refusal::Ceremony), "another user's");
    let another = begin_registration(&stage.service);
    let finish = stage.service.finish_registration(&another.state, HANDLE, attested).await;
    assert_eq!(finish, refused(Refusal::Challenge), "another ceremony of the same user");
}

#[tokio::test]
async fn a_damaged_state_is_a_fault_and_not_the_clients() {
    let mut stage = Stage::new(Model::phone()).await;
    let login = stage.begin(UserVerification::Required);
    for state in ["", "{}", "null", "{\"login\":{}}"] {
        let response = stage.respond(&login);
        let finish = stage.service.finish_login(state, &stage.passkey, response).await;
        assert!(matches!(finish, Err(CeremonyError::Failed(_))), "{state}: {finish:?}");
    }
}
