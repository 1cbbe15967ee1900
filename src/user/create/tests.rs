//! Tests of creating a user.

use super::*;
use crate::{
    SetUserPassword, UserRef,
    stage::{PASSWORD, Stage},
};

fn user(email: &str, roles: &[&str]) -> CreateUser {
    CreateUser {
        tenant: TenantId::default(),
        traits: Stage::traits(email),
        password: Some(PASSWORD.into()),
        state: kayan_ports::State::Active,
        roles: roles.iter().map(|&role| role.to_owned()).collect(),
    }
}

#[tokio::test]
async fn the_first_admin_logs_in_with_the_role() {
    let stage = Stage::new();
    stage.kayan.create_user(&Stage::operator(), user("root@example.com", &["admin"])).await.unwrap();
    let opened = stage.kayan.log_in(&Stage::stranger(), Stage::login("root@example.com", PASSWORD)).await.unwrap();
    assert_eq!(opened.identity.roles, ["admin"]);
}

#[tokio::test]
async fn an_unknown_role_or_a_taken_address_is_refused() {
    let stage = Stage::new();
    let refused = stage.kayan.create_user(&Stage::operator(), user("a@example.com", &["king"])).await.unwrap_err();
    let known = ["admin", "operator", "viewer"].map(str::to_owned).to_vec();
    assert_eq!(refused, UnknownRole { name: "king".to_owned(), known }.into());
    stage.kayan.create_user(&Stage::operator(), user("a@example.com", &[])).await.unwrap();
    let refused = stage.kayan.create_user(&Stage::operator(), user("A@example.com", &[])).await.unwrap_err();
    assert_eq!(refused, CreateUserError::AlreadyExists);
}

#[tokio::test]
async fn i_22_a_password_set_by_an_operator_ends_every_session() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let user = UserRef("ada@example.com".to_owned());
    let set = SetUserPassword { user, password: "entirely new phrase".into(), expected: None };
    stage.kayan.set_user_password(&Stage::operator(), set).await.unwrap();
    assert!(stage.kayan.who_am_i(&Stage::bearer(ada.session_token.hash())).await.is_err());
    let login = Stage::login("ada@example.com", "entirely new phrase");
    assert!(stage.kayan.log_in(&Stage::stranger(), login).await.is_ok());
}

#[tokio::test]
async fn a_password_that_was_hashed_elsewhere_is_taken_and_one_of_no_known_kind_is_not() {
    let stage = Stage::new();
    let hash = stage.hasher.outdated_hash("elsewhere", PASSWORD);
    let cmd = CreateUser { password: Some(FirstPassword::Hashed(hash)), ..user("ada@example.com", &[]) };
    stage.kayan.create_user(&Stage::operator(), cmd).await.unwrap();
    stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.unwrap();
    let none = kayan_ports::PasswordHash::new("$unknown$".to_owned());
    let cmd = CreateUser { password: Some(FirstPassword::Hashed(none)), ..user("bert@example.com", &[]) };
    let refused = stage.kayan.create_user(&Stage::operator(), cmd).await;
    assert_eq!(refused.unwrap_err(), CreateUserError::Hash(kayan_ports::AdoptError::Unknown));
}
