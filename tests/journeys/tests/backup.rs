//! Backups: created, verified and restored.

use std::{fs, os::unix::fs::PermissionsExt as _};

use kayan_journeys::{Done, Home, Kind, PASSWORD, Person, Service, ask, count};
use serde_json::Value;

use crate::trail::bash;

pub(crate) const DATA_KEY: &str = "b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfef";
const KEY: &str = "q3Vq9xRb2Lw8Tz4Jc7Ym1Kf6Hd3Gs0Pb";
const OTHER_KEY: &str = "z2Uj7Wm4Xk9Bq1Zt6Ry3Nv8Lc5Fh0DsH";

#[track_caller]
fn ended(done: &Done, code: i32, why: &str) {
    assert_eq!(done.code, code, "{done:?}");
    assert!(done.stderr.contains(why), "{why}: {done:?}");
    assert!(!done.stderr.contains("panicked"), "{done:?}");
}

fn json(done: &Done) -> Value {
    ended(done, 0, "");
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

/// A migrated home with one user.
async fn with_a_user() -> Home {
    let home = Home::new().with("KAYAN_DATA_KEY", DATA_KEY);
    assert_eq!(home.run("migrate up").await.code, 0);
    let create = "admin user create --email ada@example.com --password-stdin";
    ended(&home.run_with(create, &format!("{PASSWORD}\n")).await, 0, "");
    home
}

#[tokio::test]
async fn a_backup_says_what_is_in_it_and_only_its_owner_may_read_it() {
    let home = with_a_user().await;
    let made = home.run("backup create --output kayan.backup --format json").await;
    ended(&made, 0, "the file is not encrypted");
    assert!(made.stderr.contains("it does not hold KAYAN_DATA_KEY"), "{made:?}");
    let told = json(&made);
    assert_eq!((&told["tables"]["identities"], &told["tables"]["credentials"]), (&1.into(), &1.into()), "{told}");
    assert_eq!((&told["encrypted"], &told["database"]), (&false.into(), &Kind::chosen().name().into()));
    let mode = fs::metadata(home.path("kayan.backup")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    // Elsewhere, with settings that no service would start with.
    let elsewhere = Home::newcomers().with("KAYAN_PORT", "none").with("KAYAN_DB_DSN", "nowhere");
    let path = home.path("kayan.backup").display().to_string();
    assert_eq!(json(&elsewhere.run(&format!("backup verify {path} --format json")).await), told);
    let table = elsewhere.run(&format!("backup verify {path}")).await;
    assert!(
        table.stdout.contains("identities") && table.stdout.contains(told["sha256"].as_str().unwrap()),
        "{table:?}"
    );
    let digest = bash(&home, "head -c -32 kayan.backup | sha256sum | cut -c -64").await;
    assert_eq!(digest.stdout.trim_end(), told["sha256"], "as the guide says");
}

#[tokio::test]
async fn a_file_that_is_no_whole_backup_is_refused_before_anything_is_written() {
    let home = with_a_user().await;
    ended(&home.run("backup create --output kayan.backup").await, 0, "");
    let whole = fs::read(home.path("kayan.backup")).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let text = |old: &str, new: &str| String::from_utf8_lossy(&whole[..300]).replacen(old, new, 1);
    let newer = text("\"schema_version\":16", "\"schema_version\":99");
    let older = text("\"schema_version\":16", "\"schema_version\":8");
    let target = Home::new();
    for (bytes, why) in [
        (&b"SQLite format 3\0"[..], "it is no backup of Kayan"),
        (b"", "it is no backup of Kayan"),
        (&whole[..whole.len() - 1], "it is cut off"),
        (&whole[..whole.len() / 2], "it is cut off"),
        (&flipped, "was changed"),
        (&[&whole[..], b"x"].concat(), "there is more behind its end"),
        (newer.as_bytes(), "its schema is at version 99, and this program knows versions 9 to 16"),
        (older.as_bytes(), "its schema is at version 8"),
    ] {
        fs::write(target.path("broken.backup"), bytes).unwrap();
        let restored = target.run("backup restore broken.backup").await;
        ended(&restored, 1, why);
        assert!(restored.stderr.contains("broken.backup: ") && restored.stdout.is_empty(), "{restored:?}");
        if !why.contains("schema") {
            ended(&target.run("backup verify broken.backup").await, 1, why);
        }
    }
    ended(&target.run("backup restore nowhere.backup").await, 1, "nowhere.backup: it can't be read");
    ended(&target.run("backup verify .").await, 1, "it can't be read");
    let status = target.run("migrate status").await;
    assert!(status.code == 3 && !status.stdout.contains("applied  "), "nothing was written: {status:?}");
}

#[tokio::test]
async fn a_sealed_backup_opens_with_its_key_alone() {
    let home = with_a_user().await.with("KAYAN_BACKUP_KEY", KEY);
    let made = home.run("backup create --output kayan.backup").await;
    ended(&made, 0, "");
    assert!(!made.stderr.contains("not encrypted") && !made.stderr.contains("no such setting"), "{made:?}");
    assert!(!String::from_utf8_lossy(&fs::read(home.path("kayan.backup")).unwrap()).contains("ada@"));
    ended(&home.run("backup verify kayan.backup").await, 0, "");
    let home = home.with("KAYAN_BACKUP_KEY", OTHER_KEY);
    let wrong = home.run("backup verify kayan.backup").await;
    ended(&wrong, 1, "it was encrypted with another key");
    assert!(!wrong.stderr.contains(OTHER_KEY), "{wrong:?}");
    let home = home.without("KAYAN_BACKUP_KEY");
    for line in ["backup verify kayan.backup", "backup restore kayan.backup"] {
        ended(&home.run(line).await, 1, "it is encrypted: name the file with its key with --key-file");
    }
    // The same key in any of its forms, in a file.
    fs::write(home.path("raw"), KEY).unwrap();
    let hexadecimal = KEY.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
    fs::write(home.path("hex"), format!("{hexadecimal}\n")).unwrap();
    for form in ["raw", "hex"] {
        ended(&home.run(&format!("backup verify kayan.backup --key-file {form}")).await, 0, "");
    }
    fs::write(home.path("weak"), "secret").unwrap();
    for (file, why) in
        [("weak", "--key-file: is a well-known value; make one with"), ("nowhere", "nowhere can't be read")]
    {
        ended(&home.run(&format!("backup create --output other.backup --key-file {file}")).await, 78, why);
    }
    assert!(!home.path("other.backup").exists());
    ended(&home.run("backup create --output open.backup").await, 0, "");
    let unexpected = home.run("backup restore open.backup --key-file raw").await;
    ended(&unexpected, 1, "it is not encrypted, and a key is given");
}

#[tokio::test]
async fn an_installation_in_use_is_never_restored_over() {
    let (from, into) = (with_a_user().await, with_a_user().await);
    ended(&from.run("backup create --output kayan.backup").await, 0, "");
    let path = from.path("kayan.backup").display().to_string();
    let refused = into.run(&format!("backup restore {path}")).await;
    ended(&refused, 1, "the database is in use: there are 1 rows in its table identities");
    assert!(refused.stderr.contains("KAYAN_DB_DSN"), "{refused:?}");
    assert_eq!(count(&into.database().await, "SELECT COUNT(*) FROM audit_events").await, 2);
    // A tenant counts as data just as a user does.
    let tenant = Home::new();
    ended(&tenant.run("admin tenant create --id acme").await, 0, "");
    ended(&tenant.run(&format!("backup restore {path}")).await, 1, "the database is in use");
    assert_eq!(count(&tenant.database().await, "SELECT COUNT(*) FROM tenants").await, 2);
}

#[tokio::test]
async fn a_backup_that_fails_leaves_the_old_file() {
    let home = with_a_user().await;
    fs::write(home.path("old.backup"), "old").unwrap();
    for (output, why) in [("nowhere/new.backup", "nowhere/new.backup can't be written"), (".", "can't be written")] {
        ended(&home.run(&format!("backup create --output {output}")).await, 1, why);
    }
    let long = (0_u32..60_000).map(|at| format!("{:08x}", at.wrapping_mul(2_654_435_761))).collect::<Vec<_>>().concat();
    let fill = format!("UPDATE audit_events SET metadata = '{{\"long\":\"{long}\"}}'");
    home.database().await.execute(&fill).await;
    // A file can't grow beyond 100 KiB then, as on a full disk.
    let full = bash(&home, "trap '' XFSZ; ulimit -f 100; kayan backup create --output old.backup").await;
    ended(&full, 1, "what was there before is still there");
    assert!(full.stdout.is_empty(), "{full:?}");
    assert_eq!(fs::read_to_string(home.path("old.backup")).unwrap(), "old");
    let files: Vec<_> = fs::read_dir(home.path(".")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(files.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{files:?}");
    ended(&home.run("backup create --output old.backup").await, 0, "");
    assert!(fs::metadata(home.path("old.backup")).unwrap().len() > 100 * 1024);
}

#[tokio::test]
async fn i_25_what_was_revoked_since_the_backup_stays_so_after_the_restore() {
    let service = Service::start_in(Home::new().with("KAYAN_DATA_KEY", DATA_KEY)).await;
    let home = service.home();
    let (ada, bob) =
        (Person::register(&service.client(), "ada").await, Person::register(&service.client(), "bob").await);
    let token = home.run("admin token create --permissions users:read").await.stdout.trim_end().to_owned();
    ended(&home.run("backup create --output kayan.backup").await, 0, "");
    // After the backup.
    ada.log_out().await.expect(204);
    ended(&home.run_with("admin token revoke --token-stdin", &token).await, 0, "is revoked");
    let path = home.path("kayan.backup").display().to_string();

    let into = Home::new().with("KAYAN_DATA_KEY", DATA_KEY);
    ended(
        &into.run(&format!("backup restore {path}")).await,
        0,
        "all sessions are ended, and all admin tokens are dead",
    );
    let restored = Service::start_in(into).await;
    let client = restored.client();
    for person in [&ada, &bob] {
        Person { client: client.clone(), ..person.clone() }.assert_out().await;
    }
    ask(client.get("/admin/users").bearer_auth(&token)).await.refused(401, "unauthorized");
    ask(Person::login(&client, &ada.email, PASSWORD)).await.expect(200);
    let anew = restored.home().run("admin token create --permissions users:read").await.stdout;
    ask(client.get("/admin/users").bearer_auth(anew.trim_end())).await.expect(200);
    let told = restored.home().run("audit query --types backup.restored --format json").await;
    assert_eq!(json(&told)[0]["metadata"]["sessions"], "ended", "{told:?}");
}

#[tokio::test]
async fn a_restored_database_whose_keys_do_not_open_is_told_of_at_once() {
    let home = with_a_user().await;
    ended(&home.run("admin token create --permissions users:read").await, 0, "");
    ended(&home.run("backup create --output kayan.backup").await, 0, "");
    let path = home.path("kayan.backup").display().to_string();
    let into = Home::new().with("KAYAN_DATA_KEY", KEY);
    let restored = into.run(&format!("backup restore {path}")).await;
    ended(&restored, 0, "the service will not start: the keys in the database are sealed under a KAYAN_DATA_KEY");
}
