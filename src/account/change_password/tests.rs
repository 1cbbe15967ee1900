//! Tests of changing the own password.

use kayan_ports::{EventType, Outcome, TenantSettings};

use super::*;
use crate::{
    LogInError,
    stage::{PASSWORD, Stage},
};

const NEW: &str = "a different and longer phrase";

fn change(current: &str, new: &str) -> ChangePassword {
    ChangePassword { current_password: current.into(), new_password: new.into() }
}

#[tokio::test]
async fn i_22_a_changed_password_ends_every_other_session() {
    let stage = Stage::new();
    let asking = stage.person("ada@example.com").await;
    let other = stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.unwrap();
    let caller = Stage::bearer(asking.session_token.hash());
    stage.kayan.change_password(&caller, change(PASSWORD, NEW)).await.unwrap();

    assert!(stage.kayan.who_am_i(&caller).await.is_ok());
    let dead = stage.kayan.who_am_i(&Stage::bearer(other.session_token.hash())).await.unwrap_err();
    assert_eq!(dead, AuthenticateError::Unauthorized);
    let refresh = crate::RefreshSession { refresh_token: Some(other.refresh_token) };
    assert!(stage.kayan.refresh_session(&Stage::stranger(), refresh).await.is_err());
    let old = stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.unwrap_err();
    assert_eq!(old, LogInError::InvalidCredentials);
    assert!(stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", NEW)).await.is_ok());
    assert_eq!(stage.count(EventType::PasswordChanged, Outcome::Success), 1);
}

#[tokio::test]
async fn a_wrong_current_password_changes_nothing_and_is_audited() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    let refused = stage.kayan.change_password(&caller, change("wrong", NEW)).await.unwrap_err();
    assert_eq!(refused, ChangePasswordError::InvalidCredentials);
    assert!(stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.is_ok());
    assert_eq!(stage.count(EventType::PasswordChanged, Outcome::Failure), 1);
}

#[tokio::test]
async fn i_17_a_new_password_obeys_the_policy() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    for weak in ["short", "password", "ada@example.com", &"k9".repeat(37)] {
        let refused = stage.kayan.change_password(&caller, change(PASSWORD, weak)).await.unwrap_err();
        assert!(matches!(refused, ChangePasswordError::WeakPassword(_)), "{weak}");
    }
}

#[tokio::test]
async fn none_of_the_last_passwords_is_taken_again() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    let phrase = |number: u32| format!("phrase of otters, the {number}th");
    let reused = |last| ChangePasswordError::WeakPassword(Weakness::Reused { last });
    stage.kayan.change_password(&caller, change(PASSWORD, &phrase(1))).await.unwrap();
    stage.set_tenant(TenantSettings { password_history: Some(1), ..TenantSettings::default() }).await;
    let same = stage.kayan.change_password(&caller, change(&phrase(1), &phrase(1))).await.unwrap_err();
    assert_eq!(same, reused(1));
    stage.set_tenant(TenantSettings { password_history: Some(3), ..TenantSettings::default() }).await;
    for number in 2..=3 {
        stage.kayan.change_password(&caller, change(&phrase(number - 1), &phrase(number))).await.unwrap();
    }
    for used in 1..=3 {
        let refused = stage.kayan.change_password(&caller, change(&phrase(3), &phrase(used))).await.unwrap_err();
        assert_eq!(refused, reused(3), "{used}");
    }
    let before = stage.hasher.verifications();
    stage.kayan.change_password(&caller, change(&phrase(3), &phrase(4))).await.unwrap();
    assert_eq!(stage.hasher.verifications() - before, 1 + 3, "the current password, and each of the last three");
    stage.kayan.change_password(&caller, change(&phrase(4), &phrase(1))).await.unwrap();
}

#[tokio::test]
async fn without_the_current_password_nothing_is_disclosed_about_the_former_ones() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    stage.breaches.add(NEW);
    let settings =
        TenantSettings { password_history: Some(24), password_breach_check: Some(true), ..TenantSettings::default() };
    stage.set_tenant(settings).await;
    for new in [PASSWORD, NEW] {
        let refused = stage.kayan.change_password(&caller, change("wrong", new)).await.unwrap_err();
        assert_eq!(refused, ChangePasswordError::InvalidCredentials, "{new}");
    }
    assert_eq!(stage.breaches.checks(), 0);
    let refused = stage.kayan.change_password(&caller, change(PASSWORD, NEW)).await.unwrap_err();
    assert_eq!(refused, ChangePasswordError::WeakPassword(Weakness::Breached));
}
