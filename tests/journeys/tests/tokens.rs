//! Admin tokens on the command line, and the keys that sign them.

use kayan_journeys::{Done, Home, Service, count};
use serde_json::Value;

const ONE: &str = "n5Vq9xRb2Lw8Tz4Jc7Ym1Kf6Hd3Gs0Pa";
const TWO: &str = "e2Uj7Wm4Xk9Bq1Zt6Ry3Nv8Lc5Fh0DsG";
const DATA_KEY: &str = "b7e151628aed2a6abf7158809cf4f3c762e7160f38b4da56a784d9045190cfef";

#[track_caller]
fn ended(done: &Done, code: i32, why: &str) {
    assert_eq!(done.code, code, "{done:?}");
    assert!(done.stderr.contains(why), "{why}: {done:?}");
    assert!(code == 0 || done.stdout.is_empty(), "results only on standard output: {done:?}");
    assert!(!done.stderr.contains("panicked") && !done.stderr.contains("kya_"), "{done:?}");
}

async fn token(home: &Home, line: &str, input: &str) -> String {
    let done = home.run_with(&format!("admin token {line}"), input).await;
    ended(&done, 0, "");
    let token = done.stdout.trim_end().to_owned();
    assert!(token.starts_with("kya_") && !token.contains(char::is_whitespace), "one token and nothing else: {done:?}");
    token
}

async fn inspect(home: &Home, token: &str) -> Value {
    let done = home.run_with("admin token inspect --format json", &format!("{token}\n")).await;
    ended(&done, 0, "");
    assert!(!done.stdout.contains("kya_"), "{done:?}");
    serde_json::from_str(&done.stdout).expect("JSON")
}

#[tokio::test]
async fn a_token_is_made_narrowed_inspected_and_revoked() {
    let home = Home::new();
    let made = home.run("admin token create --permissions users:read,audit:* --ttl 1h --name bot").await;
    ended(&made, 0, "revoke it with: kayan admin token revoke --id ");
    let parent = made.stdout.trim_end().to_owned();
    // Narrowing needs no database, no key and no settings.
    let elsewhere = Home::new().with("KAYAN_DB_DSN", "nowhere").with("KAYAN_PORT", "none");
    let child = token(&elsewhere, "attenuate --permissions audit:read --ttl 5m --tenant default", &parent).await;
    assert_ne!(child, parent);

    let found = inspect(&home, &parent).await;
    assert_eq!(found["permissions"], serde_json::json!(["users:read", "audit:read", "audit:export", "audit:purge"]));
    assert_eq!((&found["valid"], &found["name"], &found["tenant_id"]), (&true.into(), &"bot".into(), &Value::Null));
    assert!(made.stderr.contains(found["id"].as_str().unwrap()), "{made:?}");
    let narrowed = inspect(&home, &child).await;
    assert_eq!(narrowed["permissions"], serde_json::json!(["audit:read"]));
    assert_eq!((&narrowed["id"], &narrowed["tenant_id"]), (&found["id"], &"default".into()));
    assert!(narrowed["expires_at"].as_str() < found["expires_at"].as_str(), "{narrowed}");
    assert_eq!(narrowed["blocks"].as_array().map(Vec::len), Some(2));
    let table = home.run_with("admin token inspect", &child).await;
    assert!(table.stdout.contains("users:read,audit:*") && table.stderr.contains("bot: valid"), "{table:?}");

    ended(&home.run_with("admin token revoke --reason lost --token-stdin", &child).await, 0, "is revoked");
    assert_eq!(inspect(&home, &child).await["revoked"], true);
    assert_eq!(inspect(&home, &parent).await["valid"], true, "what it was narrowed from lives");
    let id = found["id"].as_str().unwrap();
    ended(&home.run(&format!("admin token revoke --id {id}")).await, 0, "is revoked");
    ended(&home.run(&format!("admin token revoke --id {id}")).await, 0, "was already revoked");
    assert_eq!(inspect(&home, &parent).await["valid"], false);
    let again = token(&home, "attenuate --permissions audit:read", &parent).await;
    assert_eq!(inspect(&home, &again).await["valid"], false, "a revoked token's children are dead");

    let database = home.database().await;
    for (action, times) in [("token.create", 1), ("token.revoke", 2)] {
        let told = database.texts("SELECT metadata FROM audit_events WHERE type = 'admin.action'").await;
        assert_eq!(told.iter().filter(|metadata| metadata.contains(action)).count(), times, "{told:?}");
    }
    for table in ["audit_events", "revoked_tokens", "signing_keys"] {
        let rows = database.rows(&format!("SELECT * FROM {table}")).await;
        assert!(!format!("{rows:?}").contains(&parent[4..60]), "no token is kept: {table}");
    }
}

