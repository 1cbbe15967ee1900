//! Tests of the store of keys.

use kayan_fakes::{ManualClock, MemoryStore, SeededEntropy};
use kayan_ports::{CredentialId, Failure, IdentityId, OneTimePurpose, TenantId, TokenHash};
use uuid::Uuid;

use super::*;

fn secret(text: &str) -> SecretSlice<u8> {
    SecretSlice::from(text.as_bytes().to_vec())
}

fn session(present: &str, previous: Option<&str>) -> WrappingSecrets {
    WrappingSecrets {
        data_key: None,
        data_key_previous: None,
        session_secret: secret(present),
        session_secret_previous: previous.map(secret),
    }
}

/// A new process on the same database.
fn process(store: &Arc<MemoryStore>, secrets: &WrappingSecrets) -> SealedKeys {
    static SEED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let entropy = SeededEntropy::new(SEED.fetch_add(1 << 32, std::sync::atomic::Ordering::Relaxed));
    SealedKeys::new(&Stores::new(store.clone()), Arc::new(ManualClock::default()), Arc::new(entropy), secrets).unwrap()
}

async fn seed(keys: &SealedKeys) -> [u8; 32] {
    *keys.obtain(KeyPurpose::AdminToken).await.unwrap().seed
}

async fn refusal(keys: &SealedKeys) -> String {
    match keys.unlock().await {
        Err(KeyError::Locked(why)) => why,
        other => panic!("not locked: {other:?}"),
    }
}

#[tokio::test]
async fn a_key_is_made_once_and_is_the_same_for_every_process() {
    let store = Arc::new(MemoryStore::new());
    let one = process(&store, &session("a", None));
    let first = seed(&one).await;
    assert_eq!(seed(&one).await, first);
    assert_eq!(seed(&process(&store, &session("a", None))).await, first);
}

#[tokio::test]
async fn each_purpose_has_a_key_of_its_own() {
    let keys = process(&Arc::new(MemoryStore::new()), &session("a", None));
    let [one, other] = [KeyPurpose::AdminToken, KeyPurpose::AuditSeal].map(|purpose| keys.obtain(purpose));
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    assert_ne!((one.id, *one.seed, one.public), (other.id, *other.seed, other.public));
    assert!(*one.seed != *other.seed && one.public != other.public);
}

#[tokio::test]
async fn looking_for_a_key_or_unlocking_makes_none() {
    let store = Arc::new(MemoryStore::new());
    let keys = process(&store, &session("a", None));
    keys.unlock().await.unwrap();
    assert!(keys.find(KeyPurpose::AdminToken).await.unwrap().is_none());
    assert_eq!(store.data_key().await, Ok(None));
    let made = seed(&keys).await;
    assert_eq!(*process(&store, &session("a", None)).find(KeyPurpose::AdminToken).await.unwrap().unwrap().seed, made);
}

#[tokio::test]
async fn a_secret_that_does_not_fit_is_refused_and_the_setting_that_mends_it_named() {
    let store = Arc::new(MemoryStore::new());
    let first = seed(&process(&store, &session("a", None))).await;
    let keys = process(&store, &session("b", None));
    assert!(refusal(&keys).await.contains("KAYAN_SESSION_SECRET_PREVIOUS"));
    assert!(matches!(keys.obtain(KeyPurpose::AdminToken).await, Err(KeyError::Locked(_))));
    let wrong = WrappingSecrets { data_key: Some(secret("c")), ..session("b", Some("d")) };
    assert!(refusal(&process(&store, &wrong)).await.contains("KAYAN_SESSION_SECRET_PREVIOUS"));

    let moved = WrappingSecrets { data_key: Some(secret("k")), ..session("a", None) };
    assert_eq!(seed(&process(&store, &moved)).await, first);
    let another = WrappingSecrets { data_key: Some(secret("other")), ..session("a", None) };
    assert!(refusal(&process(&store, &another)).await.contains("a KAYAN_DATA_KEY before this one"));
    let why = refusal(&process(&store, &session("a", None))).await;
    assert!(why.contains("KAYAN_DATA_KEY that is not set now") && why.contains("KAYAN_DATA_KEY_PREVIOUS"), "{why}");
}

#[tokio::test]
async fn rotation_loses_no_key_and_lets_go_of_the_secret_before() {
    let store = Arc::new(MemoryStore::new());
    let first = seed(&process(&store, &session("a", None))).await;
    // The session secret, twice; then a data key of its own, twice; and back again.
    let mut steps = vec![session("b", Some("a")), session("c", Some("b"))];
    steps.push(WrappingSecrets { data_key: Some(secret("k")), ..session("c", None) });
    steps.push(WrappingSecrets {
        data_key: Some(secret("l")),
        data_key_previous: Some(secret("k")),
        ..session("d", None)
    });
    steps.push(WrappingSecrets { data_key_previous: Some(secret("l")), ..session("d", None) });
    for (number, secrets) in steps.iter().enumerate() {
        process(&store, secrets).unlock().await.unwrap();
        let kept = store.data_key().await.unwrap().unwrap();
        assert_eq!(kept.version, i64::try_from(number).unwrap() + 2, "wrapped anew");
        let let_go = WrappingSecrets { data_key_previous: None, session_secret_previous: None, ..secrets.clone() };
        let later = process(&store, &let_go);
        assert_eq!(seed(&later).await, first);
        assert_eq!(store.data_key().await.unwrap().unwrap(), kept, "what fits stays as it is");
    }
}

