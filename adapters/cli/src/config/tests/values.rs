//! Defaults and given values reach the configuration, whole and typed.

use std::ffi::OsString;

use kayan_ports::HashFormat;
use kayan_ports::LogLevel;
use secrecy::ExposeSecret as _;

use super::{Setup, row, settings};
use crate::config::settings::all;
use crate::config::{AuditLog, DatabaseKind, LogFormat, Origin, flags};

/// The settings whose default is the same on every machine, those of the operations guide first.
const DEFAULTS: &[(&str, &str)] = &[
    ("KAYAN_ENV", "development"),
    ("KAYAN_PORT", "8080"),
    ("KAYAN_LOG_LEVEL", "info"),
    ("KAYAN_LOG_FORMAT", "text"),
    ("KAYAN_DB_TYPE", "sqlite"),
    ("KAYAN_DB_DSN", "file:kayan.db?cache=shared&mode=rwc"),
    ("KAYAN_DB_MAX_OPEN_CONNS", "25"),
    ("KAYAN_DB_MAX_IDLE_CONNS", "5"),
    ("KAYAN_DB_CONN_MAX_LIFETIME", "5m"),
    ("KAYAN_REDIS_URL", ""),
    ("KAYAN_REDIS_POOL_SIZE", "10"),
    ("KAYAN_SESSION_SECRET", "[redacted]"),
    ("KAYAN_JWT_SECRET", "[redacted]"),
    ("KAYAN_BCRYPT_COST", "10"),
    ("KAYAN_RATE_LIMIT_ENABLED", "false"),
    ("KAYAN_RATE_LIMIT_REQUESTS", "100"),
    ("KAYAN_RATE_LIMIT_WINDOW", "60s"),
    ("KAYAN_LOCKOUT_ENABLED", "false"),
    ("KAYAN_LOCKOUT_MAX_FAILURES", "5"),
    ("KAYAN_LOCKOUT_DURATION", "15m"),
    // beside the guide's
    ("KAYAN_HOST", "127.0.0.1"),
    ("KAYAN_PUBLIC_URL", "(the address it listens on)"),
    ("KAYAN_ACCOUNT_URL", ""),
    ("KAYAN_CORS_ORIGINS", ""),
    ("KAYAN_TRUSTED_PROXIES", ""),
    (
        "KAYAN_METRICS_ALLOW",
        "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,::/127,fc00::/7,fe80::/10",
    ),
    ("KAYAN_TENANT_HOSTS", ""),
    ("KAYAN_SESSION_STRATEGY", "database"),
    ("KAYAN_SESSION_TTL", "24h"),
    ("KAYAN_REFRESH_TTL", "168h"),
    ("KAYAN_REFRESH_REUSE_WINDOW", "10s"),
    ("KAYAN_SESSION_MAX_TTL", "720h"),
    ("KAYAN_SESSION_CACHE_TTL", "5s"),
    ("KAYAN_JWT_TTL", "15m"),
    ("KAYAN_JWT_ALG", "HS256"),
    ("KAYAN_KEY_ROTATION", "90d"),
    ("KAYAN_SESSION_SECRET_PREVIOUS", ""),
    ("KAYAN_JWT_SECRET_PREVIOUS", ""),
    ("KAYAN_DATA_KEY", ""),
    ("KAYAN_DATA_KEY_PREVIOUS", ""),
    ("KAYAN_PASSWORD_HASHER", "bcrypt"),
    ("KAYAN_PASSWORD_MIN_LENGTH", "8"),
    ("KAYAN_PASSWORD_MIN_SCORE", "2"),
    ("KAYAN_PASSWORD_BREACH_CHECK", "false"),
    ("KAYAN_PASSWORD_BREACH_URL", ""),
    ("KAYAN_HASH_QUEUE", "256"),
    ("KAYAN_DB_READ_DSN", ""),
    ("KAYAN_DB_STATEMENTS", "prepared"),
    ("KAYAN_AUTO_MIGRATE", "true"),
    ("KAYAN_REDIS_SESSION_URL", "(KAYAN_REDIS_URL)"),
    ("KAYAN_RATE_LIMIT_LOGIN_REQUESTS", "(KAYAN_RATE_LIMIT_REQUESTS)"),
    ("KAYAN_RATE_LIMIT_REGISTRATION_REQUESTS", "(KAYAN_RATE_LIMIT_REQUESTS)"),
    ("KAYAN_LOCKOUT_KNOWN_NETWORKS", "true"),
    ("KAYAN_SMTP_URL", ""),
    ("KAYAN_MAIL_FROM", ""),
    ("KAYAN_MAIL_TEMPLATES", ""),
    ("KAYAN_LINK_URL", "http://localhost:8080/flow/{flow}"),
    ("KAYAN_MAIL_NOTICES", "true"),
    ("KAYAN_MAIL_DKIM_KEY", ""),
    ("KAYAN_MAIL_DKIM_SELECTOR", "kayan"),
    ("KAYAN_MAIL_DKIM_DOMAIN", "(the domain of KAYAN_MAIL_FROM)"),
    ("KAYAN_SMS_WEBHOOK_URL", ""),
    ("KAYAN_SMS_WEBHOOK_SECRET", ""),
    ("KAYAN_SMS_WEBHOOK_SECRET_PREVIOUS", ""),
    ("KAYAN_OUTBOUND_ALLOW", "127.0.0.0/8,::1"),
    ("KAYAN_OIDC_PROVIDERS", ""),
    ("KAYAN_RETURN_TO", ""),
    ("KAYAN_WEBAUTHN_RP_ID", "localhost"),
    ("KAYAN_WEBAUTHN_ORIGINS", "http://localhost:8080"),
    ("KAYAN_LOGIN_URL", ""),
    ("KAYAN_FORWARD_AUTH_RULES", ""),
    ("KAYAN_COOKIE_DOMAIN", ""),
    ("KAYAN_IDENTITY_SCHEMA", "(email and name)"),
    ("KAYAN_AUDIT_LOG", ""),
    ("KAYAN_AUDIT_RETENTION", ""),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", ""),
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "(OTEL_EXPORTER_OTLP_ENDPOINT)"),
    ("OTEL_EXPORTER_OTLP_HEADERS", ""),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "none"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10000"),
    ("OTEL_SDK_DISABLED", "false"),
    ("OTEL_SERVICE_NAME", "kayan"),
    ("OTEL_RESOURCE_ATTRIBUTES", ""),
    ("OTEL_TRACES_EXPORTER", "otlp"),
    ("OTEL_TRACES_SAMPLER", "parentbased_always_on"),
    ("OTEL_TRACES_SAMPLER_ARG", "1"),
    ("OTEL_BSP_SCHEDULE_DELAY", "5000"),
    ("OTEL_BSP_MAX_QUEUE_SIZE", "2048"),
    ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512"),
];

