//! Messages to users, as operators see them: over HTTP, on the command line, and in the metrics.

use std::{collections::BTreeSet, fs};

use kayan_journeys::{Answer, Client, Done, Home, Metrics, Service, ask};
use kayan_mail_server::MailServer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::{administration::Office, mail_flows::home};

/// All that is told of a message.
const MEMBERS: [&str; 10] =
    ["id", "tenant_id", "kind", "recipient", "state", "attempts", "due_at", "error", "created_at", "finished_at"];

const REJECTED: &str = r#"kayan_message_failures_total{reason="rejected"}"#;
const TESTS: &str = r#"kayan_messages_delivered_total{kind="test"}"#;

/// Waits until a counter has this value.
async fn counted(client: &Client, series: &str, count: u64) -> Metrics {
    Metrics::until(client, |metrics| metrics.count(series) >= Some(count)).await
}

fn json_of(done: &Done) -> Value {
    assert_eq!(done.code, 0, "{done:?}");
    serde_json::from_str(&done.stdout).unwrap()
}

/// Enqueues a test mail, and returns the message's id.
pub(crate) async fn test_mail(home: &Home, address: &str) -> String {
    let done = home.run(&format!("admin message test --to {address} --format json")).await;
    json_of(&done)["id"].as_str().unwrap().to_owned()
}

async fn retry(office: &Office, path: &str, key: &str) -> Answer {
    ask(office.request(Method::POST, &format!("{path}/retry")).header("Idempotency-Key", key)).await
}

#[tokio::test]
async fn a_message_is_listed_shown_retried_and_discarded_over_http() {
    let server = MailServer::start(&[]).await;
    let office = Office::open_in(home(&server)).await;
    let id = test_mail(office.service.home(), "rejected@example.com").await;
    let path = format!("/admin/messages/{id}");
    counted(&office.client, REJECTED, 1).await;

    let list = office.get("/admin/messages?state=dead&limit=5").await.expect(200).json();
    assert_eq!((&list["total"], &list["limit"], &list["offset"]), (&json!(1), &json!(5), &json!(0)));
    let message = office.get(&path).await.expect(200).json();
    assert_eq!(list["data"], json!([message]));
    let members: BTreeSet<_> = message.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(MEMBERS), "and nothing of what it says");
    let told = ["id", "tenant_id", "kind", "recipient", "state"].map(|name| message[name].as_str().unwrap());
    assert_eq!(told, [&*id, "default", "test", "rejected@example.com", "dead"]);
    assert!(message["error"].as_str().unwrap().contains("550"), "{message}");
    office.get("/admin/messages?state=lost").await.refused(400, "invalid_input");
    office.get("/admin/messages?limit=101").await.refused(400, "invalid_input");
    assert_eq!(office.get("/admin/messages?offset=99").await.expect(200).json()["data"], json!([]));

    retry(&office, &path, "once").await.expect(204);
    counted(&office.client, REJECTED, 2).await;
    retry(&office, &path, "once").await.expect(204);
    let message = office.get(&path).await.expect(200).json();
    assert_eq!((&message["state"], &message["attempts"]), (&json!("dead"), &json!(1)), "retried once, counted anew");
    ask(office.request(Method::DELETE, &path)).await.expect(204);
    office.get(&path).await.refused(404, "not_found");
    ask(office.request(Method::DELETE, &path)).await.refused(404, "not_found");
    retry(&office, &path, "again").await.refused(404, "not_found");
}

#[tokio::test]
async fn a_message_that_was_delivered_is_not_sent_again() {
    let mut server = MailServer::start(&[]).await;
    let office = Office::open_in(home(&server)).await;
    let id = test_mail(office.service.home(), "ada@example.com").await;
    server.mail_to("ada@example.com").await;
    counted(&office.client, TESTS, 1).await;
    let path = format!("/admin/messages/{id}");
    let refused = retry(&office, &path, "k").await.refused(409, "wrong_state");
    assert!(refused.at("/message").contains("the message is delivered"), "{refused:?}");
    let done = office.service.home().run(&format!("admin message retry {id}")).await;
    assert!(done.code == 1 && done.stderr.contains("the message is delivered"), "{done:?}");
    let message = office.get(&path).await.expect(200).json();
    assert_eq!((&message["state"], &message["error"]), (&json!("delivered"), &Value::Null));
    assert!(message["finished_at"].is_string(), "{message}");
    ask(office.request(Method::DELETE, &path)).await.expect(204);
}

#[tokio::test]
async fn i_29_messages_are_for_operators_of_their_tenant_with_the_permission() {
    let office = Office::open().await;
    let home = office.service.home();
    assert_eq!(home.run("admin tenant create --id acme").await.code, 0);
    let theirs = test_mail(home, "ada@example.com --tenant acme").await;
    let path = format!("/admin/messages/{theirs}");
    for method in [Method::GET, Method::DELETE] {
        ask(office.request(method, &path)).await.refused(404, "not_found");
    }
    retry(&office, &path, "k").await.refused(404, "not_found");
    let listed = office.get("/admin/messages?limit=100").await.expect(200).json();
    assert!(listed["data"].as_array().unwrap().iter().all(|message| message["tenant_id"] == "default"), "{listed}");

    let token = home.run("admin token create --permissions messages:read --ttl 1h").await.stdout;
    let by = |method, path: &str| {
        let request = office.client.request(method, path).bearer_auth(token.trim());
        ask(request.header("X-Tenant-ID", "acme"))
    };
    assert_eq!(by(Method::GET, &path).await.expect(200).at("/tenant_id"), "acme");
    let refused = by(Method::DELETE, &path).await.refused(403, "forbidden");
    assert_eq!(refused.at("/details/required"), "messages:write");
    by(Method::POST, &format!("{path}/retry")).await.refused(403, "forbidden");
    let (_, member) = office.colleague("member", &[]).await;
    for path in ["/admin/messages".to_owned(), path] {
        ask(office.client.get(&path).bearer_auth(&member)).await.refused(403, "forbidden");
    }
}

