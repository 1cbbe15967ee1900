//! What logging in promises.

use kayan_ports::{
    Aal, Commit, CommitError, Credential, CredentialChange, Credentials, EventType, Failure, Guard, Outcome, State,
    TenantId, TenantSettings,
};
use time::Duration;

use super::*;
use crate::{
    CreateUser, FirstPassword, Register, SetUserPassword, SetUserState, UserRef,
    stage::{PASSWORD, Stage},
};

const ADA: &str = "ada@example.com";

async fn set_state(stage: &Stage, state: State) {
    let cmd = SetUserState { user: UserRef(ADA.to_owned()), state, until: None, reason: None, expected: None };
    stage.kayan.set_user_state(&Stage::operator(), cmd).await.unwrap();
}

#[tokio::test]
async fn the_right_password_opens_a_session_and_is_audited() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await.identity;
    let opened = stage.kayan.log_in(&Stage::stranger(), Stage::login("ADA@Example.com", PASSWORD)).await.unwrap();
    assert_eq!(opened.identity.id, ada.id);
    let me = stage.kayan.who_am_i(&Stage::bearer(opened.session_token.hash())).await.unwrap();
    assert_eq!(me.identity.id, ada.id);
    assert_eq!(stage.count(EventType::LoginSuccess, Outcome::Success), 1);
}

#[tokio::test]
async fn i_19_a_session_opened_by_a_password_says_so_and_is_aal1() {
    let stage = Stage::new();
    let registered = stage.person(ADA).await;
    let opened = stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.unwrap();
    let proven = [MethodUse::new(Method::Password, opened.session.issued_at)];
    for opened in [registered, opened] {
        assert_eq!((opened.session.aal, opened.amr()), (Aal::Aal1, vec!["pwd"]));
        assert_eq!(opened.session.methods, proven);
    }
}

#[tokio::test]
async fn a_password_that_changes_while_it_is_verified_is_an_audited_failure() {
    let stage = Stage::new();
    stage.person(ADA).await;
    stage.store.fail_next_commit(CommitError::Stale(Guard::Credential));
    let refused = stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.unwrap_err();
    assert_eq!(refused, LogInError::InvalidCredentials);
    assert_eq!(stage.count(EventType::LoginFailure, Outcome::Failure), 1);
    assert_eq!(stage.count(EventType::LoginSuccess, Outcome::Success), 0);
}

#[tokio::test]
async fn i_08_every_failed_login_has_the_same_answer_and_the_same_work() {
    let stage = Stage::new();
    stage.person(ADA).await;
    let without_password = crate::CreateUser {
        tenant: kayan_ports::TenantId::default(),
        traits: Stage::traits("passwordless@example.com"),
        password: None,
        state: State::Active,
        roles: Vec::new(),
    };
    stage.kayan.create_user(&Stage::operator(), without_password).await.unwrap();
    let nobodies = [
        (ADA, "wrong"),
        ("unknown@example.com", PASSWORD),
        ("passwordless@example.com", PASSWORD),
        ("\u{200B}not an identifier", PASSWORD),
        ("", ""),
    ];
    for (identifier, password) in nobodies {
        let (verified, hashed) = (stage.hasher.verifications(), stage.hasher.hashes());
        let refused = stage.kayan.log_in(&Stage::stranger(), Stage::login(identifier, password)).await.unwrap_err();
        assert_eq!(refused, LogInError::InvalidCredentials, "{identifier}");
        assert_eq!(stage.hasher.verifications() - verified, 1, "exactly one verification for {identifier:?}");
        assert_eq!(stage.hasher.hashes() - hashed, 0);
    }
    assert_eq!(stage.count(EventType::LoginFailure, Outcome::Failure), nobodies.len());
}

#[tokio::test]
async fn i_08_the_state_is_told_only_after_the_password() {
    let stage = Stage::new();
    stage.person(ADA).await;
    for state in [State::Locked, State::Inactive, State::Pending] {
        set_state(&stage, state).await;
        let wrong = stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, "wrong")).await.unwrap_err();
        assert_eq!(wrong, LogInError::InvalidCredentials, "{state:?}");
        let right = stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.unwrap_err();
        assert_eq!(right, LogInError::NotActive, "{state:?}");
    }
    assert_eq!(stage.count(EventType::LoginBlocked, Outcome::Failure), 3);
}

#[tokio::test]
async fn a_password_that_is_too_old_opens_no_session_which_is_revealed_only_after_the_proof() {
    let stage = Stage::new();
    stage.person(ADA).await;
    let log_in = async |password| stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, password)).await;
    stage.set_tenant(TenantSettings { password_max_age_days: Some(90), ..TenantSettings::default() }).await;
    stage.clock.advance(Duration::days(90) - Duration::MICROSECOND);
    log_in(PASSWORD).await.unwrap();
    stage.clock.advance(Duration::MICROSECOND);
    assert_eq!(log_in(PASSWORD).await.unwrap_err(), LogInError::PasswordExpired);
    assert_eq!(log_in("wrong").await.unwrap_err(), LogInError::InvalidCredentials);
    assert_eq!(stage.count(EventType::LoginBlocked, Outcome::Failure), 1);
    set_state(&stage, State::Locked).await;
    assert_eq!(log_in(PASSWORD).await.unwrap_err(), LogInError::NotActive);
    set_state(&stage, State::Active).await;
    let new = "mauve otters in the river";
    let cmd = SetUserPassword { user: UserRef(ADA.to_owned()), password: new.into(), expected: None };
    stage.kayan.set_user_password(&Stage::operator(), cmd).await.unwrap();
    log_in(new).await.unwrap();
}

