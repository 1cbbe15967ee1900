//! What refreshing promises.

use kayan_ports::{EventType, Outcome, State};
use time::Duration;

use super::*;
use crate::{AuthenticateError, SetUserState, UserRef, stage::Stage};

fn with(token: &Token) -> RefreshSession {
    RefreshSession { refresh_token: Token::read(Purpose::Refresh, &token.expose()) }
}

fn elsewhere() -> Caller {
    let mut caller = Stage::stranger();
    caller.client.ip = Some("198.51.100.9".to_owned());
    caller
}

#[tokio::test]
async fn a_refresh_gives_new_tokens_and_the_old_access_token_dies() {
    let stage = Stage::new();
    let first = stage.person("ada@example.com").await;
    let second = stage.kayan.refresh_session(&Stage::stranger(), with(&first.refresh_token)).await.unwrap();
    assert_eq!(second.session.id, first.session.id);
    assert!(stage.kayan.who_am_i(&Stage::bearer(second.session_token.hash())).await.is_ok());
    let dead = stage.kayan.who_am_i(&Stage::bearer(first.session_token.hash())).await.unwrap_err();
    assert_eq!(dead, AuthenticateError::Unauthorized);
    assert_eq!(stage.count(EventType::SessionRefreshed, Outcome::Success), 1);
}

#[tokio::test]
async fn i_04_a_retry_by_the_same_client_within_ten_seconds_gets_the_same_successor() {
    let stage = Stage::new();
    let first = stage.person("ada@example.com").await;
    let second = stage.kayan.refresh_session(&Stage::stranger(), with(&first.refresh_token)).await.unwrap();
    stage.clock.advance(Duration::seconds(10));
    let again = stage.kayan.refresh_session(&Stage::stranger(), with(&first.refresh_token)).await.unwrap();
    assert_eq!(again.refresh_token.hash(), second.refresh_token.hash());
    assert_eq!(again.session_token.hash(), second.session_token.hash());
    assert_eq!(again.session.expires_at, second.session.expires_at);
    assert_eq!(again.refresh_expires_at, second.refresh_expires_at);
    assert_eq!(stage.count(EventType::SessionRefreshed, Outcome::Success), 1, "a retry changes nothing");
}

#[tokio::test]
async fn i_04_a_spent_refresh_token_revokes_its_family_after_ten_seconds() {
    let stage = Stage::new();
    let first = stage.person("ada@example.com").await;
    let second = stage.kayan.refresh_session(&Stage::stranger(), with(&first.refresh_token)).await.unwrap();
    stage.clock.advance(Duration::seconds(10) + Duration::MICROSECOND);
    let reused = stage.kayan.refresh_session(&Stage::stranger(), with(&first.refresh_token)).await.unwrap_err();
    assert_eq!(reused, RefreshSessionError::TokenReused);
    let dead = stage.kayan.who_am_i(&Stage::bearer(second.session_token.hash())).await.unwrap_err();
    assert_eq!(dead, AuthenticateError::Unauthorized);
    let dead = stage.kayan.refresh_session(&Stage::stranger(), with(&second.refresh_token)).await.unwrap_err();
    assert_eq!(dead, RefreshSessionError::InvalidToken);
    assert_eq!(stage.count(EventType::RefreshReused, Outcome::Failure), 1);
}

#[tokio::test]
async fn i_04_a_retry_from_another_network_gets_the_same_successor() {
    let stage = Stage::new();
    let first = stage.person("ada@example.com").await;
    let second = stage.kayan.refresh_session(&Stage::stranger(), with(&first.refresh_token)).await.unwrap();
    let again = stage.kayan.refresh_session(&elsewhere(), with(&first.refresh_token)).await.unwrap();
    assert_eq!(again.refresh_token.hash(), second.refresh_token.hash());
    assert_eq!(again.session_token.hash(), second.session_token.hash());
    assert_eq!(stage.count(EventType::RefreshReused, Outcome::Failure), 0);
}

#[tokio::test]
async fn i_04_a_spent_refresh_token_from_another_user_agent_revokes_its_family_at_once() {
    let stage = Stage::new();
    let first = stage.person("ada@example.com").await;
    stage.kayan.refresh_session(&Stage::stranger(), with(&first.refresh_token)).await.unwrap();
    let mut other = Stage::stranger();
    other.client.user_agent = Some("a script".to_owned());
    let reused = stage.kayan.refresh_session(&other, with(&first.refresh_token)).await.unwrap_err();
    assert_eq!(reused, RefreshSessionError::TokenReused);
}

