//! Rows to work with: every one has ids, hashes and names of its own.

use std::sync::atomic::{AtomicU64, Ordering};

use kayan_ports::{
    Aal, AccountChange, AuditEvent, Change, Channel, Client, Credential, CredentialChange, CredentialId,
    CredentialKind, Device, DeviceChange, DeviceId, EventId, EventType, Factor, FactorKind, Identifier, Identity,
    IdentityId, Message, MessageId, MessageKind, MessageState, Method, MethodUse, NamedIdentifier, OneTimePurpose,
    OneTimeToken, OutboxChange, Outcome, Passkey, PasswordHash, RecoveryHash, RefreshToken, Role, Sealed, Session,
    SessionChange, SessionId, State, Stores, TenantId, Timestamp, TokenHash, Traits, Trust,
};
use serde_json::{Map, Value, json};
use time::{Duration, macros::datetime};
use uuid::Uuid;

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A `UUIDv7` that was not handed out before; later ones sort later.
/// A name of this test alone: tests in other processes share some servers.
#[expect(clippy::disallowed_methods, reason = "a test's own keys, not an adapter's ids")]
pub(crate) fn unique() -> Uuid {
    Uuid::new_v4()
}

pub(crate) fn uuid() -> Uuid {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0000 | u128::from(number))
}

/// A token hash that was not handed out before.
pub(crate) fn token() -> TokenHash {
    let mut bytes = [0xA5; 32];
    bytes[..16].copy_from_slice(uuid().as_bytes());
    TokenHash(bytes)
}

/// A moment, in seconds from noon of a certain day.
pub(crate) fn at(seconds: i64) -> Timestamp {
    datetime!(2026-03-01 12:00:00.123456 UTC) + Duration::seconds(seconds)
}

/// A whole second, counted from noon of a certain day: counters may think in milliseconds.
pub(crate) fn second(number: i64) -> Timestamp {
    datetime!(2026-03-01 12:00 UTC) + Duration::seconds(number)
}

pub(crate) fn tenant(name: &str) -> TenantId {
    name.parse().expect("a tenant's name")
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("not an object: {other}"),
    }
}

pub(crate) fn client(ip: &str) -> Client {
    Client { ip: Some(ip.to_owned()), user_agent: Some("Mozilla/5.0 (X11) Zürich/1.0".to_owned()) }
}

pub(crate) fn identifier(value: &str) -> Identifier {
    Identifier::from_canonical(value.to_owned())
}

pub(crate) fn named(field: &str, value: &str) -> NamedIdentifier {
    NamedIdentifier { field: field.to_owned(), value: identifier(value) }
}

pub(crate) fn identity(tenant: &TenantId) -> Identity {
    Identity {
        id: IdentityId(uuid()),
        tenant: tenant.clone(),
        traits: Traits(object(json!({ "name": "Anna Bäcker" }))),
        state: State::Active,
        verified: vec!["anna@example.org".to_owned()],
        roles: vec!["operator".to_owned(), "viewer".to_owned()],
        created_at: at(0),
        updated_at: at(1),
        last_login_at: None,
        version: 1,
    }
}

pub(crate) fn creation(identity: &Identity, identifiers: Vec<NamedIdentifier>) -> Change {
    Change::Account(AccountChange::Create { identity: Box::new(identity.clone()), identifiers })
}

pub(crate) fn password(owner: &Identity) -> Credential {
    Credential {
        id: CredentialId(uuid()),
        tenant: owner.tenant.clone(),
        identity: owner.id,
        kind: CredentialKind::Password,
        secret: PasswordHash::new(format!("$2b$10${}", uuid())),
        created_at: at(2),
        updated_at: at(3),
        version: 1,
    }
}

/// A role called `writer` that grants nothing.
pub(crate) fn role(tenant: &TenantId) -> Role {
    Role {
        tenant: tenant.clone(),
        name: "writer".to_owned(),
        description: String::new(),
        permissions: Vec::new(),
        parents: Vec::new(),
        created_at: at(0),
        updated_at: at(0),
        version: 1,
    }
}

