//! Tests of the templates.

mod own;

use std::collections::BTreeSet;

use serde_json::json;

use super::*;

/// The templates that are compiled in.
fn built_in() -> MailTemplates {
    MailTemplates::new(None).unwrap_or_else(|why| panic!("{why}"))
}

fn tenant() -> TenantId {
    "acme".parse().unwrap()
}

fn with(kind: MessageKind, more: Value) -> Map<String, Value> {
    let [mut values, _] = values::samples(kind, Channel::Mail);
    values.extend(more.as_object().cloned().unwrap_or_default());
    values
}

#[test]
fn every_kind_is_rendered_in_english_and_german_with_its_link_or_code() {
    let templates = built_in();
    let mut subjects = BTreeSet::new();
    for (language, kind) in ["en", "de"].into_iter().flat_map(|language| MessageKind::ALL.map(|kind| (language, kind)))
    {
        for values in values::samples(kind, Channel::Mail) {
            let mail = templates.render(&tenant(), kind, Channel::Mail, &[language], &values).unwrap();
            let Rendered { subject, text, html, .. } = &mail;
            assert_eq!(mail.language, language);
            for name in ["link", "code", "left", "ip", "device"].iter().filter(|name| kind_has(kind, name)) {
                let Some(value) = values.get(*name) else { continue };
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                assert!(text.contains(&value), "{kind:?} {language} {name}: {text}");
                assert!(unescaped(html).contains(&value), "{kind:?} {language} {name}: {html}");
            }
            for part in [subject, text, html] {
                assert!(!part.contains("{{") && !part.contains("{%") && !part.contains("None"), "{kind:?}: {part}");
            }
            assert!(subject.contains("Example") && text.contains("ada@example.com"), "{kind:?}: {text}");
            assert!(!text.contains("\n\n\n") && text.ends_with(".\n"), "{kind:?}: {text:?}");
            subjects.insert(subject.clone());
        }
    }
    assert_eq!(subjects.len(), 2 * MessageKind::ALL.len(), "{subjects:?}");
}

/// Whether the built-in templates of a kind show this value.
fn kind_has(kind: MessageKind, name: &str) -> bool {
    let is_bare = matches!(kind, MessageKind::Verification | MessageKind::Invitation | MessageKind::Test);
    !is_bare || !matches!(name, "ip" | "device")
}

fn unescaped(html: &str) -> String {
    html.replace("&#x2f;", "/").replace("&amp;", "&")
}

/// How many characters of GSM-7 (3GPP TS 23.038) a text takes, if it has no others.
fn gsm_7(text: &str) -> Option<usize> {
    const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà";
    const EXTENDED: &str = "^{}\\[~]|€";
    text.chars().try_fold(0, |length, sign| match sign {
        _ if sign.is_ascii_alphanumeric() || BASIC.contains(sign) => Some(length + 1),
        _ if EXTENDED.contains(sign) => Some(length + 2),
        _ => None,
    })
}

#[test]
fn an_sms_begins_with_its_code_fits_one_segment_and_ends_with_the_host_that_the_code_is_for() {
    let templates = built_in();
    for (language, kind) in
        ["en", "de"].into_iter().flat_map(|language| folder::SENT_AS_SMS.map(|kind| (language, kind)))
    {
        for values in values::samples(kind, Channel::Sms) {
            let sms = templates.render(&tenant(), kind, Channel::Sms, &[language], &values).unwrap();
            assert_eq!((sms.language.as_str(), sms.subject.as_str(), sms.html.as_str()), (language, "", ""));
            assert!(sms.text.contains("Example") && !sms.text.contains("{{"), "{}", sms.text);
            let is_bound = kind != MessageKind::Test && values.contains_key("host");
            assert_eq!(sms.text.starts_with("123456 "), kind != MessageKind::Test, "{}", sms.text);
            assert_eq!(sms.text.ends_with("\n\n@id.example.com #123456"), is_bound, "{}", sms.text);
        }
        let [mut values, _] = values::samples(kind, Channel::Sms);
        values.insert("service".to_owned(), json!("ä".repeat(200)));
        for (host, is_there) in
            [(format!("{}.example", "a".repeat(40)), true), (format!("{}.example", "a".repeat(41)), false)]
        {
            values.insert("host".to_owned(), json!(host));
            let text = templates.render(&tenant(), kind, Channel::Sms, &[language], &values).unwrap().text;
            assert!(gsm_7(&text).is_some_and(|length| length <= 160), "{text:?} {:?}", gsm_7(&text));
            assert_eq!(text.contains('@'), is_there && kind != MessageKind::Test, "{text}");
        }
    }
}

#[test]
fn the_sms_of_other_kinds_is_an_error() {
    let why = built_in().render(&tenant(), MessageKind::Recovery, Channel::Sms, &["en"], &Map::new()).err().unwrap();
    assert!(why.to_string().contains("there is no template for recovery"), "{why}");
}

#[test]
fn html_needs_nothing_from_elsewhere_and_follows_the_readers_colours() {
    let templates = built_in();
    for kind in MessageKind::ALL {
        let html = templates.render(&tenant(), kind, Channel::Mail, &["de"], &with(kind, json!({}))).unwrap().html;
        assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"de\">"), "{html}");
        for part in
            ["<meta charset=\"utf-8\">", "color-scheme: light dark", "(prefers-color-scheme: dark)", "max-width: 600px"]
        {
            assert!(html.contains(part), "{kind:?}: {part}");
        }
        for part in ["src=", "url(", "@import", "<link", "<script", "<img"] {
            assert!(!html.contains(part), "{kind:?}: {part}");
        }
    }
}

