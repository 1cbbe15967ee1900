//! Tests of valid and refused URLs.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret;

use super::{Login, Place, RedisUrl, RedisUrlError};

fn unknown(name: &str, known: &'static str) -> RedisUrlError {
    RedisUrlError::UnknownParameter { name: name.to_owned(), known }
}

fn url(text: &str) -> RedisUrl {
    text.parse().unwrap_or_else(|why| panic!("{text}: {why}"))
}

fn login(login: &Login) -> (Option<&str>, Option<&str>) {
    (login.user.as_deref(), login.password.as_ref().map(ExposeSecret::expose_secret))
}

/// `host:port` of each, the master's name, and the sentinels' login.
fn place(url: &RedisUrl) -> String {
    let all = |hosts: &[super::Address]| {
        hosts.iter().map(|it| format!("{}:{}", it.host, it.port)).collect::<Vec<_>>().join(" ")
    };
    match &url.place {
        Place::Server(address) => all(std::slice::from_ref(address)),
        Place::Unix(path) => path.display().to_string(),
        Place::Cluster(nodes) => format!("cluster {}", all(nodes)),
        Place::Sentinel { sentinels, master, login: their } => {
            format!("{master} of {} {:?}", all(sentinels), login(their))
        }
    }
}

#[test]
fn servers_are_found() {
    for (text, expected, database, tls) in [
        ("redis://localhost", "localhost:6379", 0, false),
        ("redis://localhost/", "localhost:6379", 0, false),
        ("redis://127.0.0.1:7000/3", "127.0.0.1:7000", 3, false),
        ("rediss://redis.example.org", "redis.example.org:6379", 0, true),
        ("redis://[::1]:7000/0", "::1:7000", 0, false),
        ("redis://[::1]", "::1:6379", 0, false),
        ("unix:///run/redis.sock", "/run/redis.sock", 0, false),
        ("redis+unix:///run/a%20b.sock?db=2", "/run/a b.sock", 2, false),
        ("redis+cluster://a,b:7001,[::1]:7002", "cluster a:6379 b:7001 ::1:7002", 0, false),
        ("rediss+cluster://a:1/", "cluster a:1", 0, true),
        ("redis+cluster://a:1/0", "cluster a:1", 0, false),
        ("redis+sentinel://a,b:1/mymaster", "mymaster of a:26379 b:1 (None, None)", 0, false),
        ("rediss+sentinel://a/my%2Fmaster/4", "my/master of a:26379 (None, None)", 4, true),
        (
            "redis+sentinel://a/m?sentinel_username=u&sentinel_password=p%26",
            "m of a:26379 (Some(\"u\"), Some(\"p&\"))",
            0,
            false,
        ),
    ] {
        let url = url(text);
        assert_eq!((place(&url), url.database, url.tls), (expected.to_owned(), database, tls), "{text}");
        assert_eq!(login(&url.login), (None, None), "{text}");
    }
}

#[test]
fn users_and_passwords_are_read_and_decoded() {
    for (text, user, password) in [
        ("redis://u:p@h", Some("u"), Some("p")),
        ("redis://:p@h", None, Some("p")),
        ("redis://@h", None, None),
        ("redis://:@h", None, None),
        ("redis://u%3A:%40%2F%3F%23%25:,@h:1/2", Some("u:"), Some("@/?#%:,")),
        ("redis://:a@b@h", None, Some("a@b")),
        ("redis+cluster://u:p@h,i", Some("u"), Some("p")),
        ("redis+sentinel://u:p@h,i/m", Some("u"), Some("p")),
        ("unix://u:p@/s", Some("u"), Some("p")),
        ("unix:///s?user=u&pass=p", Some("u"), Some("p")),
        ("unix:///s?username=u&password=p", Some("u"), Some("p")),
        ("unix:///s?password=p", None, Some("p")),
    ] {
        assert_eq!(login(&url(text).login), (user, password), "{text}");
    }
}

#[test]
fn authorities_of_ones_own_are_named_by_a_file() {
    let of = |text: &str| -> Option<PathBuf> { url(text).authorities };
    for scheme in ["rediss://h", "rediss+cluster://h", "rediss+sentinel://h/m"] {
        assert_eq!(of(scheme), None);
        assert_eq!(of(&format!("{scheme}?ssl_ca_certs=/etc/ca.pem")).as_deref(), Some(Path::new("/etc/ca.pem")));
        assert_eq!(of(&format!("{scheme}?ssl_ca_certs=%2Fa%20b")).as_deref(), Some(Path::new("/a b")));
    }
}

