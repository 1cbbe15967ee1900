//! The import and export of users.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt, process::Stdio, time::Duration};

use kayan_journeys::{Done, Home, Person, Service, ask, count};
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, time::timeout};

const PASSWORD: &str = "correct horse";
/// Hashes of `PASSWORD`, made elsewhere: by pyca's bcrypt, argon2-cffi, Python's hashlib, passlib and Django.
const HASHES: [&str; 9] = [
    "$2a$04$kGhK1CkanqsHrjsUfwvxx.GuEUJOVyCWm6SGJg5vBohGWPf1hyCYy",
    "$2b$04$bus2Ek6NlcjNotla9nCbj.t/3M84ijqupBbsAQ91E9GnwiERkS57W",
    "$2y$04$XreQvXP1HwrRYIk8c8jbMe0z44ZvC4Vk9Xo1kclhJVwpXYc1p.o7e",
    "$argon2id$v=19$m=1024,t=1,p=1$peZn1W9S1Sx/c9sCOB/HHA$KQs1+Ia+hpt1U6al8kd2a/ljvXToNTe3HaJtibANkY4",
    "$scrypt$ln=10,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$6g3umF+uVrJsObaTZhIbbTlgrvOEFcCItdwSjtPF67M",
    "$pbkdf2-sha256$29000$Sumd856Tstb6f2/NGYPwHg$5SY8bsJTCOEYBZY5JNbbVjq71gbkFSZexv2cNRdXE8E",
    "$pbkdf2-sha512$25000$WItRipFyjjFmTGnNOUdIyQ$uk2cTp7ERvaV3NwvDDdgF4RQiuga2I6JhU1G0L.E5QbLsUlN.Qp0/wTRQEgxBeyM/l3nyODaWYlmYCWSJM2RKw",
    "pbkdf2_sha256$10000$Zm9vYmFyYmF6$27TY+EtByPaFW5QPZvSc3qAw3bGIwhRHRCXn0pfumMQ=",
    "$pbkdf2-sha256$i=4096,l=32$c2FsdHNhbHRzYWx0c2FsdA$AMQT1DLB4/O2aTlXohEVubWBXKhvnNRRz5M4oDbgyE4",
];

fn user(number: usize) -> Value {
    json!({ "traits": { "email": format!("u{number}@example.com") }, "password_hash": HASHES[0] })
}

fn users(numbers: std::ops::Range<usize>) -> String {
    numbers.map(|number| user(number).to_string() + "\n").collect()
}

/// The reports by line.
fn reports(text: &str) -> BTreeMap<u64, Value> {
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap_or_else(|_| panic!("{line}")));
    lines.map(|report| (report["line"].as_u64().unwrap(), report)).collect()
}

async fn import(home: &Home, text: impl AsRef<[u8]>, more: &str) -> Done {
    fs::write(home.path("users.ndjson"), text).unwrap();
    home.run(&format!("admin user import --file users.ndjson --format json {more}")).await
}

async fn people(home: &Home) -> i64 {
    count(&home.database().await, "SELECT COUNT(*) FROM identities").await
}

#[tokio::test]
async fn everybody_logs_in_with_the_hash_they_bring_and_it_is_made_anew() {
    let service = Service::start().await;
    let lines: String = HASHES
        .iter()
        .enumerate()
        .map(|(n, hash)| json!({ "traits": { "email": format!("h{n}@example.com") }, "password_hash": hash }))
        .map(|line| line.to_string() + "\n")
        .collect();
    let done = import(service.home(), lines, "").await;
    assert_eq!((done.code, done.stdout.lines().count()), (0, HASHES.len()), "{done:?}");
    assert!(done.stderr.contains("9 imported"), "{done:?}");
    for n in 0..HASHES.len() {
        let email = format!("h{n}@example.com");
        ask(Person::login(&service.client(), &email, "incorrect horse")).await.refused(401, "invalid_credentials");
        ask(Person::login(&service.client(), &email, PASSWORD)).await.expect(200);
        ask(Person::login(&service.client(), &email, PASSWORD)).await.expect(200);
    }
    let database = service.home().database().await;
    let kept = database.texts("SELECT secret FROM credentials").await;
    assert!(kept.iter().all(|secret| secret.starts_with("$2")), "{kept:?}");
}

