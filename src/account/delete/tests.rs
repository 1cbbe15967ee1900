//! Tests of deleting the own account.

use kayan_ports::{EventType, Outcome};

use super::*;
use crate::stage::{PASSWORD, Stage};

#[tokio::test]
async fn the_account_is_gone_and_its_address_free_but_its_events_stay() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    stage.kayan.delete_me(&caller, DeleteMe { password: PASSWORD.into() }).await.unwrap();
    assert_eq!(stage.kayan.who_am_i(&caller).await.unwrap_err(), AuthenticateError::Unauthorized);
    let again = stage.person("ada@example.com").await;
    assert_ne!(again.identity.id, ada.identity.id);
    assert_eq!(stage.count(EventType::IdentityDeleted, Outcome::Success), 1);
    assert_eq!(stage.count(EventType::IdentityCreated, Outcome::Success), 2);
}

#[tokio::test]
async fn a_stolen_session_is_not_enough() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    let refused = stage.kayan.delete_me(&caller, DeleteMe { password: "guess".into() }).await.unwrap_err();
    assert_eq!(refused, DeleteMeError::InvalidCredentials);
    assert!(stage.kayan.who_am_i(&caller).await.is_ok());
    assert_eq!(stage.count(EventType::IdentityDeleted, Outcome::Failure), 1);
}
