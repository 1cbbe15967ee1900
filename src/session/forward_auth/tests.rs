//! What a proxy may rely on.

use std::slice;

use kayan_ports::Traits;
use serde_json::json;

use super::*;
use crate::{AssignRole, CreateRole, UpdateRole, UserRef, stage::Stage};

fn required(roles: &[&str]) -> Requirements {
    Requirements { roles: roles.iter().map(|role| (*role).to_owned()).collect(), ..Requirements::default() }
}

async fn define(stage: &Stage, name: &str, parents: &[&str]) {
    let parents = parents.iter().map(|name| (*name).to_owned()).collect();
    let (tenant, name) = (kayan_ports::TenantId::default(), name.to_owned());
    let cmd = CreateRole { tenant, name, description: String::new(), permissions: Vec::new(), parents };
    stage.kayan.create_role(&Stage::operator(), cmd).await.unwrap();
}

async fn grant(stage: &Stage, role: &str) {
    let user = UserRef("ada@example.com".to_owned());
    let cmd = AssignRole { user, role: role.to_owned(), give: true, expected: None };
    stage.kayan.assign_role(&Stage::operator(), cmd).await.unwrap();
}

/// Ada, with a role that inherits from `reader`, and her session.
async fn stage() -> (Stage, Caller) {
    let stage = Stage::new();
    let caller = Stage::bearer(stage.person("ada@example.com").await.session_token.hash());
    define(&stage, "reader", &[]).await;
    define(&stage, "ops", &["reader"]).await;
    grant(&stage, "ops").await;
    (stage, caller)
}

#[tokio::test]
async fn all_roles_are_required_and_inherited_ones_count() {
    let (stage, caller) = stage().await;
    let check = async |required: &[&Requirements]| stage.kayan.forward_auth(&caller, required, |_| None).await;
    let user = check(&[]).await.unwrap();
    assert_eq!(user.roles, ["ops", "reader"]);
    assert!(check(&[&required(&["reader", "ops"])]).await.is_ok());
    for roles in [&["admin"][..], &["ops", "admin"], &["op"], &["OPS"], &[""]] {
        let error = check(&[&required(roles)]).await.unwrap_err();
        assert!(matches!(error, ForwardAuthError::LacksRole(_)), "{roles:?}: {error:?}");
    }
    // Those of the query and those of the rule add up, in any order.
    let (query, rule) = (required(&["ops"]), required(&["admin"]));
    for both in [[&query, &rule], [&rule, &query]] {
        assert_eq!(check(&both).await.unwrap_err(), ForwardAuthError::LacksRole("admin".to_owned()));
    }
}

#[tokio::test]
async fn the_session_must_prove_what_each_of_the_requirements_asks_for() {
    let (stage, caller) = stage().await;
    let level = |min_aal| Requirements { min_aal: Some(min_aal), ..Requirements::default() };
    let (aal1, aal2) = (level(Aal::Aal1), level(Aal::Aal2));
    let recent = Requirements { max_age: Some(Duration::MINUTE), ..Requirements::default() };
    let check = async |required: &[&Requirements]| stage.kayan.forward_auth(&caller, required, |_| None).await;
    assert!(check(&[&aal1, &recent]).await.is_ok());
    for both in [[&aal1, &aal2], [&aal2, &aal1]] {
        assert_eq!(check(&both).await.unwrap_err(), StepUpRequired::Aal2.into());
    }
    stage.clock.advance(Duration::MINUTE + Duration::MICROSECOND);
    assert_eq!(check(&[&aal1, &recent]).await.unwrap_err(), StepUpRequired::Recent(Duration::MINUTE).into());
    // Who lacks the role has no use for another proof.
    let neither = Requirements { min_aal: Some(Aal::Aal2), ..required(&["admin"]) };
    assert_eq!(check(&[&aal2, &neither]).await.unwrap_err(), ForwardAuthError::LacksRole("admin".to_owned()));
}

#[tokio::test]
async fn a_user_that_is_known_is_used_again_until_the_session_or_the_roles_are_read_anew() {
    let (stage, caller) = stage().await;
    let me = stage.kayan.who_am_i(&caller).await.unwrap();
    let definitions = stage.kayan.definitions(&me.identity.tenant).await.unwrap();
    let user = stage.kayan.forwarded_user(me.clone(), Some(definitions.clone()));
    assert!(user.is_made_from(&me, Some(&definitions)));
    let same = Arc::new(AuthenticatedSession::clone(&me));
    assert!(!user.is_made_from(&same, Some(&definitions)) && !user.is_made_from(&me, None));
    let update = UpdateRole {
        tenant: kayan_ports::TenantId::default(),
        name: "ops".to_owned(),
        description: None,
        permissions: None,
        parents: Some(Vec::new()),
        expected: None,
    };
    stage.kayan.update_role(&Stage::operator(), update).await.unwrap();
    let known = Arc::new(user);
    let now = stage.kayan.forward_auth(&caller, slice::from_ref(&&required(&["ops"])), |_| Some(known.clone())).await;
    assert_eq!(now.unwrap().roles, ["ops"], "what is known is outdated");
    let refused = stage.kayan.forward_auth(&caller, &[&required(&["reader"])], |_| Some(known)).await.unwrap_err();
    assert_eq!(refused, ForwardAuthError::LacksRole("reader".to_owned()));
}

#[tokio::test]
async fn a_user_is_named_by_what_is_unique_and_proven_to_be_theirs() {
    let stage = Stage::with_optional_identifiers(&json!({}));
    let ada = stage.person("ada@example.com").await;
    let me = stage.kayan.who_am_i(&Stage::bearer(ada.session_token.hash())).await.unwrap();
    let named = |traits: serde_json::Value, verified: &[&str]| {
        let mut me = AuthenticatedSession::clone(&me);
        me.identity.traits = serde_json::from_value::<Traits>(traits).unwrap();
        me.identity.verified = verified.iter().map(|address| (*address).to_owned()).collect();
        let user = stage.kayan.forwarded_user(Arc::new(me), None);
        (user.name, user.email)
    };
    let id = ada.identity.id.to_string();
    let (address, other) = ("ada@example.com", "01890000-0000-7000-8000-000000000000");
    let email = Some(address.to_owned());
    assert_eq!(named(json!({ "email": address, "badge": "Ada" }), &[address]), ("ada".to_owned(), email.clone()));
    assert_eq!(named(json!({ "email": address, "badge": "Ada" }), &[]), ("ada".to_owned(), None));
    assert_eq!(named(json!({ "email": "Ada@Example.com" }), &[address]), (address.to_owned(), email));
    assert_eq!(named(json!({ "email": address }), &[]), (id.clone(), None));
    assert_eq!(named(json!({ "email": address }), &["bert@example.com"]), (id.clone(), None));
    // Another person's address, phone number or id is no username.
    for badge in ["bert@example.com", "+491701234567", other, &other.replace('-', ""), "x@y"] {
        assert_eq!(named(json!({ "badge": badge }), &[]), (id.clone(), None), "{badge}");
    }
}

#[tokio::test]
async fn without_a_session_nothing_is_forwarded() {
    let (stage, caller) = stage().await;
    let refused = stage.kayan.forward_auth(&Stage::stranger(), &[], |_| None).await.unwrap_err();
    assert_eq!(refused, AuthenticateError::Unauthorized.into());
    stage.kayan.log_out(&caller).await.unwrap();
    assert_eq!(
        stage.kayan.forward_auth(&caller, &[], |_| None).await.unwrap_err(),
        AuthenticateError::Unauthorized.into()
    );
}
