//! Tests of issuer keys on a clock of their own.

use std::sync::Arc;

use kayan_ports::{
    Aal, BiscuitFacts, EventType, IdentityId, IssuerKey, IssuerKeyState, Jwk, JwsAlgorithm, KeyId, KeyUse, Outcome,
    Scope, SessionId, TenantId, TenantSettings,
};
use serde_json::{Map, Value};
use time::Duration;

use crate::{
    CreateTenant, DeniedError, Grants, Kayan, Operator, PublishedKeysError, RetireKeyError, RotateKeys,
    RotateKeysError, ShownKey, stage::Stage,
};

use IssuerKeyState::{Active, Next, Retired, Retiring};

const ALGORITHM: JwsAlgorithm = JwsAlgorithm::Es256;
const ROTATION: Duration = Duration::days(90);
const PUBLISHED: Duration = Duration::minutes(10);
const RETAINED: Duration = Duration::hours(25);

/// The ids and the states of the keys, the newest first.
async fn keys(stage: &Stage) -> Vec<(KeyId, IssuerKeyState)> {
    let listed = stage.kayan.list_keys(&Stage::operator()).await.unwrap();
    listed.into_iter().map(|key| (key.id, key.state)).collect()
}

async fn states(stage: &Stage) -> Vec<IssuerKeyState> {
    keys(stage).await.into_iter().map(|(_, state)| state).collect()
}

/// The key that a token is signed with now.
async fn signs(kayan: &Kayan) -> KeyId {
    kayan.sign_jwt(&TenantId::default(), ALGORITHM, &Map::new()).await.unwrap();
    kayan.active_issuer_key(&TenantId::default(), KeyUse::Jwt, ALGORITHM).await.unwrap().id
}

async fn published(stage: &Stage) -> Vec<String> {
    let keys = stage.kayan.published_keys(&TenantId::default()).await.unwrap();
    keys.into_iter().map(|Jwk { kid, .. }| kid).collect()
}

async fn rotate(stage: &Stage) -> Vec<ShownKey> {
    stage.kayan.rotate_keys(&Stage::operator(), RotateKeys::default()).await.unwrap()
}

/// How many administrative actions of this name are in the trail.
fn told(stage: &Stage, action: &str) -> usize {
    stage.store.events().iter().filter(|event| event.metadata.get("action") == Some(&Value::from(action))).count()
}

#[tokio::test]
async fn the_first_token_makes_a_key_that_is_published_at_once() {
    let stage = Stage::new();
    assert_eq!(published(&stage).await, Vec::<String>::new());
    let first = signs(&stage.kayan).await;
    assert_eq!(signs(&stage.kayan).await, first);
    assert_eq!(published(&stage).await, [first.to_string()]);
    assert_eq!(told(&stage, "key.create"), 1);
    assert_eq!(signs(&stage.restarted().kayan).await, first, "another process signs with the same key");
}

#[tokio::test]
async fn a_key_is_replaced_on_schedule_and_is_published_before_and_after_it_signs() {
    let stage = Stage::new();
    let first = signs(&stage.kayan).await;
    stage.clock.advance(ROTATION - PUBLISHED - Duration::MICROSECOND);
    assert_eq!(stage.kayan.replace_due_keys().await, Ok(0));
    stage.clock.advance(Duration::MICROSECOND);
    assert_eq!(stage.kayan.replace_due_keys().await, Ok(1));
    assert_eq!(states(&stage).await, [Next, Active]);
    let next = keys(&stage).await[0].0;
    assert_eq!(published(&stage).await, [next.to_string(), first.to_string()]);
    assert_eq!(signs(&stage.kayan).await, first, "verifiers do not know the next one yet");

    stage.clock.advance(PUBLISHED - Duration::MICROSECOND);
    assert_eq!(stage.kayan.replace_due_keys().await, Ok(0));
    stage.clock.advance(Duration::MICROSECOND);
    assert_eq!(stage.kayan.replace_due_keys().await, Ok(1));
    assert_eq!(keys(&stage).await, [(next, Active), (first, Retiring)]);
    assert_eq!(signs(&stage.kayan).await, next);

    stage.clock.advance(RETAINED - Duration::MICROSECOND);
    assert_eq!(stage.kayan.replace_due_keys().await, Ok(0));
    assert_eq!(published(&stage).await.len(), 2, "tokens of the first one may still be valid");
    stage.clock.advance(Duration::MICROSECOND);
    assert_eq!(stage.kayan.replace_due_keys().await, Ok(1));
    assert_eq!(states(&stage).await, [Active, Retired]);
    assert_eq!(published(&stage).await, [next.to_string()]);
    for action in ["key.create", "key.publish", "key.activate", "key.retire"] {
        assert_eq!(told(&stage, action), 1, "{action}");
    }
}