#[tokio::test]
async fn a_process_that_has_opened_the_data_key_goes_on_while_another_rotates_it() {
    let store = Arc::new(MemoryStore::new());
    let old = process(&store, &session("a", None));
    seed(&old).await;
    let late = process(&store, &session("a", None));
    late.unlock().await.unwrap();
    process(&store, &session("b", Some("a"))).unlock().await.unwrap();
    assert!(late.obtain(KeyPurpose::AuditSeal).await.is_ok());
}

#[tokio::test]
async fn a_key_that_was_exchanged_for_another_in_the_database_is_refused() {
    let store = Arc::new(MemoryStore::new());
    let keys = process(&store, &session("a", None));
    keys.obtain(KeyPurpose::AdminToken).await.unwrap();
    let data = keys.data_key(false).await.unwrap().unwrap();
    let kept = store.signing_key(&Scope::System, KeyPurpose::AdminToken).await.unwrap().unwrap();
    assert!(open(&data, &kept).is_ok());
    let strange = |change: &dyn Fn(&mut SealedKey)| {
        let mut changed = kept.clone();
        change(&mut changed);
        open(&data, &changed).unwrap_err()
    };
    for error in [
        strange(&|key| key.purpose = KeyPurpose::AuditSeal),
        strange(&|key| key.id = KeyId(uuid::Uuid::nil())),
        strange(&|key| key.public[0] ^= 1),
        strange(&|key| key.sealed.0[20] ^= 1),
    ] {
        assert!(matches!(error, KeyError::Failed(Failure::Fault(_))), "{error:?}");
    }
}

#[tokio::test]
async fn a_database_that_is_away_makes_no_key_and_forgets_none() {
    let store = Arc::new(MemoryStore::new());
    let keys = process(&store, &session("a", None));
    store.fail_next_read(Failure::Unavailable("gone".to_owned()));
    assert!(matches!(keys.unlock().await, Err(KeyError::Failed(Failure::Unavailable(_)))));
    store.fail_next_commit(CommitError::Failed(Failure::Unavailable("gone".to_owned())));
    assert!(matches!(keys.obtain(KeyPurpose::AdminToken).await, Err(KeyError::Failed(Failure::Unavailable(_)))));
    let made = seed(&keys).await;
    store.fail_next_read(Failure::Unavailable("gone".to_owned()));
    assert_eq!(seed(&keys).await, made, "what was opened is remembered");
}

#[tokio::test]
async fn i_36_keys_and_secrets_print_redacted() {
    let store = Arc::new(MemoryStore::new());
    let secrets = WrappingSecrets { data_key: Some(secret("planted")), ..session("planted", None) };
    let keys = process(&store, &secrets);
    let key = keys.obtain(KeyPurpose::AdminToken).await.unwrap();
    let kept = store.signing_key(&Scope::System, KeyPurpose::AdminToken).await.unwrap().unwrap();
    let printed = format!("{secrets:?} {key:?} {kept:?} {:?}", store.data_key().await);
    assert!(!printed.contains("planted") && !printed.contains(&format!("{:?}", key.seed.as_slice())), "{printed}");
    assert!(!printed.contains(&format!("{:?}", kept.sealed.0)), "{printed}");
}

#[test]
fn the_place_of_a_credentials_secret_is_the_one_that_earlier_versions_sealed_for() {
    let (tenant, identity, credential) =
        (TenantId::default(), IdentityId(Uuid::from_u128(1)), CredentialId(Uuid::from_u128(2)));
    let of = SecretOf::Credential { tenant: &tenant, identity, credential };
    let row = secret_row(of);
    let Place { tenant, table, id, column } = secret_place(of, &row);
    assert_eq!((tenant, table, column), ("default", "credentials", "secret"));
    assert_eq!(id, "00000000-0000-0000-0000-000000000001/00000000-0000-0000-0000-000000000002");
}

#[tokio::test]
async fn a_sealed_secret_opens_only_for_what_it_belongs_to() {
    let keys = process(&Arc::new(MemoryStore::new()), &session("a", None));
    let (tenant, other): (TenantId, TenantId) = (TenantId::default(), "other".parse().unwrap());
    let [one, two] = [Uuid::from_u128(1), Uuid::from_u128(2)];
    let credential = |tenant, identity, credential| SecretOf::Credential {
        tenant,
        identity: IdentityId(identity),
        credential: CredentialId(credential),
    };
    let [hash, hash_of_another] = [TokenHash([1; 32]), TokenHash([2; 32])];
    let one_time = |tenant, purpose, hash| SecretOf::OneTime { tenant, purpose, hash };
    let all = [
        credential(&tenant, one, one),
        credential(&tenant, one, two),
        credential(&tenant, two, one),
        credential(&other, one, one),
        one_time(&tenant, OneTimePurpose::Webauthn, &hash),
        one_time(&tenant, OneTimePurpose::Webauthn, &hash_of_another),
        one_time(&tenant, OneTimePurpose::Mfa, &hash),
        one_time(&other, OneTimePurpose::Webauthn, &hash),
    ];
    for (at, of) in all.iter().enumerate() {
        let sealed = keys.seal(*of, b"a secret").await.unwrap();
        for (from, other) in all.iter().enumerate() {
            assert_eq!(keys.open(*other, &sealed).await.is_ok(), from == at, "{of:?} as {other:?}");
        }
    }
}
