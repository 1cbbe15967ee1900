//! Tests of changing the own traits.

use kayan_ports::{EventType, Outcome, TenantSettings};
use serde_json::json;

use super::*;
use crate::{
    Opened, Register, RegisterError,
    flow::tests::{deliver, token},
    stage::{PASSWORD, Stage},
};

const ADA: &str = "ada@example.com";
const NEW: &str = "new@example.com";

fn patch(value: Value) -> UpdateMe {
    UpdateMe { traits: serde_json::from_value(value).unwrap() }
}

#[test]
fn a_patch_replaces_adds_and_removes_as_rfc_7396_says() {
    for (before, patch, after) in [
        (json!({"a": 1}), json!({"a": 2}), json!({"a": 2})),
        (json!({"a": 1}), json!({"b": 2}), json!({"a": 1, "b": 2})),
        (json!({"a": 1, "b": 2}), json!({"a": null}), json!({"b": 2})),
        (json!({"a": {"b": 1}}), json!({"a": {"c": 2, "b": null}}), json!({"a": {"c": 2}})),
        (json!({"a": [1]}), json!({"a": {"b": 1}}), json!({"a": {"b": 1}})),
        (json!({}), json!({"a": {"b": {"c": null}}}), json!({"a": {"b": {}}})),
    ] {
        let mut traits: Traits = serde_json::from_value(before).unwrap();
        merge(&mut traits, &serde_json::from_value(patch).unwrap());
        assert_eq!(Value::Object(traits.0), after);
    }
}

async fn update(stage: &Stage, opened: &Opened, traits: Value) -> Result<Identity, UpdateMeError> {
    stage.kayan.update_me(&Stage::bearer(opened.session_token.hash()), patch(traits)).await
}

fn email(identity: &Identity) -> &str {
    identity.traits.0["email"].as_str().unwrap()
}

fn codes(outcome: Result<Identity, UpdateMeError>) -> Vec<(String, String)> {
    let Err(UpdateMeError::InvalidTraits(fields)) = outcome else { panic!("{outcome:?}") };
    fields.into_iter().map(|field| (field.pointer, field.code)).collect()
}

#[tokio::test]
async fn i_14_a_new_address_takes_the_place_of_the_old_one_only_when_its_link_is_opened() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let after = update(&stage, &ada, json!({"email": NEW, "name": "Ada"})).await.unwrap();
    assert_eq!((email(&after), &after.traits.0["name"], after.version), (ADA, &json!("Ada"), 2));
    deliver(&stage).await;
    assert_eq!(stage.mail.last("address").as_deref(), Some(NEW));
    assert!(stage.mail.last("link").unwrap().starts_with("https://login.example/flow/email-change#token="));
    assert!(stage.kayan.log_in(&Stage::stranger(), Stage::login(NEW, PASSWORD)).await.is_err());
    stage.kayan.change_email(&Stage::stranger(), token(&stage).as_ref()).await.unwrap();
    stage.kayan.log_in(&Stage::on_device_of(&ada), Stage::login(NEW, PASSWORD)).await.unwrap();
    assert!(stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.is_err());
}

#[tokio::test]
async fn a_patch_of_nothing_but_an_address_leaves_the_user_as_it_is() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await;
    let after = update(&stage, &ada, json!({"email": NEW})).await.unwrap();
    assert_eq!((email(&after), after.version), (ADA, 1));
    assert_eq!(stage.count(EventType::IdentityUpdated, Outcome::Success), 0);
    assert_eq!(stage.count(EventType::MessageRequested, Outcome::Success), 1);
    let same = update(&stage, &ada, json!({"email": "Ada@Example.com"})).await.unwrap();
    assert_eq!(email(&same), "Ada@Example.com", "another spelling is the same address");
}

#[tokio::test]
async fn i_08_an_address_of_another_user_gets_no_mail_and_the_answer_does_not_tell() {
    let stage = Stage::new();
    stage.person("grace@example.com").await;
    let ada = stage.person(ADA).await;
    deliver(&stage).await;
    let sent = stage.mail.sent();
    let taken = update(&stage, &ada, json!({"email": "GRACE@example.com"})).await.unwrap();
    deliver(&stage).await;
    assert_eq!(stage.mail.sent(), sent);
    assert_eq!(taken, update(&stage, &ada, json!({"email": NEW})).await.unwrap());
}

#[tokio::test]
async fn a_new_address_takes_a_recent_proof_mail_and_its_limits_and_other_traits_do_not() {
    let mut stage = Stage::new();
    let ada = stage.person(ADA).await;
    for _ in 0..5 {
        update(&stage, &ada, json!({"email": NEW})).await.unwrap();
    }
    let limited = update(&stage, &ada, json!({"email": NEW})).await;
    assert!(matches!(limited, Err(UpdateMeError::Link(RequestLinkError::Limited(_)))), "{limited:?}");
    stage.clock.advance(time::Duration::minutes(6));
    let stale = update(&stage, &ada, json!({"email": "third@example.com"})).await;
    assert!(matches!(stale, Err(UpdateMeError::Link(RequestLinkError::StepUp(_)))), "{stale:?}");
    update(&stage, &ada, json!({"name": "Ada"})).await.unwrap();
    let ada = stage.kayan.log_in(&Stage::on_device_of(&ada), Stage::login(ADA, PASSWORD)).await.unwrap();
    stage.kayan.messaging = None;
    let refused = update(&stage, &ada, json!({"email": "third@example.com"})).await;
    assert_eq!(refused, Err(RequestLinkError::NoMail.into()));
}

