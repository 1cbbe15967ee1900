//! Which texts are DSNs, and what they say.

use std::{path::Path, time::Duration};

use secrecy::ExposeSecret;

use super::{Dsn, DsnError, Place, Tls};

fn at(host: &str, port: u16) -> Place {
    Place::Tcp { host: host.to_owned(), port }
}

#[test]
fn every_form_of_a_dsn_is_understood() {
    let socket = || Place::Unix("/run/mysqld/mysqld.sock".into());
    for (dsn, user, password, place, database) in [
        ("user:password@tcp(localhost:3306)/kayan?parseTime=true", "user", "password", at("localhost", 3306), "kayan"),
        ("user:password@tcp(db.example.com)/kayan", "user", "password", at("db.example.com", 3306), "kayan"),
        ("user@tcp([::1]:3307)/kayan", "user", "", at("::1", 3307), "kayan"),
        ("user@tcp([::1])/kayan", "user", "", at("::1", 3306), "kayan"),
        ("user:@unix(/run/mysqld/mysqld.sock)/kayan?charset=utf8mb4", "user", "", socket(), "kayan"),
        ("user:password@/kayan", "user", "password", at("127.0.0.1", 3306), "kayan"),
        ("user:password@tcp/kayan", "user", "password", at("127.0.0.1", 3306), "kayan"),
        ("tcp(db:1)/kayan", "", "", at("db", 1), "kayan"),
        ("/kayan", "", "", at("127.0.0.1", 3306), "kayan"),
        ("user:p%40@tcp(db:1)/ka%2Fyan", "user", "p%40", at("db", 1), "ka/yan"),
        ("mysql://user:password@db:3307/kayan?tls=true", "user", "password", at("db", 3307), "kayan"),
        ("mysql://user:p%40%2F%3F%3A@db/kayan", "user", "p@/?:", at("db", 3306), "kayan"),
        ("mysql://u%40x@[::1]:3307/kayan", "u@x", "", at("::1", 3307), "kayan"),
        ("mysql://user:password@unix(/run/mysqld/mysqld.sock)/kayan", "user", "password", socket(), "kayan"),
        ("mysql://db/kayan", "", "", at("db", 3306), "kayan"),
    ] {
        let parsed: Dsn = dsn.parse().unwrap_or_else(|error| panic!("{dsn}: {error}"));
        assert_eq!((&*parsed.user, parsed.password.expose_secret()), (user, password), "{dsn}");
        assert_eq!((parsed.place, &*parsed.database), (place, database), "{dsn}");
    }
}

#[test]
fn a_password_may_hold_what_separates_the_parts() {
    for password in
        ["p@ss", "p:ss", "p/ss", "p?ss", "a@tcp(b:1)/c?d=e", "@:/?&=#%()", ":", "@", "/", ")/", "x)/y@/z", " "]
    {
        for place in ["tcp(db:1)", "unix(/run/my.sock)"] {
            for options in ["", "?tls=true&tls-ca=/etc/ssl/ca.pem", "?tls=true&tls-ca=%2Fetc%2Fssl%2Fca.pem"] {
                let dsn = format!("user:{password}@{place}/kayan{options}");
                let parsed: Dsn = dsn.parse().unwrap_or_else(|error| panic!("{dsn}: {error}"));
                assert_eq!(parsed.password.expose_secret(), password, "{dsn}");
                assert_eq!((&*parsed.user, &*parsed.database), ("user", "kayan"), "{dsn}");
                assert_eq!(parsed.ca.is_some(), !options.is_empty(), "{dsn}");
                assert!(!format!("{parsed:?}").contains(&format!("\"{password}\"")), "{parsed:?}");
            }
        }
    }
}

#[test]
fn options_are_read() {
    let dsn = |options: &str| format!("u@/k?{options}").parse::<Dsn>();
    for (options, tls) in [
        ("", Tls::Off),
        ("tls=false", Tls::Off),
        ("tls=true", Tls::Verified),
        ("tls=True&parseTime=True", Tls::Verified),
        ("tls=t&parseTime=T", Tls::Verified),
        ("tls=1&parseTime=TRUE", Tls::Verified),
        ("tls=F&parseTime=False", Tls::Off),
        ("tls=0&parseTime=f", Tls::Off),
        ("tls=skip-verify", Tls::SkipVerify),
        ("tls=preferred", Tls::Preferred),
        ("parseTime=true&loc=UTC&charset=utf8mb4,utf8&collation=utf8mb4_unicode_ci&tls=true", Tls::Verified),
    ] {
        assert_eq!(dsn(options).unwrap().tls, tls, "{options}");
    }
    assert_eq!(dsn("timeout=500ms").unwrap().timeout, Some(Duration::from_millis(500)));
    assert_eq!(dsn("timeout=2s").unwrap().timeout, Some(Duration::from_secs(2)));
    assert_eq!(dsn("timeout=2m").unwrap().timeout, Some(Duration::from_mins(2)));
    let ca = dsn("tls-ca=%2Fetc%2Fca.pem&tls=true").unwrap().ca;
    assert_eq!(ca.as_deref(), Some(Path::new("/etc/ca.pem")));
}

