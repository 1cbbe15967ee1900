//! That every statement finds its rows by index.

use std::sync::Mutex;

use async_trait::async_trait;
use kayan_ports::{
    AccessTokens, AccountChange, AccountQuery, Accounts, AdminTokenId, AuditTrail, Change, Client, Commit, Credentials,
    EventOrder, EventQuery, IdentityQuery, KeyChange, KeyId, KeyPurpose, Lookup, PurgeEvents, Revocation, Revocations,
    Scope, Sealed, SealedKey, SessionChange, SessionId, Sessions, State, StoredKeys, TenantId, WrappedKey, Wrapper,
};
use kayan_sql::{
    ApplyError, ConnectionUse, Dialect, Driver, DriverError, MigrationLock, Query, Row, SqlStore, Statement, TakeRows,
};

use crate::{
    SqliteDriver,
    samples::{at, file, hash, identifier, identity, login, migrated, raw, refresh_token, registration},
};

/// Notes every statement on its way.
struct Noting {
    driver: SqliteDriver,
    seen: Mutex<Vec<&'static str>>,
}

impl Noting {
    fn note(&self, sql: &'static str) {
        let mut seen = self.seen.lock().unwrap();
        if !seen.contains(&sql) {
            seen.push(sql);
        }
    }
}

#[async_trait]
impl Driver for Noting {
    async fn read(&self, query: Query) -> Result<Vec<Row>, DriverError> {
        self.note(query.sql);
        self.driver.read(query).await
    }

    async fn apply(&self, batch: Vec<Statement>) -> Result<(), ApplyError> {
        for statement in &batch {
            self.note(statement.sql);
        }
        self.driver.apply(batch).await
    }

    async fn snapshot(&self, questions: Vec<Query>, take: &mut TakeRows<'_>) -> Result<(), DriverError> {
        self.driver.snapshot(questions, take).await
    }

    async fn lock(&self) -> Result<Box<dyn MigrationLock>, DriverError> {
        self.driver.lock().await
    }

    async fn ping(&self) -> Result<(), DriverError> {
        self.driver.ping().await
    }

    async fn writable(&self) -> Result<(), DriverError> {
        self.driver.writable().await
    }

    async fn maintain(&self) -> Result<(), DriverError> {
        self.driver.maintain().await
    }

    fn connections(&self) -> Option<ConnectionUse> {
        self.driver.connections()
    }

    fn dialect(&self) -> Dialect {
        self.driver.dialect()
    }
}

/// Reads the audit trail in every way, and purges nothing of it.
async fn read_trail(store: &SqlStore<Noting>, tenant: &TenantId) {
    let whom = Some(identity(1).id.to_string());
    for scope in [Scope::from(tenant), Scope::System] {
        let all = EventQuery::all(scope.clone());
        let of_subject = EventQuery { subject: whom.clone(), ..all.clone() };
        let of_actor = EventQuery { actor: whom.clone(), ..all.clone() };
        for query in [all, of_subject, of_actor] {
            for order in [EventOrder::OldestFirst, EventOrder::NewestFirst] {
                let page = store.events(&EventQuery { order, ..query.clone() }, None, 10).await.unwrap();
                assert!(!page.events.is_empty());
            }
        }
        assert_eq!(store.count_events(&scope, at(2_000_000)).await.unwrap(), [(tenant.clone(), 2)]);
        store.commit(vec![Change::PurgeEvents(PurgeEvents { scope, until: at(0), parts_until: at(0) })]).await.unwrap();
    }
}

