//! Registrations.

use kayan_authenticator::{Algorithm, Attestation, Refusal as Exception};

use super::*;

#[tokio::test]
async fn a_passkey_is_registered_with_all_that_the_authenticator_says_of_it() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256] {
        for attestation in [Attestation::None, Attestation::PackedSelf] {
            let aaguid = Uuid::from_u128(7);
            let passkey = Stage::new(Model { algorithm, attestation, aaguid, ..Model::phone() }).await.passkey;
            assert_eq!((passkey.user_handle, passkey.aaguid, passkey.credential_id.len()), (HANDLE, aaguid, 16));
            assert_eq!((passkey.discoverable, passkey.counter), (Some(true), 0));
            assert!(passkey.user_verified && passkey.backup_eligible && passkey.backed_up);
            assert_eq!(passkey.transports, ["hybrid", "internal"]);
            let format = if attestation == Attestation::None { "none" } else { "packed" };
            assert_eq!(passkey.attestation_format, format);
        }
    }
    let key = Stage::new(Model::security_key()).await.passkey;
    assert_eq!((key.discoverable, key.counter), (Some(false), 1));
    assert!(!key.user_verified && !key.backup_eligible && !key.backed_up);
}

#[tokio::test]
async fn a_passkey_that_must_be_discoverable_is_refused_if_the_browser_says_that_it_is_not() {
    let service = ceremonies();
    let begin = || service.begin_registration(user(), ResidentKey::Required, &[]).unwrap();
    let options = begin().options;
    let exception = Authenticator::new(Model::security_key()).register(&options, ORIGIN);
    assert_eq!(exception, Err(Exception::NotAllowed), "the options say so, too");
    for (said, outcome) in [(Some(true), Ok(())), (None, Ok(())), (Some(false), refused(Refusal::NotDiscoverable))] {
        let ceremony = begin();
        let mut response = attestation(&Authenticator::default().register(&ceremony.options, ORIGIN).unwrap());
        response.discoverable = said;
        let registered = service.finish_registration(&ceremony.state, HANDLE, response).await;
        assert_eq!(registered.map(|passkey| assert_eq!(passkey.discoverable, said)), outcome);
    }
}

#[tokio::test]
async fn a_passkey_that_is_registered_already_is_excluded() {
    let mut stage = Stage::new(Model::phone()).await;
    let known = allowed(&stage.passkey);
    let ceremony = stage.service.begin_registration(user(), ResidentKey::Preferred, &known).unwrap();
    assert_eq!(stage.authenticator.register(&ceremony.options, ORIGIN), Err(Exception::AlreadyRegistered));
    let credential_id = Some(stage.passkey.credential_id.clone());
    stage.authenticator.lies = Lies { ignores_excluded: true, credential_id, ..Lies::default() };
    let response = attestation(&stage.authenticator.register(&ceremony.options, ORIGIN).unwrap());
    let registered = stage.service.finish_registration(&ceremony.state, HANDLE, response).await;
    assert_eq!(registered, refused(Refusal::Excluded));
}

#[tokio::test]
async fn i_20_a_key_of_an_algorithm_that_was_not_asked_for_is_refused() {
    let curve = |algorithm: Algorithm, claimed: i64| (algorithm, Some(claimed));
    for (algorithm, claimed) in [
        curve(Algorithm::Es256, -8),
        curve(Algorithm::Es256, -36),
        curve(Algorithm::Es256, -257),
        curve(Algorithm::Rs256, -65535),
        curve(Algorithm::Rs256, -37),
        // on the curve of the other
        curve(Algorithm::Es256, -35),
        curve(Algorithm::Es384, -7),
        curve(Algorithm::Es256, i64::MIN),
    ] {
        let lies = Lies { algorithm: claimed, ..Lies::default() };
        let registered = register_lying(Model { algorithm, ..Model::phone() }, lies).await;
        assert_eq!(registered, refused(Refusal::Algorithm), "{algorithm:?} as {claimed:?}");
    }
}

#[tokio::test]
async fn i_20_a_packed_attestation_that_does_not_verify_is_refused() {
    let mut authenticator = Authenticator::new(Model { attestation: Attestation::PackedSelf, ..Model::phone() });
    let service = ceremonies();
    let ceremony = begin_registration(&service);
    let mut response = attestation(&authenticator.register(&ceremony.options, ORIGIN).unwrap());
    response.client_data.push(b' ');
    let registered = service.finish_registration(&ceremony.state, HANDLE, response).await;
    assert_eq!(registered, refused(Refusal::Signature));
}

#[tokio::test]
async fn i_20_the_credential_id_is_the_one_that_the_authenticator_attests() {
    let (service, mut authenticator) = (ceremonies(), Authenticator::default());
    let ceremony = begin_registration(&service);
    let mut response = attestation(&authenticator.register(&ceremony.options, ORIGIN).unwrap());
    response.credential_id[0] ^= 1;
    let registered = service.finish_registration(&ceremony.state, HANDLE, response).await;
    assert_eq!(registered, refused(Refusal::Credential));
}

#[tokio::test]
async fn of_transports_only_a_few_short_names_are_kept() {
    let mut model = Model::phone();
    let long = "x".repeat(33);
    let names = ["usb", "usb", "smart-card", "", "USB", "a b", "<b>", "née", &long, "x1", "x2", "x3", "x4", "x5", "x6"];
    model.transports = names.map(str::to_owned).to_vec();
    model.transports.push("x7".to_owned());
    let passkey = Stage::new(model).await.passkey;
    assert_eq!(passkey.transports, ["usb", "smart-card", "x1", "x2", "x3", "x4", "x5", "x6"]);
}
