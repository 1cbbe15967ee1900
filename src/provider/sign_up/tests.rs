//! Tests of accounts that are created for accounts at providers.

use kayan_ports::{EventType, Outcome};
use serde_json::json;

use crate::{ProviderLoginError, Register, provider::tests::assertion, stage::Stage};

#[tokio::test]
async fn a_name_that_another_user_logs_in_with_is_not_taken_by_a_sign_up() {
    let identifier = json!({ "type": "string", "x-kayan-identifier": true });
    let properties = json!({ "email": identifier, "name": identifier });
    let stage = Stage::with_optional_identifiers(&json!({ "properties": properties }));
    let traits = serde_json::from_value(json!({ "email": "other@example.com", "name": "Ada" })).unwrap();
    let taken = Register { traits, ..Stage::registration("other@example.com") };
    stage.kayan.register(&Stage::stranger(), taken).await.unwrap();
    let refused = stage.login_by("idp", assertion("1", Some("ada@example.com"), true)).await;
    assert_eq!(refused.unwrap_err(), ProviderLoginError::LinkRequired);
    assert_eq!(stage.count(EventType::LoginFailure, Outcome::Failure), 1);
    assert_eq!(stage.count(EventType::IdentityCreated, Outcome::Success), 1);
}
