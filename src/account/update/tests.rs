//! Tests of changing the own traits.

use kayan_ports::{EventType, Outcome};
use serde_json::json;

use super::*;
use crate::{
    Register, RegisterError,
    stage::{PASSWORD, Stage},
};

fn patch(value: Value) -> UpdateMe {
    UpdateMe { traits: serde_json::from_value(value).unwrap() }
}

#[test]
fn a_patch_replaces_adds_and_removes_as_rfc_7396_says() {
    for (before, patch, after) in [
        (json!({"a": 1}), json!({"a": 2}), json!({"a": 2})),
        (json!({"a": 1}), json!({"b": 2}), json!({"a": 1, "b": 2})),
        (json!({"a": 1, "b": 2}), json!({"a": null}), json!({"b": 2})),
        (json!({"a": {"b": 1}}), json!({"a": {"c": 2, "b": null}}), json!({"a": {"c": 2}})),
        (json!({"a": [1]}), json!({"a": {"b": 1}}), json!({"a": {"b": 1}})),
        (json!({}), json!({"a": {"b": {"c": null}}}), json!({"a": {"b": {}}})),
    ] {
        let mut traits: Traits = serde_json::from_value(before).unwrap();
        merge(&mut traits, &serde_json::from_value(patch).unwrap());
        assert_eq!(Value::Object(traits.0), after);
    }
}

#[tokio::test]
async fn a_new_address_logs_in_and_the_old_one_no_longer() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    let after = stage.kayan.update_me(&caller, patch(json!({"email": "countess@example.com", "name": "Ada"}))).await;
    assert_eq!(after.unwrap().version, 2);
    assert!(stage.kayan.log_in(&Stage::stranger(), Stage::login("countess@example.com", PASSWORD)).await.is_ok());
    assert!(stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.is_err());
    assert_eq!(stage.count(EventType::IdentityUpdated, Outcome::Success), 1);
}

#[tokio::test]
async fn somebody_elses_address_is_not_taken() {
    let stage = Stage::new();
    stage.person("grace@example.com").await;
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    let refused = stage.kayan.update_me(&caller, patch(json!({"email": "GRACE@example.com"}))).await.unwrap_err();
    assert_eq!(refused, UpdateMeError::AlreadyExists);
}

#[tokio::test]
async fn i_12_a_patch_sets_nothing_that_is_the_servers() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    for forbidden in [json!({"roles": ["admin"]}), json!({"state": "active"}), json!({"verified": ["ada@example.com"]})]
    {
        let refused = stage.kayan.update_me(&caller, patch(forbidden)).await.unwrap_err();
        assert!(matches!(refused, UpdateMeError::InvalidTraits(_)));
    }
}

async fn without_email(stage: &Stage) -> Result<Identity, UpdateMeError> {
    let ada = stage.person("ada@example.com").await;
    let patch = serde_json::from_value(json!({ "email": null, "name": "Ada" })).unwrap();
    stage.kayan.update_me(&Stage::bearer(ada.session.token), UpdateMe { traits: patch }).await
}

#[tokio::test]
async fn i_21_the_last_identifier_stays_unless_the_schema_lets_people_be_without_one() {
    let stage = Stage::with_optional_identifiers(&json!({}));
    assert_eq!(without_email(&stage).await.unwrap_err(), UpdateMeError::LastIdentifier);
    let login = stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.unwrap();
    let patch = serde_json::from_value(json!({ "email": null, "badge": "ADA1" })).unwrap();
    let caller = Stage::bearer(login.session.token);
    stage.kayan.update_me(&caller, UpdateMe { traits: patch }).await.unwrap();
    stage.kayan.log_in(&Stage::stranger(), Stage::login("ada1", PASSWORD)).await.unwrap();
    let nameless = Register { traits: Traits::default(), password: PASSWORD.into() };
    let refused = stage.kayan.register(&Stage::stranger(), nameless).await.unwrap_err();
    let RegisterError::InvalidTraits(fields) = refused else { panic!("{refused:?}") };
    assert_eq!((&*fields[0].pointer, &*fields[0].code), ("/traits", "required"));

    let stage = Stage::with_optional_identifiers(&json!({ "x-kayan-identifier-required": false }));
    assert!(!without_email(&stage).await.unwrap().traits.0.contains_key("email"));
}
