//! Tests of the change of an e-mail address.

use kayan_ports::{EventType, Identity, Outcome, Scope, TenantSettings};
use time::Duration;

use crate::{
    AuthenticateError, ChangeEmailError, Flow, Opened, RequestEmailChangeError, RequestLinkError, StepUpRequired,
    Token,
    flow::tests::{deliver, link, recover, token},
    stage::{PASSWORD, Stage},
};

pub(in crate::flow) const ADA: &str = "ada@example.com";
pub(in crate::flow) const NEW: &str = "new@example.com";

/// Requests a change in this session, and returns the token of the link that the new address gets.
pub(in crate::flow) async fn requested(stage: &Stage, opened: &Opened, address: &str) -> Option<Token> {
    let caller = Stage::bearer(opened.session_token.hash());
    stage.kayan.request_email_change(&caller, address).await.unwrap();
    deliver(stage).await;
    assert_eq!(stage.mail.last("address").as_deref(), Some(address));
    token(stage)
}

pub(in crate::flow) async fn change(stage: &Stage, token: Option<&Token>) -> Result<String, ChangeEmailError> {
    stage.kayan.change_email(&Stage::stranger(), token).await
}

/// The user as stored.
pub(in crate::flow) async fn stored(stage: &Stage, opened: &Opened) -> Identity {
    let accounts = &stage.kayan.store.accounts;
    accounts.identity(&Scope::System, opened.identity.id).await.unwrap().unwrap()
}

fn address_of(identity: &Identity) -> &str {
    identity.traits.0["email"].as_str().unwrap()
}

#[tokio::test]
async fn i_14_a_new_address_takes_the_place_of_the_old_one_once_it_is_proven_and_the_old_one_is_told() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let link = requested(&stage, &ada, NEW).await;
    assert!(stage.mail.last("link").unwrap().starts_with("https://login.example/flow/email-change#token=kyl_"));
    assert_eq!(address_of(&stored(&stage, &ada).await), ADA, "nothing has changed so far");
    assert_eq!(change(&stage, link.as_ref()).await.unwrap(), NEW);
    let after = stored(&stage, &ada).await;
    assert_eq!((address_of(&after), &*after.verified), (NEW, &[NEW.to_owned()][..]));
    let known = Stage::on_device_of(&ada);
    stage.kayan.log_in(&known, Stage::login(NEW, PASSWORD)).await.unwrap();
    assert!(stage.kayan.log_in(&known, Stage::login(ADA, PASSWORD)).await.is_err());
    assert_eq!(stage.count(EventType::AddressChanged, Outcome::Success), 1);
    deliver(&stage).await;
    assert_eq!(
        (stage.mail.last("address").as_deref(), stage.mail.last("new_address").as_deref()),
        (Some(ADA), Some("n***@example.com"))
    );
    assert!(stage.mail.last("link").unwrap().starts_with("https://login.example/flow/email-revert#token=kyl_"));
    assert!(change(&stage, link.as_ref()).await.is_err(), "the link is used up");
}

#[tokio::test]
async fn i_08_an_address_of_another_user_gets_no_mail_and_the_request_does_not_tell() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    stage.person("grace@example.com").await;
    deliver(&stage).await;
    let sent = stage.mail.sent();
    let caller = Stage::bearer(ada.session_token.hash());
    stage.kayan.request_email_change(&caller, "Grace@example.com").await.unwrap();
    deliver(&stage).await;
    assert_eq!(stage.mail.sent(), sent);
}

#[tokio::test]
async fn a_disposable_address_is_not_changed_to_where_the_tenant_takes_none() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let settings = TenantSettings { refuse_disposable_addresses: true, ..TenantSettings::default() };
    stage.set_tenant(settings).await;
    let caller = Stage::bearer(ada.session_token.hash());
    let refused = stage.kayan.request_email_change(&caller, "ada@mail.mailinator.com").await;
    let Err(RequestEmailChangeError::Invalid(fields)) = refused else { panic!("{refused:?}") };
    assert_eq!((&*fields[0].pointer, &*fields[0].code), ("/email", "disposable_address"));
    stage.kayan.request_email_change(&caller, NEW).await.unwrap();
}

#[tokio::test]
async fn an_address_that_another_user_took_meanwhile_is_not_changed_to() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let link = requested(&stage, &ada, NEW).await;
    let other = stage.person(NEW).await;
    assert_eq!(change(&stage, link.as_ref()).await, Err(ChangeEmailError::AlreadyExists));
    assert_eq!(address_of(&stored(&stage, &other).await), NEW);
    assert_eq!(address_of(&stored(&stage, &ada).await), ADA);
}

#[tokio::test]
async fn i_14_links_to_the_old_address_are_void_even_if_it_comes_back() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let recovery = link(&stage, Flow::Recovery).await;
    let to_new = requested(&stage, &ada, NEW).await;
    change(&stage, to_new.as_ref()).await.unwrap();
    let back = requested(&stage, &ada, ADA).await;
    change(&stage, back.as_ref()).await.unwrap();
    assert!(recover(&stage, recovery, "another horse battery staple").await.is_err());
}

#[tokio::test]
async fn a_new_request_voids_the_link_of_the_one_before() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let first = requested(&stage, &ada, "first@example.com").await;
    let second = requested(&stage, &ada, NEW).await;
    assert!(change(&stage, first.as_ref()).await.is_err());
    change(&stage, second.as_ref()).await.unwrap();
}

#[tokio::test]
async fn a_link_to_a_new_address_is_good_for_a_day_and_while_the_old_one_stays() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let late = requested(&stage, &ada, NEW).await;
    stage.clock.advance(Duration::days(1));
    assert!(change(&stage, late.as_ref()).await.is_err());
    let opened = stage.kayan.log_in(&Stage::on_device_of(&ada), Stage::login(ADA, PASSWORD)).await.unwrap();
    let link = requested(&stage, &opened, NEW).await;
    stage.set_address(&ada, "third@example.com").await;
    assert!(change(&stage, link.as_ref()).await.is_err(), "the address whose place it would take is gone");
    let next = requested(&stage, &opened, NEW).await;
    stage.clock.advance(Duration::days(1) - Duration::microseconds(1));
    change(&stage, next.as_ref()).await.unwrap();
}

#[tokio::test]
async fn a_change_is_requested_with_a_recent_proof_and_a_new_address() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let caller = Stage::bearer(ada.session_token.hash());
    let request = |address| stage.kayan.request_email_change(&caller, address);
    for text in ["", "ada", "a\r\nBcc: b@example.com"] {
        assert!(matches!(request(text).await, Err(RequestEmailChangeError::Invalid(_))), "{text:?}");
    }
    assert_eq!(request("ADA@example.com").await, Err(RequestEmailChangeError::Unchanged));
    let stranger = stage.kayan.request_email_change(&Stage::stranger(), NEW).await;
    assert_eq!(stranger, Err(RequestLinkError::from(AuthenticateError::Unauthorized).into()));
    stage.clock.advance(Duration::minutes(5) + Duration::microseconds(1));
    let refused = request(NEW).await;
    let recent = |link: &RequestLinkError| matches!(link, RequestLinkError::StepUp(StepUpRequired::Recent(_)));
    assert!(matches!(&refused, Err(RequestEmailChangeError::Link(link)) if recent(link)), "{refused:?}");
}