#[tokio::test]
async fn an_outdated_hash_is_made_anew_by_a_login_and_only_by_one() {
    let stage = Stage::new();
    let ada = stage.person(ADA).await.identity;
    let scope = (&ada.tenant).into();
    let known = stage.store.password(&scope, ada.id).await.unwrap().unwrap();
    let outdated =
        Credential { secret: stage.hasher.outdated_hash("old", PASSWORD), version: known.version + 1, ..known.clone() };
    stage.store.commit(vec![Change::Credential(CredentialChange::Replace(Box::new(outdated.clone())))]).await.unwrap();

    stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, "wrong")).await.unwrap_err();
    let after_failure = stage.store.password(&scope, ada.id).await.unwrap().unwrap();
    assert_eq!(after_failure.secret, outdated.secret);

    stage.clock.advance(Duration::days(1));
    stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.unwrap();
    let renewed = stage.store.password(&scope, ada.id).await.unwrap().unwrap();
    assert_ne!(renewed.secret, outdated.secret);
    assert_eq!(renewed.updated_at, known.updated_at, "the password is as old as it was");
    stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.unwrap();
}

#[tokio::test]
async fn a_full_hashing_queue_is_no_failed_login() {
    let stage = Stage::new();
    stage.person(ADA).await;
    stage.hasher.overload(true);
    let refused = stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.unwrap_err();
    assert_eq!(refused, LogInError::Failed(Failure::Overloaded));
    assert_eq!(stage.count(EventType::LoginFailure, Outcome::Failure), 0);
}

#[tokio::test]
async fn i_33_a_login_that_cannot_be_audited_is_no_login() {
    let stage = Stage::new();
    stage.person(ADA).await;
    let events = stage.store.events().len();
    stage.store.fail_next_commit(CommitError::Failed(Failure::Unavailable("away".to_owned())));
    let refused = stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.unwrap_err();
    assert!(matches!(refused, LogInError::Failed(Failure::Unavailable(_))));
    assert_eq!(stage.store.events().len(), events);
    stage.store.fail_next_read(Failure::Unavailable("away".to_owned()));
    let refused = stage.kayan.log_in(&Stage::stranger(), Stage::login(ADA, PASSWORD)).await.unwrap_err();
    assert!(matches!(refused, LogInError::Failed(Failure::Unavailable(_))));
}

#[tokio::test]
async fn a_password_of_one_tenant_opens_nothing_in_another() {
    let stage = Stage::new();
    stage.person(ADA).await;
    let other: kayan_ports::TenantId = "other".parse().unwrap();
    let caller = Caller { tenant: other.clone(), ..Stage::stranger() };
    let refused = stage.kayan.log_in(&caller, Stage::login(ADA, PASSWORD)).await.unwrap_err();
    assert_eq!(refused, LogInError::NoTenant);
    stage.store.add_tenant(other, true);
    let refused = stage.kayan.log_in(&caller, Stage::login(ADA, PASSWORD)).await.unwrap_err();
    assert_eq!(refused, LogInError::InvalidCredentials);
}

/// The same word, composed (NFC, which is its NFKC too) and decomposed (NFD).
const COMPOSED: &str = "schl\u{fc}sselbund 9";
const DECOMPOSED: &str = "schlu\u{308}sselbund 9";

#[tokio::test]
async fn the_same_password_in_another_unicode_form_logs_in() {
    for (first, then) in [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)] {
        let stage = Stage::new();
        let registration =
            Register { traits: Stage::traits("ada@example.com"), password: first.into(), proof_of_work: None };
        stage.kayan.register(&Stage::stranger(), registration).await.unwrap();
        let hashed = stage.hasher.hashes();
        for password in [first, then] {
            let login = Stage::login("ada@example.com", password);
            assert!(stage.kayan.log_in(&Stage::stranger(), login).await.is_ok(), "{password}");
        }
        assert_eq!(stage.hasher.hashes(), hashed, "nothing is to be renewed");
    }
}

#[tokio::test]
async fn a_hash_of_the_password_as_it_was_typed_opens_and_is_made_anew() {
    let stage = Stage::new();
    let hash = stage.hasher.outdated_hash("old", DECOMPOSED);
    let cmd = CreateUser {
        tenant: TenantId::default(),
        traits: Stage::traits("ada@example.com"),
        password: Some(FirstPassword::Hashed(hash)),
        state: State::Active,
        roles: Vec::new(),
    };
    stage.kayan.create_user(&Stage::operator(), cmd).await.unwrap();
    let log_in =
        async |password: &str| stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", password)).await;
    assert_eq!(log_in(COMPOSED).await.unwrap_err(), LogInError::InvalidCredentials, "it was never typed so");
    assert!(log_in(DECOMPOSED).await.is_ok());
    assert_eq!(stage.hasher.hashes(), 1, "it is made anew");
    assert!(log_in(COMPOSED).await.is_ok());
    assert!(log_in(DECOMPOSED).await.is_ok());
    assert_eq!(stage.hasher.hashes(), 1);
}

#[tokio::test]
async fn i_08_a_password_in_another_form_costs_two_verifications_whether_or_not_there_is_an_account() {
    let stage = Stage::new();
    stage.person("ada@example.com").await;
    for identifier in [ADA, "nobody@example.com", ""] {
        for (password, cost) in [(COMPOSED, 1), (DECOMPOSED, 2)] {
            let verified = stage.hasher.verifications();
            let refused = stage.kayan.log_in(&Stage::stranger(), Stage::login(identifier, password)).await;
            assert_eq!(refused.unwrap_err(), LogInError::InvalidCredentials);
            assert_eq!(stage.hasher.verifications() - verified, cost, "{identifier:?} {password:?}");
        }
    }
}
