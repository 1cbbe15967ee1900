//! Logins: a request for a signature, and its verification (section 7.2).

use kayan_ports::{
    AllowedPasskey, Assertion, AssertionResponse, Ceremony, CeremonyError, Failure, Passkey, UserVerification,
};
use serde_cbor_2::Value as Cbor;
use webauthn_rs_core::proto::{
    AttestationFormat, AuthenticationExtensionsClientOutputs, AuthenticatorAssertionResponseRaw, COSEKey, Credential,
    ParsedAttestation, PublicKeyCredential, RegisteredExtensions, UserVerificationPolicy,
};

use crate::{
    Ceremonies, LONGEST_ID, client_data, fault, options, quietly,
    refusal::{self, Refusal},
    state::{Fingerprint, State},
};

/// More than any browser sends of client data, authenticator data and signature, in bytes.
const LARGEST: usize = 8 << 10;

impl Ceremonies {
    pub(crate) fn new_login(
        &self,
        allowed: &[AllowedPasskey],
        user_verification: UserVerification,
    ) -> Result<Ceremony, Failure> {
        let policy = match user_verification {
            UserVerification::Required => UserVerificationPolicy::Required,
            UserVerification::Preferred => UserVerificationPolicy::Preferred,
        };
        // Without passkeys: some may be fakes, and the real ones are read when the response comes.
        let (challenge, library) = quietly(|| {
            let builder = self.core.new_challenge_authenticate_builder(Vec::new(), Some(policy))?;
            self.core.generate_challenge_authenticate(builder)
        })
        .map_err(|why| fault("a passkey login can't be begun", why))?;
        let options = options::with_passkeys(&challenge.public_key, "allowCredentials", allowed)?;
        State::Login { allowed: Fingerprint::of_all(allowed), library }.with_options(&options)
    }

    pub(crate) fn logged_in(
        &self,
        state: &str,
        passkey: &Passkey,
        response: AssertionResponse,
    ) -> Result<Assertion, CeremonyError> {
        let State::Login { allowed, library } = State::parse(state)? else { return Err(Refusal::Ceremony.into()) };
        let AssertionResponse { credential_id, client_data, authenticator_data, signature, user_handle } = response;
        if credential_id.len() > LONGEST_ID
            || [&client_data, &authenticator_data, &signature].iter().any(|part| part.len() > LARGEST)
        {
            return Err(Refusal::TooLarge.into());
        }
        if !allowed.is_empty() && !allowed.contains(&Fingerprint::of(&credential_id)) {
            return Err(Refusal::Credential.into());
        }
        match &user_handle {
            Some(handle) if handle != passkey.user_handle.as_bytes() => return Err(Refusal::UserHandle.into()),
            // Nothing else says who logs in.
            None if allowed.is_empty() => return Err(Refusal::UserHandle.into()),
            _ => {}
        }
        client_data::check(&client_data, &self.relying_party)?;
        let credential = credential(passkey)?;
        let response = PublicKeyCredential {
            id: String::new(),
            raw_id: credential_id,
            response: AuthenticatorAssertionResponseRaw {
                authenticator_data,
                client_data_json: client_data,
                signature,
                user_handle,
            },
            extensions: AuthenticationExtensionsClientOutputs::default(),
            type_: "public-key".to_owned(),
        };
        let proven = quietly(|| self.core.authenticate_single_credential(&response, &library, &credential))
            .map_err(|error| refusal::of(&error))?;
        Ok(Assertion {
            counter: proven.counter(),
            user_verified: proven.user_verified(),
            backed_up: proven.backup_state(),
        })
    }
}

/// The passkey as the library wants it.
fn credential(passkey: &Passkey) -> Result<Credential, Failure> {
    let key: Cbor = serde_cbor_2::from_slice(&passkey.public_key)
        .map_err(|why| fault("the public key of a passkey is not CBOR", why))?;
    let cred = COSEKey::try_from(&key).map_err(|why| fault("the public key of a passkey can't be used", why))?;
    Ok(Credential {
        cred_id: passkey.credential_id.clone(),
        cred,
        counter: passkey.counter,
        transports: None,
        user_verified: passkey.user_verified,
        backup_eligible: passkey.backup_eligible,
        backup_state: passkey.backed_up,
        // With it, a passkey that was verified at its registration must be verified each time.
        registration_policy: UserVerificationPolicy::Preferred,
        extensions: RegisteredExtensions::none(),
        attestation: ParsedAttestation::default(),
        attestation_format: AttestationFormat::None,
    })
}
