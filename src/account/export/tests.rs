//! Tests of exporting the own data.

use crate::stage::Stage;

#[tokio::test]
async fn an_export_holds_all_that_is_held_and_its_own_event() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    stage.person("grace@example.com").await;
    let export = stage.kayan.export_me(&Stage::bearer(ada.session_token.hash())).await.unwrap();
    assert_eq!(export.identity.id, ada.identity.id);
    assert_eq!((export.credentials.len(), export.sessions.len(), export.devices.len()), (1, 1, 1));
    let kinds: Vec<_> = export.events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds, ["identity.created", "auth.session.created", "auth.device.added", "identity.exported"]);
}