#[test]
fn what_is_no_url_is_refused_with_what_to_write_and_without_the_password() {
    let sentinel = "ssl_ca_certs, sentinel_username and sentinel_password";
    let socket = "db, username (or user) and password (or pass)";
    for (text, expected) in [
        ("", RedisUrlError::Scheme),
        ("localhost:6379", RedisUrlError::Scheme),
        ("http://:hunter2@h", RedisUrlError::Scheme),
        ("REDIS://:hunter2@h", RedisUrlError::Scheme),
        ("redis+tls://:hunter2@h", RedisUrlError::Scheme),
        ("redis://", RedisUrlError::Address),
        ("redis:///0", RedisUrlError::Address),
        ("redis://:hunter2@", RedisUrlError::Address),
        ("redis://:hunter2@:6379", RedisUrlError::Address),
        ("redis://:hunter2@h:", RedisUrlError::Address),
        ("redis://:hunter2@h:0", RedisUrlError::Address),
        ("redis://:hunter2@h:+1", RedisUrlError::Address),
        ("redis://:hunter2@h:65536", RedisUrlError::Address),
        ("redis://:hunter2@h:x", RedisUrlError::Address),
        ("redis://:hunter2@::1", RedisUrlError::Address),
        ("redis://:hunter2@[::1", RedisUrlError::Address),
        ("redis://:hunter2@[h]", RedisUrlError::Address),
        ("redis://:hunter2@[::1]6379", RedisUrlError::Address),
        ("redis://:hunter2@a b", RedisUrlError::Address),
        ("redis://:hunter2@h#insecure", RedisUrlError::Address),
        ("redis://:hunter2/x@h", RedisUrlError::Address),
        ("redis+cluster://:hunter2@a,,b", RedisUrlError::Address),
        ("redis+sentinel://:hunter2@a,/m", RedisUrlError::Address),
        ("redis://hunter2@h", RedisUrlError::NoPassword),
        ("redis://hunter2:@h", RedisUrlError::NoPassword),
        ("unix:///s?user=hunter2", RedisUrlError::NoPassword),
        ("redis+sentinel://a/m?sentinel_username=hunter2", RedisUrlError::NoPassword),
        ("redis://:hunter2@a:1,b:2", RedisUrlError::SeveralHosts),
        ("redis://:hunter2@h/x", RedisUrlError::Database),
        ("redis://:hunter2@h/-1", RedisUrlError::Database),
        ("redis://:hunter2@h/1/2", RedisUrlError::Database),
        ("redis://:hunter2@h/4294967296", RedisUrlError::Database),
        ("unix:///s?db=x", RedisUrlError::Database),
        ("redis+sentinel://a/m/x", RedisUrlError::Database),
        ("redis+cluster://:hunter2@h/1", RedisUrlError::DatabaseInCluster),
        ("redis+cluster://:hunter2@h/x", RedisUrlError::DatabaseInCluster),
        ("redis+sentinel://:hunter2@h", RedisUrlError::NoMaster),
        ("redis+sentinel://:hunter2@h/", RedisUrlError::NoMaster),
        ("redis+sentinel://:hunter2@h//0", RedisUrlError::NoMaster),
        ("unix://", RedisUrlError::SocketPath),
        ("unix:///", RedisUrlError::SocketPath),
        ("unix://run/redis.sock", RedisUrlError::SocketPath),
        ("redis://:hunter2%@h", RedisUrlError::Escape),
        ("redis://:hunter2%ff@h", RedisUrlError::Escape),
        ("redis://:hunter2%f\u{fc}@h", RedisUrlError::Escape),
        ("redis://:hunter2\n@h", RedisUrlError::Control),
        ("redis://:hunter2%00@h", RedisUrlError::Control),
        ("redis://:hunter2@h?db=1", unknown("\"db\"", "ssl_ca_certs")),
        ("rediss://:hunter2@h?tls=hunter2", unknown("\"tls\"", "ssl_ca_certs")),
        ("redis+cluster://:hunter2@h?db=1", unknown("\"db\"", "ssl_ca_certs")),
        ("redis+sentinel://:hunter2@h/m?db=1", unknown("\"db\"", sentinel)),
        ("redis://h?hunter2=1@h", unknown("number 1", "ssl_ca_certs")),
        ("unix:///s?tls=hunter2", unknown("\"tls\"", socket)),
        ("unix:///s?pass=a&hunter2=b", unknown("number 2", socket)),
        ("rediss://:hunter2@h?ssl_ca_certs=", RedisUrlError::NoValue("ssl_ca_certs")),
        ("unix://u:hunter2@/s?pass=hunter2", RedisUrlError::LoginTwice),
        ("redis://:hunter2@h?ssl_ca_certs=/ca.pem", RedisUrlError::AuthoritiesUnused),
        ("unix:///s?ssl_ca_certs=/ca.pem", RedisUrlError::AuthoritiesUnused),
    ] {
        let error = text.parse::<RedisUrl>().map(|_| ()).expect_err(text);
        assert_eq!(error, expected, "{text}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[test]
fn a_url_shows_no_password_when_it_is_printed() {
    for text in ["redis://u:hunter2@h", "unix:///s?pass=hunter2", "redis+sentinel://a/m?sentinel_password=hunter2"] {
        assert!(!format!("{:?}", url(text)).contains("hunter2"), "{text}");
    }
}
