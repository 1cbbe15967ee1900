//! A passkey that can't be used any more is no factor, and no way in.

use kayan_ports::{Change, FactorChange, Removed};

use super::*;

/// A tenant that takes these methods, and requires a second factor or not.
fn taking(methods: &[Method], mfa_required: bool) -> TenantSettings {
    TenantSettings { methods: Some(methods.to_vec()), mfa_required, ..TenantSettings::default() }
}

impl Stage {
    async fn remove_recovery_codes(&self, owner: &Opened) {
        let (tenant, identity) = (owner.identity.tenant.clone(), owner.identity.id);
        let remove = FactorChange::Remove { tenant, identity, which: Removed::RecoveryCodes };
        self.kayan.store.changes.commit(vec![Change::Factor(remove)]).await.unwrap();
    }

    async fn change_password(&self, owner: &Opened) -> Result<(), crate::ChangePasswordError> {
        let cmd = crate::ChangePassword {
            current_password: PASSWORD.into(),
            new_password: "another horse battery staple".into(),
        };
        self.kayan.change_password(&caller(owner), cmd).await
    }
}

#[tokio::test]
async fn who_has_only_a_passkey_that_cannot_be_used_is_asked_to_enroll_another_factor() {
    let stage = Stage::new();
    let (ada, ..) = stage.with_passkey(ADA, Model::phone()).await;
    stage.set_tenant(taking(&[Method::Password], true)).await;
    let with_codes = stage.asked_for_factor(ADA).await.missing;
    assert_eq!((with_codes.methods, with_codes.enroll), (vec![Method::RecoveryCode], vec![]));
    stage.remove_recovery_codes(&ada).await;
    let without = stage.asked_for_factor(ADA).await;
    assert_eq!((without.missing.methods, without.missing.enroll), (vec![], vec![Method::Totp]));
    let cmd = crate::EnrollTotp { name: String::new(), mfa_token: Some(without.mfa_token) };
    stage.kayan.enroll_totp(&Stage::stranger(), cmd).await.unwrap();
}

#[tokio::test]
async fn a_passkey_that_cannot_be_used_asks_for_no_step_up() {
    let stage = Stage::new();
    let (ada, _, registered) = stage.with_passkey(ADA, Model::phone()).await;
    let refused = stage.change_password(&ada).await.unwrap_err();
    assert_eq!(refused, AuthenticateError::LacksFactor.into());
    let enroll = || crate::EnrollTotp { name: String::new(), mfa_token: None };
    assert_eq!(stage.kayan.enroll_totp(&caller(&ada), enroll()).await.unwrap_err(), StepUpRequired::Aal2.into());

    stage.set_tenant(taking(&[Method::Password], false)).await;
    stage.kayan.enroll_totp(&caller(&ada), enroll()).await.unwrap();
    let codes = stage.kayan.regenerate_recovery_codes(&caller(&ada)).await;
    assert_eq!(codes.unwrap_err(), StepUpRequired::Aal2.into(), "there is no other factor");
    stage.change_password(&ada).await.unwrap();
    let again =
        stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, "another horse battery staple")).await.unwrap();
    stage.kayan.remove_passkey(&caller(&again), registered.id).await.unwrap();
}

#[tokio::test]
async fn i_21_a_password_that_the_tenant_does_not_take_is_no_way_in() {
    let stage = Stage::new();
    let (_, mut key, registered) = stage.with_passkey(ADA, Model::phone()).await;
    let opened = stage.log_in_by(&mut key, PasskeyLogin::Discoverable).await.unwrap();
    stage.set_tenant(taking(&[Method::Webauthn], false)).await;
    let refused = stage.kayan.remove_passkey(&caller(&opened), registered.id).await;
    assert_eq!(refused.unwrap_err(), RemovePasskeyError::LastCredential);
    let mut other = Authenticator::new(Model::phone());
    stage.register_passkey(&caller(&opened), &mut other).await;
    stage.kayan.remove_passkey(&caller(&opened), registered.id).await.unwrap();
}
