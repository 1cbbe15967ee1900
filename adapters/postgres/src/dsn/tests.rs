//! DSNs, good and bad.

use std::path::Path;

use tokio_postgres::config::Host;

use super::*;

fn good(dsn: &str) -> Dsn {
    dsn.parse().unwrap_or_else(|error| panic!("{dsn}: {error}"))
}

/// Hosts, ports, user, password and database.
type Place = (Vec<String>, Vec<u16>, Option<String>, Option<String>, Option<String>);

fn place(dsn: &str) -> Place {
    let Dsn { config, .. } = good(dsn);
    let host = |host: &Host| match host {
        Host::Tcp(name) => name.clone(),
        Host::Unix(path) => path.display().to_string(),
    };
    let password = config.get_password().map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
    let (user, database) = (config.get_user().map(str::to_owned), config.get_dbname().map(str::to_owned));
    (config.get_hosts().iter().map(host).collect(), config.get_ports().to_vec(), user, password, database)
}

fn expected(hosts: &[&str], ports: &[u16], [user, password, database]: [&str; 3]) -> Place {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    (hosts.iter().map(|host| (*host).to_owned()).collect(), ports.to_vec(), some(user), some(password), some(database))
}

#[test]
fn both_forms_of_a_dsn_are_understood() {
    let full = expected(&["db"], &[5433], ["ann", "p@ s", "kayan"]);
    for dsn in [
        "postgres://ann:p%40%20s@db:5433/kayan",
        "postgresql://ann:p@ s@db:5433/kayan",
        "postgres:///kayan?host=db&port=5433&user=ann&password=p%40%20s",
        "host=db port=5433 user=ann password='p@ s' dbname=kayan",
        "  host = db port= 5433 user =ann password=p@\\ s dbname='kayan' ",
    ] {
        assert_eq!(place(dsn), full, "{dsn}");
    }
    let sockets = expected(&["/run/postgresql"], &[], ["ann", "", "kayan"]);
    assert_eq!(place("postgres://ann@%2Frun%2Fpostgresql/kayan"), sockets);
    assert_eq!(place("postgres:///kayan?host=/run/postgresql&user=ann"), sockets);
    assert_eq!(place("host=/run/postgresql user=ann dbname=kayan"), sockets);
    assert_eq!(place("postgres://[::1]:6432,db"), expected(&["::1", "db"], &[6432, 5432], ["", "", ""]));
    assert_eq!(place("host=a,b port=1,2 password='it\\'s \\\\'"), expected(&["a", "b"], &[1, 2], ["", "it's \\", ""]));
    assert_eq!(place("host=db password=''"), (vec!["db".to_owned()], vec![], None, Some(String::new()), None));
}

#[test]
fn the_encryption_is_what_libpq_makes_of_it() {
    let root = |path: &str| Some(Path::new(path).to_owned());
    for (dsn, mode, file) in [
        ("postgres://db", SslMode::Prefer, None),
        ("postgres://db?sslmode=disable", SslMode::Disable, None),
        ("postgres://db?sslmode=allow", SslMode::Allow, None),
        ("postgres://db?sslmode=prefer", SslMode::Prefer, None),
        ("postgres://db?sslmode=require", SslMode::Require, None),
        ("postgres://db?sslmode=require&sslrootcert=/ca.pem", SslMode::VerifyCa, root("/ca.pem")),
        ("postgres://db?sslmode=verify-ca&sslrootcert=%2Fca.pem", SslMode::VerifyCa, root("/ca.pem")),
        ("host=db sslmode=verify-full sslrootcert='/a b.pem'", SslMode::VerifyFull, root("/a b.pem")),
        ("postgres://db?sslmode=verify-full", SslMode::VerifyFull, None),
        ("postgres://db?sslrootcert=system", SslMode::VerifyFull, None),
        ("host=/run/postgresql sslmode=require", SslMode::Disable, None),
    ] {
        assert_eq!(good(dsn).encryption, Encryption { mode, root: file }, "{dsn}");
    }
}

#[test]
fn the_binding_to_the_channel_is_what_is_asked_for() {
    for (dsn, binding) in [
        ("postgres://db?sslmode=require", ChannelBinding::Prefer),
        ("postgres://db?sslmode=require&channel_binding=require", ChannelBinding::Require),
        ("host=db channel_binding=prefer", ChannelBinding::Prefer),
        ("host=db channel_binding=disable", ChannelBinding::Disable),
    ] {
        assert_eq!(good(dsn).config.get_channel_binding(), binding, "{dsn}");
    }
}

