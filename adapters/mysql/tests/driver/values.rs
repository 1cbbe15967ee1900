//! Values come back as they went in, and never as SQL.

use kayan_mysql::Settings;
use kayan_sql::Value;
use time::macros::datetime;
use uuid::Uuid;

use crate::database::{Database, any, apply, number, one, read, run};

const TABLE: &str = "CREATE TABLE t (a longtext CHARACTER SET utf8mb4 NOT NULL, b longblob NOT NULL)";

/// What breaks out of quotes, comments, hexadecimal or a charset, if anything does.
const ATTACKS: [&str; 20] = [
    "'; DROP TABLE t; --",
    "'; DROP TABLE t; -- \n",
    "\\'; DROP TABLE t; #",
    "\\\\'; DROP TABLE t; #",
    "\"; DROP TABLE t; --",
    "`; DROP TABLE t; --",
    "' OR '1'='1",
    "x'27'; DROP TABLE t; --",
    "*/; DROP TABLE t; /*",
    "/*!50000 ; DROP TABLE t; */",
    "\0'; DROP TABLE t; --",
    "\u{1a}'",
    "?",
    "? ?1 $1 :a @b %s {}",
    "\u{bf27}'; DROP TABLE t; --",
    "¿'; DROP TABLE t; --",
    "縗\\'; DROP TABLE t; --",
    "\u{a5}'; DROP TABLE t; --",
    "👩‍🚀\u{10ffff}",
    "trailing blanks  ",
];

#[tokio::test]
async fn no_text_is_taken_for_sql_whatever_the_session_is_set_to() {
    let database = Database::create().await;
    // One connection, so that what is set for the session holds for what follows.
    let driver = database.driver_with(Settings { max_open: 1, ..Settings::default() });
    run(&driver, TABLE).await;
    for session in [
        "SET SESSION sql_mode = ''",
        "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES'",
        "SET SESSION sql_mode = 'ANSI_QUOTES,PIPES_AS_CONCAT,NO_BACKSLASH_ESCAPES,IGNORE_SPACE'",
        "SET SESSION character_set_client = gbk, character_set_connection = gbk",
        "SET SESSION character_set_client = sjis, character_set_connection = sjis",
        "SET SESSION character_set_client = latin1, character_set_connection = latin1",
    ] {
        apply(&driver, vec![any(session, vec![])]).await.unwrap();
        for attack in ATTACKS {
            let params = vec![Value::text(attack), Value::Bytes(attack.as_bytes().to_vec())];
            apply(&driver, vec![one("INSERT INTO t (a, b) VALUES (?, ?)", params)]).await.unwrap();
            let both = vec![Value::text(attack), Value::Bytes(attack.as_bytes().to_vec())];
            let found = read(&driver, "SELECT a, b = a FROM t WHERE a = ? AND b = ?", both).await.unwrap();
            let mut row = found.into_iter().next().unwrap_or_else(|| panic!("{attack:?} is lost: {session}"));
            assert_eq!(row.text().unwrap(), attack, "{session}");
            assert_eq!(row.boolean(), Ok(true), "the bytes are not those of the text: {session}");
            assert_eq!(number(&driver, "SELECT COUNT(*) FROM t").await, 1, "{attack:?}, {session}");
            apply(&driver, vec![one("DELETE FROM t WHERE a = ?", vec![Value::text(attack)])]).await.unwrap();
        }
    }
}

#[tokio::test]
async fn every_type_comes_back_as_it_went_in() {
    let database = Database::create().await;
    let driver = database.driver();
    run(
        &driver,
        "CREATE TABLE t (i bigint, b boolean, t text CHARACTER SET utf8mb4, x binary(3), v varbinary(9),
           u char(36) CHARACTER SET ascii COLLATE ascii_bin, m datetime(6), j longtext CHARACTER SET utf8mb4)",
    )
    .await;
    let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
    let moment = datetime!(2026-10-25 02:30:00.999999 +02:00);
    let params = vec![
        Value::Int(i64::MIN),
        true.into(),
        "".into(),
        Value::Bytes(vec![0, 255, 32]),
        Value::Bytes(vec![]),
        id.into(),
        moment.into(),
        Value::Json("{\"b\":1,\"a\":1.0}".to_owned()),
    ];
    apply(&driver, vec![one("INSERT INTO t VALUES (?, ?, ?, ?, ?, ?, ?, ?)", params.clone())]).await.unwrap();
    let sql = "SELECT i, b, t, LENGTH(x), LENGTH(v), u, m, j, NULL FROM t
WHERE i = ? AND b = ? AND t = ? AND x = ? AND v = ? AND u = ? AND m = ? AND j = ?";
    let mut row = read(&driver, sql, params).await.unwrap().pop().expect("found by every type");
    assert_eq!((row.int(), row.boolean(), row.text()), (Ok(i64::MIN), Ok(true), Ok(String::new())));
    assert_eq!((row.int(), row.int()), (Ok(3), Ok(0)));
    assert_eq!((row.uuid(), row.time()), (Ok(id), Ok(moment)));
    assert_eq!(row.text().unwrap(), "{\"b\":1,\"a\":1.0}");
    assert!(row.at_null());
}
