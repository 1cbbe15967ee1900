//! Tests of exporting users.

use kayan_ports::Outcome;
use serde_json::Value;

use super::*;
use crate::{
    CreateUser, ImportOutcome,
    policy::permission::Grants,
    stage::{PASSWORD, Stage},
};

async fn all(stage: &Stage, operator: &Operator, cmd: ExportUsers) -> Vec<Value> {
    let mut export = stage.kayan.export_users(operator, cmd).await.unwrap();
    let mut text = Vec::new();
    while let Some(lines) = export.next().await.unwrap() {
        text.extend(lines);
    }
    String::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const PLAIN: ExportUsers = ExportUsers { state: None, hashes: false };
const HASHES: ExportUsers = ExportUsers { state: None, hashes: true };

async fn create(stage: &Stage, tenant: &str, email: &str) {
    let tenant: TenantId = tenant.parse().unwrap();
    stage.store.add_tenant(tenant.clone(), true);
    let (traits, roles) = (Stage::traits(email), vec!["viewer".to_owned()]);
    let cmd = CreateUser { tenant, traits, password: Some(PASSWORD.into()), state: State::Active, roles };
    stage.kayan.create_user(&Stage::operator(), cmd).await.unwrap();
}

#[tokio::test]
async fn what_is_exported_is_imported_as_it_was_with_every_field() {
    let (from, to) = (Stage::new(), Stage::new());
    let line = br#"{"id":"01890000-0000-7000-8000-000000000001","tenant_id":"default","traits":{"email":"a@example.com","name":"A"},
        "state":"locked","verified":["A@example.com"],"roles":["admin","viewer"],"created_at":"2020-01-02T03:04:05.123456Z",
        "last_login_at":"2024-02-29T11:00:00.500000Z","password_hash":"plain$0$terces"}"#;
    let line = String::from_utf8_lossy(line).replace('\n', " ");
    from.kayan.import_ndjson(&Stage::operator(), line.as_bytes(), false).await.unwrap();
    create(&from, "acme", "b@example.com").await;
    let exported = all(&from, &Stage::operator(), HASHES).await;
    assert_eq!(exported.len(), 2);
    let text: String = exported.iter().map(|line| line.to_string() + "\n").collect();
    to.store.add_tenant("acme".parse().unwrap(), true);
    let report = to.kayan.import_ndjson(&Stage::operator(), text.as_bytes(), false).await.unwrap();
    assert!(report.lines.iter().all(|(_, fate)| matches!(fate, ImportOutcome::Imported(_))), "{report:?}");
    assert_eq!(all(&to, &Stage::operator(), HASHES).await, exported);
    let original: Value = serde_json::from_str(&line).unwrap();
    assert!(exported.contains(&original), "{exported:?}");
}

#[tokio::test]
async fn every_user_is_in_it_once_however_many_pages_there_are() {
    let stage = Stage::new();
    let count = PAGE as usize + 7;
    let line = |n| json!({ "traits": { "email": format!("u{n}@example.com") } }).to_string() + "\n";
    let lines: String = (0..count).map(line).collect();
    stage.kayan.import_ndjson(&Stage::operator(), lines.as_bytes(), false).await.unwrap();
    let mut emails: Vec<String> =
        all(&stage, &Stage::operator(), PLAIN).await.iter().map(|line| line["traits"]["email"].to_string()).collect();
    emails.sort();
    emails.dedup();
    assert_eq!(emails.len(), count);
}

#[tokio::test]
async fn hashes_are_handed_out_only_when_asked_for_and_to_those_who_may_set_passwords() {
    let stage = Stage::new();
    create(&stage, "default", "a@example.com").await;
    let plain = all(&stage, &Stage::operator(), PLAIN).await;
    assert!(plain[0].get("password_hash").is_none(), "{plain:?}");
    let told = all(&stage, &Stage::operator(), HASHES).await;
    assert!(told[0]["password_hash"].is_string(), "{told:?}");
    let reader = Operator { grants: Grants::direct(["users:read".parse().unwrap()]), ..Stage::operator() };
    assert_eq!(all(&stage, &reader, PLAIN).await.len(), 1);
    let refused = stage.kayan.export_users(&reader, HASHES).await.err();
    assert!(matches!(refused, Some(ExportUsersError::Denied(DeniedError::Forbidden(_)))), "{refused:?}");
    let powerless = Operator { grants: Grants::default(), ..Stage::operator() };
    let refused = stage.kayan.export_users(&powerless, PLAIN).await.err();
    assert!(matches!(refused, Some(ExportUsersError::Denied(DeniedError::Forbidden(_)))), "{refused:?}");
}

#[tokio::test]
async fn i_29_an_export_of_a_tenant_has_nobody_elses_users() {
    let stage = Stage::new();
    create(&stage, "default", "a@example.com").await;
    create(&stage, "acme", "b@example.com").await;
    let acme = Operator::at_the_command_line(kayan_ports::Scope::Tenant("acme".parse().unwrap()));
    let lines = all(&stage, &acme, PLAIN).await;
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["tenant_id"], "acme");
    assert_eq!(all(&stage, &Stage::operator(), PLAIN).await.len(), 2);
}

#[tokio::test]
async fn a_tenant_that_is_not_there_is_told() {
    let stage = Stage::new();
    let nowhere = Operator::at_the_command_line(kayan_ports::Scope::Tenant("nowhere".parse().unwrap()));
    let refused = stage.kayan.export_users(&nowhere, PLAIN).await.err();
    assert_eq!(refused, Some(ExportUsersError::NoTenant("nowhere".parse().unwrap())));
    assert!(stage.store.events().is_empty());
}

#[tokio::test]
async fn i_31_every_tenant_is_told_of_the_export_before_anybody_is_handed_out() {
    let stage = Stage::new();
    create(&stage, "acme", "b@example.com").await;
    create(&stage, "zeta", "c@example.com").await;
    let before = stage.count(EventType::AdminAction, Outcome::Success);
    let (operator, cmd) = (Stage::operator(), ExportUsers { state: Some(State::Active), hashes: true });
    let mut export = stage.kayan.export_users(&operator, cmd).await.unwrap();
    assert!(export.next().await.unwrap().is_some());
    let events = stage.store.events();
    let told = events.last().unwrap();
    assert_eq!((told.tenant.as_str(), &told.metadata["action"]), ("acme", &json!("user.export")));
    assert_eq!((&told.metadata["with_hashes"], &told.metadata["state"]), (&json!(true), &json!("active")));
    while export.next().await.unwrap().is_some() {}
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Success), before + 2);
}
