//! What operators do to the database by hand.

use kayan_ports::{
    AccessTokens, AccountChange, Change, Commit, CommitError, Guard, Lookup, NamedIdentifier, SessionChange, SessionId,
    Sessions, TenantId,
};

use crate::samples::{at, file, hash, identifier, login, migrated, raw, refresh_token, registration};

#[tokio::test]
async fn the_guides_emergency_sql_logs_everyone_out_of_access_and_refresh() {
    let (_folder, path) = file();
    let store = migrated(&path).await;
    let tenant = TenantId::default();
    for number in 1..=3 {
        store.commit(registration(number)).await.unwrap();
        store.commit(login(number)).await.unwrap();
    }
    raw(&path).execute_batch("UPDATE sessions SET active = false WHERE active = true;").unwrap();
    for number in 1..=3 {
        let Lookup::Found(access) = store.authenticated_session(&tenant, &hash(3, number)).await.unwrap() else {
            panic!()
        };
        assert!(!access.session.active);
        let token = refresh_token(number, 0);
        let Lookup::Found(refresh) = store.refreshing(&tenant, &token.hash).await.unwrap() else { panic!() };
        assert!(!refresh.session.active);
        let session = SessionId(token.session.0);
        let renewal = Change::Session(SessionChange::Renew {
            tenant: tenant.clone(),
            session,
            token: hash(9, number),
            expires_at: at(9),
            at: at(1),
        });
        assert_eq!(store.commit(vec![renewal]).await, Err(CommitError::Stale(Guard::Session)));
    }
}

#[tokio::test]
async fn times_and_ids_are_readable_in_sql() {
    let (_folder, path) = file();
    let store = migrated(&path).await;
    store.commit(registration(1)).await.unwrap();
    let sql = "SELECT id || ' ' || datetime(created_at / 1000000, 'unixepoch') FROM identities";
    let line: String = raw(&path).query_row(sql, (), |row| row.get(0)).unwrap();
    assert_eq!(line, "00000000-0000-0001-0000-000000000001 2023-11-14 22:13:21");
}

#[tokio::test]
async fn an_identifier_that_two_traits_share_is_no_conflict_with_itself() {
    let (_folder, path) = file();
    let store = migrated(&path).await;
    let mut changes = registration(1);
    if let Change::Account(AccountChange::Create { identifiers, .. }) = &mut changes[0] {
        identifiers.push(NamedIdentifier { field: "username".to_owned(), value: identifier(1) });
    }
    assert_eq!(store.commit(changes).await, Ok(()));
}
