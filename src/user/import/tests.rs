//! Tests of importing users.

use kayan_ports::{Accounts, CommitError, EventType, Failure, IdentityId, Outcome, Scope, Unique};
use serde_json::{Value, json};

use super::*;
use crate::{policy::permission::Grants, stage::Stage};

const HASH: &str = "plain$0$terces";
const ID: &str = "01890000-0000-7000-8000-000000000001";

async fn import(stage: &Stage, lines: &[Value]) -> Vec<LineReport> {
    let text: String = lines.iter().map(|line| line.to_string() + "\n").collect();
    import_text(stage, &Stage::operator(), &text, false).await
}

async fn import_text(stage: &Stage, operator: &Operator, text: &str, dry_run: bool) -> Vec<LineReport> {
    let report = stage.kayan.import_ndjson(operator, text.as_bytes(), dry_run).await.unwrap();
    report.lines.into_iter().map(|(line, fate)| LineReport::new(line, fate)).collect()
}

fn user(email: &str) -> Value {
    json!({ "traits": { "email": email } })
}

fn outcomes(reports: &[LineReport]) -> Vec<&'static str> {
    reports.iter().map(|report| report.fate.as_str()).collect()
}

/// The code of the report, or of the one field that is wrong.
fn code(report: &LineReport) -> String {
    match &report.fate {
        ImportOutcome::Refused(Refusal::Invalid(fields)) => {
            let told: Vec<String> = fields.iter().map(|field| format!("{} {}", field.pointer, field.code)).collect();
            told.join(", ")
        }
        ImportOutcome::Refused(refusal) => refusal.code().to_owned(),
        other => other.as_str().to_owned(),
    }
}

#[tokio::test]
async fn a_user_logs_in_with_the_password_from_elsewhere() {
    let stage = Stage::new();
    let line =
        json!({ "traits": { "email": "Ada@example.com" }, "password_hash": HASH, "roles": ["viewer", "viewer"] });
    assert_eq!(outcomes(&import(&stage, &[line]).await), ["imported"]);
    let opened = stage.kayan.log_in(&Stage::stranger(), Stage::login("ada@example.com", "secret")).await.unwrap();
    assert_eq!(opened.identity.roles, ["viewer"]);
}

#[tokio::test]
async fn i_33_each_user_has_an_event_and_each_commit_one_of_the_operators() {
    let stage = Stage::new();
    stage.store.add_tenant("acme".parse().unwrap(), true);
    let acme = json!({ "traits": { "email": "c@example.com" }, "tenant_id": "acme" });
    import(&stage, &[user("a@example.com"), user("b@example.com"), acme]).await;
    assert_eq!(stage.count(EventType::IdentityCreated, Outcome::Success), 3);
    let told: Vec<_> = stage.store.events().into_iter().filter(|event| event.kind == EventType::AdminAction).collect();
    assert_eq!(told.len(), 2, "one for each tenant");
    assert_eq!((told[0].tenant.as_str(), &told[0].metadata["count"]), ("acme", &json!(1)));
    assert_eq!((&told[1].metadata["count"], &told[1].metadata["lines"]), (&json!(2), &json!("1-2")));
}

#[tokio::test]
async fn the_same_file_again_finds_everybody_and_brings_in_the_rest() {
    let stage = Stage::new();
    let with_id = json!({ "traits": { "email": "b@example.com" }, "id": ID });
    let first = [user("a@example.com"), with_id.clone()];
    assert_eq!(outcomes(&import(&stage, &first).await), ["imported", "imported"]);
    let events = stage.store.events().len();
    assert_eq!(outcomes(&import(&stage, &first).await), ["exists", "exists"]);
    assert_eq!(stage.store.events().len(), events, "nothing was done");
    let again = import(&stage, &[user("a@example.com"), with_id, user("c@example.com")]).await;
    assert_eq!(outcomes(&again), ["exists", "exists", "imported"]);
}

