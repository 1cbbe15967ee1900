//! The settings of secrets, which are given, or generated for development.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::{Section, database, sessions};
use crate::config::DatabaseKind;
use crate::config::load::Inputs;
use crate::config::problem::{Findings, Invalid};
use crate::config::secret::{self, Secret};
use crate::config::secrets_file::{self, Secrets, SecretsFileError};
use crate::config::setting::Setting;
use crate::config::values::{Source, Values};

const GENERATE: &str = "generate one with: openssl rand -base64 32";
const PREVIOUS: &str = "The previous one, during rotation";

pub(crate) const SESSION: Setting<Secret> =
    Setting::key("KAYAN_SESSION_SECRET", "Root of the keys that seal flow state").computed("generated in development");
pub(crate) const SESSION_PREVIOUS: Setting<Secret> = Setting::key("KAYAN_SESSION_SECRET_PREVIOUS", PREVIOUS);
pub(crate) const JWT: Setting<Secret> =
    Setting::key("KAYAN_JWT_SECRET", "JWT signing key").computed("generated in development");
pub(crate) const JWT_PREVIOUS: Setting<Secret> = Setting::key("KAYAN_JWT_SECRET_PREVIOUS", PREVIOUS);
pub(crate) const DATA: Setting<Secret> =
    Setting::key("KAYAN_DATA_KEY", "Key that wraps the data key").computed("KAYAN_SESSION_SECRET");
pub(crate) const DATA_PREVIOUS: Setting<Secret> = Setting::key("KAYAN_DATA_KEY_PREVIOUS", PREVIOUS);

pub(super) const SECTION: Section =
    Section { title: "Secrets", settings: &[&SESSION, &SESSION_PREVIOUS, &JWT, &JWT_PREVIOUS, &DATA, &DATA_PREVIOUS] };

/// Checks the secrets that are given, and generates the missing ones in development.
pub(crate) fn complete(values: &mut Values, kind: DatabaseKind, inputs: &Inputs<'_>, findings: &mut Findings) {
    for setting in [SESSION, JWT, DATA] {
        check(values, &setting, findings);
    }
    for setting in [SESSION_PREVIOUS, JWT_PREVIOUS, DATA_PREVIOUS] {
        if let Some(why) = weakness(values, &setting).filter(|_| values.production()) {
            findings.warn(setting.name, format!("{why}; rotate it out soon"));
        }
    }
    let no_session = values.text(&SESSION).is_none();
    let signs = sessions::jwts(values).is_some_and(|jwts| jwts.algorithm.is_none());
    let no_jwt = signs && values.text(&JWT).is_none();
    refuse_unusable(values, signs, findings);
    if values.production() {
        if no_session {
            findings.reject(values, SESSION.name, Invalid::new("is required in production", GENERATE));
        }
        if no_jwt {
            findings.reject(values, JWT.name, Invalid::new("is required for session JWTs with HS256", GENERATE));
        }
    } else if no_session || no_jwt {
        let create = inputs.keep_secrets && findings.problems.is_empty();
        match development_secrets(values, kind, inputs, create) {
            Ok((secrets, source)) => fill_in(values, &secrets, source),
            Err(why) => {
                findings.reject(values, SESSION.name, Invalid::new(format!("is not set, and {why}"), why.hint()));
            }
        }
    }
}

/// Refuses secrets of JWTs that sign and verify nothing, and those that other services may not know.
fn refuse_unusable(values: &Values, signs: bool, findings: &mut Findings) {
    for setting in [JWT, JWT_PREVIOUS] {
        let Some(text) = values.text(&setting) else { continue };
        let is_reported = setting.name == JWT.name && (values.production() || !signs);
        if matches!(weakness(values, &setting), Some(secret::Weakness::Short(_))) && !is_reported {
            findings.reject(
                values,
                setting.name,
                Invalid::new("is too short for HS256 (RFC 7518, section 3.2)", GENERATE),
            );
        }
        let own = secret::decode(text);
        let is_same = |other: &Setting<Secret>| {
            let other = values.text(other).map(secret::decode);
            other.is_some_and(|other| other.expose_secret() == own.expose_secret())
        };
        let mut others = [SESSION, SESSION_PREVIOUS, DATA, DATA_PREVIOUS].into_iter();
        if let Some(other) = others.find(|other| signs && is_same(other)) {
            let why = format!("is the same as {}, which services that verify JWTs must not have", other.name);
            findings.reject(values, setting.name, Invalid::new(why, GENERATE));
        }
    }
}

fn weakness(values: &Values, setting: &Setting<Secret>) -> Option<secret::Weakness> {
    let text = values.text(setting)?;
    secret::weakness(text, secret::decode(text).expose_secret())
}

/// Rejects a weak secret in production, and warns of it in development.
fn check(values: &Values, setting: &Setting<Secret>, findings: &mut Findings) {
    match weakness(values, setting) {
        Some(why) if values.production() => {
            findings.reject(values, setting.name, Invalid::new(why.to_string(), GENERATE));
        }
        Some(why) => findings.warn(setting.name, format!("{why}; production will refuse it")),
        None => {}
    }
}

/// The file of development's secrets; `None` for a database that is kept in memory.
pub(crate) fn secrets_path(kind: DatabaseKind, dsn: &str, folder: &Path) -> Option<PathBuf> {
    let database = match kind {
        DatabaseKind::Sqlite => database::sqlite_file(dsn)?,
        DatabaseKind::Postgres | DatabaseKind::Mysql => PathBuf::from("kayan.db"),
    };
    Some(folder.join(database).with_extension("secrets"))
}

/// The secrets in the file beside the database; without a file, secrets for this process only.
fn development_secrets(
    values: &Values,
    kind: DatabaseKind,
    inputs: &Inputs<'_>,
    create: bool,
) -> Result<(Secrets, Source), SecretsFileError> {
    let path = secrets_path(kind, values.text(&database::DSN).unwrap_or_default(), inputs.folder);
    let Some(path) = path else { return Ok((secrets_file::generate(inputs.entropy), Source::Generated)) };
    if create {
        return Ok((secrets_file::read_or_create(&path, inputs.entropy)?, Source::GeneratedFile));
    }
    Ok(match secrets_file::read(&path)? {
        Some(secrets) => (secrets, Source::GeneratedFile),
        None => (secrets_file::generate(inputs.entropy), Source::Generated),
    })
}

fn fill_in(values: &mut Values, secrets: &Secrets, source: Source) {
    for (setting, text) in secrets_file::KEPT.into_iter().zip(secrets) {
        if values.text(&setting).is_none() {
            values.fill(&setting, text.as_str().to_owned(), source);
        }
    }
}
