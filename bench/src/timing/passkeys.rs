//! Accounts with a passkey and without, and the beginning of passkey logins to them.

use std::{fmt::Write as _, path::Path};

use kayan_authenticator::Authenticator;
use rusqlite::Connection as Database;

use super::{ACCOUNTS, LOGINS, add, ask, start};
use crate::{
    clients::{self, PASSWORD},
    connection::Connection,
    failure::Failure,
    people::BCRYPT_COST,
    plan::Plan,
    report::Report,
    service::Service,
};

/// The origin of the page on which they are registered.
const ORIGIN: &str = "http://localhost";

/// A kind of account.
struct Kind {
    /// What it is compared with, for the report.
    name: &'static str,
    /// Whether there is such an account.
    exists: bool,
    /// Whether it has a passkey.
    has_passkey: bool,
    /// Its state.
    state: &'static str,
}

impl Kind {
    const fn new(name: &'static str, exists: bool, has_passkey: bool, state: &'static str) -> Self {
        Self { name, exists, has_passkey, state }
    }
}

/// The kinds of accounts, of which the others are compared with the first.
const KINDS: [Kind; 5] = [
    Kind::new("passkey: unknown", false, false, "active"),
    Kind::new("passkey: has one against unknown", true, true, "active"),
    Kind::new("passkey: has none against unknown", true, false, "active"),
    Kind::new("passkey: locked against unknown", true, true, "locked"),
    Kind::new("passkey: inactive against unknown", true, false, "inactive"),
];

/// Begins passkey logins to accounts of every kind in a random order.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let cost = BCRYPT_COST.to_string();
    let settings = [("KAYAN_BCRYPT_COST", &*cost), ("KAYAN_LOG_LEVEL", "warn"), ("KAYAN_WEBAUTHN_ORIGINS", ORIGIN)];
    let (service, home) = start(plan, &lines()?, &settings).await?;
    register(&service, home.path()).await?;
    let begun = ask(plan, &service, begin, (LOGINS, ACCOUNTS, 200)).await?;
    add(report, KINDS.map(|kind| kind.name), &begun);
    Ok(())
}

/// As long for each kind as for any other.
fn identifier(kind: usize, number: u32) -> String {
    format!("holder{kind}{number:02}@example.com")
}

/// The beginning of a login by a passkey.
fn begin(kind: usize, number: u32) -> String {
    clients::post("/api/v1/webauthn/login/begin", &format!(r#"{{"identifier":"{}"}}"#, identifier(kind, number)))
}

/// The users to import.
fn lines() -> Result<String, Failure> {
    let hash = bcrypt::hash_with_salt(PASSWORD, BCRYPT_COST, [7; 16]).map_err(Failure::wrong("bcrypt"))?.to_string();
    let mut text = String::new();
    for (kind, _) in KINDS.iter().enumerate().filter(|(_, kind)| kind.exists) {
        for number in 0..ACCOUNTS {
            let email = identifier(kind, number);
            // Writing to a string does not fail.
            let _ = writeln!(text, r#"{{"traits":{{"email":"{email}"}},"password_hash":"{hash}"}}"#);
        }
    }
    Ok(text)
}

/// Registers the passkeys, and gives the accounts their states.
async fn register(service: &Service, home: &Path) -> Result<(), Failure> {
    let mut connection = service.connect().await?;
    for (kind, _) in KINDS.iter().enumerate().filter(|(_, kind)| kind.has_passkey) {
        for number in 0..ACCOUNTS {
            register_one(&mut connection, &identifier(kind, number)).await?;
        }
    }
    let database = Database::open(home.join("kayan.db")).map_err(Failure::wrong("can't open the database"))?;
    // These logins came from the network from which those come that are measured; a stranger's don't.
    let mut statements = "DELETE FROM known_networks;".to_owned();
    for (number, kind) in KINDS.iter().enumerate() {
        let _ = write!(
            statements,
            "UPDATE identities SET state = '{}' WHERE id IN (SELECT identity_id FROM identifiers WHERE value LIKE \
             'holder{number}%');",
            kind.state
        );
    }
    database.execute_batch(&statements).map_err(Failure::wrong("can't change the accounts"))
}

async fn register_one(connection: &mut Connection, identifier: &str) -> Result<(), Failure> {
    let login = answer(connection, &clients::login(identifier)).await?;
    let token = clients::member(login.as_bytes(), "\"session_token\":\"");
    let bearer = format!("Authorization: Bearer {}", token.unwrap_or_default());
    let own = |path: &str, body: &str| clients::with_header(&clients::post(path, body), &bearer);
    let begun = answer(connection, &own("/api/v1/webauthn/registration/begin", "{}")).await?;
    let session_id = clients::member(begun.as_bytes(), "\"session_id\":\"").unwrap_or_default();
    // The options are the last member.
    let options = begun.split_once("\"publicKey\":").and_then(|(_, rest)| rest.strip_suffix('}')).unwrap_or_default();
    let credential = Authenticator::default().register(options, ORIGIN).map_err(Failure::wrong("no new passkey"))?;
    let body = format!(r#"{{"session_id":"{session_id}","credential":{credential}}}"#);
    answer(connection, &own("/api/v1/webauthn/registration/finish", &body)).await?;
    Ok(())
}

/// The body of an answer, which must be one of success.
async fn answer(connection: &mut Connection, request: &str) -> Result<String, Failure> {
    let answer = connection.ask(request.as_bytes()).await.map_err(Failure::io("a connection broke"))?;
    let body = String::from_utf8_lossy(answer.body).into_owned();
    if answer.status == 200 { Ok(body) } else { Err(Failure::Wrong(format!("{}: {body}", answer.status))) }
}