#[tokio::test]
async fn i_13_somebody_else_is_never_touched() {
    let stage = Stage::new();
    let there = json!({ "traits": { "email": "a@example.com" }, "id": ID, "state": "locked" });
    import(&stage, &[there]).await;
    let other = "01890000-0000-7000-8000-000000000002";
    let lines = [
        json!({ "traits": { "email": "a@example.com" }, "id": other }),
        json!({ "traits": { "email": "b@example.com" }, "id": ID }),
        user("c@example.com"),
    ];
    let reports = import(&stage, &lines).await;
    assert_eq!(reports.iter().map(code).collect::<Vec<_>>(), ["already_exists", "already_exists", "imported"]);
    let kept = stage.store.identity(&Scope::System, ID.parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((kept.traits, kept.state), (Stage::traits("a@example.com"), kayan_ports::State::Locked));
}

#[tokio::test]
async fn an_id_of_another_tenant_is_taken_and_tells_nothing_of_it() {
    let stage = Stage::new();
    stage.store.add_tenant("acme".parse().unwrap(), true);
    import(&stage, &[json!({ "traits": { "email": "a@example.com" }, "id": ID, "tenant_id": "acme" })]).await;
    let reports = import(&stage, &[json!({ "traits": { "email": "a@example.com" }, "id": ID })]).await;
    assert_eq!(reports[0].fate, ImportOutcome::Refused(Refusal::IdTaken));
}

#[tokio::test]
async fn what_is_wrong_with_a_line_is_told_with_its_number_and_the_rest_goes_on() {
    let stage = Stage::new();
    let email = "a@example.com";
    for (line, expected) in [
        ("{".to_owned(), "not_json"),
        ("7".to_owned(), "not_an_object"),
        (r#"{"traits":{"email":"a@example.com"},"traits":{}}"#.to_owned(), "duplicate_key"),
        (json!({ "traits": { "email": email }, "password": "x" }).to_string(), "/password unknown"),
        (json!({ "traits": { "email": "nonsense" } }).to_string(), "/traits/email format"),
        (json!({ "traits": { "email": email, "admin": true } }).to_string(), "/traits/admin additional_properties"),
        (json!({ "traits": { "email": email }, "password_hash": "md5$x" }).to_string(), "/password_hash unknown_hash"),
        (json!({ "traits": { "email": email }, "roles": ["viewer", "king"] }).to_string(), "/roles/1 unknown_role"),
        (json!({ "traits": { "email": email }, "tenant_id": "nowhere" }).to_string(), "tenant_not_found"),
        (json!({ "traits": { "email": email }, "verified": ["b@c.d"] }).to_string(), "/verified/0 not_an_identifier"),
        (
            json!({ "traits": { "email": email }, "created_at": "2999-01-01T00:00:00Z" }).to_string(),
            "/created_at implausible",
        ),
        (
            json!({ "traits": { "email": email }, "last_login_at": "1969-12-31T23:59:59Z" }).to_string(),
            "/last_login_at implausible",
        ),
        (
            json!({ "traits": { "email": email }, "id": "00000000-0000-0000-0000-000000000000" }).to_string(),
            "/id invalid",
        ),
        (json!({ "traits": { "email": "first@example.com" } }).to_string(), "repeated"),
    ] {
        let text = format!("{}\n\n  \n{line}\n{}", user("first@example.com"), user("last@example.com"));
        let reports = import_text(&stage, &Stage::operator(), &text, true).await;
        assert_eq!(reports.iter().map(|report| report.line).collect::<Vec<_>>(), [1, 4, 5], "{line}");
        assert_eq!(reports.iter().map(code).collect::<Vec<_>>(), ["would_import", expected, "would_import"], "{line}");
        let fresh = Stage::new();
        let real = import_text(&fresh, &Stage::operator(), &text, false).await;
        assert_eq!(real.iter().map(code).collect::<Vec<_>>(), ["imported", expected, "imported"], "{line}");
    }
    assert!(stage.store.events().is_empty(), "a dry run changes nothing");
}

#[tokio::test]
async fn a_report_is_json_without_any_value_of_the_line() {
    let stage = Stage::new();
    let hash = json!({ "traits": { "email": "a@example.com" }, "password_hash": "s3cret" });
    let role = json!({ "traits": { "email": "c@example.com" }, "roles": ["s3cret"] });
    let told = serde_json::to_value(&import(&stage, &[hash, user("b@example.com"), role]).await).unwrap();
    assert_eq!(
        (&told[0]["line"], &told[0]["outcome"], &told[0]["code"]),
        (&json!(1), &json!("failed"), &json!("invalid_input"))
    );
    assert_eq!(told[0]["fields"][0]["pointer"], "/password_hash");
    assert!(told[2]["reason"].as_str().unwrap().contains("/roles/0 is no role"), "{told}");
    assert!(!told.to_string().contains("s3cret"), "{told}");
    let id: IdentityId = told[1]["id"].as_str().unwrap().parse().unwrap();
    assert!(stage.store.identity(&Scope::System, id).await.unwrap().is_some());
}

#[tokio::test]
async fn an_import_into_a_tenant_takes_no_other_tenants_lines() {
    let stage = Stage::new();
    stage.store.add_tenant("acme".parse().unwrap(), true);
    let acme = Operator::at_the_command_line(Scope::Tenant("acme".parse().unwrap()));
    let text = format!(
        "\u{feff}{}\n{}\n{}",
        user("a@example.com"),
        json!({ "traits": { "email": "b@example.com" }, "tenant_id": "default" }),
        json!({ "traits": { "email": "c@example.com" }, "tenant_id": "acme" }),
    );
    let reports = import_text(&stage, &acme, &text, false).await;
    assert_eq!(reports.iter().map(code).collect::<Vec<_>>(), ["imported", "/tenant_id other_tenant", "imported"]);
    let ImportOutcome::Imported(id) = reports[0].fate else { panic!("{reports:?}") };
    assert_eq!(stage.store.identity(&Scope::System, id).await.unwrap().unwrap().tenant.as_str(), "acme");
}

#[tokio::test]
async fn a_race_spoils_nobody_but_the_one_who_lost_it() {
    let stage = Stage::new();
    let lines: Vec<Value> = (0..7).map(|n| user(&format!("u{n}@example.com"))).collect();
    // The first commit conflicts with a user who is gone by the lookup.
    stage.store.fail_next_commit(CommitError::Conflict(Unique::Identifier));
    assert_eq!(outcomes(&import(&stage, &lines).await), ["imported"; 7]);
}

#[tokio::test]
async fn a_database_that_is_away_ends_the_import_and_the_next_run_completes_it() {
    let stage = Stage::new();
    let text = format!("{}\n{}", user("a@example.com"), user("b@example.com"));
    stage.store.fail_next_commit(CommitError::Failed(Failure::Unavailable("away".to_owned())));
    let failed = stage.kayan.import_ndjson(&Stage::operator(), text.as_bytes(), false).await;
    assert!(matches!(failed, Err(ImportUsersError::Failed(Failure::Unavailable(_)))), "{failed:?}");
    stage.store.fail_next_read(Failure::Unavailable("away".to_owned()));
    let failed = stage.kayan.import_ndjson(&Stage::operator(), text.as_bytes(), true).await;
    assert!(matches!(failed, Err(ImportUsersError::Failed(Failure::Unavailable(_)))), "{failed:?}");
    let reports = import_text(&stage, &Stage::operator(), &text, false).await;
    assert_eq!(outcomes(&reports), ["imported", "imported"]);
}

#[tokio::test]
async fn i_30_roles_are_given_only_by_who_holds_what_they_grant() {
    let stage = Stage::new();
    let writer = Operator { grants: Grants::direct(["users:*".parse().unwrap()]), ..Stage::operator() };
    let admin = json!({ "traits": { "email": "a@example.com" }, "roles": ["admin"] });
    let second = json!({ "traits": { "email": "c@example.com" }, "roles": ["admin"] });
    let text = format!("{admin}\n{}\n{second}", user("b@example.com"));
    let reports = import_text(&stage, &writer, &text, false).await;
    assert_eq!(reports.iter().map(code).collect::<Vec<_>>(), ["/roles not_held", "imported", "/roles not_held"]);
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Failure), 1, "written down once");
}