#[test]
fn the_session_is_what_the_options_ask_for() {
    let options = "application_name=sso&connect_timeout=7&options=-c%20a%3Db&target_session_attrs=read-write";
    let asked = good(&format!("postgres://db?{options}")).config;
    assert_eq!((asked.get_application_name(), asked.get_options()), (Some("sso"), Some("-c a=b")));
    assert_eq!(asked.get_connect_timeout(), Some(&Duration::from_secs(7)));
    assert_eq!(asked.get_target_session_attrs(), TargetSessionAttrs::ReadWrite);
    let standby = good("host=db target_session_attrs=read-only connect_timeout=0").config;
    assert_eq!((standby.get_application_name(), standby.get_connect_timeout()), (Some("kayan"), None));
    assert_eq!(standby.get_target_session_attrs(), TargetSessionAttrs::ReadOnly);
    assert_eq!(good("host=db target_session_attrs=any").config.get_target_session_attrs(), TargetSessionAttrs::Any);
}

#[test]
fn a_malformed_dsn_is_refused_and_tells_no_secret() {
    let unknown = |name: &str| DsnError::UnknownOption(name.to_owned());
    let value = |option, allowed| DsnError::UnknownValue { option, allowed };
    let modes = "disable, allow, prefer, require, verify-ca, verify-full";
    for (dsn, error) in [
        ("", DsnError::Form),
        ("hunter2", DsnError::Form),
        ("host=db password='hunter2", DsnError::Form),
        ("host=db password=hunter2\\", DsnError::Form),
        ("host=db hunter2", DsnError::Form),
        ("=hunter2", DsnError::Form),
        ("host=db\0 password=hunter2", DsnError::Form),
        ("mysql://u:hunter2@db/kayan", DsnError::Form),
        ("postgres://u:hunter2@[::1/kayan", DsnError::Form),
        ("postgres://u:hunter2@[::1]5432/kayan", DsnError::Form),
        ("postgres://u@db/kayan?hunter2", DsnError::Form),
        ("postgres://u:hunter2%@db", DsnError::Encoding),
        ("postgres://u:hunter2%zz@db", DsnError::Encoding),
        ("postgres://u:hunter2%00@db", DsnError::Encoding),
        ("postgres://u:hunter2%ff@db", DsnError::Encoding),
        ("postgres://u:hunter2@/kayan", DsnError::NoHost),
        ("user=u password=hunter2", DsnError::NoHost),
        ("host=a,, password=hunter2", DsnError::NoHost),
        ("postgres://u:hunter2@db:0", DsnError::Port),
        ("postgres://u:hunter2@db:65536", DsnError::Port),
        ("postgres://u:hunter2@db:1:2", DsnError::Port),
        ("host=a,b,c port=1,2 password=hunter2", DsnError::Port),
        ("postgres://u:p?hunter2=x@db/kayan", DsnError::Port),
        ("postgres://u:hunter2@db/kayan?sslmode=require&gssencmode=disable", unknown("\"gssencmode\"")),
        ("postgres://u:p@db/kayan?hunter2=1@db", unknown("number 5")),
        ("host=db sslcert=hunter2", unknown("\"sslcert\"")),
        ("host=db password=a hunter2=b", unknown("number 3")),
        ("postgres://db?password=a&hunter2=b", unknown("number 3")),
        ("host=db password=hunter2 user=u gssencmode=disable", unknown("\"gssencmode\"")),
        ("postgres://u:hunter2@db?sslmode=disable&channel_binding=require", DsnError::NothingToBindTo),
        ("host=/run/postgresql password=hunter2 channel_binding=require", DsnError::NothingToBindTo),
        ("host=db channel_binding=hunter2", value("channel_binding", "disable, prefer, require")),
        ("host=db user=a user=hunter2", DsnError::Twice("user")),
        ("postgres://a@db?password=x&password=hunter2", DsnError::Twice("password")),
        ("host=db sslmode=hunter2", value("sslmode", modes)),
        ("host=db sslmode=REQUIRE password=hunter2", value("sslmode", modes)),
        ("host=db target_session_attrs=hunter2", value("target_session_attrs", "any, read-write, read-only")),
        (
            "host=db connect_timeout=hunter2",
            value("connect_timeout", "whole seconds; 0 waits as long as a request may"),
        ),
        ("host=db sslmode=require sslrootcert=system password=hunter2", DsnError::WeakSystemRoots),
    ] {
        assert_eq!(dsn.parse::<Dsn>(), Err(error.clone()), "{dsn}");
        let text = error.to_string();
        assert!(!text.contains("hunter2"), "{text}");
    }
}
