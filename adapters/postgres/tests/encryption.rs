//! Every `sslmode`, against servers with good, expired and foreign certificates.
#![expect(clippy::unwrap_used, clippy::panic, reason = "test code: what goes wrong fails the test")]

use std::time::Duration;

use kayan_contract::throw_away::{PGBOUNCER, POSTGRES, PostgresDatabase, variable};
use kayan_postgres::{ConnectError, Mode, PostgresDriver, Settings};
use kayan_sql::{Driver, DriverError, Query, Reading};

const ENCRYPTED: &str = "-- tests.encrypted\nSELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";

fn driver(dsn: &str) -> PostgresDriver {
    let settings = Settings { statements: Mode::Unnamed, patience: Duration::from_secs(20), ..Settings::default() };
    PostgresDriver::connect(dsn, settings).unwrap()
}

/// Whether the connection is encrypted, or why there is none.
async fn encrypted(dsn: &str) -> Result<bool, String> {
    let query = Query { sql: ENCRYPTED, params: Vec::new(), reading: Reading::Point };
    match driver(dsn).read(query).await {
        Ok(mut rows) => Ok(rows.remove(0).boolean().unwrap()),
        Err(DriverError::Unavailable(why)) => Err(why),
        Err(other) => panic!("{other}"),
    }
}

fn refused<T>(why: &str) -> Result<T, String> {
    Err(format!("KAYAN_DB_DSN: {why}"))
}

#[tokio::test]
async fn every_sslmode_verifies_what_libpqs_does() {
    let database = PostgresDatabase::create().await;
    let here = database.dsn(POSTGRES);
    let ca = format!("sslrootcert={}", variable("KAYAN_TEST_POSTGRES_CA"));
    let elsewhere = here.replace("@127.0.0.1", "@127.0.0.2");
    let named = here.replace("@127.0.0.1", "@localhost");
    let foreign = "the database's certificate is for another host name";
    let unsigned = "the database's certificate is not signed by an authority of sslrootcert";
    for (dsn, options, expected) in [
        (&here, "sslmode=disable", Ok(false)),
        (&here, "sslmode=allow", Ok(false)),
        (&here, "sslmode=prefer", Ok(true)),
        (&here, "", Ok(true)),
        (&here, "sslmode=require", Ok(true)),
        (&elsewhere, "sslmode=require", Ok(true)),
        (&here, &format!("sslmode=verify-ca&{ca}"), Ok(true)),
        (&here, &format!("sslmode=verify-full&{ca}"), Ok(true)),
        (&named, &format!("sslmode=verify-full&{ca}"), Ok(true)),
        (&elsewhere, &format!("sslmode=verify-ca&{ca}"), Ok(true)),
        (&elsewhere, &format!("sslmode=verify-full&{ca}"), refused(foreign)),
        (&here, "sslmode=verify-ca", refused(unsigned)),
        (&here, "sslmode=verify-full", refused(unsigned)),
    ] {
        assert_eq!(encrypted(&format!("{dsn}?{options}")).await, expected, "{options}");
    }
}

#[tokio::test]
async fn a_channel_binding_that_is_asked_for_is_had_or_nobody_gets_in() {
    let database = PostgresDatabase::create().await;
    let here = database.dsn(POSTGRES);
    let ca = format!("sslrootcert={}", variable("KAYAN_TEST_POSTGRES_CA"));
    for options in ["channel_binding=require", "sslmode=allow&channel_binding=require"] {
        assert_eq!(encrypted(&format!("{here}?{options}")).await, Ok(true), "{options}");
    }
    for binding in ["disable", "prefer", "require"] {
        let options = format!("sslmode=verify-full&{ca}&channel_binding={binding}");
        assert_eq!(encrypted(&format!("{here}?{options}")).await, Ok(true), "{binding}");
    }
    // PgBouncer has none.
    let pooled = format!("{}?sslmode=require", database.dsn(PGBOUNCER));
    assert!(encrypted(&format!("{pooled}&channel_binding=prefer")).await.is_ok());
    let answer = encrypted(&format!("{pooled}&channel_binding=require")).await;
    assert_eq!(answer, refused("the database offers no channel binding; choose another channel_binding"));
}

