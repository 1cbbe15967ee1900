//! Tests of putting an old e-mail address back.

use kayan_ports::{Change, DeviceChange, EventType, Outcome, TenantSettings, Trust};
use time::Duration;

use crate::{
    ChangeEmailError, ChangePassword, EnrollTotp, Opened, ProviderLoginError, Token,
    flow::{
        email_change::tests::{ADA, NEW, change, requested, stored},
        tests::{deliver, recover, token},
    },
    provider::tests::assertion,
    stage::{PASSWORD, Stage},
};

const THIEFS: &str = "a thief's own battery staple";

async fn revert(stage: &Stage, token: Option<&Token>) -> Result<String, ChangeEmailError> {
    stage.kayan.revert_email(&Stage::stranger(), token).await
}

/// Changes the address in this session, and returns the link that puts the old one back.
async fn changed(stage: &Stage, opened: &Opened, address: &str) -> Option<Token> {
    let link = requested(stage, opened, address).await;
    change(stage, link.as_ref()).await.unwrap();
    deliver(stage).await;
    token(stage)
}

#[tokio::test]
async fn i_14_the_old_address_wins_over_a_thief_and_all_further_changes() {
    let stage = Stage::new();
    let thief = stage.person(ADA).await;
    let owners = changed(&stage, &thief, NEW).await;
    let thiefs = changed(&stage, &thief, "third@example.com").await;
    let caller = Stage::bearer(thief.session_token.hash());
    let cmd = ChangePassword { current_password: PASSWORD.into(), new_password: THIEFS.into() };
    stage.kayan.change_password(&caller, cmd).await.unwrap();
    let pending = requested(&stage, &thief, "fourth@example.com").await;
    assert_eq!(revert(&stage, owners.as_ref()).await.unwrap(), ADA);
    let after = stored(&stage, &thief).await;
    assert_eq!((after.traits, after.verified), (Stage::traits(ADA), vec![ADA.to_owned()]));
    assert!(stage.kayan.who_am_i(&caller).await.is_err(), "all sessions have ended");
    assert!(change(&stage, pending.as_ref()).await.is_err());
    assert!(revert(&stage, thiefs.as_ref()).await.is_err(), "the later change is undone, too");
    for password in [PASSWORD, THIEFS] {
        assert!(stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, password)).await.is_err());
    }
    deliver(&stage).await;
    recover(&stage, token(&stage), "the owner's new battery staple").await.unwrap();
    assert!(revert(&stage, owners.as_ref()).await.is_err(), "the link is used up");
    assert_eq!(stage.count(EventType::AddressReverted, Outcome::Success), 1);
}

#[tokio::test]
async fn i_14_an_account_at_a_provider_that_a_thief_has_linked_is_unlinked() {
    let stage = Stage::new();
    let thief = stage.person(ADA).await;
    let owners = changed(&stage, &thief, NEW).await;
    stage.link(&thief, assertion("1", None, false)).await.unwrap();
    stage.login_by("idp", assertion("1", None, false)).await.expect("linked");
    revert(&stage, owners.as_ref()).await.unwrap();
    let refused = stage.login_by("idp", assertion("1", None, false)).await.unwrap_err();
    assert_eq!(refused, ProviderLoginError::EmailRequired, "it is the account of nobody");
}

#[tokio::test]
async fn a_later_link_leaves_the_earlier_one_good() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let first = changed(&stage, &ada, NEW).await;
    stage.clock.advance(Duration::minutes(1));
    let second = changed(&stage, &ada, "third@example.com").await;
    assert_eq!(revert(&stage, second.as_ref()).await.unwrap(), NEW);
    assert_eq!(revert(&stage, first.as_ref()).await.unwrap(), ADA);
}

#[tokio::test]
async fn i_14_an_account_that_only_claims_the_old_address_loses_it() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let link = changed(&stage, &ada, NEW).await;
    let claiming = stage.person(ADA).await;
    assert_eq!(revert(&stage, link.as_ref()).await.unwrap(), ADA);
    assert_eq!(stored(&stage, &ada).await.traits, Stage::traits(ADA));
    let left = stored(&stage, &claiming).await;
    assert!(left.traits.0.is_empty(), "{left:?}");
    assert!(stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.is_err());
}

#[tokio::test]
async fn an_account_that_has_verified_the_old_address_keeps_it() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let link = changed(&stage, &ada, NEW).await;
    stage.person(ADA).await;
    deliver(&stage).await;
    stage.kayan.verify_address(&Stage::stranger(), token(&stage).as_ref()).await.unwrap();
    assert_eq!(revert(&stage, link.as_ref()).await, Err(ChangeEmailError::AlreadyExists));
    assert_eq!(stored(&stage, &ada).await.traits, Stage::traits(NEW));
}

#[tokio::test]
async fn factors_that_were_enrolled_since_are_removed_and_no_others() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let caller = Stage::bearer(ada.session_token.hash());
    let enroll = |name: &str| stage.kayan.enroll_totp(&caller, EnrollTotp { mfa_token: None, name: name.to_owned() });
    enroll("mine").await.unwrap();
    stage.clock.advance(Duration::minutes(1));
    let link = changed(&stage, &ada, NEW).await;
    stage.clock.advance(Duration::minutes(1));
    let codes = stage.kayan.new_recovery_codes(&ada.identity, stage.kayan.clock.now());
    stage.kayan.commit(codes.changes).await.unwrap();
    revert(&stage, link.as_ref()).await.unwrap();
    let left = stage.kayan.store.factors.factors(&ada.identity.tenant, ada.identity.id).await.unwrap();
    assert_eq!(left.iter().map(|factor| factor.name.as_str()).collect::<Vec<_>>(), ["mine"]);
}

#[tokio::test]
async fn i_14_a_device_that_is_trusted_is_not_any_more_once_the_old_address_is_back() {
    let stage = Stage::new();
    stage.set_tenant(TenantSettings { trusted_device_days: Some(30), ..TenantSettings::default() }).await;
    let ada = stage.person(ADA).await;
    let link = changed(&stage, &ada, NEW).await;
    let trust = Trust { since: stage.kayan.clock.now(), epoch: ada.session.epoch };
    let (tenant, identity) = (ada.identity.tenant.clone(), ada.identity.id);
    let stored = stage.kayan.store.devices.devices(&tenant, identity).await.unwrap().remove(0);
    let using = DeviceChange::Use {
        tenant: tenant.clone(),
        identity,
        device: stored.id,
        client: stored.client,
        at: trust.since,
        trust: Some((stored.token, trust)),
    };
    stage.kayan.commit(vec![Change::Device(using)]).await.unwrap();
    let trusted = async || stage.kayan.store.devices.devices(&tenant, identity).await.unwrap()[0].trust.is_some();
    assert!(trusted().await);
    revert(&stage, link.as_ref()).await.unwrap();
    assert!(!trusted().await);
}

#[tokio::test]
async fn the_old_address_can_be_put_back_for_seven_days_whatever_the_address_is_by_then() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let link = changed(&stage, &ada, NEW).await;
    stage.set_address(&ada, "third@example.com").await;
    stage.clock.advance(Duration::days(7) - Duration::microseconds(1));
    assert_eq!(revert(&stage, link.as_ref()).await.unwrap(), ADA);

    let opened = stage.person("grace@example.com").await;
    let late = changed(&stage, &opened, NEW).await;
    stage.clock.advance(Duration::days(7));
    assert!(revert(&stage, late.as_ref()).await.is_err());
}
