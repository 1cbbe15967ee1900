//! Bytes that no authenticator sends.

use serde_cbor_2::Value as Cbor;

use super::*;

/// A registration that was begun, and a good response to it.
fn begun() -> (Ceremonies, Ceremony, AttestationResponse) {
    let service = ceremonies();
    let ceremony = begin_registration(&service);
    let response = attestation(&Authenticator::default().register(&ceremony.options, ORIGIN).unwrap());
    (service, ceremony, response)
}

/// Finishes it with another attestation object.
async fn finish(object: Vec<u8>) -> Result<Passkey, CeremonyError> {
    let (service, ceremony, response) = begun();
    let response = AttestationResponse { attestation_object: object, ..response };
    service.finish_registration(&ceremony.state, HANDLE, response).await
}

fn integer(number: i128) -> Cbor {
    Cbor::Integer(number)
}

/// An attestation object with this credential id and this key.
fn object(credential_id: &[u8], key: &[(i128, Cbor)]) -> Vec<u8> {
    let key = Cbor::Map(key.iter().map(|(label, value)| (integer(*label), value.clone())).collect());
    let length = u16::try_from(credential_id.len()).unwrap().to_be_bytes();
    let rp_id = aws_sha256(b"example.com");
    let data = [&rp_id[..], &[0x45], &[0; 4], &[0; 16], &length, credential_id, &serde_cbor_2::to_vec(&key).unwrap()];
    let text = |text: &str| Cbor::Text(text.to_owned());
    let members = [
        (text("fmt"), text("none")),
        (text("attStmt"), Cbor::Map([].into())),
        (text("authData"), Cbor::Bytes(data.concat())),
    ];
    serde_cbor_2::to_vec(&Cbor::Map(members.into())).unwrap()
}

fn aws_sha256(bytes: &[u8]) -> Vec<u8> {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).to_vec()
}

fn rsa(modulus: Vec<u8>, exponent: [u8; 3]) -> [(i128, Cbor); 4] {
    [(1, integer(3)), (3, integer(-257)), (-1, Cbor::Bytes(modulus)), (-2, Cbor::Bytes(exponent.to_vec()))]
}

fn on_p256(x: Vec<u8>, y: Vec<u8>) -> [(i128, Cbor); 5] {
    [(1, integer(2)), (3, integer(-7)), (-1, integer(1)), (-2, Cbor::Bytes(x)), (-3, Cbor::Bytes(y))]
}

#[tokio::test]
async fn a_truncated_attestation_object_is_refused() {
    let (service, ceremony, whole) = begun();
    for length in 0..whole.attestation_object.len() {
        let mut response = whole.clone();
        response.attestation_object.truncate(length);
        let registered = service.finish_registration(&ceremony.state, HANDLE, response).await;
        assert_eq!(registered, refused(Refusal::Malformed), "{length}");
    }
}

#[tokio::test]
async fn truncated_client_data_are_refused() {
    let (service, ceremony, whole) = begun();
    for length in 0..whole.client_data.len() {
        let mut response = whole.clone();
        response.client_data.truncate(length);
        let registered = service.finish_registration(&ceremony.state, HANDLE, response).await;
        assert_eq!(registered, refused(Refusal::Malformed), "{length}");
    }
}

#[tokio::test]
async fn a_truncated_assertion_is_refused() {
    let mut stage = Stage::new(Model::phone()).await;
    let ceremony = stage.begin(UserVerification::Required);
    let whole = stage.respond(&ceremony);
    for length in 0..whole.authenticator_data.len() {
        let mut response = whole.clone();
        response.authenticator_data.truncate(length);
        assert_eq!(stage.finish(&ceremony, response).await, refused(Refusal::Malformed), "{length}");
    }
    for length in 0..whole.signature.len() {
        let mut response = whole.clone();
        response.signature.truncate(length);
        assert_eq!(stage.finish(&ceremony, response).await, refused(Refusal::Signature), "{length}");
    }
}

#[tokio::test]
async fn cbor_of_any_depth_is_refused() {
    for (open, depth) in [(0x81, 100), (0x81, 16_000), (0xa1, 16_000), (0x9f, 16_000), (0xc1, 16_000), (0xbf, 16_000)] {
        assert_eq!(finish(vec![open; depth]).await, refused(Refusal::Malformed), "{open:x}, {depth}");
    }
    // an array, a map, a text and bytes that say they are large
    for huge in [[0x9a, 0xff, 0xff, 0xff, 0xff], [0xba, 0xff, 0xff, 0xff, 0xff], [0x7a; 5], [0x5a; 5]] {
        assert_eq!(finish(huge.to_vec()).await, refused(Refusal::Malformed), "{huge:x?}");
    }
}

