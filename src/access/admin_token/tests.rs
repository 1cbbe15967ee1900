//! What an admin token opens, and what it doesn't.

use std::time::Duration;

use kayan_ports::{Failure, Scope};

use super::*;
use crate::{
    AttenuateAdminToken, CreatedAdminToken, RevokeAdminToken, WhichAdminToken,
    admin_token::{attenuate::attenuate_admin_token, create::CreateAdminToken},
    policy::permission::{Pattern, Permission},
    stage::Stage,
};

fn patterns(texts: &[&str]) -> Vec<Pattern> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn stage() -> Stage {
    let stage = Stage::new();
    for tenant in ["acme", "other"] {
        stage.store.add_tenant(tenant.parse().unwrap(), true);
    }
    stage
}

async fn made(stage: &Stage, permissions: &[&str], tenant: Option<&str>) -> CreatedAdminToken {
    let tenant = tenant.map(|tenant| tenant.parse().unwrap());
    let cmd = CreateAdminToken { name: None, permissions: patterns(permissions), tenant, ttl: Duration::from_hours(1) };
    stage.kayan.create_admin_token(&Stage::operator(), cmd).await.unwrap()
}

fn narrowed(stage: &Stage, token: &AdminTokenText, permissions: &[&str], tenant: Option<&str>) -> AdminTokenText {
    let tenant = tenant.map(|tenant| tenant.parse().unwrap());
    let cmd = AttenuateAdminToken { permissions: patterns(permissions), tenant, ttl: None };
    attenuate_admin_token(&*stage.kayan.tokens, &*stage.clock, token, &cmd).unwrap()
}

async fn who(stage: &Stage, token: &AdminTokenText) -> Result<Operator, AuthenticateAdminTokenError> {
    stage.kayan.authenticate_admin_token(token, Client::default(), Some("request-1".to_owned())).await
}

#[tokio::test]
async fn a_token_gives_what_it_says_where_it_says() {
    let stage = stage();
    let system = made(&stage, &["users:*"], None).await;
    let operator = who(&stage, &system.token).await.unwrap();
    assert_eq!((operator.scope, operator.identity), (Scope::System, None));
    assert_eq!(operator.name, format!("token/{}", system.id));
    assert_eq!(operator.credential, operator.name);
    assert_eq!(operator.request_id.as_deref(), Some("request-1"));
    assert!(operator.grants.covers(&Permission::USERS_WRITE) && !operator.grants.covers(&Permission::ROLES_READ));
    let bound = made(&stage, &["*"], Some("acme")).await;
    assert_eq!(who(&stage, &bound.token).await.unwrap().scope, Scope::Tenant("acme".parse().unwrap()));
}

#[tokio::test]
async fn a_narrowed_token_acts_under_its_parents_name_and_is_a_credential_of_its_own() {
    let stage = stage();
    let parent = made(&stage, &["users:*"], None).await;
    let children = ["users:*", "users:read"].map(|limit| narrowed(&stage, &parent.token, &[limit], None));
    let mut credentials = vec![format!("token/{}", parent.id)];
    for child in &children {
        let operator = who(&stage, child).await.unwrap();
        assert_eq!(operator.name, format!("token/{}", parent.id));
        credentials.push(operator.credential);
    }
    credentials.sort();
    credentials.dedup();
    assert_eq!(credentials.len(), 3, "{credentials:?}");
}

/// Every list of up to two patterns in each of two blocks: what the narrowed token gives, both its parents give.
#[tokio::test]
async fn narrowing_never_widens_whatever_is_asked_for() {
    let all = ["users:read", "users:*", "*:read", "*:*", "users:**", "*", "audit:read", "sessions:revoke"];
    let stage = stage();
    for given in all {
        let token = made(&stage, &[given], None).await.token;
        let parent = who(&stage, &token).await.unwrap().grants;
        for (number, one) in all.iter().enumerate() {
            let other = all[(number * 3 + 1) % all.len()];
            let child = narrowed(&stage, &token, &[one, other], None);
            let limits = patterns(&[one, other]);
            let grandchild = narrowed(&stage, &child, &[all[(number + 5) % all.len()]], None);
            let [child, grandchild] =
                [who(&stage, &child).await.unwrap().grants, who(&stage, &grandchild).await.unwrap().grants];
            for asked in Permission::BUILT_IN {
                let expected = parent.covers(asked) && limits.iter().any(|limit| limit.covers(asked));
                assert_eq!(child.covers(asked), expected, "{given} then {one},{other}: {asked}");
                assert!(child.covers(asked) || !grandchild.covers(asked), "{given} then {one},{other}: {asked}");
            }
        }
    }
}