#[test]
fn a_notice_says_what_to_do_if_it_was_not_you() {
    let templates = built_in();
    for kind in [
        MessageKind::PasswordChanged,
        MessageKind::FactorAdded,
        MessageKind::FactorRemoved,
        MessageKind::RecoveryCodesLow,
        MessageKind::EmailRevert,
    ] {
        for (language, words) in [("en", ["If ", "not", "new password"]), ("de", ["Falls ", "nicht", "neues Passwort"])]
        {
            let mail = templates.render(&tenant(), kind, Channel::Mail, &[language], &with(kind, json!({}))).unwrap();
            let warns = |text: &str| words.iter().all(|word| text.contains(word));
            assert!(warns(&mail.text) && warns(&mail.html), "{kind:?} {language}: {}", mail.text);
        }
    }
}

#[test]
fn the_first_language_that_there_is_counts_and_english_is_last() {
    let templates = built_in();
    for (languages, expected) in [
        (&["de"][..], "de"),
        (&["DE-at"], "de"),
        (&["fr", "de-CH-1996", "en"], "de"),
        (&["en-GB", "de"], "en"),
        (&["fr"], "en"),
        (&[], "en"),
        (&["", "-", "../de", "d"], "en"),
    ] {
        let mail = templates
            .render(&tenant(), MessageKind::Test, Channel::Mail, languages, &with(MessageKind::Test, json!({})))
            .unwrap();
        assert_eq!(mail.language, expected, "{languages:?}");
    }
}

#[test]
fn validity_is_said_in_words_that_fit() {
    let templates = built_in();
    for (minutes, english, german) in [
        (1, "one minute", "eine Minute"),
        (15, "15 minutes", "15 Minuten"),
        (1440, "24 hours", "24 Stunden"),
        (10_080, "7 days", "7 Tage"),
    ] {
        for (language, words) in [("en", english), ("de", german)] {
            let values = with(MessageKind::Recovery, json!({ "minutes": minutes }));
            let mail = templates.render(&tenant(), MessageKind::Recovery, Channel::Mail, &[language], &values).unwrap();
            assert!(mail.text.contains(words) && mail.html.contains(words), "{words}: {}", mail.text);
        }
    }
}

#[test]
fn markup_in_a_value_is_escaped_in_html_and_not_in_text() {
    let name = "<b onclick='x'>A & \"B\"</b>{{ code }}{% endblock %}";
    let values =
        with(MessageKind::FactorAdded, json!({ "name": name, "service": name, "device": name, "address": name }));
    let mail = built_in().render(&tenant(), MessageKind::FactorAdded, Channel::Mail, &["en"], &values).unwrap();
    assert!(mail.text.contains(name) && mail.subject.contains(name), "{}", mail.text);
    assert!(!mail.html.contains("<b onclick") && !mail.html.contains("\"B\""), "{}", mail.html);
    assert!(mail.html.matches("&lt;b onclick").count() >= 4, "{}", mail.html);
    let values = with(MessageKind::MagicLink, json!({ "link": "https://id.example.com/?a=\"><script>" }));
    let html = built_in().render(&tenant(), MessageKind::MagicLink, Channel::Mail, &["en"], &values).unwrap().html;
    assert!(!html.contains("<script>"), "{html}");
}

#[test]
fn a_value_stays_on_its_line_and_hides_nothing() {
    let name = "A\r\nBcc: eve@example.com\u{2028}\n\nB\u{202e}C";
    let values = with(MessageKind::Test, json!({ "service": name, "device": "x".repeat(5_000) }));
    let mail = built_in().render(&tenant(), MessageKind::Test, Channel::Mail, &["en"], &values).unwrap();
    assert_eq!(mail.subject, "A test message from A  Bcc: eve@example.com   BC");
    assert!(!mail.text.lines().any(|line| line.starts_with("Bcc")), "{}", mail.text);
    let long = with(MessageKind::PasswordChanged, json!({ "device": "x".repeat(5_000), "service": "y".repeat(5_000) }));
    let mail = built_in().render(&tenant(), MessageKind::PasswordChanged, Channel::Mail, &["en"], &long).unwrap();
    assert!(mail.text.len() < 1_500 && mail.subject.chars().count() == LONGEST_SUBJECT, "{}", mail.text.len());
}

#[test]
fn a_value_that_is_missing_or_no_number_is_an_error_that_quotes_no_other() {
    let templates = built_in();
    let mut values = with(MessageKind::LoginCode, json!({ "code": "hunter2" }));
    for (name, value) in [("minutes", Some(json!("<b>"))), ("minutes", None)] {
        values.remove(name);
        values.extend(value.map(|value| (name.to_owned(), value)));
        let why = templates
            .render(&tenant(), MessageKind::LoginCode, Channel::Mail, &["en"], &values)
            .err()
            .unwrap()
            .to_string();
        assert!(why.contains("minutes") || why.contains("validity.txt, line 1: "), "{why}");
        assert!(!why.contains("hunter2"), "{why}");
    }
}
