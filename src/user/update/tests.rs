//! Tests of changing a user.

use kayan_ports::Outcome;

use super::*;
use crate::{
    FindUserError,
    stage::{PASSWORD, Stage},
};

fn update(traits: Option<Value>, state: Option<State>, expected: Option<Version>) -> UpdateUser {
    let traits = traits.map(|traits| serde_json::from_value(traits).unwrap());
    UpdateUser { user: UserRef("ada@example.com".to_owned()), traits, state, expected }
}

#[tokio::test]
async fn traits_and_state_change_together_and_are_audited_with_what_they_were() {
    let stage = Stage::new();
    stage.person("ada@example.com").await;
    let patch = json!({ "name": "Ada", "email": "countess@example.com" });
    let cmd = update(Some(patch), Some(State::Inactive), Some(1));
    let after = stage.kayan.update_user(&Stage::operator(), cmd).await.unwrap();
    assert_eq!((after.state, after.version), (State::Inactive, 3));
    assert_eq!(after.traits.0["name"], "Ada");
    let login = stage.kayan.log_in(&Stage::stranger(), Stage::login("countess@example.com", PASSWORD)).await;
    assert_eq!(login.unwrap_err(), crate::LogInError::NotActive);
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Success), 2);
    let events = stage.store.events();
    let traits = events.iter().find(|event| event.metadata.get("action") == Some(&json!("user.update"))).unwrap();
    assert_eq!(traits.old_value, Some(json!({ "traits": { "email": "ada@example.com" } })));
    assert_eq!(traits.new_value, Some(json!({ "traits": { "email": "countess@example.com", "name": "Ada" } })));
}

#[tokio::test]
async fn a_user_that_has_changed_since_it_was_seen_is_left_alone() {
    let stage = Stage::new();
    stage.person("ada@example.com").await;
    let root = Stage::operator();
    stage.kayan.update_user(&root, update(Some(json!({ "name": "Ada" })), None, Some(1))).await.unwrap();
    let late = stage.kayan.update_user(&root, update(Some(json!({ "name": "Eve" })), None, Some(1))).await.unwrap_err();
    assert_eq!(late, ChangeUserError::Changed.into());
}

#[tokio::test]
async fn what_can_not_be_is_refused_and_changes_nothing() {
    let stage = Stage::new();
    stage.person("ada@example.com").await;
    stage.person("bert@example.com").await;
    let root = Stage::operator();
    let taken = update(Some(json!({ "email": "bert@example.com" })), Some(State::Locked), None);
    assert_eq!(stage.kayan.update_user(&root, taken).await.unwrap_err(), UpdateUserError::AlreadyExists);
    let invalid = update(Some(json!({ "roles": ["admin"] })), None, None);
    let refused = stage.kayan.update_user(&root, invalid).await.unwrap_err();
    assert!(matches!(refused, UpdateUserError::InvalidTraits(_)), "I-12: roles are no traits");
    let unknown = UpdateUser { user: UserRef("nobody".to_owned()), traits: None, state: None, expected: None };
    let refused = stage.kayan.update_user(&root, unknown).await.unwrap_err();
    assert_eq!(refused, ChangeUserError::from(FindUserError::NotFound("nobody".to_owned())).into());
    let ada = stage.kayan.find_user(&root, &UserRef("ada@example.com".to_owned())).await.unwrap();
    assert_eq!((ada.state, ada.version), (State::Active, 1));
}

#[tokio::test]
async fn i_21_an_operator_takes_nobodys_last_identifier_either() {
    let stage = Stage::with_optional_identifiers(&json!({}));
    stage.person("ada@example.com").await;
    let cmd = update(Some(json!({ "email": null })), None, None);
    assert_eq!(stage.kayan.update_user(&Stage::operator(), cmd).await.unwrap_err(), UpdateUserError::LastIdentifier);
}

#[tokio::test]
async fn who_was_imported_without_an_identifier_can_be_changed() {
    let stage = Stage::with_optional_identifiers(&json!({}));
    let id = "018f0000-0000-7000-8000-000000000001";
    let line = json!({ "id": id, "traits": { "name": "Ada" } }).to_string();
    let report = stage.kayan.import_ndjson(&Stage::operator(), line.as_bytes(), false).await.unwrap();
    assert_eq!(report.imported, 1, "{report:?}");
    let traits = Some(serde_json::from_value(json!({ "name": "Bea" })).unwrap());
    let cmd = UpdateUser { user: UserRef(id.to_owned()), traits, state: None, expected: None };
    assert_eq!(stage.kayan.update_user(&Stage::operator(), cmd).await.unwrap().traits.0["name"], "Bea");
}