#[tokio::test]
async fn a_token_is_bound_to_a_tenant_once() {
    let stage = stage();
    let token = made(&stage, &["*"], None).await.token;
    let acme = narrowed(&stage, &token, &[], Some("acme"));
    assert_eq!(who(&stage, &acme).await.unwrap().scope, Scope::Tenant("acme".parse().unwrap()));
    let other = narrowed(&stage, &acme, &[], Some("other"));
    assert_eq!(who(&stage, &other).await.unwrap_err(), AuthenticateAdminTokenError::Unauthorized);
}

#[tokio::test]
async fn i_22_an_inactive_tenants_tokens_are_out_at_once_and_the_systems_are_not() {
    let stage = stage();
    let (bound, system) = (made(&stage, &["*"], Some("acme")).await.token, made(&stage, &["*"], None).await.token);
    stage.store.add_tenant("acme".parse().unwrap(), false);
    assert_eq!(who(&stage, &bound).await.unwrap_err(), AuthenticateAdminTokenError::Unauthorized);
    let narrowed = narrowed(&stage, &system, &[], Some("acme"));
    assert_eq!(who(&stage, &narrowed).await.unwrap_err(), AuthenticateAdminTokenError::Unauthorized);
    assert!(who(&stage, &system).await.is_ok());
}

#[tokio::test]
async fn an_expired_token_opens_nothing_from_its_end_on() {
    let stage = stage();
    let token = made(&stage, &["*"], None).await;
    stage.clock.set(token.expires_at - time::Duration::MICROSECOND);
    assert!(who(&stage, &token.token).await.is_ok());
    stage.clock.set(token.expires_at);
    assert_eq!(who(&stage, &token.token).await.unwrap_err(), AuthenticateAdminTokenError::Unauthorized);
}

#[tokio::test]
async fn a_token_of_another_service_opens_nothing_and_makes_no_key() {
    let (stage, other) = (stage(), stage());
    // Both are sown alike; a key more makes the difference.
    other.kayan.keys.obtain(kayan_ports::KeyPurpose::AuditSeal).await.unwrap();
    let token = made(&other, &["*"], None).await.token;
    assert_eq!(who(&stage, &token).await.unwrap_err(), AuthenticateAdminTokenError::Unauthorized);
    assert!(stage.kayan.keys.find(KeyPurpose::AdminToken).await.unwrap().is_none());
    made(&stage, &["*"], None).await;
    assert_eq!(who(&stage, &token).await.unwrap_err(), AuthenticateAdminTokenError::Unauthorized);
    assert_eq!(who(&stage, &"kya_junk".into()).await.unwrap_err(), AuthenticateAdminTokenError::Unauthorized);
}

#[tokio::test]
async fn i_22_a_revoked_token_is_dead_at_once_with_all_that_were_narrowed_from_it() {
    let stage = stage();
    let parent = made(&stage, &["*"], None).await;
    let child = narrowed(&stage, &parent.token, &["users:*"], None);
    let sibling = narrowed(&stage, &parent.token, &["users:*"], None);
    let grandchild = narrowed(&stage, &child, &["users:read"], None);
    let revoke = async |which| {
        let cmd = RevokeAdminToken { which, reason: None };
        stage.kayan.revoke_admin_token(&Stage::operator(), cmd).await.unwrap()
    };
    revoke(WhichAdminToken::Text(child.clone())).await;
    for (token, lives) in [(&parent.token, true), (&sibling, true), (&child, false), (&grandchild, false)] {
        assert_eq!(who(&stage, token).await.is_ok(), lives);
    }
    assert_eq!(revoke(WhichAdminToken::Id(parent.id)).await.id, parent.id);
    for token in [&parent.token, &sibling, &child, &grandchild] {
        assert_eq!(who(&stage, token).await.unwrap_err(), AuthenticateAdminTokenError::Unauthorized);
    }
}

#[tokio::test]
async fn a_database_that_is_away_lets_nobody_in_and_says_so() {
    let stage = stage();
    let token = made(&stage, &["*"], None).await.token;
    stage.store.fail_next_read(Failure::Unavailable("gone".to_owned()));
    let refused = who(&stage, &token).await.unwrap_err();
    assert!(matches!(refused, AuthenticateAdminTokenError::Failed(Failure::Unavailable(_))), "{refused:?}");
}