/// An authenticator app that is not confirmed yet.
pub(crate) fn totp(owner: &Identity) -> Factor {
    let kind = FactorKind::Totp { secret: Sealed(vec![7; 49]), confirmed: false, last_step: 0 };
    factor(owner, kind)
}

/// A passkey with this credential id, whose counter is at 7.
pub(crate) fn passkey(owner: &Identity, credential_id: &[u8]) -> Factor {
    let passkey = Passkey {
        credential_id: credential_id.to_vec(),
        public_key: vec![0xA5, 0x01, 0x02, 0x00, 0xFF],
        user_handle: unique(),
        counter: 7,
        user_verified: true,
        discoverable: Some(true),
        backup_eligible: false,
        backed_up: false,
        transports: vec!["hybrid".to_owned(), "internal".to_owned()],
        aaguid: unique(),
        attestation_format: "packed".to_owned(),
    };
    factor(owner, FactorKind::Webauthn(Box::new(passkey)))
}

/// The recovery code of this number.
pub(crate) fn recovery_code(owner: &Identity, number: u8) -> Factor {
    factor(owner, FactorKind::RecoveryCode { hash: RecoveryHash([number; 32]) })
}

fn factor(owner: &Identity, kind: FactorKind) -> Factor {
    Factor {
        id: CredentialId(uuid()),
        tenant: owner.tenant.clone(),
        identity: owner.id,
        name: String::new(),
        kind,
        created_at: at(40),
        last_used_at: None,
    }
}

/// A one-time token of five tries, which ends five minutes after noon.
pub(crate) fn one_time(owner: &Identity) -> OneTimeToken {
    OneTimeToken {
        hash: token(),
        tenant: owner.tenant.clone(),
        purpose: OneTimePurpose::Mfa,
        identity: Some(owner.id),
        data: r#"{"methods":["password"]}"#.to_owned(),
        tries: 5,
        created_at: at(0),
        expires_at: at(300),
    }
}

/// The token of a passkey ceremony, which belongs to no identity and ends five minutes after noon.
pub(crate) fn ceremony(tenant: &TenantId) -> OneTimeToken {
    OneTimeToken {
        hash: token(),
        tenant: tenant.clone(),
        purpose: OneTimePurpose::Webauthn,
        identity: None,
        data: "c2VhbGVk".to_owned(),
        tries: 1,
        created_at: at(0),
        expires_at: at(300),
    }
}

/// A message of a tenant, due at noon.
pub(crate) fn message(tenant: &TenantId, identity: Option<IdentityId>) -> Message {
    Message {
        id: MessageId(uuid()),
        tenant: tenant.clone(),
        identity,
        kind: MessageKind::Recovery,
        recipient: "anna@bücher.example".to_owned(),
        languages: "de-AT, en;q=0.5".to_owned(),
        data: Some(Sealed(vec![7, 0, 0xFF])),
        state: MessageState::Due,
        attempts: 0,
        due_at: at(0),
        error: None,
        created_at: at(0),
        finished_at: None,
    }
}

pub(crate) fn enqueue(message: &Message) -> Change {
    Change::Outbox(OutboxChange::Enqueue(Box::new(message.clone())))
}

/// Leases mails that are due at this second for a minute.
pub(crate) fn lease(name: Uuid, most: u32, second: i64) -> Change {
    lease_by(Channel::Mail, name, most, second)
}

/// Leases messages of a channel that are due at this second for a minute.
pub(crate) fn lease_by(channel: Channel, name: Uuid, most: u32, second: i64) -> Change {
    Change::Outbox(OutboxChange::Lease { lease: name, channel, most, at: at(second), until: at(second + 60) })
}

/// The credential that follows `old`.
pub(crate) fn next_password(old: &Credential) -> Credential {
    let secret = PasswordHash::new(format!("$argon2id${}", uuid()));
    Credential { secret, updated_at: old.updated_at + Duration::HOUR, version: old.version + 1, ..old.clone() }
}

