//! Registrations.

use kayan_authenticator::{Algorithm, Attestation};

use super::*;

#[tokio::test]
async fn a_passkey_is_registered_with_all_that_the_authenticator_says_of_it() {
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Rs256] {
        for attestation in [Attestation::None, Attestation::PackedSelf] {
            let aaguid = Uuid::from_u128(7);
            let passkey = Stage::new(Model { algorithm, attestation, aaguid, ..Model::phone() }).await.passkey;
            assert_eq!((passkey.user_handle, passkey.aaguid, passkey.credential_id.len()), (HANDLE, aaguid, 16));
            assert_eq!((passkey.discoverable, passkey.counter), (Some(true), 0));
            assert!(passkey.user_verified && passkey.backup_eligible && passkey.backed_up);
            assert_eq!(passkey.transports, ["hybrid", "internal"]);
            let format = if attestation == Attestation::None { "none" } else { "packed" };
            assert_eq!(passkey.attestation_format, format);
        }
    }
    let key = Stage::new(Model::security_key()).await.passkey;
    assert_eq!((key.discoverable, key.counter), (Some(false), 1));
    assert!(!key.user_verified && !key.backup_eligible && !key.backed_up);
}