#[tokio::test]
async fn a_service_that_was_down_for_long_replaces_its_keys_step_by_step() {
    let stage = Stage::new();
    let first = signs(&stage.kayan).await;
    stage.clock.advance(ROTATION * 3);
    assert_eq!(stage.kayan.replace_due_keys().await, Ok(1));
    assert_eq!(signs(&stage.kayan).await, first, "the next one is published first, however late it is");
    stage.clock.advance(PUBLISHED);
    assert_eq!(stage.kayan.replace_due_keys().await, Ok(1));
    assert_eq!(states(&stage).await, [Active, Retiring]);
}

#[tokio::test]
async fn replicas_that_replace_keys_at_once_make_one_of_each() {
    let stage = Arc::new(Stage::new());
    signs(&stage.kayan).await;
    let others: Vec<_> = (0..8).map(|_| stage.restarted()).collect();
    let all = async || {
        let replacing = others.iter().map(|replica| replica.kayan.replace_due_keys());
        futures_util::future::join_all(replacing).await.into_iter().map(Result::unwrap).sum::<u64>()
    };
    for (wait, expected) in [(ROTATION, vec![Next, Active]), (PUBLISHED, vec![Active, Retiring])] {
        stage.clock.advance(wait);
        assert_eq!(all().await, 1);
        assert_eq!(states(&stage).await, expected);
    }
}

#[tokio::test]
async fn an_operator_publishes_the_next_key_once() {
    let stage = Stage::new();
    let first = signs(&stage.kayan).await;
    let shown = rotate(&stage).await;
    assert_eq!(shown.iter().map(|key| key.state).collect::<Vec<_>>(), [Next, Active]);
    assert_eq!(shown[0].until, Some(shown[0].since + PUBLISHED));
    assert_eq!(rotate(&stage).await, shown, "one that is published stays");
    assert_eq!(signs(&stage.kayan).await, first);
    stage.clock.advance(PUBLISHED);
    stage.kayan.replace_due_keys().await.unwrap();
    assert_eq!(signs(&stage.kayan).await, shown[0].id);
    assert_eq!(told(&stage, "key.rotate"), 2);
}

#[tokio::test]
async fn a_tenant_without_keys_gets_one_that_signs_at_once() {
    let stage = Stage::new();
    let shown = rotate(&stage).await;
    assert_eq!((shown.len(), shown[0].algorithm, shown[0].state), (1, JwsAlgorithm::Es256, Active));
    let eddsa = RotateKeys { algorithm: Some(JwsAlgorithm::EdDsa), ..RotateKeys::default() };
    let more = stage.kayan.rotate_keys(&Stage::operator(), eddsa).await.unwrap();
    assert_eq!((more.len(), more[0].algorithm, more[0].state), (1, JwsAlgorithm::EdDsa, Active));
    assert_eq!(rotate(&stage).await.len(), 4, "all algorithms in use, each with its next key");
}

#[tokio::test]
async fn a_key_that_has_leaked_is_replaced_at_once() {
    let stage = Stage::new();
    let first = signs(&stage.kayan).await;
    let retire = async |id| stage.kayan.retire_key(&Stage::operator(), id, Some("leaked".to_owned())).await;
    assert_eq!(retire(first).await.unwrap().state, Retired);
    let second = signs(&stage.kayan).await;
    assert_ne!(second, first);
    assert_eq!(published(&stage).await, [second.to_string()]);

    let next = rotate(&stage).await[0].id;
    retire(second).await.unwrap();
    assert_eq!(signs(&stage.kayan).await, next, "the next one is at hand");
    let another = rotate(&stage).await[0].id;
    retire(another).await.unwrap();
    assert_eq!(signs(&stage.kayan).await, next, "a next one that has leaked never signs");
    assert_eq!(retire(another).await, Err(RetireKeyError::Retired(another)));
    assert_eq!(retire(KeyId(uuid::Uuid::nil())).await, Err(RetireKeyError::NotFound(KeyId(uuid::Uuid::nil()))));
    assert_eq!(told(&stage, "key.retire"), 3);
}

