//! Tests of biscuits for other services.

use kayan_fakes::PlainBiscuits;
use kayan_ports::{Aal, Clock as _, State, TenantId, TenantSettings};

use super::*;
use crate::{AssignRole, CreateRole, Opened, SetUserState, UserRef, stage::Stage};

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// Gives a user a new role with these permissions.
async fn give(stage: &Stage, user: &Opened, (name, permissions, parents): (&str, &[&str], &[&str])) {
    let role = CreateRole {
        tenant: TenantId::default(),
        name: name.to_owned(),
        description: String::new(),
        permissions: texts(permissions),
        parents: texts(parents),
    };
    stage.kayan.create_role(&Stage::operator(), role).await.unwrap();
    let user = UserRef(user.identity.id.to_string());
    let assign = AssignRole { user, role: name.to_owned(), give: true, expected: None };
    stage.kayan.assign_role(&Stage::operator(), assign).await.unwrap();
}

async fn mint(stage: &Stage, user: &Opened, cmd: MintBiscuit) -> Result<MintedBiscuit, MintBiscuitError> {
    stage.kayan.mint_biscuit(&Stage::bearer(user.session_token.hash()), cmd).await
}

fn named(permissions: &[&str]) -> MintBiscuit {
    MintBiscuit { permissions: Some(texts(permissions)), ..MintBiscuit::default() }
}

/// The biscuit of this user with these roles and permissions.
fn expected(minted: &MintedBiscuit, user: &Opened, roles: &[&str], permissions: &[&str]) -> String {
    let facts = BiscuitFacts {
        user: user.identity.id,
        tenant: TenantId::default(),
        session: user.session.id,
        aal: Aal::Aal1,
        roles: texts(roles),
        permissions: texts(permissions),
        expires_at: minted.expires_at,
    };
    PlainBiscuits::text(minted.key.root_key_id, &facts)
}

#[tokio::test]
async fn a_biscuit_states_who_the_user_is_and_what_the_roles_grant() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let minted = mint(&stage, &ada, MintBiscuit::default()).await.unwrap();
    assert_eq!(*minted.token, expected(&minted, &ada, &[], &[]));
    give(&stage, &ada, ("clerk", &["orders:read", "orders:*"], &["viewer"])).await;
    give(&stage, &ada, ("auditor", &["orders:read", "audit:read"], &[])).await;
    let minted = mint(&stage, &ada, MintBiscuit::default()).await.unwrap();
    let permissions = ["*:read", "audit:read", "orders:*", "orders:read"];
    assert_eq!(*minted.token, expected(&minted, &ada, &["clerk", "auditor"], &permissions), "inherited ones as well");
    assert!(!format!("{minted:?}").contains(&*minted.token));
}

#[tokio::test]
async fn a_biscuit_names_the_published_key_that_verifies_it() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let minted = mint(&stage, &ada, MintBiscuit::default()).await.unwrap();
    let published = stage.kayan.published_biscuit_keys(&TenantId::default()).await.unwrap();
    assert_eq!(published, std::slice::from_ref(&minted.key));
    assert!(minted.token.starts_with(&minted.key.root_key_id.to_string()));
    let id = minted.key.id.to_string();
    assert_eq!(format!("{:08x}", minted.key.root_key_id), id[id.len() - 8..]);
    assert!(minted.key.public.len() == 64 && minted.key.public.bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[tokio::test]
async fn i_30_a_biscuit_has_only_permissions_that_the_user_has() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    give(&stage, &ada, ("clerk", &["orders:*"], &[])).await;
    for granted in [&["orders:read"][..], &["orders:read", "orders:write"], &["orders:*"], &[]] {
        let minted = mint(&stage, &ada, named(granted)).await.unwrap();
        assert_eq!(*minted.token, expected(&minted, &ada, &[], granted));
    }
    let twice = mint(&stage, &ada, named(&["orders:read", "orders:read"])).await.unwrap();
    assert_eq!(*twice.token, expected(&twice, &ada, &[], &["orders:read"]));
    for missing in ["users:read", "orders:**", "orders", "orders:read:own", "**", "*:read"] {
        let refused = mint(&stage, &ada, named(&["orders:read", missing])).await.unwrap_err();
        assert_eq!(refused, MintBiscuitError::Forbidden(missing.parse().unwrap()));
    }
    for strange in ["", "Orders:read", "orders:re*", "orders:\"read", "x\"); permission(\"**"] {
        let refused = mint(&stage, &ada, named(&["orders:read", strange])).await.unwrap_err();
        let MintBiscuitError::Invalid(field) = refused else { panic!("{refused:?}") };
        assert_eq!((field.pointer.as_str(), field.code.as_str()), ("/permissions/1", "pattern"), "{strange}");
    }
}

