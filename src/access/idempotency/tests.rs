//! What an idempotency key promises.

use kayan_ports::{EventType, Outcome, State, TenantId, TenantSettings};

use super::*;
use crate::{
    CreateRole, CreateTenant, CreateUser, CreateUserError, RevokeSessions, SetUserState, UserRef,
    stage::{PASSWORD, Stage},
};

fn with_key(key: &str, request: u8) -> Operator {
    Operator { idempotency: Idempotency::new(key, [request; 32]), ..Stage::operator() }
}

fn user(email: &str) -> CreateUser {
    CreateUser {
        tenant: TenantId::default(),
        traits: Stage::traits(email),
        password: Some(PASSWORD.into()),
        state: State::Active,
        roles: Vec::new(),
    }
}

#[tokio::test]
async fn the_same_request_gets_the_same_answer_and_is_carried_out_once() {
    let stage = Stage::new();
    let asked = with_key("k", 1);
    let made = stage.kayan.create_user(&asked, user("ada@example.com")).await.unwrap();
    let lock =
        |state| SetUserState { user: UserRef(made.id.to_string()), state, until: None, reason: None, expected: None };
    // What became of the user since does not matter.
    stage.kayan.set_user_state(&with_key("l", 2), lock(State::Locked)).await.unwrap();
    assert_eq!(stage.kayan.create_user(&asked, user("ada@example.com")).await, Ok(made.clone()));
    let locked = stage.kayan.set_user_state(&with_key("l", 2), lock(State::Locked)).await.unwrap();
    assert_eq!((locked.state, locked.version), (State::Locked, made.version + 1));
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Success), 2, "one for each of the two");
}

#[tokio::test]
async fn another_request_with_the_same_key_is_refused_and_changes_nothing() {
    let stage = Stage::new();
    stage.kayan.create_user(&with_key("k", 1), user("ada@example.com")).await.unwrap();
    let refused = stage.kayan.create_user(&with_key("k", 2), user("bert@example.com")).await;
    assert_eq!(refused, Err(CreateUserError::Denied(DeniedError::KeyReused)));
    let other = SetUserState {
        user: UserRef("ada@example.com".to_owned()),
        state: State::Locked,
        until: None,
        reason: None,
        expected: None,
    };
    assert!(stage.kayan.set_user_state(&with_key("k", 3), other).await.is_err());
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Success), 1);
    // Another credential's key is another one.
    let colleague = Operator { credential: "token/other".to_owned(), ..with_key("k", 2) };
    stage.kayan.create_user(&colleague, user("bert@example.com")).await.unwrap();
}

#[tokio::test]
async fn i_29_a_key_belongs_to_one_credential_and_to_what_it_acts_in() {
    let stage = Stage::new();
    let system = with_key("k", 1);
    let tenant = Operator { scope: TenantId::default().into(), ..system.clone() };
    let narrowed = Operator { credential: "token/narrowed".to_owned(), ..tenant.clone() };
    for (sessions, operator) in (0..).zip([&system, &tenant, &narrowed]) {
        for number in 0..sessions {
            stage.person(&format!("{sessions}{number}@example.com")).await;
        }
        for _ in 0..2 {
            let revoked = stage.kayan.revoke_sessions(operator, RevokeSessions::default()).await;
            assert_eq!(revoked, Ok(Some(sessions)), "{operator:?}");
        }
    }
}

#[tokio::test]
async fn what_was_refused_may_be_tried_again() {
    let stage = Stage::new();
    let ada = stage.kayan.create_user(&with_key("1", 1), user("ada@example.com")).await.unwrap();
    let asked = with_key("2", 2);
    assert_eq!(stage.kayan.create_user(&asked, user("ada@example.com")).await, Err(CreateUserError::AlreadyExists));
    let delete = crate::DeleteUser { user: UserRef(ada.id.to_string()), reason: None, expected: None };
    stage.kayan.delete_user(&Stage::operator(), delete).await.unwrap();
    stage.kayan.create_user(&asked, user("ada@example.com")).await.unwrap();
}

#[tokio::test]
async fn whoever_loses_the_race_gets_the_winners_answer() {
    let stage = Stage::new();
    let asked = with_key("k", 1);
    let (one, two) = tokio::join!(
        stage.kayan.create_user(&asked, user("ada@example.com")),
        stage.kayan.create_user(&asked, user("ada@example.com")),
    );
    assert_eq!(one.unwrap(), two.unwrap());
    // Without an identifier in the way it is the key that the second one stumbles over.
    let asked = with_key("r", 2);
    let all = RevokeSessions::default;
    stage.person("bert@example.com").await;
    let (one, two) =
        tokio::join!(stage.kayan.revoke_sessions(&asked, all()), stage.kayan.revoke_sessions(&asked, all()));
    assert_eq!((one, two), (Ok(Some(1)), Ok(Some(1))));
}

#[tokio::test]
async fn every_wish_with_an_answer_keeps_it_for_a_day() {
    let stage = Stage::new();
    let role = || CreateRole {
        tenant: TenantId::default(),
        name: "writer".to_owned(),
        description: String::new(),
        permissions: vec!["users:write".to_owned()],
        parents: Vec::new(),
    };
    let tenant =
        || CreateTenant { id: "acme".parse().unwrap(), name: String::new(), settings: TenantSettings::default() };
    let lines = b"{\"traits\":{\"email\":\"ada@example.com\"}}\nnot json\n";
    let first = stage.kayan.create_role(&with_key("role", 1), role()).await.unwrap();
    assert_eq!(stage.kayan.create_role(&with_key("role", 1), role()).await, Ok(first));
    let first = stage.kayan.create_tenant(&with_key("tenant", 2), tenant()).await.unwrap();
    assert_eq!(stage.kayan.create_tenant(&with_key("tenant", 2), tenant()).await, Ok(first));
    let import = with_key("import", 3);
    let first = stage.kayan.import_ndjson(&import, lines, false).await.unwrap();
    assert_eq!(stage.kayan.import_ndjson(&import, lines, false).await, Ok(first.clone()));
    stage.clock.advance(time::Duration::DAY + time::Duration::SECOND);
    stage.kayan.clean_up().await.unwrap();
    let later = stage.kayan.import_ndjson(&import, lines, false).await.unwrap();
    assert_eq!((first.lines[0].1.as_str(), later.lines[0].1.as_str()), ("imported", "exists"));
}

#[tokio::test]
async fn i_36_nothing_kept_tells_what_the_password_was() {
    let stage = Stage::new();
    let asked = with_key("k", 1);
    stage.kayan.create_user(&asked, user("ada@example.com")).await.unwrap();
    let kept = stage.store.responses();
    assert_eq!(kept.len(), 1);
    assert!(!kept[0].response.contains(PASSWORD) && !kept[0].response.contains("hash"), "{}", kept[0].response);
    assert_ne!(kept[0].request, [1; 32], "a digest without a key could be guessed at");
    assert_eq!(format!("{:?}", asked.idempotency), "Some(Idempotency(k))");
}

#[test]
fn a_key_is_1_to_255_visible_ascii_characters() {
    for good in ["k", "8e03978e-40d5-43e8-bc93-6894a57f9324", &"x".repeat(255)] {
        assert!(Idempotency::new(good, [0; 32]).is_some(), "{good}");
    }
    for bad in ["", " ", "a b", "ü", "a\n", &"x".repeat(256)] {
        assert!(Idempotency::new(bad, [0; 32]).is_none(), "{bad:?}");
    }
}