/// Asks everything once and changes everything once.
async fn exercise(store: &SqlStore<Noting>) {
    let tenant = TenantId::default();
    let whom = identity(1).id;
    let session = SessionId(refresh_token(1, 0).session.0);
    store.commit(registration(1)).await.unwrap();
    store.commit(login(1)).await.unwrap();
    let signing_in = store.login_candidate(&tenant, &identifier(1), &Client::default()).await;
    assert!(signing_in.unwrap().unwrap().known.is_some());
    assert!(matches!(store.authenticated_session(&tenant, &hash(3, 1)).await, Ok(Lookup::Found(_))));
    assert!(matches!(store.refreshing(&tenant, &refresh_token(1, 0).hash).await, Ok(Lookup::Found(_))));
    assert_eq!(store.sessions(&tenant, whom, at(0)).await.unwrap().len(), 1);
    assert_eq!(store.events_about(&tenant, whom).await.unwrap().len(), 1);
    for scope in [Scope::from(&tenant), Scope::System] {
        assert!(store.identity(&scope, whom).await.unwrap().is_some());
        assert!(store.password(&scope, whom).await.unwrap().is_some());
        assert_eq!(store.identities_named(&scope, &identifier(1)).await.unwrap().len(), 1);
        for hashes in [true, false] {
            let query = AccountQuery { tenant: tenant.clone(), state: None, after: None, hashes, limit: 20 };
            assert_eq!(store.accounts(&query).await.unwrap().len(), 1);
        }
        assert_eq!(store.tenant_with_accounts(None).await.unwrap().as_ref(), Some(&tenant));
        for contains in [None, Some("USER1@".to_owned())] {
            let query = IdentityQuery { scope: scope.clone(), state: None, contains, limit: 20, offset: 0 };
            assert_eq!(store.identities(&query).await.unwrap().total, 1);
        }
    }
    read_trail(store, &tenant).await;
    let changes = vec![
        Change::Session(SessionChange::Touch { tenant: tenant.clone(), session, at: at(1) }),
        Change::Session(SessionChange::RotateRefresh {
            spent: refresh_token(1, 0).hash,
            at: at(1),
            salt: [0; 32],
            client: Client::default(),
            next: Box::new(refresh_token(1, 1)),
        }),
        Change::Session(SessionChange::Renew {
            tenant: tenant.clone(),
            session,
            token: hash(3, 2),
            expires_at: at(9),
            at: at(1),
        }),
        Change::Session(SessionChange::Revoke { tenant: tenant.clone(), identity: whom, session }),
        Change::Account(AccountChange::SetState {
            scope: Scope::System,
            identity: whom,
            expected: None,
            state: State::Locked,
            until: None,
            at: at(1),
        }),
    ];
    store.commit(changes).await.unwrap();
    for scope in [Scope::from(&tenant), Scope::System] {
        for except in [None, Some(session)] {
            store
                .commit(vec![Change::Session(SessionChange::RevokeOf { scope: scope.clone(), identity: whom, except })])
                .await
                .unwrap();
        }
    }
    store
        .commit(vec![Change::Account(AccountChange::Delete {
            scope: Scope::from(&tenant),
            identity: whom,
            expected: None,
        })])
        .await
        .unwrap();
    let data_key = |version| WrappedKey {
        wrapped: Sealed(vec![1; 61]),
        by: Wrapper::DataKey,
        version,
        created_at: at(0),
        updated_at: at(0),
    };
    let signing_key = SealedKey {
        id: KeyId(whom.0),
        scope: Scope::System,
        purpose: KeyPurpose::AuditSeal,
        sealed: Sealed(vec![1; 61]),
        public: [1; 32],
        created_at: at(0),
    };
    let revocation = Revocation { id: AdminTokenId(whom.0), by: Scope::System, expires_at: at(9), at: at(0) };
    let changes = vec![
        Change::Key(KeyChange::StoreDataKey(Box::new(data_key(1)))),
        Change::Key(KeyChange::RewrapDataKey(Box::new(data_key(2)))),
        Change::Key(KeyChange::StoreSigningKey(Box::new(signing_key))),
        Change::RevokeAdminToken(Box::new(revocation.clone())),
    ];
    store.commit(changes).await.unwrap();
    assert!(store.data_key().await.unwrap().is_some());
    assert_eq!(store.revocations(&Scope::System, &[revocation.id]).await, Ok(vec![revocation.id]));
    assert!(store.signing_key(&Scope::System, KeyPurpose::AuditSeal).await.unwrap().is_some());
}

#[tokio::test]
async fn every_statement_but_the_operators_lists_finds_its_rows_by_index() {
    let (_folder, path) = file();
    drop(migrated(&path).await);
    let driver = SqliteDriver::open(&path, crate::Settings::default()).unwrap();
    let store = SqlStore::new(Noting { driver, seen: Mutex::new(Vec::new()) });
    exercise(&store).await;

    let connection = raw(&path);
    let seen = store.driver().seen.lock().unwrap().clone();
    assert!(seen.len() > 25, "{}", seen.len());
    for sql in seen {
        let mut explain = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let mut rows = explain.raw_query();
        let mut plan = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            plan.push(row.get::<_, String>("detail").unwrap());
        }
        let signature = sql.lines().next().unwrap();
        println!("{signature}: {plan:#?}");
        // these go through all identities, or all tenants
        let over_all = ["list_anywhere", "count_anywhere", "matching_anywhere", "events.count"];
        if over_all.iter().any(|name| signature.contains(name)) {
            continue;
        }
        assert!(!plan.iter().any(|step| step.starts_with("SCAN")), "{signature}: {plan:?}");
        assert!(!plan.iter().any(|step| step.contains("AUTOMATIC")), "{signature}: {plan:?}");
        // a tenant's whole trail is no way to one identity's events
        let whole = signature.ends_with("_tenant") || signature.ends_with("_tenant_newest");
        assert!(whole || !plan.iter().any(|step| step.contains("audit_events_by_tenant")), "{signature}: {plan:?}");
        // nothing is put in order by hand but events of one moment
        let by_hand = plan.iter().any(|step| step == "USE TEMP B-TREE FOR ORDER BY");
        assert!(!by_hand || !signature.contains("events."), "{signature}: {plan:?}");
    }
}

#[tokio::test]
async fn removing_an_identity_finds_what_goes_with_it_by_index() {
    let (_folder, path) = file();
    drop(migrated(&path).await);
    let connection = raw(&path);
    for (table, column) in [
        ("identifiers", "identity_id"),
        ("credentials", "identity_id"),
        ("sessions", "identity_id"),
        ("refresh_tokens", "session_id"),
    ] {
        let sql = format!("EXPLAIN QUERY PLAN DELETE FROM {table} WHERE {column} = '1'");
        let plan: String = connection.query_row(&sql, (), |row| row.get("detail")).unwrap();
        assert!(plan.starts_with("SEARCH"), "{plan}");
    }
}
