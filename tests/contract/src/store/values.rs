//! What goes in comes back: texts, numbers and times.

use kayan_ports::{Change, Identity, Lookup, Scope, Session, SessionChange, TenantId, Timestamp, Traits};
use serde_json::{Value, json};
use time::macros::datetime;

use crate::{
    Bench,
    sample::{Account, creation, event, identity, object, record, refresh_token, session},
    view::{self, View},
};

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!("core"), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "in": inner }) })
}

pub async fn traits_come_back_as_they_went_in(bench: &dyn Bench) {
    let store = bench.store();
    let cases = [
        json!({}),
        json!({ "": "", "name": null, "list": [], "object": {}, "yes": true, "no": false }),
        json!({ "ß": "Zoë Ångström", "emoji": "👩‍🚀🏳️‍🌈", "rtl": "שלום", "e\u{301}": "é", "controls": "\u{1}\t\r\n\u{7f}\u{2028}" }),
        json!({ "quotes": "'; DROP TABLE identities; -- \" \\ ` $1 ? :a @b %s {}", "a.b": { "$ref": "#/x" } }),
        json!({ "most": u64::MAX, "least": i64::MIN, "beyond": 9_007_199_254_740_993_u64, "zero": 0 }),
        json!({ "third": 1.0 / 3.0, "tenth": 0.1, "tiny": 5e-324, "huge": 1.797_693_134_862_315_7e308, "whole": 2.0 }),
        json!({ "deep": nested(100) }),
        json!({ "long": "ü".repeat(100_000) }),
    ];
    for traits in cases {
        let identity = Identity { traits: Traits(object(traits)), ..identity(&TenantId::default()) };
        store.changes.commit(vec![creation(&identity, vec![])]).await.unwrap();
        assert_eq!(store.accounts.identity(&Scope::System, identity.id).await.unwrap(), Some(identity));
    }
}

pub async fn times_come_back_to_the_microsecond(bench: &dyn Bench) {
    let store = bench.store();
    let times = [
        datetime!(2026-03-29 01:59:59.000001 UTC),
        datetime!(2026-10-25 02:30:00.999999 UTC),
        datetime!(2038-01-19 03:14:08.5 UTC),
        datetime!(2024-02-29 00:00:00 UTC),
        datetime!(1970-01-01 00:00:01.000001 UTC),
        datetime!(9999-12-31 23:59:59.999999 UTC),
    ];
    for (number, time) in times.into_iter().enumerate() {
        let mut account = Account::of(&TenantId::default(), &format!("user{number}@example.org"));
        put_everywhere(&mut account, time);
        store.changes.commit(account.registration()).await.unwrap();
        account.identity.last_login_at = Some(time);
        let mut expected = View::expected(&account);
        // A session that ends at the end of time is listed at no later time; asked for at an earlier one it may be.
        let seen = View::of(&store, &account).await;
        expected.sessions.clone_from(&seen.sessions);
        assert_eq!(seen, expected);
        let found = view::identity(&store, &account).await;
        assert!(found.created_at.offset().is_utc() && found.updated_at.offset().is_utc());
    }
}

fn put_everywhere(account: &mut Account, time: Timestamp) {
    (account.identity.created_at, account.identity.updated_at) = (time, time);
    (account.password.created_at, account.password.updated_at) = (time, time);
    let session = &mut account.session;
    (session.issued_at, session.expires_at, session.ends_at, session.last_seen_at) = (time, time, time, time);
    session.methods.iter_mut().for_each(|method| method.completed_at = time);
    (account.refresh.issued_at, account.refresh.expires_at) = (time, time);
    account.event.created_at = time;
}

pub async fn an_empty_text_is_not_an_absent_one(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    let empty = kayan_ports::Client { ip: Some(String::new()), user_agent: Some(String::new()) };
    let session = Session { client: empty.clone(), ..session(&anna.identity) };
    let mut event = event(&anna.identity);
    (event.client, event.message) = (empty, String::new());
    (event.resource, event.request_id) = (Some(String::new()), Some(String::new()));
    let open = Change::Session(SessionChange::Open(Box::new(session.clone())));
    store.changes.commit(vec![open, record(&event)]).await.unwrap();
    assert_eq!(view::authenticated_session(&store, &anna, &session.token).await.session, session);
    assert!(store.audit.events_about(anna.tenant(), anna.identity.id).await.unwrap().contains(&event));
}

pub async fn hashes_come_back_bit_by_bit(bench: &dyn Bench) {
    let store = bench.store();
    let anna = Account::register(&store, &TenantId::default(), "anna@example.org").await;
    for byte in [0x00, 0x27, 0x5C, 0x7F, 0x80, 0xFF] {
        let mut session = session(&anna.identity);
        session.token.0 = [byte; 32];
        let mut refresh = refresh_token(&session);
        refresh.hash.0 = [byte; 32];
        let open = Change::Session(SessionChange::Open(Box::new(session.clone())));
        store
            .changes
            .commit(vec![open, Change::Session(SessionChange::IssueRefresh(Box::new(refresh.clone())))])
            .await
            .unwrap();
        assert_eq!(view::authenticated_session(&store, &anna, &session.token).await.session, session);
        let Lookup::Found(found) = store.sessions.refreshing(anna.tenant(), &refresh.hash).await.unwrap() else {
            panic!("{byte:x} is lost");
        };
        assert_eq!(found.token, refresh);
    }
}