#[tokio::test]
async fn every_line_that_is_wrong_is_told_by_its_number_and_the_rest_goes_in() {
    let home = Home::new();
    let overlong = format!("{{\"traits\":{{\"email\":\"{}@example.com\"}}}}", "x".repeat(1024 * 1024));
    let email = |n: usize| format!("w{n}@example.com");
    let lines: Vec<(Vec<u8>, &str)> = vec![
        (user(1).to_string().into(), ""),
        (b"not json".to_vec(), "not_json"),
        (b"[1,2]".to_vec(), "not_an_object"),
        (br#"{"traits":{"email":"a@b.example"},"traits":{"email":"c@d.example"}}"#.to_vec(), "duplicate_key"),
        (b"{\"traits\":{\"email\":\"\xff\xfe@example.com\"}}".to_vec(), "not_utf8"),
        (overlong.into(), "too_long"),
        (br#"{"traits":{"email":"a@b.example"}"#.to_vec(), "not_json"),
        (json!({ "traits": { "email": email(1) }, "password_hash": "{SHA}s3cretvalue" }).to_string().into(), "/password_hash unknown_hash"),
        (json!({ "traits": { "email": email(2) }, "password_hash": "$2b$31$abcdefghijklmnopqrstuuGUnCqbfgs3htOkLrFduUjAyLBw1Rq/u" }).to_string().into(), "/password_hash unknown_hash"),
        (json!({ "traits": { "email": "nonsense" } }).to_string().into(), "/traits/email format"),
        (json!({ "traits": { "name": "Nobody" } }).to_string().into(), "/traits/email required"),
        (json!({ "traits": { "email": email(3) }, "password": "s3cretvalue" }).to_string().into(), "/password unknown"),
        (json!({ "traits": { "email": email(4) }, "state": "asleep" }).to_string().into(), "/state invalid"),
        (json!({ "traits": { "email": email(5) }, "roles": ["emperor"] }).to_string().into(), "/roles/0 unknown_role"),
        (json!({ "traits": { "email": email(6) }, "created_at": "2024-02-30T00:00:00Z" }).to_string().into(), "/created_at invalid"),
        (json!({ "traits": { "email": email(7) }, "tenant_id": "nowhere" }).to_string().into(), "tenant_not_found"),
        (json!({ "traits": { "email": "U1@EXAMPLE.com" } }).to_string().into(), "repeated"),
        (user(2).to_string().into(), ""),
    ];
    let text = lines.iter().map(|(line, _)| line.as_slice()).collect::<Vec<_>>().join(&b'\n');
    for (more, good) in [("--dry-run", "would_import"), ("", "imported"), ("", "exists"), ("--dry-run", "exists")] {
        let done = import(&home, &text, more).await;
        assert_eq!(done.code, 1, "{done:?}");
        let told = reports(&done.stdout);
        assert_eq!(told.len(), lines.len(), "{done:?}");
        for (number, (_, expected)) in (1..).zip(&lines) {
            let report = &told[&number];
            let field = &report["fields"][0];
            let pointed =
                format!("{} {}", field["pointer"].as_str().unwrap_or(""), field["code"].as_str().unwrap_or(""));
            let code = if field.is_null() { report["code"].as_str().unwrap_or("") } else { &pointed };
            assert_eq!(
                (code, &report["outcome"]),
                (*expected, &json!(if expected.is_empty() { good } else { "failed" })),
                "{number}: {report}"
            );
        }
        assert!(!format!("{done:?}").contains("s3cretvalue"), "{done:?}");
        assert_eq!(people(&home).await, if good == "would_import" { 0 } else { 2 });
    }
    let table = home.run("admin user import --file users.ndjson").await;
    assert_eq!(table.code, 1);
    assert!(table.stdout.lines().any(|line| line.contains("10") && line.contains("/traits/email")), "{table:?}");
    assert!(table.stderr.contains("2 exist already, 16 failed"), "{table:?}");
}

#[tokio::test]
async fn i_33_an_import_that_is_killed_loses_nothing_it_reported_and_the_next_completes_it() {
    let home = Home::new().with("KAYAN_LOG_LEVEL", "warn");
    assert!([0, 3].contains(&home.run("migrate up").await.code));
    let all = 6_000;
    fs::write(home.path("users.ndjson"), users(0..all)).unwrap();
    let args = ["admin", "user", "import", "--file", "users.ndjson", "--format", "json"];
    let mut child = home.command(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut told = vec![0; 1 << 10];
    timeout(Duration::from_secs(40), stdout.read_exact(&mut told)).await.unwrap().unwrap();
    child.start_kill().unwrap();
    stdout.read_to_end(&mut told).await.unwrap();
    child.wait().await.unwrap();
    let told = String::from_utf8(told).unwrap();
    let whole = told.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let reported = reports(whole);
    assert!(!reported.is_empty());

    let database = home.database().await;
    for (line, report) in &reported {
        assert_eq!(report["outcome"], "imported", "{line}");
        let id = report["id"].as_str().unwrap();
        assert_eq!(count(&database, &format!("SELECT COUNT(*) FROM identities WHERE id = '{id}'")).await, 1, "{line}");
    }
    drop(database);
    let done = import(&home, users(0..all), "").await;
    assert_eq!(done.code, 0, "{:?}", done.stderr);
    let again = reports(&done.stdout);
    assert_eq!(again.len(), all);
    assert!(
        reported.iter().all(|(line, report)| again[line]["outcome"] == "exists" && again[line]["id"] == report["id"])
    );
    let database = home.database().await;
    for sql in [
        "SELECT COUNT(*) FROM identities",
        "SELECT COUNT(*) FROM credentials",
        "SELECT COUNT(*) FROM audit_events WHERE type = 'identity.created'",
    ] {
        assert_eq!(count(&database, sql).await, i64::try_from(all).unwrap(), "{sql}");
    }
}

#[tokio::test]
async fn what_is_exported_is_imported_elsewhere_as_it_is() {
    let (from, to) = (Home::new(), Home::new());
    let full = json!({
        "id": "01890000-0000-7000-8000-000000000001", "tenant_id": "default", "state": "locked",
        "traits": { "email": "Zoe@example.com", "name": "Zoë \"Z\" O'Neill\u{1F600}" }, "verified": ["zoe@EXAMPLE.com"],
        "roles": ["operator", "viewer"], "created_at": "2020-01-02T03:04:05.123456Z",
        "last_login_at": "2024-02-29T11:00:00.500000Z", "password_hash": HASHES[4],
    });
    let done = import(&from, format!("{full}\n{}", users(0..3)), "").await;
    assert_eq!(done.code, 0, "{done:?}");
    let done = from.run("admin user export --with-hashes --output out.ndjson").await;
    assert_eq!((done.code, &*done.stdout), (0, ""), "{done:?}");
    assert_eq!(fs::metadata(from.path("out.ndjson")).unwrap().permissions().mode() & 0o777, 0o600);
    let exported = fs::read_to_string(from.path("out.ndjson")).unwrap();
    let first: Value = serde_json::from_str(exported.lines().next().unwrap()).unwrap();
    assert_eq!(first, full);
    let done = import(&to, &exported, "").await;
    assert_eq!(done.code, 0, "{done:?}");
    assert_eq!(to.run("admin user export --with-hashes").await.stdout, exported);

    let plain = from.run("admin user export --state locked").await.stdout;
    assert!(plain.lines().count() == 1 && !plain.contains("password_hash") && !plain.contains("$scrypt"), "{plain}");
    assert_eq!(from.run("admin user export --tenant nobodys").await.code, 4);
    let database = from.database().await;
    let told = database.texts("SELECT metadata FROM audit_events WHERE type = 'admin.action'").await;
    assert_eq!(told.iter().filter(|it| it.contains("user.export")).count(), 2, "{told:?}");
    assert!(!told.concat().contains("$scrypt"), "{told:?}");
}

#[tokio::test]
async fn mistakes_change_nothing_and_say_what_was_wrong() {
    let home = Home::new();
    assert_eq!(import(&home, users(0..1), "").await.code, 0);
    fs::write(home.path("kept"), "kept").unwrap();
    for (line, code, why) in [
        ("admin user import", 2, "--file"),
        ("admin user import --file nowhere.ndjson", 1, "nowhere.ndjson"),
        ("admin user import --file .", 1, "directory"),
        ("admin user import --file users.ndjson --report nowhere/report", 1, "nowhere/report"),
        ("admin user import --file users.ndjson --tenant Bad!", 2, "--tenant"),
        ("admin user export --output nowhere/users", 1, "nowhere/users"),
        ("admin user export --output .", 1, "directory"),
        ("admin user export --state asleep", 2, "locked"),
    ] {
        let done = home.run(line).await;
        assert!(done.code == code && done.stderr.contains(why) && done.stdout.is_empty(), "{line}: {done:?}");
    }
    assert_eq!(people(&home).await, 1);
    let full = home.run("admin user export --output /dev/full").await;
    assert!(full.code == 1 && full.stderr.contains("/dev/full"), "{full:?}");
    let done = home.run_with("admin user import --file - --report report.ndjson", &users(0..3)).await;
    assert_eq!((done.code, &*done.stdout), (0, ""), "{done:?}");
    let told = reports(&fs::read_to_string(home.path("report.ndjson")).unwrap());
    let outcomes: Vec<&Value> = told.values().map(|report| &report["outcome"]).collect();
    assert_eq!(outcomes, ["exists", "imported", "imported"]);
    let empty = home.run_with("admin user import --file -", "\n\n").await;
    assert!(empty.code == 0 && empty.stderr.contains("0 users"), "{empty:?}");
    let help = home.run("admin user import --help").await;
    assert!(
        help.code == 0 && help.stdout.contains("password_hash") && help.stdout.contains("pbkdf2_sha256"),
        "{help:?}"
    );
    let command = format!("{} admin user export | head -c 1", kayan_journeys::binary().display());
    let mut bash = tokio::process::Command::new("bash");
    let quiet = bash.args(["-c", &command]).envs(home.settings()).current_dir(home.path(".")).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&quiet.stderr), "");
}

#[tokio::test]
async fn i_42_a_command_takes_costly_hashes_when_it_is_allowed_to() {
    let home = Home::new();
    let digest = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let with = |cost: &str| {
        let hash = format!("$argon2id$v=19${cost},p=1${digest}");
        json!({ "traits": { "email": "ada@example.com" }, "password_hash": hash }).to_string()
    };
    let field = |done: &Done| reports(&done.stdout)[&1]["fields"][0]["code"].clone();
    let refused = import(&home, with("m=1048576,t=10"), "").await;
    assert_eq!((refused.code, field(&refused)), (1, json!("costly_hash")), "{refused:?}");
    let beyond = import(&home, with("m=1048576,t=11"), "--allow-costly").await;
    assert_eq!((beyond.code, field(&beyond)), (1, json!("unknown_hash")), "{beyond:?}");
    let taken = import(&home, with("m=1048576,t=10"), "--allow-costly").await;
    assert_eq!(taken.code, 0, "{taken:?}");
}

#[tokio::test]
async fn i_17_a_bcrypt_hash_of_a_long_password_opens_as_where_it_was_made() {
    let service = Service::start_in(Home::new().with("KAYAN_PASSWORD_HASHER", "argon2id")).await;
    let hash = "$2b$05$abcdefghijklmnopqrstuuGUnCqbfgs3htOkLrFduUjAyLBw1Rq/u";
    let line = json!({ "traits": { "email": "ada@example.com" }, "password_hash": hash });
    let done = import(service.home(), line.to_string(), "").await;
    assert!(done.stderr.contains("1 imported with bcrypt: only the first 72 bytes"), "{done:?}");
    assert_eq!(reports(&done.stdout)[&1]["cuts_at_72_bytes"], true);
    let exported = service.home().run("admin user export --with-hashes").await;
    assert!(exported.stdout.contains(&format!("\"{hash}\"")), "{exported:?}");
    let log_in = |length: usize| ask(Person::login(&service.client(), "ada@example.com", &"a".repeat(length)));
    log_in(71).await.refused(401, "invalid_credentials");
    log_in(100).await.expect(200);
    // Hashed again here, the whole password counts.
    log_in(72).await.refused(401, "invalid_credentials");
    log_in(100).await.expect(200);
}
