//! What the owner of passkeys does with them.

use super::*;

#[tokio::test]
async fn a_passkey_is_registered_once() {
    let stage = Stage::new();
    let (ada, mut key, _) = stage.with_passkey(ADA, Model::phone()).await;
    let opened = stage.log_in_by(&mut key, PasskeyLogin::Discoverable).await.unwrap();
    let begun = stage.kayan.begin_passkey_registration(&caller(&opened), new_passkey()).await.unwrap();
    key.register(&begun.options, ORIGIN).expect_err("the authenticator is told that it is registered");
    key.lies.ignores_excluded = true;
    key.lies.credential_id = Some(vec![7; 32]);
    let bob = stage.person(BOB).await;
    for (owner, expected) in [(&opened, true), (&bob, false)] {
        let begun = stage.kayan.begin_passkey_registration(&caller(owner), new_passkey()).await.unwrap();
        let credential = key.register(&begun.options, ORIGIN).unwrap();
        let outcome = stage.kayan.finish_passkey_registration(&caller(owner), registration(&begun, &credential)).await;
        assert_eq!(outcome.is_ok(), expected, "{outcome:?}");
    }
    let mine = stage.kayan.list_my_factors(&caller(&ada)).await.unwrap();
    let handles: Vec<_> = mine
        .factors
        .iter()
        .map(|factor| match &factor.kind {
            FactorKind::Webauthn(passkey) => passkey.user_handle,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(handles.len(), 2);
    assert_eq!(handles[0], handles[1], "one user, one handle");
    assert_ne!(handles[0], ada.identity.id.0, "the handle is not the id");
}

#[tokio::test]
async fn a_passkey_is_renamed_and_removed_by_its_owner() {
    let stage = Stage::new();
    let (ada, mut key, registered) = stage.with_passkey(ADA, Model::phone()).await;
    let bob = stage.person(BOB).await;
    let renamed = stage.kayan.rename_passkey(&caller(&ada), registered.id, "my phone".to_owned()).await.unwrap();
    assert_eq!(renamed.name, "my phone");
    for name in ["", " ", "two\nlines", &"x".repeat(65)] {
        stage.kayan.rename_passkey(&caller(&ada), registered.id, name.to_owned()).await.unwrap_err();
    }
    stage.kayan.rename_passkey(&caller(&bob), registered.id, "mine".to_owned()).await.unwrap_err();
    let by_another = stage.kayan.remove_passkey(&caller(&bob), registered.id).await;
    assert_eq!(by_another.unwrap_err(), RemovePasskeyError::NotFound);
    let by_password = stage.kayan.remove_passkey(&caller(&ada), registered.id).await;
    assert_eq!(by_password.unwrap_err(), StepUpRequired::Aal2.into());

    let opened = stage.log_in_by(&mut key, PasskeyLogin::Discoverable).await.unwrap();
    let unknown = stage.kayan.remove_passkey(&caller(&opened), CredentialId(uuid::Uuid::nil())).await;
    assert_eq!(unknown.unwrap_err(), RemovePasskeyError::NotFound);
    stage.kayan.remove_passkey(&caller(&opened), registered.id).await.unwrap();
    let mine = stage.kayan.list_my_factors(&caller(&opened)).await.unwrap();
    assert_eq!((mine.factors.len(), mine.recovery_codes), (0, 0));
    let refused = stage.log_in_by(&mut key, PasskeyLogin::Discoverable).await;
    assert!(matches!(refused, Err(FinishPasskeyLoginError::Refused(_))), "{refused:?}");
}
