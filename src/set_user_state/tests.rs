//! What locking promises.

use kayan_ports::{EventType, Outcome};

use super::*;
use crate::FindUserError;
use crate::stage::{PASSWORD, Stage};

fn set(user: &str, state: State) -> SetUserState {
    SetUserState { user: UserRef(user.to_owned()), state, reason: Some("Security incident".to_owned()), expected: None }
}

#[tokio::test]
async fn i_22_a_lock_ends_every_session_and_an_unlock_revives_none() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    stage.kayan.set_user_state(&Stage::operator(), set("ada@example.com", State::Locked)).await.unwrap();
    assert!(stage.kayan.who_am_i(&caller).await.is_err());
    stage.kayan.set_user_state(&Stage::operator(), set(&ada.identity.id.to_string(), State::Active)).await.unwrap();
    assert!(stage.kayan.who_am_i(&caller).await.is_err(), "what was revoked stays revoked");
    assert!(stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.is_ok());

    let events = stage.store.events();
    let lock = events.iter().find(|event| event.kind == EventType::AdminAction).unwrap();
    assert_eq!(lock.actor.as_deref(), Some("cli"));
    assert_eq!(lock.subject, Some(ada.identity.id.to_string()));
    assert_eq!(lock.metadata["reason"], "Security incident");
    assert_eq!(lock.old_value, Some(json!({ "state": "active" })));
    assert_eq!(lock.new_value, Some(json!({ "state": "locked" })));
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Success), 2);
}

#[tokio::test]
async fn nobody_is_not_found() {
    let stage = Stage::new();
    let refused = stage.kayan.set_user_state(&Stage::operator(), set("nobody@example.com", State::Locked)).await;
    assert_eq!(refused.unwrap_err(), FindUserError::NotFound("nobody@example.com".to_owned()).into());
}
