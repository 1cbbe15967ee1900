//! What making a user promises.

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
