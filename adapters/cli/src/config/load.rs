//! From text to the configuration, with all problems reported at once.

use std::ffi::OsString;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use kayan_ports::{Entropy, LogLevel};

use super::problem::{Findings, Problem, Warning};
use super::report::{self, Row};
use super::settings::{
    audit, database, forward_auth, general, http, limits, lockout, mail, oidc, passkeys, passwords, redis, secrets,
    sessions, sms, tokens, traces,
};
use super::values::Values;
use super::{Config, DatabaseKind, LogFormat, checks, connections, gather, schema};

/// What the configuration is read from.
pub(crate) struct Inputs<'a> {
    /// The flags that were given, by the settings' names: `flags::given`.
    pub(crate) flags: Vec<(String, String)>,
    /// The process environment: `std::env::vars_os`.
    pub(crate) environment: &'a [(OsString, OsString)],
    /// The working folder: where `.env` is looked for and relative paths begin.
    pub(crate) folder: &'a Path,
    /// What is compiled in: `sqlite`, `postgres`, `mysql`, `redis`.
    pub(crate) backends: &'a [&'a str],
    /// What development's secrets are generated from.
    pub(crate) entropy: &'a dyn Entropy,
    /// How the adapters validate connection strings.
    pub(crate) validators: Validators,
    /// Whether generated secrets are written to a file.
    pub(crate) keep_secrets: bool,
    /// Whether the files that the service reads and writes are checked, too; a command may do without some of them.
    pub(crate) files: bool,
}

/// How the adapters validate connection strings. The last argument says whether the files that a string names are
/// checked, too; an error says what is wrong, and after a `;` what to do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Validators {
    /// Validates a connection string for this kind of database.
    pub(crate) dsn: fn(DatabaseKind, &str, bool) -> Result<(), String>,
    /// Validates the URL of a Redis; `None` in a build without Redis.
    pub(crate) redis: Option<ValidateUrl>,
    /// Validates a relying party's id and its origins.
    pub(crate) passkeys: fn(&str, &[String]) -> Result<(), PasskeyProblem>,
    /// Validates the URL of a mail server, and says whether everything is encrypted.
    pub(crate) smtp: fn(&str, bool) -> Result<bool, String>,
    /// Validates the sender of mails and returns its domain; an error says what is wrong only.
    pub(crate) sender: fn(&str) -> Result<String, String>,
    /// Validates the key, the domain and the selector that mail is signed with.
    pub(crate) dkim: fn(&Path, &str, &str) -> Result<(), DkimProblem>,
    /// Validates the secret of a webhook; an error says what is wrong only, without the secret.
    pub(crate) webhook_secret: fn(&str) -> Result<(), String>,
    /// Validates a folder of mail templates.
    pub(crate) templates: fn(&Path) -> Result<(), String>,
}

/// Why mail can't be signed, and which setting is to be corrected. A text says what is wrong, and after a `;` what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DkimProblem {
    /// The key.
    Key(String),
    /// The domain.
    Domain(String),
    /// The selector.
    Selector(String),
}

/// Why browsers would refuse passkeys. A text says what is wrong, and after a `;` what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PasskeyProblem {
    /// The id.
    #[error("its domain {0}")]
    RpId(String),
    /// One of the origins.
    #[error("its origin {0}")]
    Origins(String),
    /// None of the origins is of the id's domain.
    #[error("its origin is of another domain")]
    NoOrigin,
}

type ValidateUrl = fn(&str, bool) -> Result<(), String>;

/// A configuration that the service can start with.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The settings.
    pub(crate) config: Config,
    /// What the operator should know.
    pub(crate) warnings: Vec<Warning>,
    /// Every setting, its value, source and problem.
    pub(crate) rows: Vec<Row>,
}

/// Everything that keeps the service from starting.
#[derive(Debug)]
pub(crate) struct Problems {
    /// What is wrong; never empty.
    pub(crate) list: Vec<Problem>,
    /// What else the operator should know.
    pub(crate) warnings: Vec<Warning>,
    /// Every setting, its value, source and problem.
    pub(crate) rows: Vec<Row>,
    /// For a diagnosis only: the configuration, with a harmless value in the place of each that is invalid.
    pub(crate) stand_in: Box<Config>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration can't be used:")?;
        self.list.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}