#[tokio::test]
async fn an_expired_certificate_is_refused_where_certificates_are_verified() {
    let database = PostgresDatabase::create().await;
    let (dsn, ca) = (database.dsn(PGBOUNCER), variable("KAYAN_TEST_POSTGRES_CA"));
    // PgBouncer's own way to the server is another connection: only whether there is one matters here.
    for mode in ["disable", "allow", "prefer", "require"] {
        assert!(encrypted(&format!("{dsn}?sslmode={mode}")).await.is_ok(), "{mode}");
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        let answer = encrypted(&format!("{dsn}?sslmode={mode}&sslrootcert={ca}")).await;
        assert_eq!(answer, refused("the database's certificate has expired"), "{mode}");
    }
}

#[tokio::test]
async fn who_is_let_in_one_way_only_gets_in_that_way() {
    let database = PostgresDatabase::create().await;
    let operator = database.connection().await;
    // Other tests may be making them at the same time.
    operator
        .batch_execute(
            "DO $$ BEGIN
                PERFORM pg_advisory_xact_lock(1);
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'plain_only') THEN
                    CREATE ROLE encrypted_only LOGIN PASSWORD 'x';
                    CREATE ROLE plain_only LOGIN PASSWORD 'x';
                END IF;
            END $$",
        )
        .await
        .unwrap();
    let dsn = database.dsn(POSTGRES);
    let (_, place) = dsn.rsplit_once('@').unwrap();
    let pg_hba = "the database's pg_hba.conf does not let this user in from here, or not with this sslmode";
    for (user, mode, expected) in [
        ("encrypted_only", "disable", refused(pg_hba)),
        ("encrypted_only", "allow", Ok(true)),
        ("encrypted_only", "prefer", Ok(true)),
        ("plain_only", "allow", Ok(false)),
        ("plain_only", "prefer", Ok(false)),
        ("plain_only", "require", refused(pg_hba)),
    ] {
        let dsn = format!("postgres://{user}:x@{place}?sslmode={mode}");
        assert_eq!(encrypted(&dsn).await, expected, "{user}, {mode}");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_dsn_is_said_without_its_password() {
    let database = PostgresDatabase::create().await;
    let dsn = database.dsn(POSTGRES);
    let (_, place) = dsn.rsplit_once('@').unwrap();
    let missing = dsn.replace(database.name(), "no_such_database");
    for (dsn, why) in [
        (format!("postgres://kayan:hunter2@{place}"), "the database refuses the user or the password"),
        (missing, "there is no database of that name; create it"),
    ] {
        let said = encrypted(&dsn).await;
        assert!(!format!("{said:?}").contains("hunter2"), "{said:?}");
        assert_eq!(said, refused(why));
    }
    for (dsn, word) in [
        ("postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=/nowhere/ca.pem", "can't be read"),
        ("postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=/dev/null", "holds no certificate"),
        ("postgres://u:hunter2@h/d?sslmode=maybe", "sslmode is one of"),
    ] {
        let error: ConnectError = PostgresDriver::connect(dsn, Settings::default()).err().unwrap();
        let text = format!("{error} {error:?}");
        assert!(text.contains(word) && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_unix_socket_is_a_way_in_too() {
    let database = PostgresDatabase::create().await;
    let operator = database.connection().await;
    let row = operator.query_one("SHOW unix_socket_directories", &[]).await.unwrap();
    let folder: String = row.get(0);
    let dsn = database.dsn(POSTGRES);
    let (credentials, server) = dsn.strip_prefix("postgres://").unwrap().rsplit_once('@').unwrap();
    let (user, password) = credentials.split_once(':').unwrap();
    let (_, port) = server.split_once('/').unwrap().0.rsplit_once(':').unwrap();
    let name = database.name();
    for dsn in [
        format!("postgres://{credentials}@{}:{port}/{name}?sslmode=require", folder.replace('/', "%2F")),
        format!("host={folder} port={port} user={user} password='{password}' dbname={name}"),
    ] {
        assert_eq!(encrypted(&dsn).await, Ok(false), "{folder}");
    }
}
