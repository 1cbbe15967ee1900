//! What changing one's traits promises.

use kayan_ports::{EventType, Outcome};
use serde_json::json;

use super::*;
use crate::stage::{PASSWORD, Stage};

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
