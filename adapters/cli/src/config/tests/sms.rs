//! Which webhook sends SMS, and how its calls are signed.

use secrecy::ExposeSecret as _;

use super::{Setup, row, settings};

const URL: (&str, &str) = ("KAYAN_SMS_WEBHOOK_URL", "https://sms.example.com/send?token=hunter2");
const SECRET: (&str, &str) = ("KAYAN_SMS_WEBHOOK_SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
const PREVIOUS: (&str, &str) = ("KAYAN_SMS_WEBHOOK_SECRET_PREVIOUS", "whsec_C2FtZXRoaW5nIHRoYXQgaXMgbG9uZyBlbm91Z2g=");

#[test]
fn a_webhook_has_a_url_and_its_secrets_the_current_one_first() {
    let loaded = Setup::production(&[URL, SECRET, PREVIOUS]).load();
    let sms = loaded.config.sms.unwrap();
    let secrets: Vec<_> = sms.secrets.iter().map(|secret| secret.expose_secret().to_owned()).collect();
    assert_eq!((sms.url.as_str(), secrets), (URL.1, vec![SECRET.1.to_owned(), PREVIOUS.1.to_owned()]));
    for (name, _) in [SECRET, PREVIOUS] {
        assert_eq!(row(&loaded.rows, name).value, "[redacted]");
    }
    assert_eq!(row(&loaded.rows, URL.0).value, "https://sms.example.com/send?token=[redacted]");
    assert!(loaded.config.outbound_allow.is_empty(), "of production");
    assert!(Setup::production(&[]).load().config.sms.is_none());
    let local = Setup::new(&[("KAYAN_SMS_WEBHOOK_URL", "http://localhost:9000"), SECRET]).load().config;
    let allowed: Vec<_> = local.outbound_allow.iter().map(ToString::to_string).collect();
    assert_eq!((local.sms.is_some(), allowed), (true, vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()]));
}

#[test]
fn a_webhook_that_can_not_be_called_safely_is_refused_with_what_to_do() {
    for (given, setting, words) in [
        (&[URL][..], SECRET.0, "is required with KAYAN_SMS_WEBHOOK_URL"),
        (&[URL, (SECRET.0, "hunter2")], SECRET.0, "is not whsec_ with 24 to 64 bytes"),
        (&[URL, (SECRET.0, "whsec_aHVudGVyMg==")], SECRET.0, "openssl rand -base64 32"),
        (&[URL, SECRET, (PREVIOUS.0, "hunter2")], PREVIOUS.0, "is not whsec_"),
        (&[("KAYAN_SMS_WEBHOOK_URL", "http://sms.example.com"), SECRET], URL.0, "is not https"),
        (&[("KAYAN_SMS_WEBHOOK_URL", "https://u:hunter2@sms.example.com"), SECRET], URL.0, "has a user"),
        (&[("KAYAN_SMS_WEBHOOK_URL", "sms.example.com"), SECRET], URL.0, "is not a URL"),
        (&[URL, SECRET, ("KAYAN_OUTBOUND_ALLOW", "10.0.0.0/33")], "KAYAN_OUTBOUND_ALLOW", "neither a network"),
    ] {
        let problems = Setup::production(given).problems();
        let text = problems.to_string();
        assert_eq!(settings(&problems), [setting], "{given:?} {text}");
        assert!(text.contains(words) && !text.contains("hunter2"), "{given:?} {text}");
    }
}
