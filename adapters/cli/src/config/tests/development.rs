//! Development needs nothing set.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use kayan_ports::HashFormat;
use kayan_ports::LogLevel;
use secrecy::ExposeSecret as _;

use super::{STRONG, Setup, row, settings};
use crate::config::{DatabaseKind, Environment, LogFormat};

#[test]
fn development_needs_nothing() {
    let setup = Setup::new(&[]);
    let loaded = setup.load();
    let config = loaded.config;
    assert_eq!(loaded.warnings, []);
    assert_eq!(config.env, Environment::Development);
    assert_eq!((config.host.to_string().as_str(), config.port), ("127.0.0.1", 8080));
    assert_eq!((config.log_level, config.log_format), (LogLevel::Info, LogFormat::Text));
    assert_eq!(config.database.kind, DatabaseKind::Sqlite);
    assert_eq!(config.database.dsn.expose_secret(), "file:kayan.db?cache=shared&mode=rwc");
    assert_eq!((config.database.max_open, config.database.max_idle), (25, 5));
    assert_eq!(config.database.max_lifetime.unwrap().as_secs(), 300);
    assert_eq!(config.hashing.format, HashFormat::Bcrypt { cost: 10 });
    assert!(config.hashing.threads >= 1 && config.hashing.queue == 256);
    let hours = |span: std::time::Duration| span.as_secs() / 3600;
    assert_eq!([config.sessions.ttl, config.sessions.refresh_ttl, config.sessions.max_ttl].map(hours), [24, 168, 720]);
    assert_eq!(config.passwords, kayan_core::PasswordSettings::default());
    assert!(config.auto_migrate && config.identity_schema.is_none() && config.public_url.is_none());
    assert_eq!(config.session_secret.expose_secret().len(), 32);
}

#[test]
fn development_secrets_are_made_once_and_kept_in_a_0600_file_beside_the_database() {
    let setup = Setup::new(&[]);
    let first = setup.load();
    let mode = fs::metadata(setup.secrets_file()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(row(&first.rows, "KAYAN_SESSION_SECRET").source, "generated file");
    let second = setup.load().config;
    assert_eq!(first.config.session_secret.expose_secret(), second.session_secret.expose_secret());
    assert_ne!(second.session_secret.expose_secret(), second.jwt_secret.unwrap().expose_secret());
}

#[test]
fn no_secrets_file_is_made_when_it_is_not_asked_for() {
    for dsn in [":memory:", "file::memory:?cache=shared"] {
        let setup = Setup::new(&[("KAYAN_DB_DSN", dsn)]);
        assert_eq!(row(&setup.load().rows, "KAYAN_SESSION_SECRET").source, "generated");
        assert_eq!(fs::read_dir(setup.folder.path()).unwrap().count(), 0);
    }
    let mut looking = Setup::new(&[]);
    looking.keep_secrets = false;
    assert_eq!(looking.load().config.session_secret.expose_secret().len(), 32);
    let given = Setup::new(&[("KAYAN_SESSION_SECRET", STRONG)]);
    given.load();
    let wrong = Setup::new(&[("KAYAN_PORT", "x")]);
    wrong.problems();
    for setup in [looking, given, wrong] {
        assert!(!setup.secrets_file().exists());
    }
}

#[test]
fn a_secrets_file_that_others_may_read_stops_the_start() {
    let setup = Setup::new(&[]);
    setup.load();
    fs::set_permissions(setup.secrets_file(), fs::Permissions::from_mode(0o644)).unwrap();
    let problems = setup.problems();
    assert_eq!(settings(&problems), ["KAYAN_SESSION_SECRET"]);
    let text = problems.to_string();
    assert!(text.contains("may be read by others (mode 0644)") && text.contains("chmod 600"), "{text}");
}