#[test]
fn the_guides_table_stands_with_its_defaults() {
    let rows = Setup::new(&[]).load().rows;
    for (name, value) in DEFAULTS {
        assert_eq!(row(&rows, name).value, *value, "{name}");
    }
    let cores = std::thread::available_parallelism().unwrap().to_string();
    assert_eq!(row(&rows, "KAYAN_HASH_CONCURRENCY").value, cores);
    let connections = row(&rows, "KAYAN_MAX_CONNECTIONS").value.parse::<u32>();
    assert!(connections.is_ok_and(|number| (16..=10_000).contains(&number)));
    assert_eq!(rows.len(), 92, "a new setting belongs into this list");
    assert_eq!(rows.len(), all().count());
}

#[test]
fn a_flag_wins_over_the_environment_that_over_dot_env_that_over_the_default() {
    let dot_env = "KAYAN_PORT=3\nexport KAYAN_HOST='127.0.0.3' # here\n\nOTHER=x\nOTEL_SERVICE_NAME=mine\n";
    let both = Setup::new(&[("KAYAN_PORT", "2"), ("KAYAN_LOG_FORMAT", "json")]).file(".env", dot_env);
    let loaded = both.load();
    assert_eq!((loaded.config.port, loaded.config.host.to_string().as_str()), (2, "127.0.0.3"));
    for (name, source) in [
        ("KAYAN_PORT", "environment"),
        ("KAYAN_HOST", ".env"),
        ("OTEL_SERVICE_NAME", ".env"),
        ("KAYAN_LOG_LEVEL", "default"),
    ] {
        assert_eq!(row(&loaded.rows, name).source, source);
    }
    let all = both.flag("KAYAN_PORT", "1").load();
    assert_eq!((all.config.port, row(&all.rows, "KAYAN_PORT").source.as_str()), (1, "flag"));
}

#[test]
fn an_empty_value_asks_for_the_default() {
    let setup = Setup::new(&[("KAYAN_PORT", " "), ("KAYAN_REDIS_URL", ""), ("KAYAN_HOST", " ::1\n")]);
    let config = setup.file(".env", "KAYAN_PORT=3").load().config;
    assert_eq!((config.port, config.host.to_string().as_str()), (8080, "::1"));
}