#[tokio::test]
async fn a_part_that_is_too_large_is_refused_unread() {
    assert_eq!(finish(vec![0; 100_000]).await, refused(Refusal::TooLarge));
    let (service, ceremony, mut response) = begun();
    response.client_data = vec![b' '; 100_000];
    let registered = service.finish_registration(&ceremony.state, HANDLE, response).await;
    assert_eq!(registered, refused(Refusal::TooLarge));
    let mut stage = Stage::new(Model::phone()).await;
    let ceremony = stage.begin(UserVerification::Required);
    let good = stage.respond(&ceremony);
    for response in [
        AssertionResponse { client_data: vec![b' '; 100_000], ..good.clone() },
        AssertionResponse { authenticator_data: vec![0; 100_000], ..good.clone() },
        AssertionResponse { signature: vec![0; 100_000], ..good.clone() },
        AssertionResponse { credential_id: vec![0; 1024], ..good.clone() },
    ] {
        assert_eq!(stage.finish(&ceremony, response).await, refused(Refusal::TooLarge));
    }
}

#[tokio::test]
async fn a_credential_id_has_1_to_1023_bytes() {
    for (length, outcome) in [
        (0, refused(Refusal::Malformed)),
        (1, Ok(())),
        (1023, Ok(())),
        (1024, refused(Refusal::TooLarge)),
        (4096, refused(Refusal::TooLarge)),
        (65_000, refused(Refusal::TooLarge)),
    ] {
        let lies = Lies { credential_id: Some(vec![7; length]), ..Lies::default() };
        let registered = register_lying(Model::phone(), lies).await;
        assert_eq!(registered.map(|passkey| assert_eq!(passkey.credential_id.len(), length)), outcome, "{length}");
    }
}

#[tokio::test]
async fn a_key_that_is_none_is_refused() {
    let id = [7; 16];
    let mut even = vec![0xff; 256];
    even[255] = 0xfe;
    for key in [rsa(vec![0; 256], [1, 0, 1]), rsa(even, [1, 0, 1]), rsa(vec![0xff; 256], [0, 0, 0])] {
        assert_eq!(finish(object(&id, &key)).await, refused(Refusal::Malformed));
    }
    for key in [rsa(vec![0xff; 255], [1, 0, 1]), rsa(vec![0xff; 512], [1, 0, 1])] {
        assert_eq!(finish(object(&id, &key)).await, refused(Refusal::Malformed));
    }
    for key in [
        on_p256(vec![0; 32], vec![0; 32]),
        on_p256(vec![0xff; 32], vec![0xff; 32]),
        on_p256(vec![], vec![]),
        on_p256(vec![1; 33], vec![1; 33]),
    ] {
        assert_eq!(finish(object(&id, &key)).await, refused(Refusal::Malformed));
    }
    assert_eq!(finish(object(&id, &[])).await, refused(Refusal::Malformed));
}

#[tokio::test]
async fn of_a_public_key_only_its_own_members_are_kept() {
    let (_, _, good) = begun();
    let Cbor::Map(members) = serde_cbor_2::from_slice(&good.attestation_object).unwrap() else { panic!("no map") };
    let Some(Cbor::Bytes(data)) = members.get(&Cbor::Text("authData".to_owned())) else { panic!("no data") };
    let (id, written) = (&data[55..71], &data[71..]);
    let Cbor::Map(key) = serde_cbor_2::from_slice(written).unwrap() else { panic!("no key") };
    let mut key: Vec<_> = key.into_iter().filter_map(|(label, value)| Some((label.as_integer()?, value))).collect();
    key.extend([(2, Cbor::Bytes(vec![0; 1000])), (99, Cbor::Bool(true)), (-4, Cbor::Bytes(vec![1; 1000]))]);
    let (service, ceremony, response) = begun();
    let response = AttestationResponse { credential_id: id.to_vec(), attestation_object: object(id, &key), ..response };
    let passkey = service.finish_registration(&ceremony.state, HANDLE, response).await.unwrap();
    assert_eq!(passkey.public_key, written);
}

trait AsInteger {
    fn as_integer(&self) -> Option<i128>;
}

impl AsInteger for Cbor {
    fn as_integer(&self) -> Option<i128> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }
}

#[tokio::test]
async fn a_stored_key_that_cannot_be_read_is_a_fault() {
    let mut stage = Stage::new(Model::phone()).await;
    for key in [&[][..], &[0xa0], b"nonsense"] {
        stage.passkey.public_key = key.to_vec();
        let outcome = stage.log_in(UserVerification::Required).await;
        assert!(matches!(outcome, Err(CeremonyError::Failed(_))), "{outcome:?}");
    }
}
