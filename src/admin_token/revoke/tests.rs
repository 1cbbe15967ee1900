//! Tests of revoking an admin token.

use std::time::Duration;

use kayan_ports::{Client, Outcome};

use super::*;
use crate::{
    CreateAdminToken, CreatedAdminToken,
    policy::permission::{Grants, Pattern},
    stage::Stage,
};

fn stage() -> Stage {
    let stage = Stage::new();
    for tenant in ["acme", "other"] {
        stage.store.add_tenant(tenant.parse().unwrap(), true);
    }
    stage
}

async fn made(stage: &Stage, tenant: Option<&str>) -> CreatedAdminToken {
    let tenant = tenant.map(|tenant| tenant.parse().unwrap());
    let permissions = vec![Pattern::everything()];
    let cmd = CreateAdminToken { name: None, permissions, tenant, ttl: Duration::from_hours(1) };
    stage.kayan.create_admin_token(&Stage::operator(), cmd).await.unwrap()
}

async fn revoke(
    stage: &Stage,
    operator: &Operator,
    which: WhichAdminToken,
) -> Result<RevokedAdminToken, RevokeAdminTokenError> {
    let cmd = RevokeAdminToken { which, reason: Some("leaked".to_owned()) };
    stage.kayan.revoke_admin_token(operator, cmd).await
}

async fn lives(stage: &Stage, token: &AdminTokenText) -> bool {
    stage.kayan.authenticate_admin_token(token, Client::default(), None).await.is_ok()
}

fn of(tenant: &str) -> Operator {
    Operator::at_the_command_line(Scope::Tenant(tenant.parse().unwrap()))
}

#[tokio::test]
async fn i_31_a_revocation_is_audited_once_and_tells_no_token() {
    let stage = stage();
    let token = made(&stage, None).await;
    let which = WhichAdminToken::Text(token.token.clone());
    let done = revoke(&stage, &Stage::operator(), which.clone()).await.unwrap();
    assert_eq!(done, RevokedAdminToken { id: token.id, already: false });
    assert!(revoke(&stage, &Stage::operator(), which).await.unwrap().already);
    let events = stage.store.events();
    let told: Vec<_> = events.iter().filter(|event| event.metadata["action"] == "token.revoke").collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].metadata["reason"], "leaked");
    assert_eq!(told[0].resource, Some(format!("token/{}", token.id)));
    assert!(!format!("{events:?}").contains("kya_"));
}

#[tokio::test]
async fn i_29_who_administers_one_tenant_ends_no_token_of_another() {
    let stage = stage();
    let (theirs, system) = (made(&stage, Some("acme")).await, made(&stage, None).await);
    for token in [&theirs, &system] {
        let refused = revoke(&stage, &of("other"), WhichAdminToken::Text(token.token.clone())).await.unwrap_err();
        assert_eq!(refused, AdminTokenError::Forged.into());
        revoke(&stage, &of("other"), WhichAdminToken::Id(token.id)).await.unwrap();
        assert!(lives(&stage, &token.token).await, "an id of another tenant's token");
    }
    revoke(&stage, &of("acme"), WhichAdminToken::Id(theirs.id)).await.unwrap();
    assert!(!lives(&stage, &theirs.token).await);
}

#[tokio::test]
async fn i_31_who_may_not_give_rights_may_not_end_tokens_and_the_try_is_audited() {
    let stage = stage();
    let token = made(&stage, None).await;
    let grants = Grants::direct(["users:*".parse::<Pattern>().unwrap()]);
    let operator = Operator { grants, ..Stage::operator() };
    assert!(matches!(
        revoke(&stage, &operator, WhichAdminToken::Id(token.id)).await,
        Err(RevokeAdminTokenError::Denied(_))
    ));
    assert!(lives(&stage, &token.token).await);
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Failure), 1);
}

#[tokio::test]
async fn a_revocation_is_forgotten_when_its_token_is_dead_anyhow() {
    let stage = stage();
    let token = made(&stage, None).await;
    revoke(&stage, &Stage::operator(), WhichAdminToken::Text(token.token.clone())).await.unwrap();
    stage.clock.set(token.expires_at);
    stage.kayan.clean_up().await.unwrap();
    assert_eq!(stage.store.count_revocations(), 1);
    stage.clock.advance(Duration::from_secs(1));
    stage.kayan.clean_up().await.unwrap();
    assert_eq!(stage.store.count_revocations(), 0);
    assert!(!lives(&stage, &token.token).await);
}

#[tokio::test]
async fn a_text_that_is_no_token_is_refused_and_nothing_is_written() {
    let stage = stage();
    made(&stage, None).await;
    let refused = revoke(&stage, &Stage::operator(), WhichAdminToken::Text("kya_junk".into())).await.unwrap_err();
    assert_eq!(refused, AdminTokenError::Malformed.into());
    assert_eq!(stage.store.count_revocations(), 0);
}
