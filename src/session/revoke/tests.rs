//! What ending sessions promises.

use kayan_ports::{Outcome, Scope, Sessions};

use super::*;
use crate::stage::Stage;

#[tokio::test]
async fn i_22_all_sessions_that_are_meant_end_and_no_others() {
    let stage = Stage::new();
    let (ada, bert) = (stage.person("ada@example.com").await, stage.person("bert@example.com").await);
    let root = Stage::operator();
    let hers = RevokeSessions { user: Some(UserRef("ada@example.com".to_owned())), ..RevokeSessions::default() };
    assert_eq!(stage.kayan.revoke_sessions(&root, hers.clone()).await, Ok(Some(1)));
    assert_eq!(stage.kayan.revoke_sessions(&root, hers).await, Ok(Some(0)));
    assert!(stage.kayan.who_am_i(&Stage::bearer(ada.session_token.hash())).await.is_err());
    let caller = Stage::bearer(bert.session_token.hash());
    assert!(stage.kayan.who_am_i(&caller).await.is_ok());
    let all = RevokeSessions { reason: Some("Security incident".to_owned()), ..RevokeSessions::default() };
    assert_eq!(stage.kayan.revoke_sessions(&root, all).await, Ok(Some(1)));
    assert!(stage.kayan.who_am_i(&caller).await.is_err());
    let refresh = crate::RefreshSession { refresh_token: Some(bert.refresh_token) };
    assert!(stage.kayan.refresh_session(&Stage::stranger(), refresh).await.is_err(), "refresh included");
    let events = stage.store.events();
    let last = events.iter().rfind(|event| event.kind == EventType::AdminAction).unwrap();
    assert_eq!((&last.metadata["reason"], &last.metadata["revoked"]), (&"Security incident".into(), &1.into()));
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Success), 3);
}

#[tokio::test]
async fn one_session_ends_once() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let root = Stage::operator();
    let id = ada.session.id;
    stage.kayan.revoke_session(&root, id, None).await.unwrap();
    assert_eq!(stage.kayan.revoke_session(&root, id, None).await, Err(RevokeSessionsError::NoSession(id)));
    let nowhere = RevokeSessions { tenant: Some("nowhere".parse().unwrap()), ..RevokeSessions::default() };
    let refused = stage.kayan.revoke_sessions(&root, nowhere).await;
    assert_eq!(refused, Err(RevokeSessionsError::NoTenant("nowhere".parse().unwrap())));
}

#[tokio::test]
async fn i_22_all_of_a_tenant_are_its_own_and_all_of_the_system_are_everybodys() {
    let stage = Stage::new();
    let other: TenantId = "other".parse().unwrap();
    stage.store.add_tenant(other.clone(), true);
    let elsewhere = crate::Caller { tenant: other.clone(), ..Stage::stranger() };
    stage.kayan.register(&elsewhere, Stage::registration("ada@example.com")).await.unwrap();
    let ada = stage.person("ada@example.com").await;
    let here = Stage::bearer(ada.session_token.hash());
    let root = Stage::operator();
    let its_own = RevokeSessions { tenant: Some(other.clone()), ..RevokeSessions::default() };
    assert_eq!(stage.kayan.revoke_sessions(&root, its_own).await, Ok(Some(1)));
    assert!(stage.kayan.who_am_i(&here).await.is_ok());
    stage.kayan.log_in(&elsewhere, Stage::login("ada@example.com", crate::stage::PASSWORD)).await.unwrap();
    assert_eq!(stage.kayan.revoke_sessions(&root, RevokeSessions::default()).await, Ok(Some(2)));
    assert!(stage.kayan.who_am_i(&here).await.is_err());
    assert_eq!(stage.store.count_active_sessions(&Scope::System, None).await, Ok(0));
}
