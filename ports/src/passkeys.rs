//! Passkeys: public key credentials of authenticators (Web Authentication Level 3).

use std::fmt;

use async_trait::async_trait;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::Failure;

/// A public key credential of an authenticator (WebAuthn, section 4, "credential record").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passkey {
    /// The credential id that the authenticator chose, 1 to 1,023 bytes.
    pub credential_id: Vec<u8>,
    /// The public key: a `COSE_Key` in CBOR (RFC 9052, section 7).
    pub public_key: Vec<u8>,
    /// The user handle that the authenticator knows its owner by: random, and that of the owner's passkeys before it.
    pub user_handle: Uuid,
    /// The signature counter; 0 if the authenticator has none.
    pub counter: u32,
    /// Whether its owner was verified, by a PIN or a fingerprint, when it was registered. Then it must be so each time.
    pub user_verified: bool,
    /// Whether it is discoverable: offered without an identifier. `None`: the browser did not say.
    pub discoverable: Option<bool>,
    /// Whether it may exist on several devices. Never changes.
    pub backup_eligible: bool,
    /// Whether it was backed up when it was last used.
    pub backed_up: bool,
    /// How a browser can reach the authenticator, such as `internal`, `usb`, `hybrid`.
    pub transports: Vec<String>,
    /// The model of the authenticator, as it claims itself; all zero if it does not say.
    pub aaguid: Uuid,
    /// The format of the attestation, such as `none` or `packed`.
    pub attestation_format: String,
}

/// The options for `navigator.credentials` in a browser, and what verifies the response.
#[derive(Clone)]
pub struct Ceremony {
    /// The member `publicKey` of the options, as JSON.
    pub options: String,
    /// What is needed to verify the response. It has the challenge in it: kept sealed, and used once (I-20).
    pub state: Zeroizing<String>,
}

impl fmt::Debug for Ceremony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ceremony([redacted])")
    }
}

/// Whether a passkey must be discoverable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResidentKey {
    /// If the authenticator can.
    #[default]
    Preferred,
    /// Else it is not registered.
    Required,
}

/// Whether the authenticator must verify its user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserVerification {
    /// Always: the passkey is the whole login.
    Required,
    /// If it was so at the registration: the passkey is one factor of two.
    Preferred,
}

/// Whom a passkey is made for.
#[derive(Debug, Clone, Copy)]
pub struct PasskeyUser<'a> {
    /// The user handle.
    pub handle: Uuid,
    /// The identifier the user logs in with.
    pub name: &'a str,
    /// What the user is called.
    pub display_name: &'a str,
}

/// A passkey as a browser is asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowedPasskey {
    /// The credential id.
    pub credential_id: Vec<u8>,
    /// How a browser can reach the authenticator.
    pub transports: Vec<String>,
}

/// The response of an authenticator to a registration (WebAuthn, section 5.2.1), decoded.
#[derive(Debug, Clone)]
pub struct AttestationResponse {
    /// The credential id.
    pub credential_id: Vec<u8>,
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `attestationObject`.
    pub attestation_object: Vec<u8>,
    /// What `getTransports()` answered.
    pub transports: Vec<String>,
    /// The result `rk` of the extension `credProps`: whether the passkey is discoverable.
    pub discoverable: Option<bool>,
}

/// The response of an authenticator to a login (WebAuthn, section 5.2.2), decoded.
#[derive(Debug, Clone)]
pub struct AssertionResponse {
    /// The credential id.
    pub credential_id: Vec<u8>,
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `authenticatorData`.
    pub authenticator_data: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The user handle, if the authenticator knows it.
    pub user_handle: Option<Vec<u8>>,
}

/// What an authenticator proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assertion {
    /// The signature counter.
    pub counter: u32,
    /// Whether it verified its user.
    pub user_verified: bool,
    /// Whether the passkey is backed up now.
    pub backed_up: bool,
}

/// Why a response was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    /// The response does not verify. The text says why, without anything from the response.
    #[error("{0}")]
    Refused(String),
    /// The signature counter went backwards: there may be a copy of the authenticator.
    #[error("the signature counter went backwards")]
    CounterWentBackwards,
    /// A bug, or a damaged state.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// Verifies what authenticators respond (WebAuthn, section 7).
///
/// An implementor must verify type, challenge, origin, RP id, user presence, user verification, algorithm and signature of
/// the raw bytes; must refuse cross-origin responses; and must not block the runtime while it computes.
#[async_trait]
pub trait WebAuthn: Send + Sync {
    /// Begins to register a passkey that is none of `existing`.
    fn begin_registration(
        &self,
        user: PasskeyUser<'_>,
        resident_key: ResidentKey,
        existing: &[AllowedPasskey],
    ) -> Result<Ceremony, Failure>;

    /// The passkey that was registered, with this user handle.
    async fn finish_registration(
        &self,
        state: &str,
        user_handle: Uuid,
        response: AttestationResponse,
    ) -> Result<Passkey, CeremonyError>;

    /// Asks for one of `allowed`, or for any discoverable passkey if there are none.
    fn begin_login(&self, allowed: &[AllowedPasskey], user_verification: UserVerification)
    -> Result<Ceremony, Failure>;

    /// Verifies the response with this passkey, which was read after the response came.
    async fn finish_login(
        &self,
        state: &str,
        passkey: &Passkey,
        response: AssertionResponse,
    ) -> Result<Assertion, CeremonyError>;
}
