//! Tests of the parser.

use secrecy::ExposeSecret as _;

use super::*;

fn parsed(url: &str) -> SmtpUrl {
    url.parse().unwrap_or_else(|why| panic!("{url}: {why}"))
}

fn refused(url: &str) -> SmtpUrlError {
    url.parse::<SmtpUrl>().err().unwrap_or_else(|| panic!("{url} is taken"))
}

#[test]
fn a_url_says_where_the_server_is_and_when_tls_begins() {
    for (url, host, port, tls) in [
        ("smtps://mail.example.com", "mail.example.com", 465, Tls::Implicit),
        ("smtp://mail.example.com", "mail.example.com", 587, Tls::Required),
        ("smtp://mail.example.com:25/?tls=required", "mail.example.com", 25, Tls::Required),
        ("smtp://127.0.0.1:1025?tls=none", "127.0.0.1", 1025, Tls::None),
        ("smtp://[::1]:2525?tls=opportunistic", "::1", 2525, Tls::Opportunistic),
        ("smtps://[2001:db8::1]", "2001:db8::1", 465, Tls::Implicit),
    ] {
        let it = parsed(url);
        assert_eq!((it.host.as_str(), it.port, it.tls), (host, port, tls), "{url}");
        assert_eq!(it.is_encrypted(), matches!(tls, Tls::Implicit | Tls::Required), "{url}");
        assert_eq!(it.connections, 4);
    }
    let it = parsed("smtps://mail.example.com?connections=32&ca=/etc/ssl/our%20ca.pem");
    assert_eq!((it.connections, it.authorities), (32, Some("/etc/ssl/our ca.pem".into())));
}

#[test]
fn user_and_password_are_percent_encoded() {
    let login = parsed("smtps://kayan%40example.com:p%40%3A%2F%3F%23%25w@mail.example.com").login.unwrap();
    assert_eq!((login.user.as_str(), login.password.expose_secret()), ("kayan@example.com", "p@:/?#%w"));
    assert!(parsed("smtps://mail.example.com").login.is_none());
}

#[test]
fn what_is_wrong_in_a_url_is_said_without_its_password() {
    let one_of = |name, allowed| SmtpUrlError::Value { name, allowed };
    let tls = one_of("tls", "required, opportunistic or none");
    let number = one_of("connections", "a number from 1 to 32");
    for (url, why) in [
        ("mail.example.com", SmtpUrlError::Scheme),
        ("imap://u:hunter2@mail.example.com", SmtpUrlError::Scheme),
        ("smtps://", SmtpUrlError::Address),
        ("smtps://u:hunter2@mail.example.com:0", SmtpUrlError::Address),
        ("smtps://u:hunter2@mail.example.com:65536", SmtpUrlError::Address),
        ("smtps://u:hunter2@mail.example.com:+25", SmtpUrlError::Address),
        ("smtps://u:hunter2@[::1", SmtpUrlError::Address),
        ("smtps://u:hunter2@[mail]", SmtpUrlError::Address),
        ("smtps://u:hunter2@a,b", SmtpUrlError::Address),
        ("smtps://u:hunter2@mail.example.com/inbox", SmtpUrlError::Path),
        ("smtps://hunter2@mail.example.com", SmtpUrlError::HalfALogin),
        ("smtps://:hunter2@mail.example.com", SmtpUrlError::HalfALogin),
        ("smtps://u:hunter2%2@mail.example.com", SmtpUrlError::Escape),
        ("smtps://u:hunter2%ff@mail.example.com", SmtpUrlError::Escape),
        ("smtps://u:hunter2%0a@mail.example.com", SmtpUrlError::Control),
        ("smtps://u:hunter2@mail.example.com\r\n", SmtpUrlError::Control),
        ("smtp://u:hunter2@mail.example.com?tls=maybe", tls.clone()),
        ("smtp://u:hunter2@mail.example.com?tls", tls),
        ("smtps://u:hunter2@mail.example.com?tls=none", SmtpUrlError::TlsTwice),
        ("smtp://mail.example.com?connections=0", number.clone()),
        ("smtp://mail.example.com?connections=33", number),
        ("smtp://mail.example.com?ca=", one_of("ca", "the path of a PEM file")),
        ("smtp://mail.example.com?tls=none&ca=x", SmtpUrlError::AuthoritiesUnused),
        ("smtp://mail.example.com?insecure=1", SmtpUrlError::UnknownParameter("\"insecure\"".to_owned())),
    ] {
        let found = refused(url);
        assert_eq!(found, why, "{url}");
        assert!(!found.to_string().contains("hunter2") && found.to_string().contains(['w', 'r', 'u']), "{found}");
    }
    for url in ["smtps://u:p?hunter2@mail.example.com", "smtps://u:p?a=1&hunter2@mail.example.com"] {
        let found = refused(url).to_string();
        assert!(!found.contains("hunter2"), "{url}: {found}");
    }
    assert!(!format!("{:?}", parsed("smtps://u:hunter2@mail.example.com")).contains("hunter2"));
}
