//! An operator on the command line while the service runs.

use kayan_journeys::{Done, Home, PASSWORD, Person, Service, ask, events};
use serde_json::Value;

fn json(done: &Done) -> Value {
    assert_eq!(done.code, 0, "{done:?}");
    serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"))
}

/// Asserts the exit code of a command, and that its error contains this text.
#[track_caller]
fn ended(done: &Done, code: i32, why: &str) {
    assert_eq!(done.code, code, "{done:?}");
    assert!(done.stderr.contains(why), "{why}: {done:?}");
    assert!(code == 0 || done.stdout.is_empty(), "results only on standard output: {done:?}");
    assert!(!done.stderr.contains("panicked"), "{done:?}");
}

#[tokio::test]
async fn users_are_made_found_and_listed_beside_the_running_service() {
    let service = Service::start().await;
    let home = service.home();
    let create = "admin user create --email root@example.com --name Root --role admin --password-stdin --format json";
    let made = json(&home.run_with(create, &format!("{PASSWORD}\n")).await);
    assert_eq!((&made["roles"][0], &made["state"]), (&"admin".into(), &"active".into()));
    let login = ask(Person::login(&service.client(), "root@example.com", PASSWORD)).await.expect(200);
    assert_eq!(
        (login.at("/identity/id"), login.at("/identity/roles/0")),
        (made["id"].as_str().unwrap().to_owned(), "admin".to_owned())
    );

    let ada = Person::register(&service.client(), "ada").await;
    for id in [&*ada.id, &*ada.email, "ADA@example.com"] {
        assert_eq!(json(&home.run(&format!("admin user get --format json --id {id}")).await)["id"], ada.id);
    }
    let list = json(&home.run("admin user list --format json").await);
    let ids: Vec<&str> = list.as_array().unwrap().iter().filter_map(|user| user["id"].as_str()).collect();
    assert_eq!(ids, [&*ada.id, made["id"].as_str().unwrap()], "newest first");
    let found = json(&home.run("admin user list --format json --query ROOT").await);
    assert_eq!(found.as_array().map(Vec::len), Some(1), "a list of one is a list: {found}");
    let page = json(&home.run("admin user list --format json --limit 1 --offset 1").await);
    assert_eq!(page[0]["id"], made["id"]);
    assert_eq!(json(&home.run("admin user list --format json --state locked").await), Value::Array(vec![]));
    let table = home.run("admin user get --id ada@example.com").await;
    assert!(table.stdout.contains(&ada.id) && table.stdout.contains("ada@example.com"), "{table:?}");
    assert!(!table.stdout.contains('\u{1b}'), "no colour where there is no terminal: {table:?}");
    let leaked = home.run("admin user list --format json").await.stdout;
    assert!(!leaked.contains("$2b$") && !leaked.contains(PASSWORD), "{leaked}");
    assert_eq!(events(&home.database().await, "admin.action", made["id"].as_str().unwrap()).await, 1);
}

#[tokio::test]
async fn i_11_a_locked_user_is_out_at_once_and_stays_out_until_unlocked() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let elsewhere = ada.log_in().await;
    let lock = "admin user lock --id ada@example.com --reason incident-7 --format json";
    assert_eq!(json(&service.home().run(lock).await)["state"], "locked");
    ada.assert_out().await;
    elsewhere.assert_out().await;
    // The state is revealed only after the password was proven.
    ask(Person::login(&ada.client, &ada.email, PASSWORD)).await.refused(403, "identity_inactive");
    ask(Person::login(&ada.client, &ada.email, "not the password 5")).await.refused(401, "invalid_credentials");
    let unlock = format!("admin user unlock --id {} --format json", ada.id);
    assert_eq!(json(&service.home().run(&unlock).await)["state"], "active");
    ada.assert_out().await;
    ada.log_in().await.who_am_i().await.expect(200);
    let database = service.home().database().await;
    let told = database.texts("SELECT metadata FROM audit_events WHERE type = 'admin.action' AND actor = 'cli'").await;
    let reasons = told.iter().filter(|metadata| metadata.contains("incident-7")).count();
    assert_eq!(reasons, 1, "the reason is in the trail: {told:?}");
    assert_eq!(events(&database, "admin.action", &ada.id).await, 2);
}