#[tokio::test]
async fn a_private_half_is_erased_when_it_signs_no_more() {
    let stage = Stage::new();
    let first = signs(&stage.kayan).await;
    rotate(&stage).await;
    stage.clock.advance(PUBLISHED);
    stage.kayan.replace_due_keys().await.unwrap();
    let kept = stage.kayan.store.issuer_keys.issuer_keys(&Scope::System).await.unwrap();
    let erased: Vec<_> = kept.into_iter().filter(|key| key.private.is_none()).map(|key| key.id).collect();
    assert_eq!(erased, [first]);
}

#[tokio::test]
async fn i_29_a_tenant_has_keys_of_its_own_and_its_operators_see_no_others() {
    let stage = Stage::new();
    let acme: TenantId = "acme".parse().unwrap();
    let create = CreateTenant { id: acme.clone(), name: String::new(), settings: TenantSettings::default() };
    stage.kayan.create_tenant(&Stage::operator(), create).await.unwrap();
    let ours = signs(&stage.kayan).await;
    let operator = Operator { scope: Scope::Tenant(acme.clone()), ..Stage::operator() };
    assert_eq!(stage.kayan.list_keys(&operator).await, Ok(vec![]));
    let theirs = stage.kayan.rotate_keys(&operator, RotateKeys::default()).await.unwrap();
    assert_eq!((theirs.len(), &theirs[0].tenant), (1, &acme));
    assert_eq!(stage.kayan.retire_key(&operator, ours, None).await, Err(RetireKeyError::NotFound(ours)));
    assert_eq!(published(&stage).await, [ours.to_string()]);
    let nowhere: TenantId = "nowhere".parse().unwrap();
    assert_eq!(stage.kayan.published_keys(&nowhere).await, Err(PublishedKeysError::NoTenant));
    let operator = Operator { scope: Scope::Tenant(nowhere.clone()), ..Stage::operator() };
    assert_eq!(
        stage.kayan.rotate_keys(&operator, RotateKeys::default()).await,
        Err(RotateKeysError::NoTenant(nowhere))
    );
}

#[tokio::test]
async fn i_31_keys_need_permissions_of_their_own() {
    let stage = Stage::new();
    let of = |permission: &str| Operator { grants: Grants::direct([permission.parse().unwrap()]), ..Stage::operator() };
    let refused = |permission: &str| DeniedError::Forbidden(permission.parse().unwrap());
    assert!(stage.kayan.list_keys(&of("keys:read")).await.is_ok());
    assert_eq!(stage.kayan.list_keys(&of("keys:write")).await, Err(refused("keys:read")));
    let id = signs(&stage.kayan).await;
    let rotated = stage.kayan.rotate_keys(&of("keys:read"), RotateKeys::default()).await;
    assert_eq!(rotated, Err(RotateKeysError::Denied(refused("keys:write"))));
    let retired = stage.kayan.retire_key(&of("keys:read"), id, None).await;
    assert_eq!(retired, Err(RetireKeyError::Denied(refused("keys:write"))));
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Failure), 3);
}

/// A biscuit is signed now, by this key.
async fn signs_biscuit(kayan: &Kayan) -> KeyId {
    let facts = BiscuitFacts {
        user: IdentityId(uuid::Uuid::nil()),
        tenant: TenantId::default(),
        session: SessionId(uuid::Uuid::nil()),
        aal: Aal::Aal1,
        roles: vec![],
        permissions: vec![],
        expires_at: kayan.clock.now(),
    };
    kayan.sign_biscuit(&facts).await.unwrap().1.id
}

async fn published_for_biscuits(stage: &Stage) -> Vec<KeyId> {
    let keys = stage.kayan.published_biscuit_keys(&TenantId::default()).await.unwrap();
    keys.into_iter().map(|key| key.id).collect()
}

