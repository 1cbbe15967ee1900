//! What `toJSON()` makes of a browser's credential (WebAuthn, section 5.1.10).

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use kayan_core::FieldError;
use kayan_ports::{AssertionResponse, AttestationResponse};
use poem_openapi::Object;
use serde::Deserialize;

/// Browsers leave the padding out, some libraries put it in.
const BASE64URL: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A new passkey, as `navigator.credentials.create()` returns it. All bytes are in base64url; other members are ignored.
#[derive(Object, Deserialize)]
pub(crate) struct RegistrationCredential {
    /// The credential id.
    id: String,
    /// The credential id.
    #[oai(rename = "rawId")]
    #[serde(rename = "rawId")]
    raw_id: String,
    /// Always `public-key`.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    kind: String,
    /// What the authenticator made.
    response: AttestationMembers,
    /// The results of extensions.
    #[oai(rename = "clientExtensionResults")]
    #[serde(rename = "clientExtensionResults", default)]
    extensions: Option<ExtensionResults>,
}

/// What an authenticator made.
#[derive(Object, Deserialize)]
#[oai(rename = "AuthenticatorAttestationResponse")]
struct AttestationMembers {
    /// The client data.
    #[oai(rename = "clientDataJSON")]
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    /// The attestation object.
    #[oai(rename = "attestationObject")]
    #[serde(rename = "attestationObject")]
    attestation_object: String,
    /// How the browser can reach the authenticator.
    #[serde(default)]
    transports: Option<Vec<String>>,
}

/// The results of extensions.
#[derive(Object, Deserialize)]
#[oai(rename = "AuthenticationExtensionsClientOutputs")]
struct ExtensionResults {
    /// The properties of the credential.
    #[oai(rename = "credProps")]
    #[serde(rename = "credProps", default)]
    properties: Option<CredentialProperties>,
}

/// The properties of a credential.
#[derive(Object, Deserialize)]
#[oai(rename = "CredentialPropertiesOutput")]
struct CredentialProperties {
    /// Whether it is discoverable.
    #[serde(default)]
    rk: Option<bool>,
}

/// What a passkey signed, as `navigator.credentials.get()` returns it. All bytes are in base64url; other members are ignored.
#[derive(Object, Deserialize)]
pub(crate) struct LoginCredential {
    /// The credential id.
    id: String,
    /// The credential id.
    #[oai(rename = "rawId")]
    #[serde(rename = "rawId")]
    raw_id: String,
    /// Always `public-key`.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    kind: String,
    /// What the authenticator signed.
    response: AssertionMembers,
}

/// What an authenticator signed.
#[derive(Object, Deserialize)]
#[oai(rename = "AuthenticatorAssertionResponse")]
struct AssertionMembers {
    /// The client data.
    #[oai(rename = "clientDataJSON")]
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    /// The authenticator data.
    #[oai(rename = "authenticatorData")]
    #[serde(rename = "authenticatorData")]
    authenticator_data: String,
    /// The signature.
    signature: String,
    /// The user handle, if the authenticator knows it.
    #[oai(rename = "userHandle")]
    #[serde(rename = "userHandle", default)]
    user_handle: Option<String>,
}

impl RegistrationCredential {
    /// The bytes that were encoded.
    pub(crate) fn decoded(self) -> Result<AttestationResponse, FieldError> {
        let credential_id = credential_id(&self.id, &self.raw_id, &self.kind)?;
        let properties = self.extensions.and_then(|results| results.properties);
        Ok(AttestationResponse {
            credential_id,
            client_data: bytes("response/clientDataJSON", &self.response.client_data)?,
            attestation_object: bytes("response/attestationObject", &self.response.attestation_object)?,
            transports: self.response.transports.unwrap_or_default(),
            discoverable: properties.and_then(|properties| properties.rk),
        })
    }
}

impl LoginCredential {
    /// The bytes that were encoded.
    pub(crate) fn decoded(self) -> Result<AssertionResponse, FieldError> {
        let credential_id = credential_id(&self.id, &self.raw_id, &self.kind)?;
        let handle = self.response.user_handle.filter(|handle| !handle.is_empty());
        Ok(AssertionResponse {
            credential_id,
            client_data: bytes("response/clientDataJSON", &self.response.client_data)?,
            authenticator_data: bytes("response/authenticatorData", &self.response.authenticator_data)?,
            signature: bytes("response/signature", &self.response.signature)?,
            user_handle: handle.map(|handle| bytes("response/userHandle", &handle)).transpose()?,
        })
    }
}

fn credential_id(id: &str, raw_id: &str, kind: &str) -> Result<Vec<u8>, FieldError> {
    if kind != "public-key" {
        return Err(FieldError::new("/credential/type", "const", "must be \"public-key\""));
    }
    let raw = bytes("rawId", raw_id)?;
    if bytes("id", id)? != raw {
        return Err(FieldError::new("/credential/id", "const", "must be the same as rawId"));
    }
    Ok(raw)
}

fn bytes(member: &str, text: &str) -> Result<Vec<u8>, FieldError> {
    let message = "must be base64url (RFC 4648, section 5)";
    BASE64URL.decode(text).map_err(|_| FieldError::new(format!("/credential/{member}"), "format", message))
}