#[tokio::test]
async fn i_04_the_window_ends_to_the_microsecond_and_without_one_there_is_no_retry() {
    for window in [Duration::ZERO, Duration::seconds(3)] {
        let stage = Stage::with(|settings| settings.refresh_reuse_window = window.unsigned_abs());
        let retry = async |after: Duration| {
            let first = stage.person(&format!("{}@example.com", stage.store.events().len())).await;
            stage.kayan.refresh_session(&Stage::stranger(), with(&first.refresh_token)).await.unwrap();
            stage.clock.advance(after);
            stage.kayan.refresh_session(&elsewhere(), with(&first.refresh_token)).await.map(drop)
        };
        let expected = if window.is_zero() { Err(RefreshSessionError::TokenReused) } else { Ok(()) };
        assert_eq!(retry(window).await, expected);
        assert_eq!(retry(window + Duration::MICROSECOND).await, Err(RefreshSessionError::TokenReused));
    }
}

#[tokio::test]
async fn i_04_access_and_refresh_tokens_are_never_interchangeable() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    assert!(Token::read(Purpose::Refresh, &ada.session_token.expose()).is_none());
    let refused = stage.kayan.who_am_i(&Stage::bearer(ada.refresh_token.hash())).await.unwrap_err();
    assert_eq!(refused, AuthenticateError::Unauthorized);
}

#[tokio::test]
async fn i_02_a_refresh_token_is_refused_at_its_exact_expiry() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    stage.clock.set(ada.refresh_expires_at);
    let refused = stage.kayan.refresh_session(&Stage::stranger(), with(&ada.refresh_token)).await.unwrap_err();
    assert_eq!(refused, RefreshSessionError::InvalidToken);
    stage.clock.set(ada.refresh_expires_at - Duration::MICROSECOND);
    assert!(stage.kayan.refresh_session(&Stage::stranger(), with(&ada.refresh_token)).await.is_ok());
}

#[tokio::test]
async fn i_24_refreshing_every_day_ends_at_the_absolute_end() {
    let stage = Stage::new();
    let mut opened = stage.person("ada@example.com").await;
    let end = opened.session.ends_at;
    let mut refreshed = 0;
    loop {
        stage.clock.advance(Duration::hours(23));
        match stage.kayan.refresh_session(&Stage::stranger(), with(&opened.refresh_token)).await {
            Ok(next) => opened = next,
            Err(error) => {
                assert_eq!(error, RefreshSessionError::InvalidToken);
                break;
            }
        }
        refreshed += 1;
        assert!(opened.session.expires_at <= end && opened.refresh_expires_at <= end);
    }
    assert_eq!(refreshed, 31, "720 hours hold 31 refreshes, 23 hours apart");
    assert!(stage.kayan.who_am_i(&Stage::bearer(opened.session_token.hash())).await.is_err());
}

#[tokio::test]
async fn i_11_a_locked_identity_gets_no_new_tokens() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let lock = SetUserState {
        user: UserRef(ada.identity.id.to_string()),
        state: State::Locked,
        until: None,
        reason: Some("test".into()),
        expected: None,
    };
    stage.kayan.set_user_state(&Stage::operator(), lock).await.unwrap();
    let refused = stage.kayan.refresh_session(&Stage::stranger(), with(&ada.refresh_token)).await.unwrap_err();
    assert_eq!(refused, RefreshSessionError::InvalidToken);
}

#[tokio::test]
async fn an_unreadable_or_unknown_refresh_token_is_invalid() {
    let stage = Stage::new();
    let none = stage.kayan.refresh_session(&Stage::stranger(), RefreshSession { refresh_token: None }).await;
    assert_eq!(none.unwrap_err(), RefreshSessionError::InvalidToken);
    let unknown = Token::random(Purpose::Refresh, &kayan_fakes::SeededEntropy::new(99));
    let refused = stage.kayan.refresh_session(&Stage::stranger(), with(&unknown)).await.unwrap_err();
    assert_eq!(refused, RefreshSessionError::InvalidToken);
}
