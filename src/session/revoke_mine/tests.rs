//! What revoking one's sessions promises.

use super::*;
use crate::stage::{PASSWORD, Stage};

#[tokio::test]
async fn i_22_a_revoked_session_is_dead_at_once_access_and_refresh() {
    let stage = Stage::new();
    let asking = stage.person("ada@example.com").await;
    let other = stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.unwrap();
    let caller = Stage::bearer(asking.session_token.hash());
    stage.kayan.revoke_my_session(&caller, other.session.id).await.unwrap();
    let dead = stage.kayan.who_am_i(&Stage::bearer(other.session_token.hash())).await.unwrap_err();
    assert_eq!(dead, AuthenticateError::Unauthorized);
    let refresh = crate::RefreshSession { refresh_token: Some(other.refresh_token) };
    let dead = stage.kayan.refresh_session(&Stage::stranger(), refresh).await.unwrap_err();
    assert_eq!(dead, crate::RefreshSessionError::InvalidToken);
    let again = stage.kayan.revoke_my_session(&caller, other.session.id).await.unwrap_err();
    assert_eq!(again, RevokeMySessionError::NotFound);
}

#[tokio::test]
async fn i_22_a_logout_ends_access_and_refresh() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    stage.kayan.log_out(&caller).await.unwrap();
    assert_eq!(stage.kayan.who_am_i(&caller).await.unwrap_err(), AuthenticateError::Unauthorized);
    let refresh = crate::RefreshSession { refresh_token: Some(ada.refresh_token) };
    assert!(stage.kayan.refresh_session(&Stage::stranger(), refresh).await.is_err());
}

#[tokio::test]
async fn another_persons_session_is_not_found() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let grace = stage.person("grace@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    let refused = stage.kayan.revoke_my_session(&caller, grace.session.id).await.unwrap_err();
    assert_eq!(refused, RevokeMySessionError::NotFound);
    assert!(stage.kayan.who_am_i(&Stage::bearer(grace.session_token.hash())).await.is_ok());
}

#[tokio::test]
async fn all_others_end_and_the_asking_one_stays() {
    let stage = Stage::new();
    let asking = stage.person("ada@example.com").await;
    for _ in 0..3 {
        stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.unwrap();
    }
    let caller = Stage::bearer(asking.session_token.hash());
    assert_eq!(stage.kayan.list_my_sessions(&caller).await.unwrap().0.len(), 4);
    stage.kayan.revoke_my_other_sessions(&caller).await.unwrap();
    let (left, me) = stage.kayan.list_my_sessions(&caller).await.unwrap();
    assert_eq!(left.iter().map(|session| session.id).collect::<Vec<_>>(), [me.session.id]);
}
