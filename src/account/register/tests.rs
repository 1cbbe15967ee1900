//! Tests of the registration.

use std::sync::Arc;

use kayan_ports::{EventType, Outcome, TenantId, TenantSettings};
use serde_json::json;

use super::*;
use crate::stage::{PASSWORD, Stage};

#[tokio::test]
async fn a_person_registers_and_is_logged_in() {
    let stage = Stage::new();
    let opened = stage.person("ada@example.com").await;
    let me = stage.kayan.who_am_i(&Stage::bearer(opened.session_token.hash())).await.unwrap();
    assert_eq!(me.identity.traits, Stage::traits("ada@example.com"));
    assert_eq!(stage.count(EventType::IdentityCreated, Outcome::Success), 1);
    assert_eq!(stage.count(EventType::SessionCreated, Outcome::Success), 1);
}

#[tokio::test]
async fn i_13_registering_an_existing_identifier_does_not_touch_the_account() {
    let stage = Stage::new();
    let first = stage.person("ada@example.com").await;
    let events = stage.store.events().len();
    let mut again = Stage::registration("ADA@example.com");
    again.password = "another fine long password".into();
    let refused = stage.kayan.register(&Stage::stranger(), again).await.unwrap_err();
    assert_eq!(refused, RegisterError::AlreadyExists);
    assert_eq!(stage.store.events().len(), events);
    let me = stage.kayan.who_am_i(&Stage::bearer(first.session_token.hash())).await.unwrap();
    assert_eq!(me.identity, first.identity);
    assert!(stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i_13_of_64_registrations_at_once_one_wins() {
    let stage = Arc::new(Stage::new());
    let tries = (0..64).map(|_| {
        let stage = stage.clone();
        tokio::spawn(async move {
            stage.kayan.register(&Stage::stranger(), Stage::registration("ada@example.com")).await.map(|_| ())
        })
    });
    let mut won = 0;
    for attempt in tries.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Ok(()) => won += 1,
            Err(error) => assert_eq!(error, RegisterError::AlreadyExists),
        }
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn i_13_one_identifier_in_two_tenants_is_two_accounts() {
    let stage = Stage::new();
    let first = stage.person("ada@example.com").await;
    let other: TenantId = "other".parse().unwrap();
    stage.store.add_tenant(other.clone(), true);
    let caller = Caller { tenant: other, ..Stage::stranger() };
    let second = stage.kayan.register(&caller, Stage::registration("ada@example.com")).await.unwrap();
    assert_ne!(first.identity.id, second.identity.id);
}

#[tokio::test]
async fn nobody_registers_in_an_unknown_or_inactive_tenant() {
    let stage = Stage::new();
    let other: TenantId = "other".parse().unwrap();
    let caller = Caller { tenant: other.clone(), ..Stage::stranger() };
    let refused = stage.kayan.register(&caller, Stage::registration("ada@example.com")).await.unwrap_err();
    assert_eq!(refused, RegisterError::NoTenant);
    stage.store.add_tenant(other, false);
    let refused = stage.kayan.register(&caller, Stage::registration("ada@example.com")).await.unwrap_err();
    assert_eq!(refused, RegisterError::NoTenant);
}

#[tokio::test]
async fn i_12_no_trait_sets_what_is_the_servers() {
    let stage = Stage::new();
    let traits = json!({ "email": "ada@example.com", "roles": ["admin"], "state": "active", "verified": ["x"] });
    let cmd =
        Register { traits: serde_json::from_value(traits).unwrap(), password: PASSWORD.into(), proof_of_work: None };
    let refused = stage.kayan.register(&Stage::stranger(), cmd).await.unwrap_err();
    assert!(matches!(refused, RegisterError::InvalidTraits(_)));
    let opened = stage.person("ada@example.com").await;
    assert!(opened.identity.roles.is_empty() && opened.identity.verified.is_empty());
}

#[tokio::test]
async fn an_address_of_a_service_for_disposable_ones_is_refused_where_the_tenant_takes_none() {
    let stage = Stage::new();
    stage.person("ada@mailinator.com").await;
    let settings = TenantSettings { refuse_disposable_addresses: true, ..TenantSettings::default() };
    stage.set_tenant(settings).await;
    let hashes = stage.hasher.hashes();
    let refused = stage.kayan.register(&Stage::stranger(), Stage::registration("eve@Mail.Mailinator.com")).await;
    let Err(RegisterError::InvalidTraits(fields)) = refused else { panic!("{:?}", refused.map(drop)) };
    assert_eq!((&*fields[0].pointer, &*fields[0].code), ("/traits/email", "disposable_address"));
    assert_eq!(stage.hasher.hashes(), hashes);
    stage.person("eve@example.com").await;
}

#[tokio::test]
async fn i_17_a_password_the_hasher_cannot_take_whole_is_a_policy_error() {
    let stage = Stage::new();
    let cmd =
        Register { traits: Stage::traits("ada@example.com"), password: "k9".repeat(37).into(), proof_of_work: None };
    let refused = stage.kayan.register(&Stage::stranger(), cmd).await.unwrap_err();
    assert_eq!(refused, RegisterError::WeakPassword(Weakness::TooLong { max: 72 }));
    assert_eq!(stage.hasher.hashes(), 0);
}

#[tokio::test]
async fn a_breached_password_is_refused_where_that_is_asked_for_and_can_be_found_out() {
    let stage = Stage::new();
    stage.breaches.add(PASSWORD);
    stage.person("ada@example.com").await;
    assert_eq!(stage.breaches.checks(), 0, "the tenant does not ask for it");
    stage.set_tenant(TenantSettings { password_breach_check: Some(true), ..TenantSettings::default() }).await;
    let refused = stage.kayan.register(&Stage::stranger(), Stage::registration("eve@example.com")).await.unwrap_err();
    assert_eq!(refused, RegisterError::WeakPassword(Weakness::Breached));
    let hashes = stage.hasher.hashes();
    assert_eq!((hashes, stage.breaches.checks()), (1, 1), "refused before it is hashed");
    let mut weak = Stage::registration("eve@example.com");
    weak.password = "password".into();
    assert!(stage.kayan.register(&Stage::stranger(), weak).await.is_err());
    assert_eq!(stage.breaches.checks(), 1, "the cheap rules come first");
    stage.breaches.fail(true);
    stage.person("eve@example.com").await;
}