impl Config {
    /// Reads every setting: a flag wins over the environment, that over `.env` (in development), that over the default.
    pub(crate) fn load(inputs: &Inputs<'_>) -> Result<Loaded, Problems> {
        let mut findings = Findings::default();
        let mut values = gather::gather(inputs, &mut findings);
        checks::forms(&values, &mut findings);
        sessions::check(&values, &mut findings);
        audit::check(&values, inputs, &mut findings);
        http::check(&values, &mut findings);
        forward_auth::check(&values, &mut findings);
        passwords::check(&values, &mut findings);
        redis::check(&values, inputs, &mut findings);
        let kind = database::kind(&values, inputs, &mut findings);
        let identity_schema = values.text(&http::IDENTITY_SCHEMA).map(|text| schema::read(text, inputs.folder));
        let identity_schema = identity_schema.transpose().unwrap_or_else(|invalid| {
            findings.reject(&values, http::IDENTITY_SCHEMA.name, invalid);
            None
        });
        passkeys::complete(&mut values, inputs, &mut findings);
        mail::complete(&mut values, inputs, &mut findings);
        sms::check(&values, inputs, &mut findings);
        oidc::check(&values, &mut findings);
        passwords::fill_concurrency(&mut values);
        connections::fill(&mut values, &mut findings);
        // last, because a file is only written for a service that can start
        secrets::complete(&mut values, kind, inputs, &mut findings);
        let rows = report::rows(&values, &findings.problems);
        let Findings { problems: list, warnings } = findings;
        let config = assemble(&values, kind, identity_schema);
        if !list.is_empty() {
            return Err(Problems { list, warnings, rows, stand_in: Box::new(config) });
        }
        Ok(Loaded { config, warnings, rows })
    }
}

fn assemble(values: &Values, kind: DatabaseKind, identity_schema: Option<serde_json::Value>) -> Config {
    Config {
        env: values.environment,
        host: values.find(&http::HOST).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        port: values.get(&http::PORT),
        max_connections: values.get(&http::MAX_CONNECTIONS),
        public_url: values.find(&http::PUBLIC_URL),
        account_url: values.find(&http::ACCOUNT_URL),
        log_level: values.find(&general::LOG_LEVEL).unwrap_or(LogLevel::Info),
        log_format: values.find(&general::LOG_FORMAT).unwrap_or(LogFormat::Text),
        database: database::read(values, kind),
        hashing: passwords::read(values),
        sessions: sessions::read(values),
        key_rotation: tokens::key_rotation(values),
        session_jwts: sessions::jwts(values),
        redis: redis::read(values),
        rate_limits: limits::read(values),
        lockout: lockout::read(values),
        passwords: passwords::asked(values),
        breach_url: values.find(&passwords::BREACH_URL),
        trusted_proxies: values.get(&http::TRUSTED_PROXIES),
        metrics_allow: values.get(&http::METRICS_ALLOW),
        tenant_hosts: values.get(&http::TENANT_HOSTS),
        cors_origins: values.get(&http::CORS_ORIGINS),
        auto_migrate: values.get(&database::AUTO_MIGRATE),
        identity_schema,
        audit_log: values.find(&audit::LOG),
        audit_retention: values.find(&audit::RETENTION).filter(|age| !age.is_zero()),
        traces: traces::read(values),
        mail: mail::read(values),
        sms: sms::read(values),
        templates: values.find(&mail::TEMPLATES).map(PathBuf::from),
        outbound_allow: values.get(&sms::OUTBOUND_ALLOW),
        passkeys: passkeys::read(values),
        providers: oidc::read(values),
        return_to: values.get(&http::RETURN_TO),
        login_url: values.find(&forward_auth::LOGIN_URL),
        forward_auth_rules: values.get(&forward_auth::RULES),
        cookie_domain: values.find(&forward_auth::COOKIE_DOMAIN),
        session_secret: values.find(&secrets::SESSION).unwrap_or_else(|| Vec::new().into()),
        session_secret_previous: values.find(&secrets::SESSION_PREVIOUS),
        jwt_secret: values.find(&secrets::JWT),
        jwt_secret_previous: values.find(&secrets::JWT_PREVIOUS),
        data_key: values.find(&secrets::DATA),
        data_key_previous: values.find(&secrets::DATA_PREVIOUS),
    }
}
