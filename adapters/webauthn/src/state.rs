//! What is kept between the two halves of a ceremony.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{AllowedPasskey, Ceremony, CeremonyError, Failure};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use webauthn_rs_core::proto::{AuthenticationState, RegistrationState};
use zeroize::Zeroizing;

use crate::fault;

/// What verifies a response. It lives for five minutes, so the library's own JSON may be in it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Of a registration.
    Registration {
        /// The user handle.
        user: Uuid,
        /// Whether the passkey must be discoverable.
        discoverable: bool,
        /// The passkeys that are registered already.
        existing: Vec<Fingerprint>,
        /// The library's part.
        library: RegistrationState,
    },
    /// Of a login.
    Login {
        /// The passkeys that were asked for; none for any that is discoverable.
        allowed: Vec<Fingerprint>,
        /// The library's part.
        library: AuthenticationState,
    },
}

impl State {
    pub(crate) fn parse(text: &str) -> Result<Self, CeremonyError> {
        Ok(serde_json::from_str(text).map_err(|why| fault("the state of a ceremony can't be read", why))?)
    }

    /// This state, with the options that belong to it.
    pub(crate) fn with_options(&self, options: &impl Serialize) -> Result<Ceremony, Failure> {
        let failed = |why| fault("the options of a ceremony can't be written", why);
        let options = serde_json::to_string(options).map_err(failed)?;
        Ok(Ceremony { options, state: Zeroizing::new(serde_json::to_string(self).map_err(failed)?) })
    }
}

/// Half a SHA-256 of a credential id, which alone could be a kilobyte.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Fingerprint(String);

impl Fingerprint {
    pub(crate) fn of(credential_id: &[u8]) -> Self {
        let hash = Sha256::digest(credential_id);
        Self(URL_SAFE_NO_PAD.encode(hash.split_at(16).0))
    }

    pub(crate) fn of_all(passkeys: &[AllowedPasskey]) -> Vec<Self> {
        passkeys.iter().map(|it| Self::of(&it.credential_id)).collect()
    }
}