#[test]
fn what_is_no_dsn_is_refused_without_a_word_of_it() {
    let value = |option, allowed| DsnError::UnknownValue { option, allowed };
    for (dsn, error) in [
        ("", DsnError::NoSlash),
        ("hunter2", DsnError::NoSlash),
        ("user:hunter2@tcp(db:1)", DsnError::NoSlash),
        ("user:hunter2@tcp(db:1)/", DsnError::NoDatabase),
        ("user:hunter2@tcp(db:1)/?tls=true", DsnError::NoDatabase),
        ("user:hunter2@tcp(db:1/kayan", DsnError::Network),
        ("user:hunter2@udp(db:1)/kayan", DsnError::Network),
        ("user:hunter2@db:1/kayan", DsnError::Network),
        ("user:hunter2@tcp(db:99999)/kayan", DsnError::Address),
        ("user:hunter2@tcp(db:0)/kayan", DsnError::Address),
        ("user:hunter2@tcp(db:x)/kayan", DsnError::Address),
        ("user:hunter2@tcp(:1)/kayan", DsnError::Address),
        ("user:hunter2@tcp(a b:1)/kayan", DsnError::Address),
        ("user:hunter2@tcp([db]:1)/kayan", DsnError::Address),
        ("user:hunter2@tcp([::1]1)/kayan", DsnError::Address),
        ("user:hunter2@tcp(::1)/kayan", DsnError::Address),
        ("user:hunter2@unix(my.sock)/kayan", DsnError::SocketPath),
        ("user:hunter2@unix()/kayan", DsnError::SocketPath),
        ("user:hunter2@tcp(db:1)/kayan\0", DsnError::Nul),
        ("user:hunter2@tcp(db:1)/kayan%00", DsnError::Nul),
        ("user:hunter2@tcp(db:1)/kayan%2", DsnError::Escape),
        ("user:hunter2@tcp(db:1)/kayan%ff", DsnError::Escape),
        ("mysql://user:hunter2%zz@db/kayan", DsnError::Escape),
        ("mysql://user:hunter2@db", DsnError::NoSlash),
        ("user:hunter2@/kayan?tls=true&allowAllFiles=true", DsnError::UnknownOption("\"allowAllFiles\"".to_owned())),
        ("user:hunter2/word?hunter2=1", DsnError::Network),
        ("/word?hunter2=1", DsnError::UnknownOption("number 1".to_owned())),
        ("user@tcp(db:1)/kayan?tls=true&hunter2=1@x", DsnError::UnknownOption("number 2".to_owned())),
        ("user@/kayan?parseTime=tRUE", value("parseTime", "true or false")),
        ("user@/kayan?tls=hunter2", value("tls", "true, false, skip-verify or preferred")),
        ("user@/kayan?tls-ca=&tls=true", value("tls-ca", "the path of a PEM file")),
        ("user@/kayan?tls-ca=/ca.pem", DsnError::CaUnused),
        ("user@/kayan?timeout=5", value("timeout", "a time such as 500ms or 2s")),
        ("user@/kayan?timeout=0s", value("timeout", "a time such as 500ms or 2s")),
        ("user@/kayan?charset=latin1", value("charset", "utf8mb4")),
        ("user@/kayan?collation=latin1_bin", value("collation", "one of utf8mb4")),
        ("user@/kayan?parseTime=maybe", value("parseTime", "true or false")),
        ("user@/kayan?loc=Europe%2FBerlin", value("loc", "UTC: times are stored in it")),
    ] {
        let found = dsn.parse::<Dsn>().map(drop).unwrap_err();
        assert_eq!(found, error, "{dsn:?}");
        assert!(!found.to_string().contains("hunter2"), "{found}");
    }
}
