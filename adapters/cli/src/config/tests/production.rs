//! Production refuses what is unsafe.

use std::fs;

use kayan_ports::JwsAlgorithm;
use secrecy::ExposeSecret as _;

use super::{STRONG, Setup, settings};
use crate::config::Environment;

#[test]
fn production_says_everything_that_is_required_at_once() {
    for backends in [&["sqlite"], &["postgres"]] {
        let mut setup = Setup::new(&[("KAYAN_ENV", "production")]);
        setup.backends = backends;
        let problems = setup.problems();
        assert_eq!(settings(&problems), ["KAYAN_DB_TYPE", "KAYAN_DB_DSN", "KAYAN_SESSION_SECRET"]);
        assert!(problems.list.iter().all(|problem| problem.what == "is required in production"));
    }
    let jwt = Setup::production(&[("KAYAN_SESSION_STRATEGY", "jwt")]).problems();
    assert_eq!(settings(&jwt), ["KAYAN_JWT_SECRET"]);
    let by_key = Setup::production(&[("KAYAN_SESSION_STRATEGY", "jwt"), ("KAYAN_JWT_ALG", "EdDSA")]).load();
    assert!(by_key.config.session_jwts.is_some_and(|jwts| jwts.algorithm == Some(JwsAlgorithm::EdDsa)));
    let typo = Setup::new(&[("KAYAN_ENV", "prodution")]).problems();
    assert!(settings(&typo).contains(&"KAYAN_ENV") && settings(&typo).contains(&"KAYAN_SESSION_SECRET"));
}

#[test]
fn production_starts_with_what_is_required_and_warns_of_sqlite() {
    let setup = Setup::production(&[]);
    let loaded = setup.load();
    assert_eq!(loaded.config.env, Environment::Production);
    assert_eq!(loaded.config.host.to_string(), "0.0.0.0");
    assert!(!loaded.config.auto_migrate && loaded.config.jwt_secret.is_none());
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].text.contains("SQLite"));
    assert_eq!(fs::read_dir(setup.folder.path()).unwrap().count(), 0, "no file is made in production");
}

#[test]
fn production_refuses_weak_secrets_and_development_warns_of_them() {
    for name in ["KAYAN_SESSION_SECRET", "KAYAN_JWT_SECRET", "KAYAN_DATA_KEY"] {
        for (weak, why) in [
            ("secret", "well-known"),
            ("changeme-changeme-changeme-changeme", "well-known"),
            ("hunter2 hunter3", "is 15 bytes long, but must have 32 or more"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "repeats itself"),
        ] {
            let problems = Setup::production(&[(name, weak)]).problems();
            assert_eq!(settings(&problems), [name]);
            let text = problems.to_string();
            assert!(text.contains(why) && text.contains("openssl rand -base64 32") && !text.contains(weak), "{text}");
            let warnings = Setup::new(&[(name, weak)]).load().warnings;
            assert!(warnings.iter().any(|warning| warning.setting == name && warning.text.contains("production")));
        }
    }
    let previous = Setup::production(&[("KAYAN_SESSION_SECRET_PREVIOUS", "changeme")]).load();
    assert_eq!(previous.config.session_secret_previous.unwrap().expose_secret(), b"changeme");
    assert_eq!(previous.warnings.len(), 2, "a weak old secret must still open what it sealed");
}

#[test]
fn a_jwt_secret_that_signs_nothing_or_that_others_may_not_know_is_refused_everywhere() {
    let jwt = ("KAYAN_SESSION_STRATEGY", "jwt");
    for name in ["KAYAN_JWT_SECRET", "KAYAN_JWT_SECRET_PREVIOUS"] {
        let problems = Setup::new(&[jwt, (name, "Zk7 short")]).problems();
        assert_eq!(settings(&problems), [name]);
        assert!(problems.to_string().contains("HS256"), "{problems}");
        for other in ["KAYAN_SESSION_SECRET", "KAYAN_SESSION_SECRET_PREVIOUS", "KAYAN_DATA_KEY"] {
            let problems = Setup::new(&[jwt, (name, STRONG), (other, STRONG)]).problems();
            assert_eq!(settings(&problems), [name]);
            assert!(problems.to_string().contains(other), "{problems}");
        }
    }
}

#[test]
fn production_warns_of_what_is_unwise() {
    let loaded = Setup::production(&[
        ("KAYAN_PUBLIC_URL", "http://id.example.com"),
        ("KAYAN_BCRYPT_COST", "9"),
        ("KAYAN_TRUSTED_PROXIES", "0.0.0.0/0"),
    ])
    .load();
    let warned: Vec<&str> = loaded.warnings.iter().map(|warning| warning.setting.as_str()).collect();
    assert_eq!(
        warned,
        ["KAYAN_TRUSTED_PROXIES", "KAYAN_PUBLIC_URL", "KAYAN_BCRYPT_COST", "KAYAN_DB_TYPE", "KAYAN_PUBLIC_URL"]
    );
}

#[test]
fn no_secret_is_printed_anywhere() {
    let secret = "8f1bc63a9de077e1ffb2c8a40d1e5b7788a9c0d1e2f30415";
    let setup = Setup::new(&[
        ("KAYAN_SESSION_SECRET", secret),
        ("KAYAN_SESSION_SECRET_PREVIOUS", secret),
        ("KAYAN_JWT_SECRET", secret),
        ("KAYAN_DATA_KEY", secret),
    ]);
    let loaded = setup.load();
    let printed = format!("{loaded:?} {}", serde_json::to_string(&loaded.rows).unwrap());
    assert!(!printed.contains(secret) && printed.contains("[redacted]"));
    let dsn = "file:kayan.db?key=8f1bc63a9de077e1ffb2c8a40d1e5b7788a9c0d1e2f30415";
    let problems = Setup::new(&[("KAYAN_DB_DSN", dsn)]).problems();
    let printed = format!("{problems} {}", serde_json::to_string(&problems.rows).unwrap());
    assert!(!printed.contains(secret) && printed.contains("[redacted]"), "{printed}");
}
