//! What browsers are asked for.

use serde_json::json;

use super::*;

fn parsed(ceremony: &Ceremony) -> Value {
    let mut options: Value = serde_json::from_str(&ceremony.options).unwrap();
    assert_eq!(bytes(&options["challenge"]).len(), 32);
    options["challenge"] = "…".into();
    options
}

fn known() -> [AllowedPasskey; 2] {
    let known = |byte: u8, transports: &[&str]| AllowedPasskey {
        credential_id: vec![byte; 3],
        transports: transports.iter().map(|&name| name.to_owned()).collect(),
    };
    [known(1, &["usb", "smart-card"]), known(2, &[])]
}

#[test]
fn a_registration_asks_for_a_discoverable_passkey_with_user_verification_and_without_attestation() {
    let service = ceremonies();
    let ceremony = service.begin_registration(user(), ResidentKey::Preferred, &known()).unwrap();
    let expected = json!({
        "rp": { "id": "example.com", "name": "Example" },
        "user": { "id": URL_SAFE_NO_PAD.encode(HANDLE), "name": "ada@example.com", "displayName": "Ada" },
        "challenge": "…",
        "pubKeyCredParams": [
            { "type": "public-key", "alg": -7 },
            { "type": "public-key", "alg": -35 },
            { "type": "public-key", "alg": -257 },
        ],
        "timeout": 300_000,
        "excludeCredentials": [
            { "type": "public-key", "id": "AQEB", "transports": ["usb", "smart-card"] },
            { "type": "public-key", "id": "AgIC" },
        ],
        "authenticatorSelection":
            { "residentKey": "preferred", "requireResidentKey": false, "userVerification": "preferred" },
        "attestation": "none",
        "extensions": { "credProps": true },
    });
    assert_eq!(parsed(&ceremony), expected);
    let required = parsed(&service.begin_registration(user(), ResidentKey::Required, &[]).unwrap());
    assert_eq!(
        required["authenticatorSelection"],
        json!({ "residentKey": "required", "requireResidentKey": true, "userVerification": "preferred" })
    );
    assert_eq!(required["excludeCredentials"], json!([]));
}

#[test]
fn a_login_asks_for_the_given_passkeys_or_for_any() {
    let service = ceremonies();
    let ceremony = service.begin_login(&known(), UserVerification::Preferred).unwrap();
    let expected = json!({
        "challenge": "…",
        "timeout": 300_000,
        "rpId": "example.com",
        "allowCredentials": [
            { "type": "public-key", "id": "AQEB", "transports": ["usb", "smart-card"] },
            { "type": "public-key", "id": "AgIC" },
        ],
        "userVerification": "preferred",
    });
    assert_eq!(parsed(&ceremony), expected);
    let any = parsed(&service.begin_login(&[], UserVerification::Required).unwrap());
    assert_eq!((&any["allowCredentials"], &any["userVerification"]), (&json!([]), &json!("required")));
}

#[test]
fn no_two_ceremonies_have_the_same_challenge() {
    let service = ceremonies();
    let one = service.begin_login(&[], UserVerification::Required).unwrap().options;
    assert_ne!(one, service.begin_login(&[], UserVerification::Required).unwrap().options);
}

#[test]
fn names_are_cut_between_characters_and_never_empty() {
    let service = ceremonies();
    let long = "é".repeat(40);
    let handle = HANDLE.to_string();
    for ((name, display_name), expected) in [
        ((&*long, "Ada"), ["é".repeat(32), "Ada".to_owned()]),
        (("ada", ""), ["ada".to_owned(), "ada".to_owned()]),
        (("", "Ada"), ["Ada".to_owned(), "Ada".to_owned()]),
        (("", " "), [handle.clone(), handle.clone()]),
        ((&*"a".repeat(64), &*format!("a{}", "é".repeat(32))), ["a".repeat(64), format!("a{}", "é".repeat(31))]),
    ] {
        let user = PasskeyUser { handle: HANDLE, name, display_name };
        let options = parsed(&service.begin_registration(user, ResidentKey::Preferred, &[]).unwrap());
        assert_eq!(
            [&options["user"]["name"], &options["user"]["displayName"]].map(|it| it.as_str().unwrap()),
            expected
        );
    }
}

#[test]
fn the_state_of_a_ceremony_does_not_grow_with_long_credential_ids() {
    let service = ceremonies();
    let long: Vec<_> = known().map(|it| AllowedPasskey { credential_id: vec![1; 1023], ..it }).to_vec();
    let sizes = [&known()[..], &long].map(|passkeys| {
        let registration = service.begin_registration(user(), ResidentKey::Preferred, passkeys).unwrap();
        (registration.state.len(), service.begin_login(passkeys, UserVerification::Required).unwrap().state.len())
    });
    assert_eq!(sizes[0], sizes[1]);
    assert!(sizes[0].0 < 1024 && sizes[0].1 < 1024, "{sizes:?}");
}
