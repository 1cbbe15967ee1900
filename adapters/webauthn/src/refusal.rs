//! Why a response is refused, in words that quote nothing of it.

use kayan_ports::CeremonyError;
use webauthn_rs_core::error::WebauthnError;

/// Why a response is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the response belongs to another type of ceremony")]
    Type,
    #[error("the challenge is not the one that was sent")]
    Challenge,
    #[error("the origin may not use passkeys here")]
    Origin,
    #[error("the page was in a frame of another site")]
    CrossOrigin,
    #[error("the RP id is not this service's")]
    RpId,
    #[error("the user was not present")]
    UserPresence,
    #[error("the user was not verified")]
    UserVerification,
    #[error("the algorithm of the key is not one that was asked for")]
    Algorithm,
    #[error("the signature does not verify")]
    Signature,
    #[error("the attestation does not verify")]
    Attestation,
    #[error("the format of the attestation is not supported")]
    AttestationFormat,
    #[error("whether the passkey may be backed up has changed")]
    BackupEligibility,
    #[error("the passkey is backed up, but was not said to be eligible for that")]
    BackupState,
    #[error("the passkey is not discoverable")]
    NotDiscoverable,
    #[error("the passkey is registered already")]
    Excluded,
    #[error("the passkey is not the one that was asked for")]
    Credential,
    #[error("the user handle is not the passkey's")]
    UserHandle,
    #[error("the ceremony was begun for something else")]
    Ceremony,
    #[error("the response is too large")]
    TooLarge,
    #[error("the response is malformed")]
    Malformed,
}

impl From<Refusal> for CeremonyError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.to_string())
    }
}

/// What the library says, in our words.
pub(crate) fn of(error: &WebauthnError) -> CeremonyError {
    use WebauthnError as E;
    let refusal = match error {
        E::CredentialPossibleCompromise => return CeremonyError::CounterWentBackwards,
        E::InvalidClientDataType => Refusal::Type,
        E::MismatchedChallenge => Refusal::Challenge,
        E::InvalidRPOrigin => Refusal::Origin,
        E::CredentialCrossOrigin => Refusal::CrossOrigin,
        E::InvalidRPIDHash => Refusal::RpId,
        E::UserNotPresent => Refusal::UserPresence,
        E::UserNotVerified => Refusal::UserVerification,
        E::CredentialAlteredAlgFromRequest
        | E::COSEKeyInvalidType
        | E::COSEKeyInvalidAlgorithm
        | E::COSEKeyEDUnsupported
        | E::COSEKeyECDSAInvalidCurve
        | E::COSEKeyEDDSAInvalidCurve
        | E::SshPublicKeyEDUnsupported => Refusal::Algorithm,
        E::AuthenticationFailure | E::SignatureInvalid | E::AttestationStatementSigInvalid => Refusal::Signature,
        E::AttestationNotSupported => Refusal::AttestationFormat,
        E::CredentialBackupEligibilityInconsistent => Refusal::BackupEligibility,
        E::CredentialMayNotBeHardwareBound => Refusal::BackupState,
        E::CredentialNotFound => Refusal::Credential,
        E::ParseBase64Failure(_)
        | E::ParseCBORFailure(_)
        | E::ParseJSONFailure(_)
        | E::ParseNOMFailure
        | E::ParseInsufficientBytesAvailable
        | E::MissingAttestationCredentialData
        | E::COSEKeyInvalidCBORValue
        | E::COSEKeyECDSAXYInvalid
        | E::COSEKeyRSANEInvalid
        | E::COSEKeyEDDSAXInvalid
        | E::EcdsaPointInvalid
        | E::RsaParametersInvalid => Refusal::Malformed,
        // All that is left is about attestation statements and their certificates.
        _ => Refusal::Attestation,
    };
    refusal.into()
}