pub(crate) fn session(owner: &Identity) -> Session {
    Session {
        id: SessionId(uuid()),
        tenant: owner.tenant.clone(),
        identity: owner.id,
        token: token(),
        active: true,
        epoch: 0,
        aal: Aal::Aal1,
        methods: vec![MethodUse::new(Method::Password, at(4))],
        issued_at: at(5),
        expires_at: at(3_600),
        ends_at: at(86_400),
        last_seen_at: at(6),
        client: client("192.0.2.7"),
    }
}

/// A device that is trusted since half a minute past noon.
pub(crate) fn device(owner: &Identity) -> Device {
    Device {
        id: DeviceId(uuid()),
        tenant: owner.tenant.clone(),
        identity: owner.id,
        token: token(),
        client: client("2001:db8::1"),
        first_seen_at: at(8),
        last_seen_at: at(30),
        trust: Some(Trust { since: at(30), epoch: 7 }),
    }
}

pub(crate) fn add_device(device: &Device) -> Change {
    Change::Device(DeviceChange::Add { device: Box::new(device.clone()), most: 20 })
}

pub(crate) fn refresh_token(session: &Session) -> RefreshToken {
    RefreshToken {
        hash: token(),
        tenant: session.tenant.clone(),
        session: session.id,
        issued_at: at(7),
        expires_at: at(7_200),
        spent: None,
    }
}

/// Spends `token` for a successor.
pub(crate) fn rotation(token: &RefreshToken, next: &RefreshToken) -> Change {
    Change::Session(SessionChange::RotateRefresh {
        spent: token.hash,
        at: at(60),
        salt: [7; 32],
        client: client("198.51.100.9"),
        next: Box::new(next.clone()),
    })
}

/// An event about `who`, with every field filled in.
pub(crate) fn event(who: &Identity) -> AuditEvent {
    AuditEvent {
        id: EventId(uuid()),
        tenant: who.tenant.clone(),
        kind: EventType::LoginSuccess,
        outcome: Outcome::Success,
        actor: Some(who.id.to_string()),
        subject: Some(who.id.to_string()),
        message: "Anna logged in; «willkommen» 🎉".to_owned(),
        metadata: object(json!({ "method": "password", "deep": { "list": [1, null, "ü"] } })),
        client: client("2001:db8::1"),
        session: Some(SessionId(uuid())),
        resource: Some(format!("identity/{}", who.id)),
        old_value: Some(json!({ "state": "locked" })),
        new_value: Some(json!({ "state": "active" })),
        risk: 100,
        request_id: Some("req-1".to_owned()),
        created_at: at(8),
    }
}

pub(crate) fn record(event: &AuditEvent) -> Change {
    Change::Record(Box::new(event.clone()))
}

/// A user with everything that an account can have.
pub(crate) struct Account {
    pub(crate) identity: Identity,
    pub(crate) name: Identifier,
    pub(crate) password: Credential,
    pub(crate) session: Session,
    pub(crate) refresh: RefreshToken,
    pub(crate) event: AuditEvent,
}

impl Account {
    pub(crate) fn of(tenant: &TenantId, name: &str) -> Self {
        let identity = identity(tenant);
        let session = session(&identity);
        Self {
            name: identifier(name),
            password: password(&identity),
            refresh: refresh_token(&session),
            event: event(&identity),
            identity,
            session,
        }
    }

    /// The list of changes that brings it into being.
    pub(crate) fn registration(&self) -> Vec<Change> {
        vec![
            creation(&self.identity, vec![named("email", self.name.as_str())]),
            Change::Credential(CredentialChange::Add(Box::new(self.password.clone()))),
            self.login(),
            Change::Session(SessionChange::IssueRefresh(Box::new(self.refresh.clone()))),
            record(&self.event),
        ]
    }

    pub(crate) fn login(&self) -> Change {
        Change::Session(SessionChange::Open(Box::new(self.session.clone())))
    }

    /// Registers a user and returns it as the store must return it.
    pub(crate) async fn register(store: &Stores, tenant: &TenantId, name: &str) -> Self {
        let mut account = Self::of(tenant, name);
        store.changes.commit(account.registration()).await.expect("a registration");
        account.identity.last_login_at = Some(account.session.issued_at);
        account
    }

    pub(crate) fn tenant(&self) -> &TenantId {
        &self.identity.tenant
    }
}
