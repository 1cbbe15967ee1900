//! To which server mail is sent, from whom, with which links.

use super::{Setup, row, settings};
use crate::config::Mail;

const URL: (&str, &str) = ("KAYAN_SMTP_URL", "smtps://kayan:hunter2@mail.example.com");
const FROM: (&str, &str) = ("KAYAN_MAIL_FROM", "Example <no-reply@example.com>");
const PUBLIC: (&str, &str) = ("KAYAN_PUBLIC_URL", "https://id.example.com/auth/");

fn mail(setup: &Setup) -> Option<Mail> {
    setup.load().config.mail
}

#[test]
fn in_development_mail_needs_no_setting() {
    for (given, link) in [
        (&[][..], "http://localhost:8080/flow/{flow}"),
        (&[("KAYAN_PORT", "3000")], "http://localhost:3000/flow/{flow}"),
        (&[PUBLIC], "https://id.example.com/auth/flow/{flow}"),
        (&[PUBLIC, ("KAYAN_LINK_URL", "http://localhost:5173/{flow}")], "http://localhost:5173/{flow}"),
    ] {
        let loaded = Setup::new(given).load();
        let mail = loaded.config.mail.unwrap();
        assert!(mail.smtp.is_none() && loaded.config.templates.is_none() && mail.notices);
        assert_eq!((mail.link_url.as_str(), row(&loaded.rows, "KAYAN_LINK_URL").value.as_str()), (link, link));
    }
    for tls in ["tls=none", "tls=opportunistic"] {
        let url = format!("smtp://localhost:1025?{tls}");
        assert!(mail(&Setup::new(&[("KAYAN_SMTP_URL", &url), FROM])).unwrap().smtp.is_some());
    }
}

#[test]
fn in_production_mail_is_sent_to_a_server_or_not_at_all() {
    assert!(mail(&Setup::production(&[PUBLIC])).is_none());
    let loaded = Setup::production(&[URL, FROM, PUBLIC, ("KAYAN_MAIL_NOTICES", "false")]).load();
    let mail = loaded.config.mail.unwrap();
    assert_eq!(mail.smtp.unwrap().from, FROM.1);
    assert_eq!((mail.link_url.as_str(), mail.notices), ("https://id.example.com/auth/flow/{flow}", false));
    assert_eq!(row(&loaded.rows, "KAYAN_SMTP_URL").value, "smtps://kayan:[redacted]@mail.example.com");
}

#[test]
fn what_can_not_be_sent_or_opened_is_refused_with_what_to_do() {
    for (given, setting, words) in [
        (&[URL, PUBLIC][..], "KAYAN_MAIL_FROM", "is required with KAYAN_SMTP_URL"),
        (&[URL, PUBLIC, ("KAYAN_MAIL_FROM", "Example")], "KAYAN_MAIL_FROM", "is not a mail address"),
        (&[URL, PUBLIC, ("KAYAN_MAIL_FROM", "nö@example.com")], "KAYAN_MAIL_FROM", "letters beyond ASCII"),
        (&[URL, FROM], "KAYAN_LINK_URL", "set KAYAN_PUBLIC_URL"),
        (&[URL, FROM, ("KAYAN_LINK_URL", "http://a.example/{flow}")], "KAYAN_LINK_URL", "is not https"),
        (&[URL, FROM, ("KAYAN_LINK_URL", "https://a.example/flow")], "KAYAN_LINK_URL", "has no {flow}"),
        (&[FROM, PUBLIC, ("KAYAN_SMTP_URL", "smtp://u:hunter2@a?tls=none")], "KAYAN_SMTP_URL", "without TLS"),
        (&[FROM, PUBLIC, ("KAYAN_SMTP_URL", "smtp://u:hunter2@a?tls=opportunistic")], "KAYAN_SMTP_URL", "without TLS"),
        (&[FROM, PUBLIC, ("KAYAN_SMTP_URL", "mail.example.com")], "KAYAN_SMTP_URL", "write smtps://"),
        (&[FROM, PUBLIC, ("KAYAN_SMTP_URL", "smtps://a?ca=/nowhere/ca.pem")], "KAYAN_SMTP_URL", "/nowhere/ca.pem"),
        (&[PUBLIC, ("KAYAN_MAIL_TEMPLATES", "nowhere")], "KAYAN_MAIL_TEMPLATES", "correct the path"),
    ] {
        let problems = Setup::production(given).problems();
        let text = problems.to_string();
        assert_eq!(settings(&problems), [setting], "{given:?} {text}");
        assert!(text.contains(words) && !text.contains("hunter2"), "{given:?} {text}");
    }
}

#[test]
fn a_key_that_can_not_sign_is_refused_with_what_to_do() {
    // the one of RFC 8463
    let der = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g";
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
    let key = ("KAYAN_MAIL_DKIM_KEY", "dkim.pem");
    let with = |given: &[(&str, &str)], text: &str| {
        let setup = Setup::new(given);
        let path = setup.folder.path().join("dkim.pem");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        setup
    };
    let own = ("KAYAN_MAIL_DKIM_DOMAIN", "mail.example.com");
    for (given, domain) in [(&[URL, FROM, key][..], "example.com"), (&[URL, FROM, key, own], "mail.example.com")] {
        let signing = mail(&with(given, &pem)).unwrap().smtp.unwrap().dkim.unwrap();
        assert_eq!((signing.domain.as_str(), signing.selector.as_str()), (domain, "kayan"));
    }
    assert!(mail(&Setup::new(&[URL, FROM])).unwrap().smtp.unwrap().dkim.is_none());
    let selector = ("KAYAN_MAIL_DKIM_SELECTOR", "a b");
    let domain = ("KAYAN_MAIL_DKIM_DOMAIN", "a b");
    for (given, text, setting, words) in [
        (&[URL, FROM, key][..], "", "KAYAN_MAIL_DKIM_KEY", "openssl genrsa 2048"),
        (&[key], &pem, "KAYAN_MAIL_DKIM_KEY", "set KAYAN_MAIL_DKIM_DOMAIN"),
        (&[URL, FROM, key, selector], &pem, "KAYAN_MAIL_DKIM_SELECTOR", "is not a selector"),
        (&[URL, FROM, key, domain], &pem, "KAYAN_MAIL_DKIM_DOMAIN", "is not a domain"),
    ] {
        let problems = with(given, text).problems();
        assert_eq!(settings(&problems), [setting], "{problems}");
        assert!(problems.to_string().contains(words), "{problems}");
    }
}

#[test]
fn a_template_that_can_not_be_rendered_is_named_with_its_line() {
    let setup = Setup::new(&[("KAYAN_MAIL_TEMPLATES", "mails")]);
    let folder = setup.folder.path().join("mails/de");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("test.txt"), "Hallo\n\n{{ nobody }}").unwrap();
    let problems = setup.problems();
    assert_eq!(settings(&problems), ["KAYAN_MAIL_TEMPLATES"]);
    assert!(problems.to_string().contains("mails/de/test.txt, line 3: "), "{problems}");
    std::fs::write(folder.join("test.txt"), "Hallo\n\n{{ service }}").unwrap();
    assert!(mail(&setup).is_some());
}
