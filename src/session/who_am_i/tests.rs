//! What being recognised promises.

use kayan_ports::{CommitError, Failure, State};

use super::*;
use crate::{SetUserState, UserRef, stage::Stage};

#[tokio::test]
async fn i_02_a_session_token_is_refused_at_its_exact_expiry() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    stage.clock.set(ada.session.expires_at - Duration::MICROSECOND);
    assert!(stage.kayan.who_am_i(&caller).await.is_ok());
    stage.clock.set(ada.session.expires_at);
    assert_eq!(stage.kayan.who_am_i(&caller).await.unwrap_err(), AuthenticateError::Unauthorized);
}

#[tokio::test]
async fn i_11_who_is_not_active_is_out_now() {
    for state in [State::Locked, State::Inactive, State::Pending] {
        let stage = Stage::new();
        let ada = stage.person("ada@example.com").await;
        let cmd = SetUserState {
            user: UserRef("ada@example.com".to_owned()),
            state,
            until: None,
            reason: None,
            expected: None,
        };
        stage.kayan.set_user_state(&Stage::operator(), cmd).await.unwrap();
        let refused = stage.kayan.who_am_i(&Stage::bearer(ada.session_token.hash())).await.unwrap_err();
        assert_eq!(refused, AuthenticateError::Unauthorized, "{state:?}");
    }
}

#[tokio::test]
async fn last_seen_is_written_once_a_minute_and_never_in_the_way() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let caller = Stage::bearer(ada.session_token.hash());
    stage.clock.advance(Duration::seconds(59));
    stage.store.fail_next_commit(CommitError::Failed(Failure::Unavailable("read-only".to_owned())));
    assert_eq!(stage.kayan.who_am_i(&caller).await.unwrap().session.last_seen_at, ada.session.last_seen_at);
    stage.clock.advance(Duration::seconds(1));
    assert!(stage.kayan.who_am_i(&caller).await.is_ok(), "a database that takes no writes still knows people");
    let seen = stage.kayan.who_am_i(&caller).await.unwrap().session.last_seen_at;
    assert_eq!(seen, ada.session.issued_at + Duration::MINUTE);
}

#[tokio::test]
async fn a_token_of_one_tenant_is_nothing_in_another() {
    let stage = Stage::new();
    let ada = stage.person("ada@example.com").await;
    let mut caller = Stage::bearer(ada.session_token.hash());
    caller.tenant = "other".parse().unwrap();
    assert_eq!(stage.kayan.who_am_i(&caller).await.unwrap_err(), AuthenticateError::NoTenant);
    stage.store.add_tenant(caller.tenant.clone(), true);
    assert_eq!(stage.kayan.who_am_i(&caller).await.unwrap_err(), AuthenticateError::Unauthorized);
}
