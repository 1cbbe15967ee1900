//! What is out of date, and its end.

use kayan_ports::{AdminTokenId, Change, KeptAnswer, Lookup, Outdated, Revocation, Scope, Session, TenantId};

use crate::{
    Bench,
    sample::{Account, at, refresh_token, session, uuid},
};

pub async fn what_is_outdated_is_removed_and_nothing_else(bench: &dyn Bench) {
    let (store, tenant) = (bench.store(), TenantId::default());
    let anna = Account::register(&*store, &tenant, "anna@example.org").await;
    let old = Session { ends_at: at(10), ..session(&anna.identity) };
    let kept = Session { ends_at: at(11), ..session(&anna.identity) };
    let token = refresh_token(&old);
    let opening = [&old, &kept].map(|session| Change::OpenSession(Box::new(session.clone())));
    let opening = opening.into_iter().chain([Change::IssueRefresh(Box::new(token.clone()))]);
    store.commit(opening.collect()).await.unwrap();

    let long_ago = at(-9_999_999);
    let none =
        Outdated { sessions: at(10), attempts: long_ago, networks: long_ago, revocations: long_ago, answers: long_ago };
    assert_eq!(store.has_outdated(&none).await, Ok(false));
    let outdated = Outdated { sessions: at(11), ..none };
    assert_eq!(store.has_outdated(&outdated).await, Ok(true));
    store.commit(vec![Change::RemoveOutdated(outdated)]).await.unwrap();
    assert_eq!(store.has_outdated(&outdated).await, Ok(false));
    assert_eq!(store.presented(&tenant, &old.token).await, Ok(Lookup::Absent));
    assert_eq!(store.refreshing(&tenant, &token.hash).await, Ok(Lookup::Absent));
    assert!(matches!(store.presented(&tenant, &kept.token).await, Ok(Lookup::Found(_))));

    let end = |seconds| Revocation { id: AdminTokenId(uuid()), by: Scope::System, expires_at: at(seconds), at: at(0) };
    let (dead, alive) = (end(10), end(11));
    let ends = [&dead, &alive].map(|end| Change::RevokeToken(Box::new(end.clone())));
    store.commit(ends.into()).await.unwrap();
    let revocations = Outdated { revocations: at(11), ..none };
    assert_eq!(store.has_outdated(&Outdated { revocations: at(10), ..none }).await, Ok(false));
    assert_eq!(store.has_outdated(&revocations).await, Ok(true));
    store.commit(vec![Change::RemoveOutdated(revocations)]).await.unwrap();
    assert_eq!(store.has_outdated(&revocations).await, Ok(false));
    assert_eq!(store.revocations(&Scope::System, &[dead.id, alive.id]).await, Ok(vec![alive.id]));

    let answer = |key: &str, seconds| KeptAnswer {
        tenant: tenant.clone(),
        operator: "cli".to_owned(),
        key: key.to_owned(),
        request: [0; 32],
        about: None,
        answer: "1".to_owned(),
        at: at(seconds),
    };
    let keep = |answer| Change::KeepAnswer(Box::new(answer));
    store.commit(vec![keep(answer("old", 10)), keep(answer("new", 11))]).await.unwrap();
    let answers = Outdated { answers: at(11), ..none };
    assert_eq!(store.has_outdated(&Outdated { answers: at(10), ..none }).await, Ok(false));
    assert_eq!(store.has_outdated(&answers).await, Ok(true));
    store.commit(vec![Change::RemoveOutdated(answers)]).await.unwrap();
    assert_eq!(store.has_outdated(&answers).await, Ok(false));
    assert_eq!(store.kept_answer(&tenant, "cli", "old").await, Ok(None));
    assert!(store.kept_answer(&tenant, "cli", "new").await.unwrap().is_some());

    let networks = Outdated { networks: at(9_999_999), ..none };
    assert_eq!(store.has_outdated(&networks).await, Ok(true));
    store.commit(vec![Change::RemoveOutdated(networks)]).await.unwrap();
    assert_eq!(store.has_outdated(&networks).await, Ok(false));
}