#[tokio::test]
async fn i_14_no_patch_of_several_traits_sets_an_address_that_is_not_proven() {
    let stage = Stage::with_optional_identifiers(&json!({}));
    let ada = stage.person(ADA).await;
    // The first address beside a badge is added: it takes no other one's place.
    let two = update(&stage, &ada, json!({"badge": "second@example.com"})).await.unwrap();
    assert_eq!(two.traits.0["badge"], "second@example.com");
    for both in [
        json!({"email": NEW, "badge": "other@example.com"}),
        json!({"email": NEW, "badge": NEW}),
        json!({"email": "second@example.com", "badge": NEW}),
    ] {
        let [(_, code)] = &*codes(update(&stage, &ada, both).await) else { panic!("one field") };
        assert_eq!(code, "one_at_a_time");
    }
    let moved = update(&stage, &ada, json!({"email": "second@example.com", "badge": null})).await.unwrap();
    assert_eq!(email(&moved), ADA, "nobody has proven the other one either");
}

#[tokio::test]
async fn an_identifier_that_is_no_address_is_changed_at_once_and_a_taken_one_refused() {
    let stage = Stage::with_optional_identifiers(&json!({}));
    let (ada, grace) = (stage.person(ADA).await, stage.person("grace@example.com").await);
    update(&stage, &ada, json!({"badge": "ADA1"})).await.unwrap();
    update(&stage, &ada, json!({"badge": "ADA2"})).await.unwrap();
    assert_eq!(update(&stage, &grace, json!({"badge": "ada2"})).await, Err(UpdateMeError::AlreadyExists));
    stage.kayan.log_in(&Stage::stranger(), Stage::login("ada2", PASSWORD)).await.unwrap();
}

#[tokio::test]
async fn a_disposable_address_is_refused_where_the_tenant_takes_none() {
    let stage = Stage::with_optional_identifiers(&json!({}));
    let ada = stage.person("ada@mailinator.com").await;
    let settings = TenantSettings { refuse_disposable_addresses: true, ..TenantSettings::default() };
    stage.set_tenant(settings).await;
    for name in ["email", "badge"] {
        let refused = codes(update(&stage, &ada, json!({name: "ada@yopmail.com"})).await);
        assert_eq!(refused, [(format!("/traits/{name}"), "disposable_address".to_owned())]);
    }
    update(&stage, &ada, json!({"name": "Ada"})).await.unwrap();
    update(&stage, &ada, json!({"email": NEW})).await.unwrap();
}

#[tokio::test]
async fn i_12_a_patch_sets_nothing_that_is_the_servers() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    for forbidden in [json!({"roles": ["admin"]}), json!({"state": "active"}), json!({"verified": ["ada@example.com"]})]
    {
        let refused = stage.kayan.update_me(&caller, patch(forbidden)).await.unwrap_err();
        assert!(matches!(refused, UpdateMeError::InvalidTraits(_)));
    }
}

async fn without_email(stage: &Stage) -> Result<Identity, UpdateMeError> {
    let ada = stage.person("ada@example.com").await;
    let patch = serde_json::from_value(json!({ "email": null, "name": "Ada" })).unwrap();
    stage.kayan.update_me(&Stage::bearer(ada.session.token), UpdateMe { traits: patch }).await
}

#[tokio::test]
async fn i_21_the_last_identifier_stays_unless_the_schema_lets_people_be_without_one() {
    let stage = Stage::with_optional_identifiers(&json!({}));
    assert_eq!(without_email(&stage).await.unwrap_err(), UpdateMeError::LastIdentifier);
    let login = stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", PASSWORD)).await.unwrap();
    let patch = serde_json::from_value(json!({ "email": null, "badge": "ADA1" })).unwrap();
    let caller = Stage::bearer(login.session.token);
    stage.kayan.update_me(&caller, UpdateMe { traits: patch }).await.unwrap();
    stage.kayan.log_in(&Stage::stranger(), Stage::login("ada1", PASSWORD)).await.unwrap();
    let nameless = Register { traits: Traits::default(), password: PASSWORD.into(), proof_of_work: None };
    let refused = stage.kayan.register(&Stage::stranger(), nameless).await.unwrap_err();
    let RegisterError::InvalidTraits(fields) = refused else { panic!("{refused:?}") };
    assert_eq!((&*fields[0].pointer, &*fields[0].code), ("/traits", "required"));

    let stage = Stage::with_optional_identifiers(&json!({ "x-kayan-identifier-required": false }));
    assert!(!without_email(&stage).await.unwrap().traits.0.contains_key("email"));
}