#[tokio::test]
async fn a_key_signs_jwts_or_biscuits_and_is_published_for_those_only() {
    let stage = Stage::new();
    let eddsa = RotateKeys { algorithm: Some(JwsAlgorithm::EdDsa), ..RotateKeys::default() };
    let jwts = stage.kayan.rotate_keys(&Stage::operator(), eddsa).await.unwrap()[0].id;
    let biscuits = signs_biscuit(&stage.kayan).await;
    assert_ne!(jwts, biscuits, "also of the same algorithm");
    assert_eq!(signs_biscuit(&stage.restarted().kayan).await, biscuits);
    assert_eq!(
        (published(&stage).await, published_for_biscuits(&stage).await),
        (vec![jwts.to_string()], vec![biscuits])
    );
    let uses: Vec<_> = stage.kayan.list_keys(&Stage::operator()).await.unwrap().iter().map(|key| key.usage).collect();
    assert_eq!(uses, [KeyUse::Biscuit, KeyUse::Jwt]);
    assert_eq!(
        stage.kayan.published_biscuit_keys(&"nowhere".parse().unwrap()).await,
        Err(PublishedKeysError::NoTenant)
    );
}

#[tokio::test]
async fn a_key_for_jwts_that_was_moved_to_biscuits_signs_none() {
    let stage = Stage::new();
    let eddsa = RotateKeys { algorithm: Some(JwsAlgorithm::EdDsa), ..RotateKeys::default() };
    stage.kayan.rotate_keys(&Stage::operator(), eddsa).await.unwrap();
    let key = stage.kayan.active_issuer_key(&TenantId::default(), KeyUse::Jwt, JwsAlgorithm::EdDsa).await.unwrap();
    assert!(stage.kayan.private_half(&key).await.is_ok());
    let moved = IssuerKey { usage: KeyUse::Biscuit, ..key };
    assert!(stage.kayan.private_half(&moved).await.is_err(), "its use is sealed with it");
}

#[tokio::test]
async fn keys_for_biscuits_are_replaced_on_schedule_and_by_operators() {
    let stage = Stage::new();
    let first = signs_biscuit(&stage.kayan).await;
    signs(&stage.kayan).await;
    stage.clock.advance(ROTATION - PUBLISHED);
    assert_eq!(stage.kayan.replace_due_keys().await, Ok(2), "the one for JWTs as well");
    let next = published_for_biscuits(&stage).await[0];
    assert_eq!((published_for_biscuits(&stage).await, signs_biscuit(&stage.kayan).await), (vec![next, first], first));
    stage.clock.advance(PUBLISHED);
    assert_eq!(stage.kayan.replace_due_keys().await, Ok(2));
    assert_eq!(signs_biscuit(&stage.kayan).await, next);
    assert_eq!(published_for_biscuits(&stage).await, [next, first], "biscuits of the first one may still be valid");
    stage.clock.advance(RETAINED);
    assert_eq!(stage.kayan.replace_due_keys().await, Ok(2));
    assert_eq!(published_for_biscuits(&stage).await, [next]);

    let of = |usage, algorithm| RotateKeys { usage: Some(usage), algorithm };
    let rotate = async |cmd| stage.kayan.rotate_keys(&Stage::operator(), cmd).await;
    let shown = rotate(of(KeyUse::Biscuit, None)).await.unwrap();
    let states: Vec<_> = shown.iter().map(|key| (key.usage, key.state)).collect();
    assert_eq!(states, [(KeyUse::Biscuit, Next), (KeyUse::Biscuit, Active)]);
    assert_eq!(rotate(of(KeyUse::Biscuit, Some(JwsAlgorithm::EdDsa))).await, Ok(shown.clone()));
    let es256 = rotate(of(KeyUse::Biscuit, Some(JwsAlgorithm::Es256))).await;
    assert_eq!(es256, Err(RotateKeysError::Algorithm(JwsAlgorithm::Es256)));
    assert_eq!(rotate(of(KeyUse::Jwt, None)).await.unwrap().len(), 2);
    assert_eq!(rotate(RotateKeys::default()).await.unwrap().len(), 4, "every use");

    stage.kayan.retire_key(&Stage::operator(), next, None).await.unwrap();
    assert_eq!(signs_biscuit(&stage.kayan).await, shown[0].id, "the next one for biscuits takes over");
    assert_eq!(published_for_biscuits(&stage).await, [shown[0].id]);
}
