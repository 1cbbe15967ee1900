//! Tests of the deletion of an account by a link.

use kayan_ports::{EventType, Outcome, Scope, State, TenantId};
use time::Duration;

use crate::{
    Caller, CreateUser, DeleteByLinkError, Flow, Opened, RequestDeletionError, RequestLinkError, SetUserPassword,
    StepUpRequired, Token, UserRef,
    flow::tests::{deliver, link, token},
    stage::{PASSWORD, Stage},
};

const ADA: &str = "ada@example.com";

/// Ada, who has no password, logged in by a link.
async fn without_password(stage: &Stage, roles: Vec<String>) -> (Opened, Caller) {
    let (tenant, traits) = (TenantId::default(), Stage::traits(ADA));
    let cmd = CreateUser { tenant, traits, password: None, state: State::Active, roles };
    stage.kayan.create_user(&Stage::operator(), cmd).await.unwrap();
    let magic = link(stage, Flow::MagicLink).await;
    let opened = stage.kayan.log_in_by_link(&Stage::stranger(), magic.as_ref()).await.unwrap();
    let caller = Stage::bearer(opened.session_token.hash());
    (opened, caller)
}

/// The token that ada gets.
async fn requested(stage: &Stage, caller: &Caller) -> Option<Token> {
    stage.kayan.request_account_deletion(caller).await.unwrap();
    deliver(stage).await;
    assert!(stage.mail.last("link").unwrap().starts_with("https://login.example/flow/account-deletion#token=kyl_"));
    token(stage)
}

async fn delete(stage: &Stage, token: Option<&Token>) -> Result<(), DeleteByLinkError> {
    stage.kayan.delete_by_link(&Stage::stranger(), token).await
}

#[tokio::test]
async fn an_account_without_a_password_is_deleted_by_a_link() {
    let stage = Stage::new();
    let (ada, caller) = without_password(&stage, Vec::new()).await;
    let (older, link) = (requested(&stage, &caller).await, requested(&stage, &caller).await);
    assert!(delete(&stage, older.as_ref()).await.is_err(), "a new request voids the one before");
    delete(&stage, link.as_ref()).await.unwrap();
    assert_eq!(stage.kayan.store.accounts.identity(&Scope::System, ada.identity.id).await, Ok(None));
    assert!(stage.kayan.who_am_i(&caller).await.is_err());
    assert!(delete(&stage, link.as_ref()).await.is_err());
    assert_eq!(stage.count(EventType::IdentityDeleted, Outcome::Success), 1);
}

#[tokio::test]
async fn a_link_is_good_for_an_hour_and_while_there_is_no_password() {
    let stage = Stage::new();
    let (ada, caller) = without_password(&stage, Vec::new()).await;
    let late = requested(&stage, &caller).await;
    stage.clock.advance(Duration::hours(1));
    assert!(delete(&stage, late.as_ref()).await.is_err());
    let refused = stage.kayan.request_account_deletion(&caller).await;
    assert!(
        matches!(refused, Err(RequestDeletionError::Link(RequestLinkError::StepUp(StepUpRequired::Recent(_))))),
        "{refused:?}"
    );

    let magic = link(&stage, Flow::MagicLink).await;
    let opened = stage.kayan.log_in_by_link(&Stage::on_device_of(&ada), magic.as_ref()).await.unwrap();
    let link = requested(&stage, &Stage::bearer(opened.session_token.hash())).await;
    let cmd = SetUserPassword { user: UserRef(ADA.to_owned()), password: PASSWORD.into(), expected: None };
    stage.kayan.set_user_password(&Stage::operator(), cmd).await.unwrap();
    assert!(delete(&stage, link.as_ref()).await.is_err());
}

#[tokio::test]
async fn an_account_with_a_password_is_not_deleted_by_a_link() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let refused = stage.kayan.request_account_deletion(&Stage::bearer(ada.session_token.hash())).await;
    assert_eq!(refused, Err(RequestDeletionError::HasPassword));
}

#[tokio::test]
async fn i_30_the_last_administrator_is_not_deleted_by_a_link() {
    let stage = Stage::new();
    let (_, caller) = without_password(&stage, vec!["admin".to_owned()]).await;
    let link = requested(&stage, &caller).await;
    assert_eq!(delete(&stage, link.as_ref()).await, Err(DeleteByLinkError::LastAdmin));
}
