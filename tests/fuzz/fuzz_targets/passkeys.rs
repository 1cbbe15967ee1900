//! Responses of authenticators: none is a panic, and nothing but what was signed logs a user in.
#![no_main]

use std::{
    pin::pin,
    sync::LazyLock,
    task::{Context, Poll, Waker},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_authenticator::{Algorithm, Authenticator, Model};
use kayan_ports::{
    AssertionResponse, AttestationResponse, Ceremony, Passkey, PasskeyUser, ResidentKey, UserVerification,
    WebAuthn as _,
};
use kayan_webauthn::{Ceremonies, RelyingParty};
use serde_json::Value;
use uuid::Uuid;

const ORIGIN: &str = "https://example.com";
/// What stands for the challenge in made-up client data.
const CHALLENGE: &[u8] = b"CHALLENGE";

static STAGE: LazyLock<Stage> = LazyLock::new(Stage::new);

/// A registration that was begun, a good response to it, and for each algorithm a login and a good response.
struct Stage {
    service: Ceremonies,
    registration: (Ceremony, AttestationResponse),
    logins: [(Passkey, Ceremony, AssertionResponse); 2],
}

// The first byte says which part is made up.
libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let Some((&part, made_up)) = input.split_first() else { return };
    let Stage { service, registration: (begun, attested), logins } = &*STAGE;
    let bytes = made_up.to_vec();
    let registered = match part {
        b'a' => AttestationResponse { attestation_object: bytes, ..attested.clone() },
        b'r' => AttestationResponse { client_data: with_challenge(made_up, begun), ..attested.clone() },
        _ => return logins.iter().for_each(|login| log_in(service, part, made_up, login)),
    };
    let outcome = now(service.finish_registration(&begun.state, Uuid::nil(), registered));
    if let Ok(passkey) = outcome {
        assert!(passkey.public_key.len() < 512 && (1..1024).contains(&passkey.credential_id.len()));
    }
});

fn log_in(
    service: &Ceremonies,
    part: u8,
    made_up: &[u8],
    (passkey, begun, good): &(Passkey, Ceremony, AssertionResponse),
) {
    let (bytes, mut response) = (made_up.to_vec(), good.clone());
    match part {
        b'd' => response.authenticator_data = bytes,
        b'l' => response.client_data = with_challenge(made_up, begun),
        b's' => response.signature = bytes,
        b'u' => response.user_handle = Some(bytes),
        _ => response.credential_id = bytes,
    }
    if now(service.finish_login(&begun.state, passkey, response.clone())).is_ok() {
        assert_eq!(response.authenticator_data, good.authenticator_data);
        assert_eq!(response.client_data, good.client_data);
        assert_eq!(response.user_handle, good.user_handle);
        assert_eq!(response.credential_id, good.credential_id);
    }
}

fn with_challenge(made_up: &[u8], begun: &Ceremony) -> Vec<u8> {
    let Some(at) = made_up.windows(CHALLENGE.len()).position(|it| it == CHALLENGE) else { return made_up.to_vec() };
    let options: Value = serde_json::from_str(&begun.options).unwrap_or_default();
    let challenge = options.get("challenge").and_then(Value::as_str).unwrap_or_default();
    let (before, after) = made_up.split_at(at);
    [before, challenge.as_bytes(), after.split_at(CHALLENGE.len()).1].concat()
}

/// What a future is that waits for nothing.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => std::process::abort(),
    }
}

impl Stage {
    #[expect(clippy::expect_used, reason = "the seeds are made from valid responses")]
    fn new() -> Self {
        let party = RelyingParty::new("example.com", "", &[ORIGIN]).expect("a relying party");
        let service = Ceremonies::new(party);
        let register = |authenticator: &mut Authenticator| {
            let user = PasskeyUser { handle: Uuid::nil(), name: "ada", display_name: "Ada" };
            let begun = service.begin_registration(user, ResidentKey::Preferred, &[]).expect("options");
            let credential = authenticator.register(&begun.options, ORIGIN).expect("a credential");
            (begun, attestation(&credential))
        };
        let registration = register(&mut Authenticator::default());
        let logins = [Algorithm::Es256, Algorithm::Rs256].map(|algorithm| {
            let mut authenticator = Authenticator::new(Model { algorithm, ..Model::phone() });
            let (begun, attested) = register(&mut authenticator);
            let passkey = now(service.finish_registration(&begun.state, Uuid::nil(), attested)).expect("a passkey");
            let begun = service.begin_login(&[], UserVerification::Required).expect("options");
            let credential = authenticator.log_in(&begun.options, ORIGIN).expect("a credential");
            let response = assertion(&credential);
            now(service.finish_login(&begun.state, &passkey, response.clone())).expect("a login");
            (passkey, begun, response)
        });
        Self { service, registration, logins }
    }
}

fn bytes(credential: &Value, pointer: &str) -> Vec<u8> {
    let text = credential.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    URL_SAFE_NO_PAD.decode(text).unwrap_or_default()
}

fn attestation(credential: &Value) -> AttestationResponse {
    AttestationResponse {
        credential_id: bytes(credential, "/rawId"),
        client_data: bytes(credential, "/response/clientDataJSON"),
        attestation_object: bytes(credential, "/response/attestationObject"),
        transports: Vec::new(),
        discoverable: None,
    }
}

fn assertion(credential: &Value) -> AssertionResponse {
    AssertionResponse {
        credential_id: bytes(credential, "/rawId"),
        client_data: bytes(credential, "/response/clientDataJSON"),
        authenticator_data: bytes(credential, "/response/authenticatorData"),
        signature: bytes(credential, "/response/signature"),
        user_handle: Some(bytes(credential, "/response/userHandle")),
    }
}