#[tokio::test]
async fn what_is_no_good_is_refused_with_its_reason() {
    let (home, other) = (Home::new(), Home::new());
    let ours = token(&home, "create --permissions *", "").await;
    let forged = token(&other, "create --permissions *", "").await;
    for (line, code, why) in [
        ("create --permissions users:raed", 2, "gives none of the permissions there are"),
        ("create --permissions Users:read", 2, "is no permission"),
        ("create --permissions **:read", 2, "is no permission"),
        ("create --permissions users:read --ttl 367h --name a/b", 2, "a token's name"),
        ("create --permissions users:read --ttl 9000h", 2, "at most 366 days"),
        ("create --permissions users:read --tenant nowhere", 4, "there is no active tenant `nowhere`"),
        ("create --permissions users:read --ttl 1", 2, "has no unit"),
        ("create", 2, "--permissions"),
        ("attenuate", 2, "there is no token on standard input"),
        ("revoke --id 7", 2, "invalid value"),
    ] {
        ended(&home.run(&format!("admin token {line}")).await, code, why);
    }
    ended(&home.run_with("admin token attenuate", &ours).await, 2, "name a restriction");
    for input in ["kya_junk", "kys_junk", &ours[..ours.len() / 2], &"kya_".repeat(5000)] {
        for line in ["inspect", "revoke", "attenuate --ttl 1m"] {
            let done = home.run_with(&format!("admin token {line}"), input).await;
            assert_eq!(done.code, 2, "{line}: {done:?}");
            assert!(done.stderr.contains("this is no admin token") && done.stdout.is_empty(), "{line}: {done:?}");
        }
    }
    for line in ["inspect", "revoke"] {
        ended(&home.run_with(&format!("admin token {line}"), &forged).await, 1, "was not signed by this service");
    }
    assert_eq!(count(&home.database().await, "SELECT COUNT(*) FROM revoked_tokens").await, 0);
}

#[tokio::test]
async fn a_secret_that_does_not_open_the_keys_keeps_the_service_from_starting_until_the_one_before_is_named() {
    let home = Home::new().with("KAYAN_SESSION_SECRET", ONE);
    let made = token(&home, "create --permissions *", "").await;

    let home = home.with("KAYAN_SESSION_SECRET", TWO);
    ended(&home.run("serve").await, 78, "set KAYAN_SESSION_SECRET_PREVIOUS to it");
    ended(&home.run_with("admin token inspect", &made).await, 1, "KAYAN_SESSION_SECRET_PREVIOUS");
    let home = Service::start_in(home.with("KAYAN_SESSION_SECRET_PREVIOUS", ONE)).await.kill().await;
    let home = home.without("KAYAN_SESSION_SECRET_PREVIOUS");
    assert_eq!(inspect(&home, &made).await["valid"], true, "nothing is lost");

    let home = Service::start_in(home.with("KAYAN_DATA_KEY", DATA_KEY)).await.kill().await;
    // From now on the session secret is not involved.
    let home = Service::start_in(home.with("KAYAN_SESSION_SECRET", ONE)).await.kill().await;
    let home = home.with("KAYAN_DATA_KEY", TWO);
    let refused = home.run("serve").await;
    ended(&refused, 78, "set KAYAN_DATA_KEY_PREVIOUS to it");
    assert!(!refused.stderr.contains(DATA_KEY) && !refused.stderr.contains(TWO), "{refused:?}");
    let home = Service::start_in(home.with("KAYAN_DATA_KEY_PREVIOUS", DATA_KEY)).await.kill().await;
    let home = home.without("KAYAN_DATA_KEY_PREVIOUS");
    assert_eq!(inspect(&home, &made).await["valid"], true);
    ended(&home.without("KAYAN_DATA_KEY").run("serve").await, 78, "a KAYAN_DATA_KEY that is not set now");
}

#[tokio::test]
async fn eight_first_tokens_at_once_are_signed_with_one_key() {
    let home = Home::new().with("KAYAN_SESSION_SECRET", ONE);
    ended(&home.run("migrate up").await, 0, "");
    let making = (0..8).map(|_| token(&home, "create --permissions *", ""));
    for made in futures_util::future::join_all(making).await {
        assert_eq!(inspect(&home, &made).await["valid"], true);
    }
    let database = home.database().await;
    assert_eq!(count(&database, "SELECT COUNT(*) FROM signing_keys").await, 1);
    assert_eq!(count(&database, "SELECT COUNT(*) FROM data_keys").await, 1);
}
