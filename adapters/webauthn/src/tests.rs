//! Ceremonies with a software authenticator: each promise of the port, and what is refused.

mod ceremony;
mod fixture;
mod login;
mod malformed;
mod options;
mod registration;
mod silence;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_authenticator::{Authenticator, BACKED_UP, BACKUP_ELIGIBLE, Lies, Model};
use kayan_ports::{
    AllowedPasskey, Assertion, AssertionResponse, AttestationResponse, Ceremony, CeremonyError, Passkey, PasskeyUser,
    ResidentKey, UserVerification, WebAuthn as _,
};
use serde_json::Value;
use uuid::Uuid;

use crate::{Ceremonies, RelyingParty, refusal::Refusal};

const ORIGIN: &str = "https://login.example.com";
const HANDLE: Uuid = Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef);

fn ceremonies() -> Ceremonies {
    Ceremonies::new(RelyingParty::new("example.com", "Example", &[ORIGIN]).unwrap())
}

fn refused<T>(refusal: Refusal) -> Result<T, CeremonyError> {
    Err(refusal.into())
}

fn user() -> PasskeyUser<'static> {
    PasskeyUser { handle: HANDLE, name: "ada@example.com", display_name: "Ada" }
}

fn allowed(passkey: &Passkey) -> [AllowedPasskey; 1] {
    [AllowedPasskey { credential_id: passkey.credential_id.clone(), transports: passkey.transports.clone() }]
}

fn bytes(value: &Value) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(value.as_str().unwrap()).unwrap()
}

fn attestation(credential: &Value) -> AttestationResponse {
    let response = &credential["response"];
    AttestationResponse {
        credential_id: bytes(&credential["rawId"]),
        client_data: bytes(&response["clientDataJSON"]),
        attestation_object: bytes(&response["attestationObject"]),
        transports: serde_json::from_value(response["transports"].clone()).unwrap(),
        discoverable: credential.pointer("/clientExtensionResults/credProps/rk").and_then(Value::as_bool),
    }
}

fn assertion(credential: &Value) -> AssertionResponse {
    let response = &credential["response"];
    AssertionResponse {
        credential_id: bytes(&credential["rawId"]),
        client_data: bytes(&response["clientDataJSON"]),
        authenticator_data: bytes(&response["authenticatorData"]),
        signature: bytes(&response["signature"]),
        user_handle: response.get("userHandle").map(bytes),
    }
}

/// A service, and an authenticator with a passkey there.
struct Stage {
    service: Ceremonies,
    authenticator: Authenticator,
    passkey: Passkey,
}

impl Stage {
    async fn new(model: Model) -> Self {
        let (service, mut authenticator) = (ceremonies(), Authenticator::new(model));
        let passkey = register(&service, &mut authenticator).await.unwrap();
        Self { service, authenticator, passkey }
    }

    /// A request for this passkey.
    fn begin(&self, user_verification: UserVerification) -> Ceremony {
        self.service.begin_login(&allowed(&self.passkey), user_verification).unwrap()
    }

    /// What the authenticator responds to it.
    fn respond(&mut self, ceremony: &Ceremony) -> AssertionResponse {
        assertion(&self.authenticator.log_in(&ceremony.options, ORIGIN).unwrap())
    }

    async fn finish(&self, ceremony: &Ceremony, response: AssertionResponse) -> Result<Assertion, CeremonyError> {
        self.service.finish_login(&ceremony.state, &self.passkey, response).await
    }

    /// A whole login.
    async fn log_in(&mut self, user_verification: UserVerification) -> Result<Assertion, CeremonyError> {
        let ceremony = self.begin(user_verification);
        let response = self.respond(&ceremony);
        self.finish(&ceremony, response).await
    }
}

/// A registration with an authenticator that lies.
async fn register_lying(model: Model, lies: Lies) -> Result<Passkey, CeremonyError> {
    let mut authenticator = Authenticator::new(model);
    authenticator.lies = lies;
    register(&ceremonies(), &mut authenticator).await
}

/// A login with a phone that lies, after a registration without lies.
async fn log_in_lying(lies: Lies) -> Result<Assertion, CeremonyError> {
    let mut stage = Stage::new(Model::phone()).await;
    stage.authenticator.lies = lies;
    stage.log_in(UserVerification::Required).await
}

/// Both ceremonies refuse this lie for this reason.
async fn both_refuse(lies: Lies, refusal: Refusal) {
    assert_eq!(register_lying(Model::phone(), lies.clone()).await, refused(refusal), "registration: {lies:?}");
    assert_eq!(log_in_lying(lies.clone()).await, refused(refusal), "login: {lies:?}");
}

fn begin_registration(service: &Ceremonies) -> Ceremony {
    service.begin_registration(user(), ResidentKey::Preferred, &[]).unwrap()
}

async fn register(service: &Ceremonies, authenticator: &mut Authenticator) -> Result<Passkey, CeremonyError> {
    let ceremony = begin_registration(service);
    let response = attestation(&authenticator.register(&ceremony.options, ORIGIN).unwrap());
    service.finish_registration(&ceremony.state, HANDLE, response).await
}
