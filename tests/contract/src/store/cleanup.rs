//! What has expired, and its removal.

use kayan_ports::{
    AdminTokenId, Change, Device, Expired, Lookup, Message, MessageState, OneTimeChange, Revocation, Scope, Session,
    SessionChange, StoredResponse, TenantId,
};

use crate::{
    Bench,
    sample::{Account, add_device, at, device, enqueue, message, one_time, refresh_token, session, uuid},
};

pub async fn what_has_expired_is_removed_and_nothing_else(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = Account::register(&store, &tenant, "anna@example.org").await;
    let old = Session { ends_at: at(10), ..session(&anna.identity) };
    let kept = Session { ends_at: at(11), ..session(&anna.identity) };
    let token = refresh_token(&old);
    let opening = [&old, &kept].map(|session| Change::Session(SessionChange::Open(Box::new(session.clone()))));
    let opening = opening.into_iter().chain([Change::Session(SessionChange::IssueRefresh(Box::new(token.clone())))]);
    store.changes.commit(opening.collect()).await.unwrap();

    let long_ago = at(-9_999_999);
    let none = Expired {
        sessions: at(10),
        attempts: long_ago,
        networks: long_ago,
        devices: long_ago,
        revocations: long_ago,
        responses: long_ago,
        one_time: long_ago,
        messages: long_ago,
    };
    assert_eq!(store.cleanup.has_expired(&none).await, Ok(false));
    let expired = Expired { sessions: at(11), ..none };
    assert_eq!(store.cleanup.has_expired(&expired).await, Ok(true));
    store.changes.commit(vec![Change::RemoveExpired(expired)]).await.unwrap();
    assert_eq!(store.cleanup.has_expired(&expired).await, Ok(false));
    assert_eq!(store.access_tokens.authenticated_session(&tenant, &old.token).await, Ok(Lookup::Absent));
    assert_eq!(store.sessions.refreshing(&tenant, &token.hash).await, Ok(Lookup::Absent));
    assert!(matches!(store.access_tokens.authenticated_session(&tenant, &kept.token).await, Ok(Lookup::Found(_))));

    let end = |seconds| Revocation { id: AdminTokenId(uuid()), by: Scope::System, expires_at: at(seconds), at: at(0) };
    let (dead, alive) = (end(10), end(11));
    let ends = [&dead, &alive].map(|end| Change::RevokeAdminToken(Box::new(end.clone())));
    store.changes.commit(ends.into()).await.unwrap();
    let revocations = Expired { revocations: at(11), ..none };
    assert_eq!(store.cleanup.has_expired(&Expired { revocations: at(10), ..none }).await, Ok(false));
    assert_eq!(store.cleanup.has_expired(&revocations).await, Ok(true));
    store.changes.commit(vec![Change::RemoveExpired(revocations)]).await.unwrap();
    assert_eq!(store.cleanup.has_expired(&revocations).await, Ok(false));
    assert_eq!(store.revocations.revocations(&Scope::System, &[dead.id, alive.id]).await, Ok(vec![alive.id]));

    let response = |key: &str, seconds| StoredResponse {
        tenant: tenant.clone(),
        operator: "cli".to_owned(),
        key: key.to_owned(),
        request: [0; 32],
        about: None,
        response: "1".to_owned(),
        at: at(seconds),
    };
    let store_it = |response| Change::StoreResponse(Box::new(response));
    store.changes.commit(vec![store_it(response("old", 10)), store_it(response("new", 11))]).await.unwrap();
    let responses = Expired { responses: at(11), ..none };
    assert_eq!(store.cleanup.has_expired(&Expired { responses: at(10), ..none }).await, Ok(false));
    assert_eq!(store.cleanup.has_expired(&responses).await, Ok(true));
    store.changes.commit(vec![Change::RemoveExpired(responses)]).await.unwrap();
    assert_eq!(store.cleanup.has_expired(&responses).await, Ok(false));
    assert_eq!(store.responses.stored_response(&tenant, "cli", "old").await, Ok(None));
    assert!(store.responses.stored_response(&tenant, "cli", "new").await.unwrap().is_some());

    let token = one_time(&anna.identity);
    let issue = Change::OneTime(OneTimeChange::Issue(Box::new(token.clone())));
    store.changes.commit(vec![issue]).await.unwrap();
    let one_time = Expired { one_time: at(301), ..none };
    assert_eq!(store.cleanup.has_expired(&Expired { one_time: at(300), ..none }).await, Ok(false));
    assert_eq!(store.cleanup.has_expired(&one_time).await, Ok(true));
    store.changes.commit(vec![Change::RemoveExpired(one_time)]).await.unwrap();
    assert_eq!(store.cleanup.has_expired(&one_time).await, Ok(false));
    assert_eq!(store.one_time.one_time(&tenant, token.purpose, &token.hash, at(1)).await, Ok(None));

    let finished = |state, seconds| Message { state, finished_at: Some(at(seconds)), ..message(&tenant, None) };
    let removed = [finished(MessageState::Delivered, 10), finished(MessageState::Dead, 10)];
    let kept = [finished(MessageState::Delivered, 11), message(&tenant, None)];
    store.changes.commit(removed.iter().chain(&kept).map(enqueue).collect()).await.unwrap();
    let messages = Expired { messages: at(11), ..none };
    assert_eq!(store.cleanup.has_expired(&Expired { messages: at(10), ..none }).await, Ok(false));
    assert_eq!(store.cleanup.has_expired(&messages).await, Ok(true));
    store.changes.commit(vec![Change::RemoveExpired(messages)]).await.unwrap();
    assert_eq!(store.cleanup.has_expired(&messages).await, Ok(false));
    for (message, is_there) in removed.iter().map(|it| (it, false)).chain(kept.iter().map(|it| (it, true))) {
        let found = store.outbox.message(&Scope::System, message.id).await.unwrap();
        assert_eq!(found.is_some(), is_there, "{message:?}");
    }

    let seen = |second| Device { last_seen_at: at(second), ..device(&anna.identity) };
    let (unused, used) = (seen(10), seen(11));
    store.changes.commit(vec![add_device(&unused), add_device(&used)]).await.unwrap();
    let devices = Expired { devices: at(11), ..none };
    assert_eq!(store.cleanup.has_expired(&Expired { devices: at(10), ..none }).await, Ok(false));
    assert_eq!(store.cleanup.has_expired(&devices).await, Ok(true));
    store.changes.commit(vec![Change::RemoveExpired(devices)]).await.unwrap();
    assert_eq!(store.cleanup.has_expired(&devices).await, Ok(false));
    assert_eq!(store.devices.devices(&tenant, anna.identity.id).await, Ok(vec![used]));

    let networks = Expired { networks: at(9_999_999), ..none };
    assert_eq!(store.cleanup.has_expired(&networks).await, Ok(true));
    store.changes.commit(vec![Change::RemoveExpired(networks)]).await.unwrap();
    assert_eq!(store.cleanup.has_expired(&networks).await, Ok(false));
}
