//! What the owner of passkeys does with them.

use super::*;

#[tokio::test]
async fn a_passkey_is_registered_once() {
    let stage = Stage::new();
    let (ada, mut key, _) = stage.with_passkey(ADA, Model::phone()).await;
    let opened = stage.log_in_by(&mut key, PasskeyLogin::Discoverable).await.unwrap();
    let begun = stage.kayan.begin_passkey_registration(&caller(&opened), new_passkey()).await.unwrap();
    key.register(&begun.options, ORIGIN).expect_err("excludeCredentials names it");
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

#[tokio::test]
async fn i_08_a_decoy_cannot_be_registered_so_that_nobody_learns_that_it_is_one() {
    let stage = Stage::new();
    let eve = stage.person("eve@example.com").await;
    stage.with_passkey(ADA, Model::phone()).await;
    for identifier in [ADA, "nobody@example.com"] {
        let begun = stage.begin(&Stage::stranger(), named(identifier)).await.unwrap();
        let options: Value = serde_json::from_str(&begun.options).unwrap();
        let mut key = Authenticator::new(Model::phone());
        key.lies.credential_id = Some(bytes(&options, "/allowCredentials/0/id"));
        let begun = stage.kayan.begin_passkey_registration(&caller(&eve), new_passkey()).await.unwrap();
        let credential = key.register(&begun.options, ORIGIN).unwrap();
        let refused = stage.kayan.finish_passkey_registration(&caller(&eve), registration(&begun, &credential)).await;
        let expected = FinishPasskeyRegistrationError::CeremonyFailed("this passkey is registered already".to_owned());
        assert_eq!(refused.unwrap_err(), expected, "{identifier}");
    }
}

#[tokio::test]
async fn i_19_a_step_up_by_a_key_that_verifies_nobody_does_not_lower_the_level() {
    let stage = Stage::new();
    let (_, mut phone, _) = stage.with_passkey(ADA, Model::phone()).await;
    let opened = stage.log_in_by(&mut phone, PasskeyLogin::Discoverable).await.unwrap();
    let mut key = Authenticator::new(Model::security_key());
    stage.register_passkey(&caller(&opened), &mut key).await;
    let begun = stage.begin(&caller(&opened), PasskeyLogin::StepUp).await.unwrap();
    let credential = key.log_in(&begun.options, ORIGIN).unwrap();
    let stepped_up = stage.kayan.finish_passkey_login(&caller(&opened), login(&begun, &credential)).await.unwrap();
    assert_eq!(stepped_up.session.aal, Aal::Aal2);
}

#[tokio::test]
async fn a_recovery_code_stands_in_for_a_passkey_that_was_lost() {
    let stage = Stage::new();
    let (_, _, registered) = stage.with_passkey(ADA, Model::phone()).await;
    let codes = registered.recovery_codes.unwrap().0;
    let opened = stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.unwrap();
    let below = stage.kayan.remove_passkey(&caller(&opened), registered.id).await;
    assert_eq!(below.unwrap_err(), StepUpRequired::Aal2.into());
    let code = |code: &str| crate::VerifyRecoveryCode { code: code.to_owned(), mfa_token: None };
    let wrong = stage.kayan.verify_recovery_code(&caller(&opened), code("0000-0000-0000-0000")).await;
    assert_eq!(wrong.unwrap_err(), crate::VerifyTotpError::InvalidCode);
    let verified = stage.kayan.verify_recovery_code(&caller(&opened), code(&codes[3])).await.unwrap();
    assert_eq!((verified.opened.session.id, verified.opened.session.aal), (opened.session.id, Aal::Aal2));
    assert_eq!(verified.left, 9);
    let stepped_up = caller(&verified.opened);
    let again = stage.kayan.verify_recovery_code(&stepped_up, code(&codes[3])).await;
    assert_eq!(again.unwrap_err(), crate::VerifyTotpError::InvalidCode);
    stage.kayan.remove_passkey(&stepped_up, registered.id).await.unwrap();
}
