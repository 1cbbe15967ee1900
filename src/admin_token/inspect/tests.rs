//! Tests of inspecting a token.

use std::time::Duration;

use super::*;
use crate::{
    AttenuateAdminToken, CreateAdminToken, RevokeAdminToken, WhichAdminToken,
    admin_token::attenuate::attenuate_admin_token, policy::permission::Pattern, stage::Stage,
};

#[tokio::test]
async fn a_token_shows_what_is_left_of_it_until_it_is_revoked_or_has_ended() {
    let stage = Stage::new();
    stage.store.add_tenant("acme".parse().unwrap(), true);
    let permissions: Vec<Pattern> = ["users:*", "audit:read"].iter().map(|text| text.parse().unwrap()).collect();
    let cmd = CreateAdminToken { name: None, permissions, tenant: None, ttl: Duration::from_hours(2) };
    let made = stage.kayan.create_admin_token(&Stage::operator(), cmd).await.unwrap();
    let tenant: kayan_ports::TenantId = "acme".parse().unwrap();
    let cmd = AttenuateAdminToken {
        permissions: vec!["*:read".parse().unwrap()],
        tenant: Some(tenant.clone()),
        ttl: Some(Duration::from_hours(1)),
    };
    let narrowed = attenuate_admin_token(&*stage.kayan.tokens, &*stage.clock, &made.token, &cmd).unwrap();

    let found = stage.kayan.inspect_admin_token(&narrowed).await.unwrap();
    assert!(found.is_valid() && !found.expired && found.revoked.is_empty());
    assert_eq!(found.permissions(), [Permission::USERS_READ, Permission::AUDIT_READ]);
    assert_eq!(found.scope, Scope::Tenant(tenant));
    assert_eq!((found.token.first.id, found.token.later.len()), (made.id, 1));
    assert!(found.expires_at.unwrap() < made.expires_at);

    let which = WhichAdminToken::Id(found.token.later[0].id);
    stage.kayan.revoke_admin_token(&Stage::operator(), RevokeAdminToken { which, reason: None }).await.unwrap();
    let found = stage.kayan.inspect_admin_token(&narrowed).await.unwrap();
    assert!(!found.is_valid());
    assert_eq!(found.revoked, [found.token.later[0].id]);
    assert!(stage.kayan.inspect_admin_token(&made.token).await.unwrap().is_valid(), "its parent lives");

    stage.clock.set(made.expires_at);
    let found = stage.kayan.inspect_admin_token(&made.token).await.unwrap();
    assert!(found.expired && !found.is_valid());
    let forged = stage.kayan.inspect_admin_token(&"kya_AAAA".into()).await.unwrap_err();
    assert_eq!(forged, AdminTokenError::Malformed.into());
}