#[test]
fn dot_env_is_for_development_only() {
    let production = Setup::production(&[]).file(".env", "KAYAN_PORT=3");
    assert_eq!(production.load().config.port, 8080);
    let sneaky = Setup::new(&[]).file(".env", "KAYAN_ENV=production");
    assert_eq!(settings(&sneaky.problems()), [".env"]);
}

#[test]
fn a_setting_in_dot_env_that_cannot_be_read_is_told_with_its_line_but_not_its_content() {
    for line in ["KAYAN_DB_DSN=host=db password=hunter2", "KAYAN_DB_DSN 'hunter2'", "KAYAN_DB_DSN='hunter2"] {
        let setup = Setup::new(&[]).file(".env", &format!("KAYAN_PORT=3\n\n{line}\n"));
        let text = setup.problems().to_string();
        assert!(text.contains(".env: has no value of KAYAN_DB_DSN that can be read (line 3)"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn another_programs_line_in_dot_env_is_skipped_with_a_warning_and_its_number() {
    let content =
        "GREETING=hello hunter2\nhunter2 hunter2\nMOTD='tis\nKAYAN_PORT=3\nPATH=$PATH:/bin\nKEY=\"a\nKAYAN_PORT=4\"\n";
    let loaded = Setup::new(&[]).file(".env", content).load();
    assert_eq!(loaded.config.port, 3);
    let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    let skipped = |number| format!(".env: line {number} is no NAME=VALUE, and is skipped");
    assert_eq!(warnings, [skipped(1), skipped(2), skipped(3)]);
}

#[test]
fn a_dollar_in_dot_env_stays_what_it_is() {
    for content in ["KAYAN_SESSION_SECRET=9b$HOME${PATH}$$c7a5$d", "KAYAN_SESSION_SECRET=\"9b$HOME${PATH}$$c7a5$d\""] {
        let config = Setup::new(&[]).file(".env", content).load().config;
        assert_eq!(config.session_secret.expose_secret(), b"9b$HOME${PATH}$$c7a5$d", "{content}");
    }
}

#[test]
fn a_dot_env_in_another_encoding_is_read_line_by_line() {
    let setup = Setup::new(&[]);
    std::fs::write(setup.folder.path().join(".env"), b"NAME=J\xf6rg\nKAYAN_PORT=3\n").unwrap();
    assert_eq!(setup.load().config.port, 3);
    std::fs::write(setup.folder.path().join(".env"), b"KAYAN_SESSION_SECRET=\xff\xff\n").unwrap();
    assert_eq!(settings(&setup.problems()), [".env"]);
}

#[test]
fn typed_values_are_what_was_given() {
    let setup = Setup::new(&[
        ("KAYAN_PASSWORD_HASHER", "argon2id"),
        ("KAYAN_CORS_ORIGINS", "https://App.example.com/, http://localhost:3000,https://app.example.com"),
        ("KAYAN_TRUSTED_PROXIES", "10.0.0.0/8,::1"),
        ("KAYAN_DB_MAX_OPEN_CONNS", "3"),
        ("KAYAN_DB_CONN_MAX_LIFETIME", "0"),
        ("KAYAN_HASH_CONCURRENCY", "7"),
        ("KAYAN_PUBLIC_URL", "https://id.example.com"),
        ("KAYAN_IDENTITY_SCHEMA", r#"{"properties":{"email":{"x-kayan-identifier":true}}}"#),
        ("KAYAN_LOG_LEVEL", "DEBUG"),
        ("KAYAN_SESSION_TTL", "1h30m"),
    ]);
    let config = setup.flag("KAYAN_AUTO_MIGRATE", "false").load().config;
    assert_eq!(config.hashing.format, HashFormat::Argon2id);
    assert_eq!(config.hashing.threads, 7);
    let origins: Vec<&str> = config.cors_origins.iter().map(Origin::as_str).collect();
    assert_eq!(origins, ["https://app.example.com", "http://localhost:3000"]);
    assert_eq!(config.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>(), ["10.0.0.0/8", "::1/128"]);
    assert_eq!((config.database.max_open, config.database.max_idle, config.database.max_lifetime), (3, 3, None));
    assert_eq!(config.public_url.unwrap().as_str(), "https://id.example.com/");
    assert_eq!(config.identity_schema.unwrap()["properties"]["email"]["x-kayan-identifier"], true);
    assert_eq!(config.log_level, LogLevel::Debug);
    assert_eq!(config.sessions.ttl.as_secs(), 5400);
    assert!(!config.auto_migrate);
}

#[test]
fn each_key_reaches_its_own_place() {
    let names = ["KAYAN_SESSION_SECRET", "KAYAN_JWT_SECRET", "KAYAN_DATA_KEY"];
    let all = names.iter().flat_map(|name| [(*name).to_owned(), format!("{name}_PREVIOUS")]);
    let given: Vec<(String, String)> = all.map(|name| (name.clone(), format!("{name}: 9b3f0c7a5d12e846"))).collect();
    let borrowed: Vec<(&str, &str)> = given.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let config = Setup::new(&borrowed).load().config;
    let keys = [
        Some(config.session_secret),
        config.session_secret_previous,
        config.jwt_secret,
        config.jwt_secret_previous,
        config.data_key,
        config.data_key_previous,
    ];
    for ((_, text), key) in given.iter().zip(keys) {
        assert_eq!(key.unwrap().expose_secret(), text.as_bytes());
    }
}

#[test]
fn a_token_may_not_outlive_its_session() {
    let problems = Setup::new(&[("KAYAN_REFRESH_TTL", "721h")]).problems();
    assert_eq!(settings(&problems), ["KAYAN_REFRESH_TTL"]);
    assert!(Setup::new(&[("KAYAN_SESSION_MAX_TTL", "1h")]).try_load().is_ok(), "defaults are cut, not refused");
}

#[test]
fn flags_reach_the_configuration() {
    let command = flags::add(clap::Command::new("serve").no_binary_name(true));
    let matches = command.try_get_matches_from(["--port", "9", "--log-format=json"]).unwrap();
    let mut setup = Setup::new(&[("KAYAN_PORT", "1")]);
    setup.flags = flags::given(&matches);
    let config = setup.load().config;
    assert_eq!((config.port, config.log_format), (9, LogFormat::Json));
}

#[test]
fn a_value_that_is_not_utf8_is_a_problem() {
    use std::os::unix::ffi::OsStringExt as _;
    let mut setup = Setup::new(&[]);
    setup.environment.push(("KAYAN_SESSION_SECRET".into(), OsString::from_vec(vec![0xff; 32])));
    let problems = setup.problems();
    assert_eq!(settings(&problems), ["KAYAN_SESSION_SECRET"]);
    assert!(problems.to_string().contains("base64"));
}

#[test]
fn a_mysql_server_is_taken_with_the_limits_of_its_pool() {
    let mut setup = Setup::new(&[
        ("KAYAN_DB_TYPE", "mysql"),
        ("KAYAN_DB_DSN", "kayan:hunter2@tcp(localhost:3306)/kayan?parseTime=true"),
        ("KAYAN_DB_MAX_OPEN_CONNS", "7"),
        ("KAYAN_DB_MAX_IDLE_CONNS", "3"),
        ("KAYAN_DB_CONN_MAX_LIFETIME", "90s"),
    ]);
    setup.backends = &["sqlite", "mysql"];
    let loaded = setup.load();
    assert_eq!(loaded.warnings, []);
    let database = &loaded.config.database;
    assert_eq!((database.kind, database.max_open, database.max_idle), (DatabaseKind::Mysql, 7, 3));
    assert_eq!(database.max_lifetime, Some(std::time::Duration::from_secs(90)));
    assert!(!format!("{:?}", row(&loaded.rows, "KAYAN_DB_DSN")).contains("hunter2"));
}

#[test]
fn the_audit_trail_is_kept_for_ever_and_written_nowhere_else_unless_it_is_said() {
    let config = Setup::new(&[("KAYAN_AUDIT_RETENTION", "0")]).load().config;
    assert_eq!((config.audit_log, config.audit_retention), (None, None));
    let config = Setup::new(&[("KAYAN_AUDIT_LOG", "audit.log"), ("KAYAN_AUDIT_RETENTION", "2160h")]).load().config;
    assert_eq!(config.audit_log, Some(AuditLog::File("audit.log".into())));
    assert_eq!(config.audit_retention, Some(std::time::Duration::from_hours(2160)));
    assert_eq!(Setup::new(&[("KAYAN_AUDIT_LOG", "stdout")]).load().config.audit_log, Some(AuditLog::Stdout));
    for age in ["23h", "1s"] {
        assert_eq!(settings(&Setup::new(&[("KAYAN_AUDIT_RETENTION", age)]).problems()), ["KAYAN_AUDIT_RETENTION"]);
    }
}
