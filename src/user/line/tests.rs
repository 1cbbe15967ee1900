//! Tests of the lines of an import.

use time::macros::datetime;

use super::*;

fn read(line: &str) -> Result<UserLine, Refusal> {
    UserLine::read(line.as_bytes())
}

/// The pointer and code of each error.
fn wrong(line: &str) -> Vec<(String, String)> {
    match read(line) {
        Err(Refusal::Invalid(errors)) => errors.into_iter().map(|error| (error.pointer, error.code)).collect(),
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn every_member_is_read() {
    let line = read(
        r#"{"password_hash":"$2b$","last_login_at":"2024-02-29T12:00:00.5+01:00","created_at":"2020-01-02T03:04:05.1234567Z",
            "roles":["viewer"],"verified":["a@b.c"],"state":"locked","traits":{"email":"a@b.c","n":[1,-2,1.5,null,true,{}]},
            "tenant_id":"acme","id":"01890000-0000-7000-8000-000000000001"}"#,
    )
    .unwrap();
    assert_eq!(line.id, Some("01890000-0000-7000-8000-000000000001".parse().unwrap()));
    assert_eq!(line.tenant_id, Some("acme".parse().unwrap()));
    assert_eq!(line.traits.0["n"], serde_json::json!([1, -2, 1.5, null, true, {}]));
    assert_eq!(line.state, Some(State::Locked));
    assert_eq!((line.verified, line.roles), (vec!["a@b.c".to_owned()], vec!["viewer".to_owned()]));
    assert_eq!(line.created_at, Some(datetime!(2020-01-02 03:04:05.123456 UTC)));
    assert_eq!(line.last_login_at, Some(datetime!(2024-02-29 11:00:00.5 UTC)));
    assert_eq!(line.password_hash, Some(PasswordHash::new("$2b$".to_owned())));
}

#[test]
fn what_is_written_reads_back_as_itself() {
    let line = UserLine {
        id: Some("01890000-0000-7000-8000-000000000001".parse().unwrap()),
        tenant_id: Some("acme".parse().unwrap()),
        traits: serde_json::from_str(r#"{"email":"ä@b.c","deep":{"a":["\u0001"]}}"#).unwrap(),
        state: Some(State::Pending),
        verified: vec!["ä@b.c".to_owned()],
        roles: vec!["admin".to_owned()],
        created_at: Some(datetime!(2020-01-02 03:04:05.123456 UTC)),
        last_login_at: Some(datetime!(2024-02-29 00:00 UTC)),
        password_hash: Some(PasswordHash::new("$2b$".to_owned())),
    };
    let written = serde_json::to_string(&line).unwrap();
    assert_eq!(read(&written), Ok(line), "{written}");
    let least = UserLine::default();
    assert_eq!(read(&serde_json::to_string(&least).unwrap()), Ok(least));
}

#[test]
fn null_is_as_good_as_nothing_but_not_for_traits() {
    let line = r#"{"traits":{},"id":null,"tenant_id":null,"state":null,"verified":null,"roles":null,"created_at":null,
        "last_login_at":null,"password_hash":null}"#;
    assert_eq!(read(line), Ok(UserLine::default()));
    assert_eq!(wrong(r#"{"traits":null}"#), [("/traits".to_owned(), "invalid".to_owned())]);
    assert_eq!(wrong("{}"), [("/traits".to_owned(), "required".to_owned())]);
}

#[test]
fn all_that_is_of_the_wrong_kind_is_told_at_once_and_no_value_with_it() {
    let line = r#"{"id":"s3cret","tenant_id":"S3CRET","traits":"s3cret","state":"s3cret","verified":"s3cret","roles":[1],
        "created_at":"2024-02-30T00:00:00Z","last_login_at":17,"password_hash":{"s3cret":1},"pass/word":"s3cret"}"#;
    let told = wrong(line);
    let pointers: Vec<&str> = told.iter().map(|(pointer, _)| &**pointer).collect();
    assert_eq!(
        pointers,
        [
            "/id",
            "/tenant_id",
            "/traits",
            "/state",
            "/verified",
            "/roles",
            "/created_at",
            "/last_login_at",
            "/password_hash",
            "/pass~1word"
        ]
    );
    assert_eq!(told[9].1, "unknown");
    let shown = format!("{:?}", read(line));
    assert!(!shown.to_lowercase().contains("s3cret"), "{shown}");
}

#[test]
fn what_is_not_json_is_told_with_its_place() {
    assert_eq!(read("{\"traits\":{},}"), Err(Refusal::NotJson { column: 14 }));
    assert_eq!(read("{\"traits\":{}} {}"), Err(Refusal::NotJson { column: 15 }));
    assert!(matches!(read("{\"traits\":{}"), Err(Refusal::NotJson { .. })));
    assert!(matches!(read("nonsense"), Err(Refusal::NotJson { .. })));
    assert!(matches!(read(&"[".repeat(100_000)), Err(Refusal::NotJson { .. })));
    assert_eq!(read("[]"), Err(Refusal::NoObject));
    assert_eq!(UserLine::read(b"{\"traits\":{\"name\":\"\xff\"}}"), Err(Refusal::NotUtf8 { byte: 20 }));
}

#[test]
fn a_key_that_is_there_twice_is_refused_at_any_depth() {
    for line in [
        r#"{"traits":{},"traits":{}}"#,
        r#"{"traits":{"email":"a@b.c","email":"d@e.f"}}"#,
        r#"{"traits":{"x":[{"y":1,"\u0079":2}]}}"#,
    ] {
        assert!(matches!(read(line), Err(Refusal::DuplicateKey { .. })), "{line}");
    }
}

#[test]
fn a_line_may_be_a_mebibyte_long_and_no_longer() {
    let frame = r#"{"traits":{"name":""}}"#.len();
    let line = |bytes: usize| format!(r#"{{"traits":{{"name":"{}"}}}}"#, "x".repeat(bytes - frame));
    assert!(read(&line(MAX_LINE_BYTES)).is_ok());
    assert_eq!(read(&line(MAX_LINE_BYTES + 1)), Err(Refusal::TooLong));
}