#[tokio::test]
async fn permissions_are_named_where_the_user_has_too_many() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let many: Vec<_> = (0..=MOST_PERMISSIONS).map(|number| format!("orders:{number}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    give(&stage, &ada, ("clerk", &many, &[])).await;
    for cmd in [MintBiscuit::default(), named(&many)] {
        let refused = mint(&stage, &ada, cmd).await.unwrap_err();
        let MintBiscuitError::Invalid(field) = refused else { panic!("{refused:?}") };
        assert_eq!((field.pointer.as_str(), field.code.as_str()), ("/permissions", "maxItems"));
    }
    assert!(mint(&stage, &ada, named(&many[1..])).await.is_ok());
}

#[tokio::test]
async fn a_biscuit_lives_five_minutes_at_most_and_no_longer_than_its_session() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let of = |ttl| MintBiscuit { ttl: Some(ttl), ..MintBiscuit::default() };
    for ttl in [0, 301, u32::MAX] {
        let refused = mint(&stage, &ada, of(ttl)).await.unwrap_err();
        let MintBiscuitError::Invalid(field) = refused else { panic!("{refused:?}") };
        assert_eq!((field.pointer.as_str(), field.code.as_str()), ("/ttl", "range"));
    }
    let ends = |seconds| (stage.clock.now() + Duration::seconds(seconds)).truncate_to_second();
    assert_eq!(mint(&stage, &ada, of(60)).await.unwrap().expires_at, ends(60));
    assert_eq!(mint(&stage, &ada, MintBiscuit::default()).await.unwrap().expires_at, ends(300));
    stage.clock.set(ada.session.expires_at - Duration::seconds(30));
    let last = mint(&stage, &ada, MintBiscuit::default()).await.unwrap();
    assert_eq!(last.expires_at, ada.session.expires_at.truncate_to_second());
}

#[tokio::test]
async fn i_11_who_is_not_active_or_lacks_a_factor_gets_no_biscuit() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let unauthorized = MintBiscuitError::Authenticate(AuthenticateError::Unauthorized);
    let stranger = stage.kayan.mint_biscuit(&Stage::stranger(), MintBiscuit::default()).await;
    assert_eq!(stranger.unwrap_err(), unauthorized);
    let required_from = stage.clock.now() + Duration::HOUR;
    let required =
        TenantSettings { mfa_required: true, mfa_required_from: Some(required_from), ..TenantSettings::default() };
    stage.set_tenant(required).await;
    assert!(mint(&stage, &ada, MintBiscuit::default()).await.is_ok());
    stage.clock.set(required_from);
    let lacking = mint(&stage, &ada, MintBiscuit::default()).await.unwrap_err();
    assert_eq!(lacking, MintBiscuitError::Authenticate(AuthenticateError::LacksFactor));
    let user = UserRef(ada.identity.id.to_string());
    let lock = SetUserState { user, state: State::Locked, until: None, reason: None, expected: None };
    stage.kayan.set_user_state(&Stage::operator(), lock).await.unwrap();
    assert_eq!(mint(&stage, &ada, MintBiscuit::default()).await.unwrap_err(), unauthorized);
}
