//! The service's secrets: given, or made for development.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::database;
use super::problem::{Findings, Wrong};
use super::secret::{self, Secret};
use super::secrets_file::{self, Secrets, SecretsFileError};
use super::values::{Source, Values};
use super::{DatabaseKind, Inputs};

const SESSION: &str = "KAYAN_SESSION_SECRET";
const JWT: &str = "KAYAN_JWT_SECRET";
const DATA: &str = "KAYAN_DATA_KEY";
const MAKE_ONE: &str = "make one with: openssl rand -base64 32";

/// The secrets of a service.
pub(crate) struct Keys {
    /// Root of the keys that seal flow state.
    pub(crate) session: Secret,
    /// The one before.
    pub(crate) session_previous: Option<Secret>,
    /// Signs JWTs.
    pub(crate) jwt: Option<Secret>,
    /// The one before.
    pub(crate) jwt_previous: Option<Secret>,
    /// Wraps the data key.
    pub(crate) data: Option<Secret>,
    /// The one before.
    pub(crate) data_previous: Option<Secret>,
}

/// Judges the secrets that are given, and in development makes those that aren't.
pub(crate) fn keys(values: &mut Values, kind: DatabaseKind, inputs: &Inputs<'_>, findings: &mut Findings) -> Keys {
    for name in [SESSION, JWT, DATA] {
        judge(values, name, findings);
    }
    for name in ["KAYAN_SESSION_SECRET_PREVIOUS", "KAYAN_JWT_SECRET_PREVIOUS", "KAYAN_DATA_KEY_PREVIOUS"] {
        if let Some(why) = weakness(values, name).filter(|_| values.production()) {
            findings.warn(name, format!("{why}; rotate it out soon"));
        }
    }
    let jwt_wanted = values.word("KAYAN_SESSION_STRATEGY") == "jwt";
    let missing = |name| values.text(name).is_none();
    let (no_session, no_jwt) = (missing(SESSION), missing(JWT) && jwt_wanted);
    if values.production() {
        if no_session {
            findings.wrong(values, SESSION, Wrong::new("is required in production", MAKE_ONE));
        }
        if no_jwt {
            findings.wrong(values, JWT, Wrong::new("is required for JWT sessions", MAKE_ONE));
        }
    } else if no_session || no_jwt {
        let create = inputs.keep_secrets && findings.problems.is_empty();
        match development_secrets(values, kind, inputs, create) {
            Ok((secrets, source)) => fill_in(values, &secrets, source),
            Err(why) => findings.wrong(values, SESSION, Wrong::new(format!("is not set, and {why}"), why.mend())),
        }
    }
    let decoded = |name| values.text(name).map(secret::decode);
    Keys {
        session: decoded(SESSION).unwrap_or_else(|| Secret::from(Vec::new())),
        session_previous: decoded("KAYAN_SESSION_SECRET_PREVIOUS"),
        jwt: decoded(JWT),
        jwt_previous: decoded("KAYAN_JWT_SECRET_PREVIOUS"),
        data: decoded(DATA),
        data_previous: decoded("KAYAN_DATA_KEY_PREVIOUS"),
    }
}

fn weakness(values: &Values, name: &str) -> Option<secret::Weakness> {
    let text = values.text(name)?;
    secret::weakness(text, secret::decode(text).expose_secret())
}

/// A weak secret stops production and is mentioned in development.
fn judge(values: &Values, name: &str, findings: &mut Findings) {
    match weakness(values, name) {
        Some(why) if values.production() => findings.wrong(values, name, Wrong::new(why.to_string(), MAKE_ONE)),
        Some(why) => findings.warn(name, format!("{why}; production will refuse it")),
        None => {}
    }
}

/// Where development keeps its secrets; nowhere beside a database that is kept in memory.
pub(crate) fn secrets_path(kind: DatabaseKind, dsn: &str, folder: &Path) -> Option<PathBuf> {
    let database = match kind {
        DatabaseKind::Sqlite => database::sqlite_file(dsn)?,
        DatabaseKind::Postgres | DatabaseKind::Mysql => PathBuf::from("kayan.db"),
    };
    Some(folder.join(database).with_extension("secrets"))
}

/// Secrets from the file beside the database, or, where there is none, for this process only.
fn development_secrets(
    values: &Values,
    kind: DatabaseKind,
    inputs: &Inputs<'_>,
    create: bool,
) -> Result<(Secrets, Source), SecretsFileError> {
    let path = secrets_path(kind, values.text("KAYAN_DB_DSN").unwrap_or_default(), inputs.folder);
    let Some(path) = path else { return Ok((secrets_file::make(inputs.entropy), Source::Generated)) };
    if create {
        return Ok((secrets_file::obtain(&path, inputs.entropy)?, Source::GeneratedFile));
    }
    Ok(match secrets_file::read(&path)? {
        Some(secrets) => (secrets, Source::GeneratedFile),
        None => (secrets_file::make(inputs.entropy), Source::Generated),
    })
}

fn fill_in(values: &mut Values, secrets: &Secrets, source: Source) {
    for (name, text) in secrets_file::KEPT.into_iter().zip(secrets) {
        if values.text(name).is_none() {
            values.fill(name, text.as_str().to_owned(), source);
        }
    }
}
