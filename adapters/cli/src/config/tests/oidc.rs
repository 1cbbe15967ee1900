//! Which identity providers users log in with, and what is refused of them.

use secrecy::{ExposeSecret as _, SecretString};

use super::{Setup, row, settings};

const LIST: &str = "KAYAN_OIDC_PROVIDERS";
const RETURN_TO: (&str, &str) = ("KAYAN_RETURN_TO", "https://app.example.com/welcome,https://admin.example.com");
const PUBLIC_URL: (&str, &str) = ("KAYAN_PUBLIC_URL", "https://login.example.com/auth");

#[test]
fn providers_are_names_with_variables_or_json_and_variables_win() {
    let json = r#"[{"name": "google", "issuer": "https://accounts.google.com", "client_id": "1", "client_secret": "hunter2",
        "title": "Google", "sign_up": false, "email_domains": ["Example.com"], "traits": {"email": "email"},
        "acr_values": ["a", "b"], "prompt": "login", "max_age": 300, "mfa_amr": ["mfa"], "scopes": ["email"]},
        {"name": "my-idp"}]"#;
    let loaded = Setup::production(&[
        (LIST, json),
        ("KAYAN_OIDC_PROVIDERS_GOOGLE_CLIENT_ID", "2"),
        ("KAYAN_OIDC_PROVIDERS_MY_IDP_ISSUER", "https://idp.example.com/realms/x"),
        ("KAYAN_OIDC_PROVIDERS_MY_IDP_CLIENT_ID", "kayan"),
        ("KAYAN_OIDC_PROVIDERS_MY_IDP_CLIENT_SECRET", "hunter2"),
        ("KAYAN_OIDC_PROVIDERS_MY_IDP_SCOPES", "openid email"),
        RETURN_TO,
        PUBLIC_URL,
    ])
    .load();
    let [google, mine] = &loaded.config.providers[..] else { panic!("{:?}", loaded.config.providers) };
    assert_eq!((google.rules.name.as_str(), &*google.client_id, google.max_age), ("google", "2", Some(300)));
    assert_eq!((google.rules.sign_up, &google.rules.email_domains[..]), (false, &["example.com".to_owned()][..]));
    assert_eq!(google.scopes, ["openid", "email"]);
    let parameters: Vec<_> = google.parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(parameters, [("acr_values", "a b"), ("prompt", "login")]);
    assert_eq!(google.redirect_url.as_str(), "https://login.example.com/auth/api/v1/oidc/google/callback");
    assert_eq!((mine.rules.title.as_str(), mine.rules.sign_up), ("my-idp", true));
    assert_eq!((&*mine.issuer, mine.scopes.len()), ("https://idp.example.com/realms/x", 2));
    assert_eq!(mine.client_secret.as_ref().map(SecretString::expose_secret), Some("hunter2"));
    assert!(!format!("{:?}", loaded.config).contains("hunter2"));
    for name in [LIST, "KAYAN_OIDC_PROVIDERS_MY_IDP_CLIENT_SECRET"] {
        assert_eq!(row(&loaded.rows, name).value, "[redacted]");
    }
    assert_eq!(loaded.config.return_to.len(), 2);
    assert!(Setup::production(&[(LIST, "[]")]).load().config.providers.is_empty());
    let by_name = r#"{"idp": {"issuer": "http://localhost:9000", "client_id": "1"}}"#;
    let local = Setup::new(&[(LIST, by_name), RETURN_TO]).load().config.providers.remove(0);
    assert_eq!(local.redirect_url.as_str(), "http://localhost:8080/api/v1/oidc/idp/callback");
}

#[test]
fn a_provider_that_can_not_be_used_is_refused_with_what_to_do() {
    let good = r#"{"idp": {"issuer": "https://idp.example.com", "client_id": "1"}}"#;
    for (given, setting, words) in [
        (&[(LIST, "google"), PUBLIC_URL, RETURN_TO][..], "KAYAN_OIDC_PROVIDERS_GOOGLE_ISSUER", "has no issuer"),
        (&[(LIST, good), PUBLIC_URL], "KAYAN_RETURN_TO", "is required with KAYAN_OIDC_PROVIDERS"),
        (&[(LIST, good), RETURN_TO], LIST, "has no redirect URL"),
        (&[(LIST, r#"{"idp": {"issuer": "https://i.example"}}"#), PUBLIC_URL, RETURN_TO], LIST, "has no client_id"),
        (&[(LIST, r#"{"I": {"issuer": "https://i.example"}}"#), PUBLIC_URL, RETURN_TO], LIST, "is no name"),
        (&[(LIST, r#"{"links": {"issuer": "https://i.example"}}"#), PUBLIC_URL, RETURN_TO], LIST, "is no name"),
        (&[(LIST, r#"{"idp": {"client_secret": ["hunter2"]}}"#), RETURN_TO], LIST, "at idp.client_secret"),
        (&[(LIST, r#"{"idp": {"hunter": 2}}"#), RETURN_TO], LIST, "at idp.hunter"),
        (&[(LIST, "{hunter2"), RETURN_TO], LIST, "is not JSON"),
        (
            &[(LIST, good), PUBLIC_URL, RETURN_TO, ("KAYAN_OIDC_PROVIDERS_IDP_ISSUER", "http://idp.example.com")],
            "KAYAN_OIDC_PROVIDERS_IDP_ISSUER",
            "is not https",
        ),
        (
            &[(LIST, good), PUBLIC_URL, RETURN_TO, ("KAYAN_OIDC_PROVIDERS_IDP_ISSUER", "http://localhost:1")],
            "KAYAN_OIDC_PROVIDERS_IDP_ISSUER",
            "is not https",
        ),
        (
            &[(LIST, good), RETURN_TO, ("KAYAN_OIDC_PROVIDERS_IDP_REDIRECT_URL", "https://login.example.com/cb")],
            "KAYAN_OIDC_PROVIDERS_IDP_REDIRECT_URL",
            "does not end with /api/v1/oidc/idp/callback",
        ),
        (
            &[(LIST, good), PUBLIC_URL, RETURN_TO, ("KAYAN_OIDC_PROVIDERS_GOOGLE_CLIENT_SECRET", "hunter2")],
            "KAYAN_OIDC_PROVIDERS_GOOGLE_CLIENT_SECRET",
            "KAYAN_OIDC_PROVIDERS does not name",
        ),
        (&[("KAYAN_RETURN_TO", "https://app.example.com/?next=1")], "KAYAN_RETURN_TO", "has more than scheme"),
    ] {
        let problems = Setup::production(given).problems();
        let text = problems.to_string();
        assert_eq!(settings(&problems), [setting], "{given:?} {text}");
        assert!(text.contains(words) && !text.contains("hunter2"), "{given:?} {text}");
    }
}
