//! Tests of locking a user.

use kayan_ports::{Clock as _, EventType, Outcome};

use super::*;
use crate::FindUserError;
use crate::stage::{PASSWORD, Stage};

fn set(user: &str, state: State) -> SetUserState {
    SetUserState {
        user: UserRef(user.to_owned()),
        state,
        until: None,
        reason: Some("Security incident".to_owned()),
        expected: None,
    }
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

#[tokio::test]
async fn a_lock_with_an_end_is_lifted_then_and_not_before() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let until = stage.clock.now() + time::Duration::HOUR;
    let lock = SetUserState { until: Some(until), ..set("ada@example.com", State::Locked) };
    stage.kayan.set_user_state(&Stage::operator(), lock).await.unwrap();
    let log_in = async || stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await;
    stage.clock.advance(std::time::Duration::from_micros(3_599_999_999));
    stage.kayan.end_locks().await.unwrap();
    assert!(log_in().await.is_err());
    stage.clock.advance(std::time::Duration::from_micros(1));
    stage.kayan.end_locks().await.unwrap();
    log_in().await.unwrap();
    stage.kayan.end_locks().await.unwrap();

    let events = stage.store.events();
    let told: Vec<_> = events.iter().filter(|event| event.kind == EventType::AdminAction).collect();
    assert_eq!(told.len(), 2, "locked once, let in once");
    assert_eq!(told[0].metadata["until"], timestamp::text(until));
    assert_eq!((told[1].actor.as_deref(), told[1].subject.clone()), (None, Some(ada.identity.id.to_string())));
    assert_eq!(told[1].metadata["action"], "user.unlock");
}

#[tokio::test]
async fn a_lock_without_an_end_replaces_one_that_ends() {
    let stage = Stage::new();
    stage.person("ada@example.com").await;
    let until = Some(stage.clock.now() + time::Duration::HOUR);
    let ending = SetUserState { until, ..set("ada@example.com", State::Locked) };
    stage.kayan.set_user_state(&Stage::operator(), ending).await.unwrap();
    stage.kayan.set_user_state(&Stage::operator(), set("ada@example.com", State::Locked)).await.unwrap();
    stage.clock.advance(std::time::Duration::from_hours(2));
    stage.kayan.end_locks().await.unwrap();
    assert!(stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.is_err());
}

#[tokio::test]
async fn a_lock_does_not_end_before_it_begins() {
    let stage = Stage::new();
    stage.person("ada@example.com").await;
    let lock = SetUserState { until: Some(stage.clock.now()), ..set("ada@example.com", State::Locked) };
    let refused = stage.kayan.set_user_state(&Stage::operator(), lock).await;
    assert_eq!(refused.unwrap_err(), ChangeUserError::LockIsOver);
}

#[tokio::test]
async fn a_lock_that_ends_lets_nobody_in_whom_nobody_let_in() {
    let stage = Stage::new();
    stage.person("ada@example.com").await;
    stage.kayan.set_user_state(&Stage::operator(), set("ada@example.com", State::Inactive)).await.unwrap();
    let until = Some(stage.clock.now() + time::Duration::HOUR);
    let lock = SetUserState { until, ..set("ada@example.com", State::Locked) };
    let refused = stage.kayan.set_user_state(&Stage::operator(), lock).await;
    assert_eq!(refused.unwrap_err(), ChangeUserError::NotIn(State::Inactive));
}

#[tokio::test]
async fn whoever_is_locked_anew_by_a_change_stays_locked() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let until = Some(stage.clock.now() + time::Duration::HOUR);
    let lock = SetUserState { until, ..set("ada@example.com", State::Locked) };
    stage.kayan.set_user_state(&Stage::operator(), lock).await.unwrap();
    let user = UserRef(ada.identity.id.to_string());
    let change = crate::UpdateUser { user, traits: None, state: Some(State::Locked), expected: None };
    stage.kayan.update_user(&Stage::operator(), change).await.unwrap();
    stage.clock.advance(std::time::Duration::from_hours(2));
    stage.kayan.end_locks().await.unwrap();
    assert!(stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.is_err());
}