#[tokio::test]
async fn i_11_the_state_is_asked_for_at_every_step_even_while_the_session_stands() {
    let service = Service::start_in(Home::new().with("KAYAN_SESSION_CACHE_TTL", "0s")).await;
    let ada = Person::register(&service.client(), "ada").await;
    for state in ["locked", "inactive", "pending"] {
        service.home().database().await.execute(&format!("UPDATE identities SET state = '{state}'")).await;
        ada.assert_out().await;
        ask(Person::login(&ada.client, &ada.email, PASSWORD)).await.refused(403, "identity_inactive");
    }
    service.home().database().await.execute("UPDATE identities SET state = 'active'").await;
    ada.who_am_i().await.expect(200);
    ada.refresh().await.expect(200);
}

#[tokio::test]
async fn a_password_is_set_from_standard_input_and_ends_every_session() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let new = "a password from the operator 3";
    let done = service
        .home()
        .run_with("admin user set-password --id ada@example.com --password-stdin", &format!("{new}\r\nmore\n"))
        .await;
    ended(&done, 0, "all sessions are revoked");
    ada.assert_out().await;
    ask(Person::login(&ada.client, &ada.email, PASSWORD)).await.refused(401, "invalid_credentials");
    ask(Person::login(&ada.client, &ada.email, new)).await.expect(200);
    assert!(!format!("{done:?}").contains(new), "{done:?}");
    let weak =
        service.home().run_with("admin user set-password --id ada@example.com --password-stdin", "short\n").await;
    assert!([1, 2].contains(&weak.code) && weak.stderr.contains("at least 8"), "{weak:?}");
    ask(Person::login(&ada.client, &ada.email, new)).await.expect(200);
}

#[tokio::test]
async fn every_mistake_has_its_exit_code_and_says_what_was_wrong() {
    let home = Home::new();
    let create = "admin user create --email ada@example.com --password-stdin";
    assert_eq!(home.run_with(create, PASSWORD).await.code, 0);
    for (line, input, code, why) in [
        ("admin user get --id nobody@example.com", "", 4, "nobody@example.com"),
        ("admin user lock --id 01890000-0000-7000-8000-000000000000", "", 4, "01890000"),
        ("admin user set-password --id nobody@example.com --password-stdin", PASSWORD, 4, "nobody@example.com"),
        ("admin user create --email x@example.com --no-password --tenant nowhere", "", 4, "nowhere"),
        (create, PASSWORD, 1, "exists"),
        ("admin user create --email nonsense --no-password", "", 2, "email"),
        ("admin user create --email x@example.com --no-password --role emperor", "", 2, "emperor"),
        ("admin user create --email x@example.com --password-stdin", "short", 2, "at least 8"),
        ("admin user create --email x@example.com --password-stdin", "", 2, "at least 8"),
        ("admin user create --email x@example.com", "", 2, "--password-stdin"),
        ("admin user create --email x@example.com --password hunter2", "", 2, "--password"),
        ("admin user list --limit 0", "", 2, "--limit"),
        ("admin user list --state odd", "", 2, "locked"),
        ("admin user", "", 2, "create"),
        ("admin usr list", "", 2, "usr"),
        ("nonsense", "", 2, "nonsense"),
        ("migrate create Bad-Name", "", 2, "Bad-Name"),
        ("migrate up --to 99", "", 2, "99"),
        ("serve --nonsense", "", 2, "--nonsense"),
        ("healthcheck --url https://localhost/", "", 2, "http://"),
        ("completions tcsh-like", "", 2, "bash"),
    ] {
        ended(&home.run_with(line, input).await, code, why);
    }
    let wrong = home.with("KAYAN_DB_TYPE", "oracle");
    for line in ["admin user list", "migrate status", "serve", "healthcheck"] {
        ended(&wrong.run(line).await, 78, "KAYAN_DB_TYPE");
    }
    assert_eq!(wrong.run("config check").await.code, 78);
}

#[tokio::test]
async fn i_22_the_guides_emergency_sql_logs_everybody_out() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let eve = Person::register(&service.client(), "eve").await;
    let database = service.home().database().await;
    let out = database.execute("UPDATE sessions SET active = false WHERE active = true;").await;
    assert_eq!(out, 2);
    ada.assert_out().await;
    eve.assert_out().await;
    ada.log_in().await.who_am_i().await.expect(200);
}
