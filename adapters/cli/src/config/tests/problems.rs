//! All problems are reported at once, with what to do.

use super::{Setup, row, settings};

#[test]
fn all_problems_are_told_at_once_with_setting_value_and_remedy() {
    let setup = Setup::new(&[
        ("KAYAN_PORT", "70000"),
        ("KAYAN_LOG_LEVEL", "loud"),
        ("KAYAN_SESSION_TTL", "7w"),
        ("KAYAN_CORS_ORIGINS", "*"),
        ("KAYAN_TRUSTED_PROXIES", "10.0.0.0/8, nonsense"),
        ("KAYAN_LOCKOUT_DURATION", "15"),
        ("KAYAN_REDIS_URL", "redis://:hunter2@cache"),
        ("KAYAN_AUTO_MIGRATE", "perhaps"),
        ("KAYAN_IDENTITY_SCHEMA", "missing.json"),
        ("KAYAN_DB_DSN", "mongodb://u:hunter2@db"),
        ("KAYAN_MAX_CONNECTIONS", "many"),
        ("KAYAN_PROT", "1"),
    ]);
    let problems = setup.flag("KAYAN_HOST", "example.com").problems();
    let text = problems.to_string();
    for line in [
        "KAYAN_PORT = \"70000\" (environment): is out of range; use a whole number from 0 to 65535",
        "KAYAN_LOG_LEVEL = \"loud\" (environment): is not one of the allowed values; use one of: debug, info, warn, error",
        "KAYAN_HOST = \"example.com\" (flag): is not an IP address",
        "KAYAN_SESSION_TTL = \"7w\" (environment): has an unknown unit",
        "KAYAN_CORS_ORIGINS = \"*\" (environment): \"*\" is refused: session cookies are sent along",
        "\"nonsense\" is neither a network nor an address",
        "KAYAN_LOCKOUT_DURATION = \"15\" (environment): has no unit",
        "KAYAN_REDIS_URL = \"redis://:[redacted]@cache\" (environment): redis is not available in this build; unset it, or build with: cargo build -p kayan --release --features redis",
        "KAYAN_AUTO_MIGRATE",
        "KAYAN_IDENTITY_SCHEMA",
        "KAYAN_DB_DSN = \"mongodb://u:[redacted]@db\" (environment): is not a known form of connection string",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert_eq!((problems.list.len(), problems.warnings.len()), (12, 1), "{text}");
    assert!(!text.contains("hunter2"));
    assert!(row(&problems.rows, "KAYAN_PORT").problem.starts_with("is out of range; use"));
    assert_eq!(row(&problems.rows, "KAYAN_MAX_CONNECTIONS").value, "many");
}

#[test]
fn unknown_variables_are_warned_about_with_the_nearest_name() {
    let setup = Setup::new(&[
        ("KAYAN_PROT", "1"),
        ("KAYAN_DB_MAX_OPEN_CONN", "1"),
        ("KAYAN_COMPLETELY_ELSE", "1"),
        ("KAYAN_TEST_POSTGRES", "1"),
        ("KAYAN_BIN", "1"),
        ("PATH", "/bin"),
    ]);
    let warnings: Vec<String> = setup.load().warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "KAYAN_COMPLETELY_ELSE: there is no such setting",
            "KAYAN_DB_MAX_OPEN_CONN: there is no such setting; did you mean KAYAN_DB_MAX_OPEN_CONNS?",
            "KAYAN_PROT: there is no such setting; did you mean KAYAN_PORT?",
        ]
    );
}

#[test]
fn limits_without_redis_are_warned_about() {
    let alone = Setup::new(&[("KAYAN_RATE_LIMIT_ENABLED", "true")]).load();
    let warnings: Vec<String> = alone.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["KAYAN_REDIS_URL: is not set: each replica counts its rate limits by itself"]);
    let mut together = Setup::new(&[("KAYAN_RATE_LIMIT_ENABLED", "true"), ("KAYAN_REDIS_URL", "redis://cache")]);
    together.backends = &["sqlite", "redis"];
    assert_eq!(together.load().warnings, []);
}

#[test]
fn a_replica_is_of_the_same_kind_as_its_database() {
    let setup = |dsn, read| {
        let mut setup = Setup::new(&[("KAYAN_DB_DSN", dsn), ("KAYAN_DB_READ_DSN", read)]);
        setup.backends = &["sqlite", "postgres", "mysql"];
        setup
    };
    assert_eq!(setup("postgres://a/kayan", "postgres://b/kayan").load().warnings, []);
    for (dsn, read) in [
        ("postgres://a/kayan", "u:hunter2@tcp(b)/kayan"),
        ("u@tcp(a)/kayan", "postgres://u:hunter2@b/kayan"),
        ("postgres://a/kayan", "mongodb://u:hunter2@b"),
        ("kayan.db", "replica.db"),
    ] {
        let problems = setup(dsn, read).problems();
        assert_eq!(settings(&problems), ["KAYAN_DB_READ_DSN"], "{read}");
        assert!(!problems.to_string().contains("hunter2"));
    }
}

#[test]
fn settings_of_a_feature_that_is_off_are_no_problem() {
    let loaded = Setup::new(&[
        ("KAYAN_RATE_LIMIT_ENABLED", "false"),
        ("KAYAN_RATE_LIMIT_REQUESTS", "7"),
        ("KAYAN_RATE_LIMIT_WINDOW", "1m30s"),
        ("KAYAN_LOCKOUT_ENABLED", "0"),
        ("KAYAN_LOCKOUT_MAX_FAILURES", "3"),
        ("KAYAN_REDIS_POOL_SIZE", "20"),
        ("KAYAN_SESSION_STRATEGY", "database"),
        ("KAYAN_JWT_TTL", "15m"),
        ("KAYAN_DB_STATEMENTS", "prepared"),
        ("KAYAN_OIDC_PROVIDERS", "[]"),
        ("OTEL_SERVICE_NAME", "identity"),
        ("KAYAN_DB_TYPE", "sqlite"),
        ("KAYAN_DB_DSN", "kayan.db"),
    ])
    .load();
    assert_eq!(loaded.warnings, []);
}

#[test]
fn a_database_that_is_not_compiled_in_is_named_with_the_feature_to_build_with() {
    for (environment, setting) in [
        (&[("KAYAN_DB_TYPE", "postgres"), ("KAYAN_DB_DSN", "postgres://u:hunter2@db/kayan")][..], "KAYAN_DB_TYPE"),
        (&[("KAYAN_DB_DSN", "postgres://u:hunter2@db/kayan")], "KAYAN_DB_DSN"),
    ] {
        let problems = Setup::new(environment).problems();
        let text = problems.to_string();
        assert_eq!(settings(&problems), [setting]);
        assert!(text.contains("postgres is not available in this build, which has: sqlite"), "{text}");
        assert!(text.contains("--features postgres") && !text.contains("hunter2"), "{text}");
    }
    let mixed = Setup::new(&[("KAYAN_DB_TYPE", "sqlite"), ("KAYAN_DB_DSN", "u:hunter2@tcp(db)/kayan")]).problems();
    assert_eq!(settings(&mixed), ["KAYAN_DB_DSN"]);
    assert!(
        mixed.to_string().contains("for mysql, but KAYAN_DB_TYPE is sqlite") && !mixed.to_string().contains("hunter2")
    );
}
