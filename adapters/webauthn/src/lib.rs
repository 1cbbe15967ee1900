//! Passkeys: the options for a browser, and the verification of its response.
//!
//! The cryptography and most of the protocol are `webauthn-rs-core`'s. Its safe wrapper, `webauthn-rs`, is not used
//! ([decision 17](../../../docs/decisions/0017-passkeys-over-webauthn-rs-core.md)): it decides by the type of key what we
//! decide by the request, and stores its own blob. What the core leaves to its caller is verified here: cross-origin
//! frames at login, the exact origin, the credential ids, the user handle, the curve of the algorithm, and all sizes.

mod client_data;
mod login;
mod options;
mod refusal;
mod registration;
mod relying_party;
mod state;
#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use async_trait::async_trait;
use kayan_ports::{
    AllowedPasskey, Assertion, AssertionResponse, AttestationResponse, Ceremony, CeremonyError, Failure, Passkey,
    PasskeyUser, ResidentKey, UserVerification, WebAuthn,
};
use tracing::{Dispatch, dispatcher};
use uuid::Uuid;
use webauthn_rs_core::{WebauthnCore, proto::COSEAlgorithm};

pub use crate::relying_party::{OriginError, RelyingParty, RelyingPartyError};

/// How long a browser waits for its user; the ceremony itself ends when its token expires.
const TIMEOUT: Duration = Duration::from_mins(5);

/// The longest credential id that the specification allows (section 6.5.1), in bytes; the library takes longer ones.
const LONGEST_ID: usize = 1023;

/// The algorithms that are asked for, the best first. The library has no `EdDSA`, and verifies no P-521.
const ALGORITHMS: [COSEAlgorithm; 3] = [COSEAlgorithm::ES256, COSEAlgorithm::ES384, COSEAlgorithm::RS256];

/// Begins and finishes the ceremonies of one relying party.
pub struct Ceremonies {
    core: WebauthnCore,
    relying_party: RelyingParty,
}

impl fmt::Debug for Ceremonies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ceremonies").field(&self.relying_party).finish()
    }
}

impl Ceremonies {
    /// The ceremonies of this relying party.
    pub fn new(relying_party: RelyingParty) -> Self {
        let core = WebauthnCore::new_unsafe_experts_only(
            relying_party.name(),
            relying_party.id(),
            relying_party.urls().to_vec(),
            TIMEOUT,
            Some(false),
            Some(false),
        );
        Self { core, relying_party }
    }

    /// Whom they are for.
    pub fn relying_party(&self) -> &RelyingParty {
        &self.relying_party
    }
}

/// All of it on the calling thread: a signature takes a processor 0.2 ms (ES256) to 0.5 ms (ES384), and the largest
/// malformed attestation 0.4 ms, which is little more than to hand it to another thread and back.
#[async_trait]
impl WebAuthn for Ceremonies {
    fn begin_registration(
        &self,
        user: PasskeyUser<'_>,
        resident_key: ResidentKey,
        existing: &[AllowedPasskey],
    ) -> Result<Ceremony, Failure> {
        self.new_registration(user, resident_key, existing)
    }

    async fn finish_registration(
        &self,
        state: &str,
        user_handle: Uuid,
        response: AttestationResponse,
    ) -> Result<Passkey, CeremonyError> {
        self.registered(state, user_handle, response)
    }

    fn begin_login(
        &self,
        allowed: &[AllowedPasskey],
        user_verification: UserVerification,
    ) -> Result<Ceremony, Failure> {
        self.new_login(allowed, user_verification)
    }

    async fn finish_login(
        &self,
        state: &str,
        passkey: &Passkey,
        response: AssertionResponse,
    ) -> Result<Assertion, CeremonyError> {
        self.logged_in(state, passkey, response)
    }
}

/// Calls the library without its log: it writes whole responses into it, as errors.
fn quietly<T>(call: impl FnOnce() -> T) -> T {
    dispatcher::with_default(&Dispatch::none(), call)
}

fn fault(what: &str, why: impl fmt::Display) -> Failure {
    Failure::Fault(format!("{what}: {why}"))
}
