//! People by number, and the rows that each of them has in a database: those that a registration leaves.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use uuid::{Builder, Uuid};

use crate::{clients::PASSWORD, failure::Failure};

/// What the service is told to hash with, and what everybody's password is hashed with: the cheapest there is.
pub(crate) const BCRYPT_COST: u32 = 4;

/// The tables that people are in, with the columns in the order of `People::rows`; whom rows refer to comes first.
pub(crate) const TABLES: [(&str, &str); 5] = [
    ("identities", "id, tenant_id, traits, state, verified, roles, created_at, updated_at, last_login_at, version"),
    ("identifiers", "tenant_id, value, identity_id, field"),
    ("credentials", "id, tenant_id, identity_id, kind, subject, secret, created_at, updated_at, version"),
    (
        "sessions",
        "id, tenant_id, identity_id, token_hash, active, aal, methods, issued_at, expires_at, ends_at, last_seen_at",
    ),
    ("refresh_tokens", "hash, tenant_id, session_id, issued_at, expires_at"),
];

/// The columns that hold bytes.
pub(crate) const HASHES: [&str; 2] = ["token_hash", "hash"];

const TENANT: &str = "default";
const SECOND: i64 = 1_000_000;
const DAY: i64 = 24 * 3600 * SECOND;
/// Between one registration and the next: a million of them take 23 days.
const STEP: i64 = 2 * SECOND;
const SESSION: &str = "kys_";

/// A value of a row.
#[derive(Debug, Clone)]
pub(crate) enum Cell {
    /// A text without tabulators, line breaks and backslashes.
    Text(String),
    /// An id.
    Id(Uuid),
    /// 32 bytes.
    Hash([u8; 32]),
    /// Microseconds since 1970.
    Time(i64),
    /// A number, or a truth: 0 or 1.
    Number(i64),
}

/// Everybody, numbered from 0.
#[derive(Debug, Clone)]
pub(crate) struct People {
    // Microseconds since 1970.
    now: i64,
    // Of everybody's password: hashing a million would take an hour.
    hash: String,
}

impl People {
    /// People with sessions that have just begun.
    pub(crate) fn new() -> Result<Self, Failure> {
        let hash = bcrypt::hash_with_salt(PASSWORD, BCRYPT_COST, [7; 16]).map_err(Failure::wrong("bcrypt"))?;
        #[expect(clippy::disallowed_methods, reason = "the service, which has no other clock, must find them alive")]
        let now = OffsetDateTime::now_utc();
        Ok(Self { now: now.unix_timestamp() * SECOND, hash: hash.to_string() })
    }

    /// The person's name.
    pub(crate) fn identifier(number: u32) -> String {
        format!("person{number}@example.com")
    }

    /// The token of the person's session, made as the service makes them: 32 random bytes and a checksum.
    pub(crate) fn session_token(number: u32) -> String {
        let secret = Chance::of(number).session;
        let mut checksum = crc32fast::Hasher::new();
        checksum.update(SESSION.as_bytes());
        checksum.update(&secret);
        let checked = [&secret[..], &checksum.finalize().to_be_bytes()].concat();
        format!("{SESSION}{}", URL_SAFE_NO_PAD.encode(checked))
    }

    /// The person's row in each of the tables.
    pub(crate) fn rows(&self, number: u32) -> [Vec<Cell>; 5] {
        let chance = Chance::of(number);
        let created = self.now - 30 * DAY + STEP * i64::from(number);
        let [identity, credential, session] = chance.ids.map(|random| Cell::Id(id(created, random)));
        let text = |text: &str| Cell::Text(text.to_owned());
        let tenant = text(TENANT);
        let identifier = Self::identifier(number);
        let traits = Cell::Text(format!(r#"{{"email":"{identifier}"}}"#));
        let (created, now, version) = (Cell::Time(created), Cell::Time(self.now), Cell::Number(1));
        let after = |days: i64| Cell::Time(self.now + days * DAY);
        let token_hash = Cell::Hash(Sha256::new().chain_update(SESSION).chain_update(chance.session).finalize().into());
        let methods = text(r#"[{"method":"password","completed_at":"2026-01-01T00:00:00Z"}]"#);
        [
            vec![
                identity.clone(),
                tenant.clone(),
                traits,
                text("active"),
                text("[]"),
                text("[]"),
                created.clone(),
                created.clone(),
                now.clone(),
                version.clone(),
            ],
            vec![tenant.clone(), Cell::Text(identifier), identity.clone(), text("email")],
            vec![
                credential,
                tenant.clone(),
                identity.clone(),
                text("password"),
                text(""),
                text(&self.hash),
                created.clone(),
                created,
                version,
            ],
            vec![
                session.clone(),
                tenant.clone(),
                identity,
                token_hash,
                Cell::Number(1),
                text("aal1"),
                methods,
                now.clone(),
                after(1),
                after(30),
                now.clone(),
            ],
            vec![Cell::Hash(chance.refresh), tenant, session, now, after(7)],
        ]
    }
}

/// The random values of a person: the same each time.
struct Chance {
    session: [u8; 32],
    // No token has this hash.
    refresh: [u8; 32],
    ids: [[u8; 10]; 3],
}

impl Chance {
    fn of(number: u32) -> Self {
        let mut random = StdRng::seed_from_u64(u64::from(number));
        let mut chance = Self { session: [0; 32], refresh: [0; 32], ids: [[0; 10]; 3] };
        random.fill_bytes(&mut chance.session);
        random.fill_bytes(&mut chance.refresh);
        chance.ids.iter_mut().for_each(|id| random.fill_bytes(id));
        chance
    }
}

/// A `UUIDv7` of that time.
fn id(microseconds: i64, random: [u8; 10]) -> Uuid {
    let milliseconds = u64::try_from(microseconds / 1000).unwrap_or_default();
    Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()
}
