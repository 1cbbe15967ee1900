//! Tests of narrowing a token; that narrowing never widens is tested where tokens are authenticated.

use super::*;
use crate::{CreateAdminToken, stage::Stage};

async fn narrow(change: impl FnOnce(&mut AttenuateAdminToken)) -> Result<AdminTokenText, AttenuateAdminTokenError> {
    let stage = Stage::new();
    let permissions = vec![Pattern::everything()];
    let cmd = CreateAdminToken { name: None, permissions, tenant: None, ttl: Duration::from_hours(1) };
    let token = stage.kayan.create_admin_token(&Stage::operator(), cmd).await.unwrap().token;
    let mut cmd = AttenuateAdminToken { permissions: Vec::new(), tenant: None, ttl: None };
    change(&mut cmd);
    attenuate_admin_token(&*stage.kayan.tokens, &*stage.clock, &token, &cmd)
}

#[tokio::test]
async fn nothing_to_take_is_no_narrowing() {
    assert_eq!(narrow(|_| {}).await.unwrap_err(), AttenuateAdminTokenError::Nothing);
    assert!(narrow(|cmd| cmd.ttl = Some(Duration::from_secs(1))).await.is_ok());
}

#[tokio::test]
async fn what_nothing_asks_for_is_refused_as_a_slip_of_the_pen() {
    let refused = narrow(|cmd| cmd.permissions = vec!["user:read".parse().unwrap()]).await.unwrap_err();
    assert!(matches!(refused, AttenuateAdminTokenError::Bounds(BoundsError::Unknown(_))), "{refused:?}");
    let refused = narrow(|cmd| cmd.ttl = Some(Duration::ZERO)).await.unwrap_err();
    assert!(matches!(refused, AttenuateAdminTokenError::Bounds(BoundsError::Lifetime(_))), "{refused:?}");
}
