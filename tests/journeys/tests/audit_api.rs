//! The audit trail over HTTP, and the import of users.

use kayan_journeys::{PASSWORD, Person, ask, events};
use reqwest::Method;
use serde_json::{Value, json};

use crate::administration::Office;

fn types(list: &Value) -> Vec<String> {
    let data = list["data"].as_array().unwrap();
    data.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn events_are_listed_newest_first_by_what_they_are() {
    let office = Office::open().await;
    let ada = Person::register(&office.client, "ada").await;
    ask(Person::login(&office.client, &ada.email, "wrong, and long")).await.refused(401, "invalid_credentials");
    let found = office.get(&format!("/admin/audit/events?subject={}", ada.id)).await.expect(200).json();
    assert_eq!(types(&found)[0], "auth.login.failure");
    assert!(types(&found).contains(&"identity.created".to_owned()), "{found}");
    let first = &found["data"][0];
    assert_eq!(
        (&first["status"], &first["ip_address"], &first["actor"]),
        (&json!("failure"), &json!("127.0.0.1"), &Value::Null)
    );
    assert_eq!(found["next_cursor"], Value::Null);

    for (filter, count) in [
        ("types=auth.login.failure,identity.created&status=failure", 1),
        ("types=auth.login.failure&ip=127.0.0.1", 1),
        ("types=auth.login.failure&ip=192.0.2.1", 0),
        ("types=auth.login.failure&end=2024-01-31", 0),
        ("types=auth.login.failure&start=2024-01-01&limit=100", 1),
    ] {
        let found = office.get(&format!("/admin/audit/events?{filter}")).await.expect(200).json();
        assert_eq!(types(&found).len(), count, "{filter}: {found}");
    }
}

#[tokio::test]
async fn i_35_pages_hold_every_event_once_while_others_are_written() {
    let office = Office::open().await;
    for name in ["a", "b", "c"] {
        Person::register(&office.client, name).await;
    }
    let all = office.get("/admin/audit/events?limit=100").await.expect(200).json();
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = office.get(&format!("/admin/audit/events?limit=4{cursor}")).await.expect(200).json();
        ids.extend(page["data"].as_array().unwrap().iter().map(|event| event["id"].clone()));
        Person::register(&office.client, &format!("during{}", ids.len())).await;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let all: Vec<Value> = all["data"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect();
    assert!(all.len() > 8, "{}", all.len());
    assert_eq!(ids, all);
}

#[tokio::test]
async fn an_export_is_streamed_in_three_formats_and_audited() {
    let office = Office::open().await;
    let ada = Person::register(&office.client, "ada").await;
    let filter = format!("subject={}", ada.id);
    let json = office.get(&format!("/admin/audit/export?{filter}")).await.expect(200);
    assert_eq!(json.header("content-type"), "application/json");
    assert_eq!(json.header("content-disposition"), "attachment; filename=\"audit.json\"");
    let events: Vec<Value> = serde_json::from_str(&json.text()).unwrap();
    assert_eq!(events.first().map(|event| event["type"].clone()), Some(json!("identity.created")), "oldest first");
    let lines = office.get(&format!("/admin/audit/export?format=ndjson&{filter}")).await.expect(200);
    assert_eq!(lines.header("content-type"), "application/x-ndjson");
    let read: Vec<Value> = lines.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read, events);
    let table = office.get(&format!("/admin/audit/export?format=csv&{filter}")).await.expect(200);
    assert_eq!(table.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(table.text().lines().count(), events.len() + 1);
    assert!(table.text().starts_with("id,type,tenant_id,actor,"), "{}", table.text());
    let told = office.get("/admin/audit/events?types=admin.action&limit=100").await.expect(200).json();
    let ends = told["data"].as_array().unwrap().iter().filter(|event| event["metadata"]["whole"] == true);
    assert_eq!(ends.count(), 3, "{told}");
}

#[tokio::test]
async fn what_an_audit_list_cannot_be_asked_is_told_by_parameter() {
    let office = Office::open().await;
    for (query, parameter) in [
        ("types=auth.login.success,auth.logn", "types"),
        ("start=2024-02-30", "start"),
        ("start=2024-02-01&end=2024-01-01", "start"),
        ("cursor=AAAA", "cursor"),
    ] {
        let refused = office.get(&format!("/admin/audit/events?{query}")).await.refused(400, "invalid_input");
        assert_eq!(refused.at("/details/fields/0/pointer"), parameter, "{query}");
    }
    for query in ["status=maybe", "limit=0", "limit=101"] {
        office.get(&format!("/admin/audit/events?{query}")).await.refused(400, "invalid_input");
    }
    office.get("/admin/audit/export?format=xml").await.refused(400, "invalid_input");
}

#[tokio::test]
async fn i_31_whoever_may_read_the_trail_may_not_take_it_out() {
    let office = Office::open().await;
    let (_, token) = office.colleague("reader", &["viewer"]).await;
    let by = |path: &str| office.client.get(path).bearer_auth(&token);
    ask(by("/admin/audit/events")).await.expect(200);
    let refused = ask(by("/admin/audit/export")).await.refused(403, "forbidden");
    assert_eq!(refused.at("/details/required"), "audit:export");
}

#[tokio::test]
async fn users_are_imported_with_their_hashes_line_by_line() {
    let office = Office::open().await;
    let hash = "$2b$04$mOvUkiwqPGYJGAzPwY8bA.HAwLRYyWwbSjIX.1SQBGhQrhpSdxKMu";
    let lines = [
        json!({ "traits": { "email": "ada@example.com" }, "password_hash": hash }).to_string(),
        "{\"traits\":".to_owned(),
        json!({ "traits": { "email": "bert@example.com" }, "password_hash": "md5:0" }).to_string(),
    ];
    let text = lines.join("\n");
    let send = |query: &str| {
        let path = format!("/admin/users/import{query}");
        office.request(Method::POST, &path).header("Content-Type", "application/x-ndjson").body(text.clone())
    };
    let dry = ask(send("?dry_run=true")).await.expect(200).json();
    assert_eq!((&dry["imported"], &dry["data"][0]["outcome"]), (&json!(1), &json!("would_import")));
    let report = ask(send("")).await.expect(200).json();
    assert_eq!((&report["imported"], &report["exists"], &report["failed"]), (&json!(1), &json!(0), &json!(2)));
    let outcomes: Vec<_> =
        report["data"].as_array().unwrap().iter().map(|line| (&line["line"], &line["outcome"])).collect();
    assert_eq!(json!(outcomes), json!([[1, "imported"], [2, "failed"], [3, "failed"]]));
    assert_eq!(report["data"][2]["fields"][0]["pointer"], "/password_hash");
    assert_eq!(ask(send("")).await.expect(200).json()["exists"], 1);
    let id = report["data"][0]["id"].as_str().unwrap();
    assert_eq!(events(&office.service.home().database().await, "identity.created", id).await, 1);
    let json = office.request(Method::POST, "/admin/users/import").json(&json!([]));
    ask(json).await.refused(415, "unsupported_media_type");
    ask(Person::login(&office.client, "ada@example.com", PASSWORD)).await.refused(401, "invalid_credentials");
}

#[tokio::test]
async fn i_42_an_import_over_http_is_bounded_in_lines_and_in_the_cost_of_its_hashes() {
    let office = Office::open().await;
    let send = |text: String| {
        let request = office.request(Method::POST, "/admin/users/import");
        ask(request.header("Content-Type", "application/x-ndjson").body(text))
    };
    send("x\n".repeat(10_001)).await.refused(413, "payload_too_large");
    let report = send("x\n".repeat(10_000)).await.expect(200).json();
    assert_eq!((&report["failed"], report["data"].as_array().map(Vec::len)), (&json!(10_000), Some(1000)));
    let digest = "c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";
    let costly = format!("$argon2id$v=19$m=1048576,t=10,p=1${digest}");
    let user = json!({ "traits": { "email": "ada@example.com" }, "password_hash": costly });
    let report = send(user.to_string()).await.expect(200).json();
    assert_eq!(report["data"][0]["fields"][0]["code"], "costly_hash", "{report}");
    let created = ask(office.request(Method::POST, "/admin/users").json(&user)).await.refused(400, "invalid_input");
    assert_eq!(created.at("/details/fields/0/code"), "costly_hash");
    let bcrypt = "$2b$04$mOvUkiwqPGYJGAzPwY8bA.HAwLRYyWwbSjIX.1SQBGhQrhpSdxKMu";
    let user = json!({ "traits": { "email": "bert@example.com" }, "password_hash": bcrypt });
    let report = send(user.to_string()).await.expect(200).json();
    assert_eq!((&report["imported"], &report["bcrypt"]), (&json!(1), &json!(1)));
}