#[tokio::test]
async fn who_may_not_write_users_brings_none_in_and_is_written_down() {
    let stage = Stage::new();
    let reader = Operator { grants: Grants::direct(["users:read".parse().unwrap()]), ..Stage::operator() };
    let line = user("a@example.com").to_string();
    let refused = stage.kayan.import_ndjson(&reader, line.as_bytes(), true).await;
    assert!(matches!(refused, Err(ImportUsersError::Denied(DeniedError::Forbidden(_)))), "{refused:?}");
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Failure), 1);
}

/// An operator of the tenant `acme`, with a token of its own.
fn of_acme() -> Operator {
    let scope = Scope::Tenant("acme".parse().unwrap());
    Operator { scope, name: "token".to_owned(), ..Stage::operator() }
}

#[tokio::test]
async fn i_29_an_import_into_one_tenant_does_not_tell_whether_another_has_an_id() {
    let stage = Stage::new();
    stage.store.add_tenant("acme".parse().unwrap(), true);
    import(&stage, &[json!({ "traits": { "email": "a@example.com" }, "id": ID })]).await;
    let free = "01890000-0000-7000-8000-000000000002";
    let line = |id, email: &str| json!({ "traits": { "email": email }, "id": id }).to_string();
    let text = format!("{}\n{}", line(ID, "b@example.com"), line(free, "c@example.com"));
    assert_eq!(outcomes(&import_text(&stage, &of_acme(), &text, true).await), ["would_import"; 2]);
    let reports = import_text(&stage, &of_acme(), &text, false).await;
    assert_eq!(outcomes(&reports), ["imported"; 2]);
    for (report, id) in reports.iter().zip([ID, free]) {
        let ImportOutcome::Imported(new) = report.fate else { panic!("{report:?}") };
        assert_ne!(new.to_string(), id, "neither keeps its id");
    }
    assert_eq!(outcomes(&import_text(&stage, &of_acme(), &text, false).await), ["exists"; 2], "the same in every run");
    let renamed = text.replace("b@example.com", "d@example.com");
    let again = import_text(&stage, &of_acme(), &renamed, false).await;
    assert_eq!(again.iter().map(code).collect::<Vec<_>>(), ["already_exists", "exists"]);
}

