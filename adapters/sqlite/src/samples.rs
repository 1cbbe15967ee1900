//! Databases and rows for the tests.

use std::path::Path;

use kayan_ports::{
    Aal, AccountChange, AuditEvent, Change, Client, Credential, CredentialChange, CredentialId, CredentialKind,
    EventId, EventType, Identifier, Identity, IdentityId, NamedIdentifier, Outcome, PasswordHash, RefreshToken,
    Session, SessionChange, SessionId, State, TenantId, Timestamp, TokenHash, Traits,
};
use kayan_sql::{Dialect, SqlStore, migrate};
use time::Duration;
use uuid::Uuid;

use crate::SqliteDriver;

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_timestamp(1_700_000_000 + seconds).unwrap()
}

/// A migrated database.
pub(crate) async fn migrated(dsn: &str) -> SqlStore<SqliteDriver> {
    let store = crate::open(dsn).unwrap();
    let known = migrate::embedded(Dialect::Sqlite);
    migrate::up(store.driver(), known, None, at(0), &mut |_| {}).await.unwrap();
    store
}

/// A file in a folder of its own.
pub(crate) fn file() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kayan.db").to_str().unwrap().to_owned();
    (folder, path)
}

/// A connection past the driver.
pub(crate) fn raw(path: impl AsRef<Path>) -> rusqlite::Connection {
    rusqlite::Connection::open(path).unwrap()
}

fn id(kind: u128, number: u32) -> Uuid {
    Uuid::from_u128(kind << 64 | u128::from(number))
}

pub(crate) fn hash(kind: u8, number: u32) -> TokenHash {
    let mut bytes = [kind; 32];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    TokenHash(bytes)
}

pub(crate) fn identity(number: u32) -> Identity {
    Identity {
        id: IdentityId(id(1, number)),
        tenant: TenantId::default(),
        traits: Traits(serde_json::from_str(&format!(r#"{{"email":"user{number}@example.org"}}"#)).unwrap()),
        state: State::Active,
        verified: vec![],
        roles: vec![],
        created_at: at(i64::from(number)),
        updated_at: at(i64::from(number)),
        last_login_at: None,
        version: 1,
    }
}

pub(crate) fn identifier(number: u32) -> Identifier {
    Identifier::from_canonical(format!("user{number}@example.org"))
}

/// Adds an identity with a password.
pub(crate) fn registration(number: u32) -> Vec<Change> {
    let identity = identity(number);
    let credential = Credential {
        id: CredentialId(id(2, number)),
        tenant: identity.tenant.clone(),
        identity: identity.id,
        kind: CredentialKind::Password,
        secret: PasswordHash::new("$2b$10$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvabcdefghijk".to_owned()),
        created_at: identity.created_at,
        updated_at: identity.created_at,
        version: 1,
    };
    let identifiers = vec![NamedIdentifier { field: "email".to_owned(), value: identifier(number) }];
    vec![
        Change::Account(AccountChange::Create { identity: Box::new(identity), identifiers }),
        Change::Credential(CredentialChange::Add(Box::new(credential))),
        Change::Record(Box::new(event(number))),
    ]
}

/// Opens a session of that identity, with a refresh token.
pub(crate) fn login(number: u32) -> Vec<Change> {
    let identity = identity(number);
    let session = Session {
        id: SessionId(id(3, number)),
        tenant: identity.tenant.clone(),
        identity: identity.id,
        token: hash(3, number),
        active: true,
        epoch: 0,
        aal: Aal::Aal1,
        methods: vec![],
        issued_at: at(0),
        expires_at: at(3_600),
        ends_at: at(36_000),
        last_seen_at: at(0),
        client: Client { ip: Some("192.0.2.1".to_owned()), user_agent: Some("test".to_owned()) },
    };
    vec![
        Change::Session(SessionChange::Open(Box::new(session))),
        Change::Session(SessionChange::IssueRefresh(Box::new(refresh_token(number, 0)))),
        Change::Record(Box::new(event(1_000_000 + number))),
    ]
}

/// The refresh token of the session of that number, after this number of rotations.
pub(crate) fn refresh_token(number: u32, generation: u32) -> RefreshToken {
    RefreshToken {
        hash: hash(4, number * 1_000 + generation),
        tenant: TenantId::default(),
        session: SessionId(id(3, number)),
        issued_at: at(0),
        expires_at: at(0) + Duration::DAY,
        spent: None,
    }
}

pub(crate) fn event(number: u32) -> AuditEvent {
    AuditEvent {
        id: EventId(id(5, number)),
        tenant: TenantId::default(),
        kind: EventType::IdentityCreated,
        outcome: Outcome::Success,
        actor: Some(identity(number).id.to_string()),
        subject: Some(identity(number).id.to_string()),
        message: "identity created".to_owned(),
        metadata: serde_json::Map::new(),
        client: Client::default(),
        session: None,
        resource: None,
        old_value: None,
        new_value: None,
        risk: 0,
        request_id: Some("0190-request".to_owned()),
        created_at: at(i64::from(number)),
    }
}
