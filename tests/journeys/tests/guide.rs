//! The operations guide's sections on security operations, the audit export and the log analysis, line by line.

use kayan_journeys::{Done, Home, Kind, PASSWORD, Person, Service, ask};
use serde_json::Value;

use crate::trail::{back_to_2024, bash};

/// Runs lines of the guide as printed, with its placeholders for addresses and ids filled in.
async fn runs(home: &Home, lines: &str) -> Done {
    let done = bash(home, lines).await;
    assert_eq!(done.code, 0, "{lines}: {done:?}");
    done
}

/// Runs every command of the three sections that calls Kayan or reads its output.
pub(crate) async fn three_sections_run_as_printed(kind: Kind) {
    let home = Home::on(kind).with("KAYAN_AUDIT_LOG", "audit.log").with("KAYAN_SESSION_CACHE_TTL", "0s");
    let home = home.with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_RATE_LIMIT_ENABLED", "true");
    let home = home.with("KAYAN_RATE_LIMIT_REQUESTS", "40").with("KAYAN_RATE_LIMIT_WINDOW", "24h");
    let service = Service::start_in(home).await;
    let (client, home) = (service.client(), service.home());
    let [ada, bert] = [Person::register(&client, "ada").await, Person::register(&client, "bert").await];
    back_to_2024(home, 31).await;

    // Rotate Secrets: the part that needs no cluster.
    let secrets = "NEW_SESSION_SECRET=$(openssl rand -base64 32)\nNEW_JWT_SECRET=$(openssl rand -base64 64)";
    let told = runs(home, &format!("{secrets}\necho \"$NEW_SESSION_SECRET\" \"$NEW_JWT_SECRET\"")).await;
    assert!(told.stdout.len() > 120, "{told:?}");

    // Lock Specific User.
    let line = "kayan admin user lock --id <user-id> --reason \"Security incident\"";
    runs(home, &line.replace("<user-id>", &ada.id)).await;
    ada.assert_out().await;
    let token = runs(home, "kayan admin token create --permissions users:read,users:write --ttl 1h").await;
    let curl =
        "curl -X POST http://localhost:8080/admin/users/<id>/lock \\\n  -H \"Authorization: Bearer $ADMIN_TOKEN\"";
    let curl = curl.replace("http://localhost:8080", client.origin()).replace("<id>", &bert.id);
    let locked = runs(home, &format!("ADMIN_TOKEN={}\n{curl}", token.stdout.trim())).await;
    let locked: Value = serde_json::from_str(&locked.stdout).unwrap();
    assert_eq!((locked["id"].as_str(), locked["state"].as_str()), (Some(&*bert.id), Some("locked")));
    bert.assert_out().await;
    runs(home, &format!("kayan admin user unlock --id {}\nkayan admin user unlock --id {}", ada.id, bert.id)).await;

    // Force Logout All Users.
    let [ada, bert] = [ada.log_in().await, bert.log_in().await];
    let revoked = runs(home, "kayan admin sessions revoke-all").await;
    assert_eq!(revoked.stdout, "2 revoked\n");
    ada.assert_out().await;
    let again = bert.log_in().await;
    let emergency = "UPDATE sessions SET active = false WHERE active = true;";
    // Sessions ended by revoke-all still say active: their epoch is over.
    assert_eq!(home.database().await.execute(emergency).await, 3);
    again.assert_out().await;

    // Events that the filters select.
    for _ in 0..5 {
        ask(Person::login(&client, &ada.email, "wrong, and long")).await.refused(401, "invalid_credentials");
    }
    ask(Person::login(&client, &ada.email, PASSWORD)).await.refused(423, "account_locked");
    while ada.who_am_i().await.status != 429 {}

    // Audit Log Export.
    let month = "kayan audit export \\\n  --start \"2024-01-01\" \\\n  --end \"2024-01-31\" \\\n  --format json \\\n  \
                 --output audit-2024-01.json";
    runs(home, month).await;
    let january: Vec<Value> = serde_json::from_slice(&std::fs::read(home.path("audit-2024-01.json")).unwrap()).unwrap();
    assert!(january.iter().any(|event| event["type"] == "identity.created"), "{january:?}");
    let types = "kayan audit export \\\n  --types \"auth.login.failure,auth.login.blocked\" \\\n  --format csv";
    let table = runs(home, types).await.stdout;
    assert_eq!(table.lines().skip(1).filter(|line| line.contains("auth.login.")).count(), 6, "{table}");

    // Log Analysis, once the log is complete.
    service.terminate();
    let (code, log, home) = service.ended().await;
    assert_eq!(code, 0, "{log}");
    for (filter, expected) in [
        ("jq 'select(.type==\"auth.login.failure\")' /var/log/kayan/audit.log", 5),
        ("jq 'select(.type==\"auth.login.blocked\")' /var/log/kayan/audit.log", 1),
        ("jq 'select(.type==\"security.rate_limited\")' /var/log/kayan/audit.log", 1),
    ] {
        let here = filter.replace("/var/log/kayan/audit.log", "audit.log");
        let found = runs(&home, &format!("{here} | jq -s length")).await;
        assert_eq!(found.stdout.trim(), expected.to_string(), "{filter}");
    }
}
