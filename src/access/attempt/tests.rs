//! When guesses are counted, when they lock, and whom.

use std::time::Duration;

use kayan_ports::{Client, Clock, EventType, Lockout, Outcome, State};

use crate::{
    Caller, ChangePassword, ChangePasswordError, DeleteMe, DeleteMeError, Failure, Locked, LockoutSettings, LogInError,
    SetUserState, UserRef,
    stage::{PASSWORD, Stage},
};

const LOCKOUT: Lockout = Lockout { name: "login", max_failures: 3, duration: Duration::from_mins(15) };
const ANNA: &str = "anna@example.org";
const HOME: &str = "192.0.2.1";
const ELSEWHERE: &str = "198.51.100.7";

fn stage() -> Stage {
    Stage::with(|settings| {
        settings.lockout = Some(LockoutSettings { lockout: LOCKOUT, known_origins_apart: true });
    })
}

fn from(ip: &str) -> Caller {
    Caller { client: Client { ip: Some(ip.to_owned()), user_agent: None }, ..Stage::stranger() }
}

async fn log_in(stage: &Stage, ip: &str, name: &str, password: &str) -> Result<(), LogInError> {
    stage.kayan.log_in(&from(ip), Stage::login(name, password)).await.map(drop)
}

async fn lock_out(stage: &Stage, ip: &str, name: &str) {
    for _ in 0..LOCKOUT.max_failures {
        assert_eq!(log_in(stage, ip, name, "wrong").await, Err(LogInError::InvalidCredentials));
    }
    assert!(is_locked(stage, ip, name).await);
}

async fn is_locked(stage: &Stage, ip: &str, name: &str) -> bool {
    matches!(log_in(stage, ip, name, PASSWORD).await, Err(LogInError::Locked(_)))
}

#[tokio::test]
async fn i_09_too_many_wrong_guesses_lock_without_another_hash() {
    let stage = stage();
    stage.person(ANNA).await;
    lock_out(&stage, ELSEWHERE, ANNA).await;
    let (before, until) = (stage.hasher.verifications(), stage.clock.now() + LOCKOUT.duration);
    let locked = log_in(&stage, ELSEWHERE, ANNA, PASSWORD).await;
    assert_eq!(locked, Err(LogInError::Locked(Locked { until, now: stage.clock.now() })));
    assert_eq!(stage.hasher.verifications(), before);
}

#[tokio::test]
async fn i_09_an_account_that_there_is_not_locks_just_the_same() {
    let stage = stage();
    lock_out(&stage, ELSEWHERE, "nobody@example.org").await;
}

#[tokio::test]
async fn i_09_spellings_of_one_identifier_are_counted_together() {
    let stage = stage();
    for spelling in [ANNA, "ANNA@example.org", "anna@EXAMPLE.org"] {
        assert_eq!(log_in(&stage, ELSEWHERE, spelling, "wrong").await, Err(LogInError::InvalidCredentials));
    }
    assert!(is_locked(&stage, ELSEWHERE, ANNA).await);
}

#[tokio::test]
async fn a_lock_ends_by_itself() {
    let stage = stage();
    stage.person(ANNA).await;
    lock_out(&stage, ELSEWHERE, ANNA).await;
    stage.clock.advance(LOCKOUT.duration);
    assert_eq!(log_in(&stage, ELSEWHERE, ANNA, PASSWORD).await, Ok(()));
}

#[tokio::test]
async fn a_right_password_forgets_the_wrong_ones() {
    let stage = stage();
    stage.person(ANNA).await;
    for _ in 0..3 {
        for _ in 1..LOCKOUT.max_failures {
            assert_eq!(log_in(&stage, HOME, ANNA, "wrong").await, Err(LogInError::InvalidCredentials));
        }
        assert_eq!(log_in(&stage, HOME, ANNA, PASSWORD).await, Ok(()));
    }
}