#[tokio::test]
async fn a_message_is_listed_shown_retried_and_discarded_on_the_command_line() {
    let home = Home::new();
    let tested = home.run("admin message test --to ada@example.com --lang de").await;
    assert!(tested.code == 0 && tested.stderr.contains("the running service delivers it"), "{tested:?}");
    let id = tested.stdout.trim();
    let shown = json_of(&home.run(&format!("admin message show {id} --format json")).await);
    let members: BTreeSet<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, BTreeSet::from(MEMBERS), "and nothing of what it says");
    let told = ["id", "tenant_id", "kind", "recipient", "state"].map(|name| shown[name].as_str().unwrap());
    assert_eq!(told, [id, "default", "test", "ada@example.com", "due"], "nothing delivers it");
    let list = json_of(&home.run("admin message list --state due --format json").await);
    assert_eq!(list, json!([shown]));
    assert_eq!(json_of(&home.run("admin message list --state dead --format json").await), json!([]));
    let table = home.run("admin message list").await;
    assert!(table.stdout.contains("recipient") && table.stdout.contains(id), "{table:?}");
    assert!(table.stderr.contains("1 of 1"), "{table:?}");

    let due = home.run(&format!("admin message retry {id}")).await;
    assert!(due.code == 0 && due.stderr.contains("the message is due"), "{due:?}");
    assert_eq!(home.run(&format!("admin message discard {id}")).await.code, 0);
    for action in ["show", "retry", "discard"] {
        let gone = home.run(&format!("admin message {action} {id}")).await;
        assert!(gone.code == 4 && gone.stderr.contains(id), "{gone:?}");
    }
}

#[tokio::test]
async fn what_a_command_on_messages_can_not_do_is_refused_with_the_reason() {
    let home = Home::new();
    let id = test_mail(&home, "ada@example.com").await;
    assert_eq!(home.run("admin tenant create --id acme").await.code, 0);
    for (line, code, said) in [
        (format!("admin message show {id} --tenant acme"), 4, "there is no message"),
        (format!("admin message discard {id} --tenant acme"), 4, "there is no message"),
        ("admin message show 7".to_owned(), 2, "'7'"),
        ("admin message list --state lost".to_owned(), 2, "write due, leased, delivered or dead"),
        ("admin message list --limit 101".to_owned(), 2, "101"),
        ("admin message test --to ada".to_owned(), 2, "is neither an e-mail address nor a phone number"),
        ("admin message test --to ada@example.com --lang de,en".to_owned(), 2, "write a tag such as de"),
        ("admin message test --to ada@example.com --tenant nowhere".to_owned(), 4, "there is no active tenant"),
    ] {
        let done = home.run(&line).await;
        assert!(done.code == code && done.stderr.contains(said), "{line}: {done:?}");
    }
    assert_eq!(home.run(&format!("admin message show {id}")).await.code, 0, "it is untouched");
}

#[tokio::test]
async fn a_preview_is_the_page_of_a_message_in_a_language_or_by_the_operators_template() {
    let home = Home::new();
    for (line, part) in [
        ("recovery", "lang=\"en\""),
        ("recovery --lang de-AT", "lang=\"de\""),
        ("login_code --lang tlh", "lang=\"en\""),
    ] {
        let done = home.run(&format!("admin message preview {line}")).await;
        assert!(done.code == 0 && done.stderr.is_empty(), "{done:?}");
        assert!(done.stdout.starts_with("<!DOCTYPE html>") && done.stdout.contains(part), "{line}: {done:?}");
    }
    let unknown = home.run("admin message preview invoice").await;
    assert!(unknown.code == 2 && unknown.stderr.contains("recovery_codes_low"), "{unknown:?}");
    let folder = home.path("templates/tenant/acme/en");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("test.html"), "<p>Hello from {{ service }}</p>").unwrap();
    let home = home.with("KAYAN_MAIL_TEMPLATES", "templates");
    let own = home.run("admin message preview test --tenant acme").await;
    assert_eq!((own.code, own.stdout.trim_end()), (0, "<p>Hello from Example</p>"), "{own:?}");
    assert!(!home.run("admin message preview test").await.stdout.contains("Hello from"));
}

#[tokio::test]
async fn deliveries_and_failures_are_counted() {
    let mut server = MailServer::start(&[]).await;
    let service = Service::start_in(home(&server)).await;
    let client = service.client();
    let fresh = counted(&client, TESTS, 0).await;
    for reason in
        ["unreachable", "timed_out", "tls", "authentication", "deferred", "rejected", "invalid_address", "broken"]
    {
        let series = format!("kayan_message_failures_total{{reason=\"{reason}\"}}");
        assert_eq!(fresh.count(&series), Some(0), "{series} is there before anything happens");
    }
    test_mail(service.home(), "rejected@example.com").await;
    test_mail(service.home(), "ada@example.com").await;
    server.mail_to("ada@example.com").await;
    counted(&client, REJECTED, 1).await;
    let after = counted(&client, TESTS, 1).await;
    assert!(after.get(r#"kayan_message_failures_total{reason="deferred"}"#) < 0.5);
    let families = after.families();
    for (name, kind) in [
        ("kayan_messages_delivered_total", "counter"),
        ("kayan_message_failures_total", "counter"),
        ("kayan_messages_waiting", "gauge"),
        ("kayan_messages_dead", "gauge"),
        ("kayan_message_oldest_age_seconds", "gauge"),
    ] {
        assert_eq!(families.get(name), Some(&kind), "{name}");
    }
}