#[tokio::test]
async fn an_import_into_one_tenant_finds_by_its_id_whoever_is_there() {
    let stage = Stage::new();
    stage.store.add_tenant("acme".parse().unwrap(), true);
    import(&stage, &[json!({ "traits": { "email": "a@example.com" }, "id": ID, "tenant_id": "acme" })]).await;
    let line = |email: &str| json!({ "traits": { "email": email }, "id": ID }).to_string();
    assert_eq!(outcomes(&import_text(&stage, &of_acme(), &line("a@example.com"), false).await), ["exists"]);
    let taken = import_text(&stage, &of_acme(), &line("b@example.com"), false).await;
    assert_eq!(taken[0].fate, ImportOutcome::Refused(Refusal::IdTaken));
}

#[tokio::test]
async fn i_42_an_import_gives_way_and_its_report_is_bounded() {
    let stage = Stage::new();
    let text = "x\n".repeat(MOST_LINES);
    let operator = Stage::operator();
    let (mut gave_way, mut import) = (0, Box::pin(stage.kayan.import_ndjson(&operator, text.as_bytes(), false)));
    let report = std::future::poll_fn(|context| {
        let poll = import.as_mut().poll(context);
        gave_way += usize::from(poll.is_pending());
        poll
    })
    .await
    .unwrap();
    assert!(gave_way >= MOST_LINES / 100, "{gave_way}");
    assert_eq!((report.failed, report.lines.len()), (MOST_LINES, 1000));
    let mixed = format!("{}{}", "x\n".repeat(1500), user("last@example.com"));
    let report = stage.kayan.import_ndjson(&operator, mixed.as_bytes(), false).await.unwrap();
    assert_eq!((report.failed, report.imported, report.lines.len()), (1500, 1, 1001));
    let more = "\n".repeat(MOST_LINES + 1);
    let refused = stage.kayan.import_ndjson(&operator, more.as_bytes(), false).await;
    assert_eq!(refused, Err(ImportUsersError::TooManyLines));
}

#[tokio::test]
async fn i_42_the_report_of_a_line_is_bounded() {
    let unknown: Vec<String> = (0..1000).map(|n| format!("b{n}@example.com")).collect();
    let line = json!({ "traits": { "email": "a@example.com" }, "verified": unknown });
    let reports = import(&Stage::new(), &[line]).await;
    let ImportOutcome::Refused(Refusal::Invalid(errors)) = &reports[0].fate else { panic!("{reports:?}") };
    assert_eq!(errors.len(), MOST_ERRORS);
}

#[tokio::test]
async fn i_42_a_costly_hash_is_taken_only_when_allowed() {
    let stage = Stage::new();
    let line = json!({ "traits": { "email": "a@example.com" }, "password_hash": "costly$0$terces" });
    assert_eq!(code(&import(&stage, std::slice::from_ref(&line)).await[0]), "/password_hash costly_hash");
    let (operator, mut seen) = (Stage::operator(), SeenUsers::default());
    let lines = stage.kayan.read_line(&operator, HashCost::Costly, 1, line.to_string().as_bytes());
    let cmd = ImportUsers { lines: lines.into_iter().collect(), dry_run: true, seen: &mut seen };
    assert_eq!(outcomes(&stage.kayan.import_users(&operator, cmd).await.unwrap()), ["would_import"]);
}
