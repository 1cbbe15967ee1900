//! Whom passkeys are made for follows from the public URL, and browsers must agree.

use super::{Setup, row, settings};
use crate::config::{Passkeys, load::Loaded};

const APP: &str = "android:apk-key-hash:R5k9Z-zZ05CXIQGLyLCBCGrJvPCBpOWhzuAo39nOOUM";

/// What was loaded, the same in the table of all settings, and what was warned of in public URLs.
fn loaded(setup: &Setup) -> (Option<(String, String)>, Vec<String>) {
    let Loaded { config, warnings, rows } = setup.load();
    let passkeys = config.passkeys.map(|Passkeys { rp_id, origins }| (rp_id, origins.join(",")));
    if let Some((rp_id, origins)) = &passkeys {
        assert_eq!(&row(&rows, "KAYAN_WEBAUTHN_RP_ID").value, rp_id);
        assert_eq!(&row(&rows, "KAYAN_WEBAUTHN_ORIGINS").value, origins);
    }
    let texts = warnings.into_iter().filter(|it| it.setting == "KAYAN_PUBLIC_URL").map(|it| it.text);
    (passkeys, texts.collect())
}

fn are(rp_id: &str, origins: &str) -> (Option<(String, String)>, Vec<String>) {
    (Some((rp_id.to_owned(), origins.to_owned())), Vec::new())
}

#[test]
fn in_development_passkeys_are_for_this_machine() {
    for (given, origin) in [
        (&[][..], "http://localhost:8080"),
        (&[("KAYAN_PORT", "3000")], "http://localhost:3000"),
        (&[("KAYAN_PORT", "0")], "http://localhost"),
        (&[("KAYAN_PUBLIC_URL", "http://127.0.0.1:9000")], "http://localhost:9000"),
        (&[("KAYAN_PUBLIC_URL", "http://localhost/auth")], "http://localhost"),
        (&[("KAYAN_WEBAUTHN_ORIGINS", "http://localhost:5173")], "http://localhost:5173"),
    ] {
        assert_eq!(loaded(&Setup::new(given)), are("localhost", origin), "{given:?}");
    }
}

#[test]
fn the_domain_and_the_origin_are_those_of_the_public_url() {
    for setup in [Setup::new, Setup::production] {
        let setup = setup(&[("KAYAN_PUBLIC_URL", "https://Login.example.com:8443/auth")]);
        assert_eq!(loaded(&setup), are("login.example.com", "https://login.example.com:8443"));
    }
}

#[test]
fn what_is_given_wins() {
    let url = ("KAYAN_PUBLIC_URL", "https://login.example.com");
    let above = Setup::production(&[url, ("KAYAN_WEBAUTHN_RP_ID", "example.com")]);
    assert_eq!(loaded(&above), are("example.com", "https://login.example.com"));
    let origins = format!("https://App.example.com/, {APP},https://example.org,{APP}, https://app.example.com");
    let both = Setup::production(&[url, ("KAYAN_WEBAUTHN_RP_ID", "example.com"), ("KAYAN_WEBAUTHN_ORIGINS", &origins)]);
    let config = both.load().config;
    let expected = ["https://app.example.com", APP, "https://example.org"].map(str::to_owned);
    assert_eq!(config.passkeys, Some(Passkeys { rp_id: "example.com".to_owned(), origins: expected.to_vec() }));
    let alone = Setup::production(&[("KAYAN_WEBAUTHN_RP_ID", "example.com")]);
    assert_eq!(loaded(&alone), are("example.com", "https://example.com"));
}

#[test]
fn without_a_domain_passkeys_are_off() {
    assert_eq!(loaded(&Setup::production(&[])), (None, Vec::new()), "nobody said where the service is");
    for url in ["https://192.0.2.1", "https://[2001:db8::1]:8443"] {
        let (passkeys, warnings) = loaded(&Setup::production(&[("KAYAN_PUBLIC_URL", url)]));
        assert_eq!((passkeys, warnings.len()), (None, 1));
        assert!(warnings[0].contains("passkeys are off") && warnings[0].contains("KAYAN_WEBAUTHN_RP_ID"));
    }
    for setup in [Setup::new, Setup::production] {
        let (passkeys, warnings) = loaded(&setup(&[("KAYAN_PUBLIC_URL", "http://login.example.com")]));
        assert_eq!(passkeys, None);
        assert!(
            warnings.iter().any(|it| it.contains("passkeys are off") && it.contains("is not https")),
            "{warnings:?}"
        );
    }
}

#[test]
fn passkeys_that_browsers_would_refuse_are_refused_with_both_settings_and_what_to_set() {
    let (url, id, origins) = ("KAYAN_PUBLIC_URL", "KAYAN_WEBAUTHN_RP_ID", "KAYAN_WEBAUTHN_ORIGINS");
    let service = (url, "https://login.example.com");
    for (given, setting, words) in [
        (&[service, (id, "example.org")][..], id, &["https://login.example.com", url, origins][..]),
        (&[service, (id, "a.login.example.com")], id, &["https://login.example.com", url, origins]),
        (&[service, (id, "192.0.2.1")], id, &["is an IP address"]),
        (&[service, (id, "https://login.example.com")], id, &["is not a domain", "example.com"]),
        (&[service, (id, "Example.com")], id, &["is not a domain"]),
        (&[service, (origins, "https://app.example.com")], origins, &[id, "set"]),
        (&[service, (origins, "http://login.example.com")], origins, &["is not https"]),
        (&[service, (origins, "https://192.0.2.1")], origins, &["has an IP address"]),
        (&[service, (origins, "android:apk-key-hash:x")], origins, &["SHA-256"]),
        (&[service, (origins, "*")], origins, &["each origin must be named"]),
        (&[service, (origins, "ios:com.example")], origins, &["https://"]),
        (&[(url, "https://192.0.2.1"), (origins, "https://example.com")], id, &["is required", origins, url]),
        (&[(origins, "https://example.com")], id, &["is required", origins]),
        (&[(url, "http://login.example.com"), (id, "example.com")], id, &["http://login.example.com", url]),
    ] {
        let problems = Setup::production(given).problems();
        let text = problems.to_string();
        assert_eq!(settings(&problems), [setting], "{given:?} {text}");
        assert!(words.iter().all(|word| text.contains(word)), "{given:?} {text}");
    }
    let text = Setup::new(&[(id, "example.com")]).problems().to_string();
    assert!(text.contains("http://localhost:8080, the origin of KAYAN_PUBLIC_URL"), "{text}");
}

#[test]
fn a_wrong_public_url_is_told_once() {
    for given in [&[][..], &[("KAYAN_WEBAUTHN_RP_ID", "example.com")]] {
        let all = [given, &[("KAYAN_PUBLIC_URL", "login.example.com")]].concat();
        assert_eq!(settings(&Setup::production(&all).problems()), ["KAYAN_PUBLIC_URL"]);
    }
}