#[tokio::test]
async fn a_stranger_does_not_lock_the_owner_out() {
    let stage = stage();
    stage.person(ANNA).await;
    lock_out(&stage, ELSEWHERE, ANNA).await;
    assert_eq!(log_in(&stage, HOME, ANNA, PASSWORD).await, Ok(()));
    assert!(is_locked(&stage, ELSEWHERE, ANNA).await, "the owner's login must not let the stranger go on");
    lock_out(&stage, HOME, ANNA).await;
}

#[tokio::test]
async fn counted_together_a_stranger_locks_everybody_out() {
    let stage = Stage::with(|settings| {
        settings.lockout = Some(LockoutSettings { lockout: LOCKOUT, known_origins_apart: false });
    });
    stage.person(ANNA).await;
    lock_out(&stage, ELSEWHERE, ANNA).await;
    assert!(is_locked(&stage, HOME, ANNA).await);
}

#[tokio::test]
async fn i_10_a_failure_of_the_service_is_no_wrong_guess() {
    let stage = stage();
    stage.person(ANNA).await;
    for _ in 0..LOCKOUT.max_failures * 2 {
        stage.hasher.overload(true);
        let refused = log_in(&stage, HOME, ANNA, "wrong").await;
        assert_eq!(refused, Err(LogInError::Failed(Failure::Overloaded)));
        stage.hasher.overload(false);
    }
    lock_out(&stage, HOME, ANNA).await;
}

#[tokio::test]
async fn i_10_who_guesses_at_the_password_of_a_stolen_session_is_locked_too() {
    let stage = stage();
    let opened = stage.person(ANNA).await;
    let caller = Stage::bearer(opened.session.token);
    let change = || ChangePassword { current_password: "wrong".into(), new_password: "another good password".into() };
    for _ in 0..LOCKOUT.max_failures {
        let refused = stage.kayan.change_password(&caller, change()).await;
        assert_eq!(refused, Err(ChangePasswordError::InvalidCredentials));
    }
    assert!(matches!(stage.kayan.change_password(&caller, change()).await, Err(ChangePasswordError::Locked(_))));
    let deleted = stage.kayan.delete_me(&caller, DeleteMe { password: PASSWORD.into() }).await;
    assert!(matches!(deleted, Err(DeleteMeError::Locked(_))));
    assert_eq!(log_in(&stage, ELSEWHERE, ANNA, PASSWORD).await, Ok(()), "the login is counted apart");
}

#[tokio::test]
async fn i_34_a_locked_guess_is_audited_once_a_minute() {
    let stage = stage();
    lock_out(&stage, ELSEWHERE, ANNA).await;
    for _ in 0..50 {
        assert!(is_locked(&stage, ELSEWHERE, ANNA).await);
    }
    assert_eq!(stage.count(EventType::LoginBlocked, Outcome::Failure), 1);
    let event = stage.store.events().pop().unwrap();
    assert_eq!(event.kind.as_str(), "auth.login.blocked");
    assert!(!serde_json::to_string(&event).unwrap().contains(ANNA), "a mistyped name may be a password");
    stage.clock.advance(time::Duration::MINUTE);
    stage.kayan.record_left_out().await.unwrap();
    let event = stage.store.events().pop().unwrap();
    assert_eq!((event.kind, &event.metadata["untold"]), (EventType::LoginBlocked, &50.into()));
}

#[tokio::test]
async fn an_administrator_unlocks_everywhere() {
    let stage = stage();
    stage.person(ANNA).await;
    lock_out(&stage, ELSEWHERE, ANNA).await;
    lock_out(&stage, HOME, ANNA).await;
    let unlock = SetUserState {
        user: UserRef(ANNA.to_owned()),
        state: State::Active,
        until: None,
        reason: None,
        expected: None,
    };
    stage.kayan.set_user_state(&Stage::operator(), unlock).await.unwrap();
    assert_eq!(log_in(&stage, ELSEWHERE, ANNA, PASSWORD).await, Ok(()));
    assert_eq!(log_in(&stage, HOME, ANNA, PASSWORD).await, Ok(()));
}
