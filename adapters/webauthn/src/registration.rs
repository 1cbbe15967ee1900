//! Registrations: a request for a new passkey, and its verification (section 7.1).

use kayan_ports::{
    AllowedPasskey, AttestationResponse, Ceremony, CeremonyError, Failure, Passkey, PasskeyUser, ResidentKey,
};
use serde::Deserialize;
use serde_cbor_2::Value as Cbor;
use uuid::Uuid;
use webauthn_rs_core::{
    internals::AuthenticatorData,
    proto::{
        AttestationConveyancePreference, AuthenticatorAttestationResponseRaw, COSEAlgorithm, COSEKey, COSEKeyType,
        ECDSACurve, RegisterPublicKeyCredential, Registration, RegistrationExtensionsClientOutputs,
        RequestRegistrationExtensions, ResidentKeyRequirement, UserVerificationPolicy,
    },
};

use crate::{
    ALGORITHMS, Ceremonies, LONGEST_ID, client_data, fault, options, quietly,
    refusal::{self, Refusal},
    state::{Fingerprint, State},
};

/// More than any authenticator attests, even with a chain of certificates, in bytes.
const LARGEST_ATTESTATION: usize = 16 << 10;
/// More than any browser sends of client data, in bytes.
const LARGEST_CLIENT_DATA: usize = 8 << 10;

/// The labels of a `COSE_Key` on a curve: type, algorithm, curve, x and y (RFC 9053, section 7.1.1).
const CURVE_LABELS: &[i128] = &[1, 3, -1, -2, -3];
/// Those of an RSA key: type, algorithm, modulus and exponent (RFC 8230, section 4).
const RSA_LABELS: &[i128] = &[1, 3, -1, -2];

/// What is kept of an attestation object.
#[derive(Deserialize)]
struct AttestationObject<'a> {
    fmt: &'a str,
    #[serde(rename = "authData")]
    authenticator_data: &'a [u8],
}

impl Ceremonies {
    pub(crate) fn new_registration(
        &self,
        user: PasskeyUser<'_>,
        resident_key: ResidentKey,
        existing: &[AllowedPasskey],
    ) -> Result<Ceremony, Failure> {
        let handle = user.handle.to_string();
        let name = options::name([user.name, user.display_name, &handle]);
        let display_name = options::name([user.display_name, user.name, &handle]);
        let extensions = RequestRegistrationExtensions {
            cred_protect: None,
            uvm: None,
            cred_props: Some(true),
            min_pin_length: None,
            hmac_create_secret: None,
        };
        let (mut challenge, library) = quietly(|| {
            let builder = self.core.new_challenge_register_builder(user.handle.as_bytes(), name, display_name)?;
            let builder = builder
                .attestation(AttestationConveyancePreference::None)
                .user_verification_policy(UserVerificationPolicy::Preferred)
                .credential_algorithms(ALGORITHMS.to_vec())
                .extensions(Some(extensions));
            self.core.generate_challenge_register(builder)
        })
        .map_err(|why| fault("a passkey registration can't be begun", why))?;
        let is_required = resident_key == ResidentKey::Required;
        if let Some(selection) = &mut challenge.public_key.authenticator_selection {
            // The library knows required and discouraged only.
            selection.resident_key = Some(match resident_key {
                ResidentKey::Preferred => ResidentKeyRequirement::Preferred,
                ResidentKey::Required => ResidentKeyRequirement::Required,
            });
            selection.require_resident_key = is_required;
        }
        let options = options::with_passkeys(&challenge.public_key, "excludeCredentials", existing)?;
        let existing = Fingerprint::of_all(existing);
        State::Registration { user: user.handle, discoverable: is_required, existing, library }.with_options(&options)
    }

    pub(crate) fn registered(
        &self,
        state: &str,
        user_handle: Uuid,
        response: AttestationResponse,
    ) -> Result<Passkey, CeremonyError> {
        let State::Registration { user, discoverable: must_be_discoverable, existing, library } = State::parse(state)?
        else {
            return Err(Refusal::Ceremony.into());
        };
        if user != user_handle {
            return Err(Refusal::Ceremony.into());
        }
        let AttestationResponse { credential_id, client_data, attestation_object, transports, discoverable } = response;
        if credential_id.len() > LONGEST_ID
            || attestation_object.len() > LARGEST_ATTESTATION
            || client_data.len() > LARGEST_CLIENT_DATA
        {
            return Err(Refusal::TooLarge.into());
        }
        if credential_id.is_empty() {
            return Err(Refusal::Malformed.into());
        }
        if must_be_discoverable && discoverable == Some(false) {
            return Err(Refusal::NotDiscoverable.into());
        }
        if existing.contains(&Fingerprint::of(&credential_id)) {
            return Err(Refusal::Excluded.into());
        }
        client_data::check(&client_data, &self.relying_party)?;
        let response = RegisterPublicKeyCredential {
            id: String::new(),
            raw_id: credential_id.clone(),
            response: AuthenticatorAttestationResponseRaw {
                attestation_object,
                client_data_json: client_data,
                transports: None,
            },
            type_: "public-key".to_owned(),
            extensions: RegistrationExtensionsClientOutputs::default(),
        };
        let verified = quietly(|| self.core.register_credential(&response, &library, None))
            .map_err(|error| refusal::of(&error))?;
        if verified.cred_id != credential_id {
            return Err(Refusal::Credential.into());
        }
        let object: AttestationObject<'_> =
            serde_cbor_2::from_slice(&response.response.attestation_object).map_err(|_| Refusal::Malformed)?;
        let attested = quietly(|| AuthenticatorData::<Registration>::try_from(object.authenticator_data))
            .ok()
            .and_then(|data| data.acd)
            .ok_or(Refusal::Malformed)?;
        Ok(Passkey {
            public_key: stored_key(&verified.cred, attested.credential_pk)?,
            credential_id,
            user_handle,
            counter: verified.counter,
            user_verified: verified.user_verified,
            discoverable,
            backup_eligible: verified.backup_eligible,
            backed_up: verified.backup_state,
            transports: options::transports(transports),
            aaguid: Uuid::from_bytes(attested.aaguid),
            attestation_format: object.fmt.to_owned(),
        })
    }
}

/// The key as the authenticator wrote it, without members that are not part of a public key.
fn stored_key(key: &COSEKey, written: Cbor) -> Result<Vec<u8>, CeremonyError> {
    // The library takes any curve with any algorithm of its kind.
    let labels = match (key.type_, &key.key) {
        (COSEAlgorithm::ES256, COSEKeyType::EC_EC2(on)) if on.curve == ECDSACurve::SECP256R1 => CURVE_LABELS,
        (COSEAlgorithm::ES384, COSEKeyType::EC_EC2(on)) if on.curve == ECDSACurve::SECP384R1 => CURVE_LABELS,
        (COSEAlgorithm::RS256, COSEKeyType::RSA(_)) => RSA_LABELS,
        _ => return Err(Refusal::Algorithm.into()),
    };
    let Cbor::Map(mut members) = written else { return Err(Refusal::Malformed.into()) };
    members.retain(|label, _| matches!(label, Cbor::Integer(label) if labels.contains(label)));
    Ok(serde_cbor_2::to_vec(&Cbor::Map(members)).map_err(|why| fault("a public key can't be written", why))?)
}
