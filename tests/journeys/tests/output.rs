//! The binary's output: safe on a terminal, and never a reason to fail.

use std::{
    fs::File,
    io::{self, PipeWriter},
    net::{Ipv4Addr, TcpListener},
    process::Stdio,
    time::Duration,
};

use kayan_journeys::{Client, Home, PASSWORD, Person, ask};
use reqwest::Method;
use serde_json::{Value, json};

use crate::administration::Office;

/// C0, DEL, C1 and the bidirectional controls.
const OBEYED: &str =
    "\u{1b}[31m\u{7f}\u{80}\u{9b}2J\u{9d}0;title\u{9c}\u{61c}\u{200e}\u{200f}\u{202a}\u{202e}\u{2066}\u{2069}";

fn is_obeyed(c: char) -> bool {
    OBEYED.contains(c) && !c.is_ascii_graphic() || (c.is_control() && c != '\n')
}

/// A pipe whose reader has gone.
fn closed() -> PipeWriter {
    let (reader, writer) = io::pipe().expect("a pipe");
    drop(reader);
    writer
}

fn full() -> File {
    File::options().write(true).open("/dev/full").expect("a full device")
}

/// The exit code of a command whose output can't be written.
async fn unheard(home: &Home, line: &str, out: impl Into<Stdio>, err: impl Into<Stdio>) -> Option<i32> {
    home.command(line.split_whitespace()).stdout(out).stderr(err).status().await.expect("the binary can be run").code()
}

#[tokio::test]
async fn nothing_that_a_client_has_sent_reaches_a_terminal_as_a_command() {
    let office = Office::open().await;
    let (home, odd) = (office.service.home(), |text: &str| format!("{text}{OBEYED}"));
    let user = json!({ "traits": { "email": "ada@example.com", "name": odd("Ada") }, "password": PASSWORD });
    let id = office.tell(Method::POST, "/admin/users", &user).await.expect(201).at("/id");
    let role = json!({ "id": "writer", "description": odd("writes"), "permissions": ["users:write"] });
    office.tell(Method::POST, "/admin/roles", &role).await.expect(201);
    let lock = json!({ "reason": odd("lost") });
    office.tell(Method::POST, &format!("/admin/users/{id}/lock"), &lock).await.expect(200);
    let agent = "Shop \u{80}\u{9b}2J\u{202e}";
    let login = Person::login(&office.client, "ada@example.com", "wrong").header("User-Agent", agent.as_bytes());
    ask(login).await.refused(401, "invalid_credentials");
    let sideways = "a\u{202e}b\u{2067}c";
    let named = home.command(["admin", "tenant", "create", "--id", "acme", "--name", sideways]).output().await.unwrap();
    assert!(named.status.success(), "{named:?}");

    let mut heard = String::new();
    for line in [
        "admin tenant list",
        "admin tenant list --format json",
        "admin user list",
        "admin user list --format json",
        "admin user get --id ada@example.com",
        "admin user get --id ada@example.com --format json",
        "admin user export",
        "admin role list",
        "admin role list --format json",
        "admin sessions list",
        "admin sessions list --format json",
        "audit query",
        "audit query --format json",
        "audit tail -n 100",
        "audit tail -n 100 --format json",
        "audit export",
        "audit export --format ndjson",
    ] {
        let done = home.run(line).await;
        assert_eq!(done.code, 0, "{line}: {done:?}");
        let found: Vec<char> = done.stdout.chars().chain(done.stderr.chars()).filter(|c| is_obeyed(*c)).collect();
        assert!(found.is_empty(), "{line}: {found:?} in {}", done.stdout);
        heard.push_str(&done.stdout);
    }
    let table = home.run("audit export --format csv").await.stdout.replace("\r\n", "\n");
    assert!(!table.contains(is_obeyed), "{table:?}");
    assert!(heard.contains("a\\u{202e}b\\u{2067}c") && heard.contains("a\\u202eb\\u2067c"), "{heard}");
    let log = office.service.log();
    assert!(!log.contains(is_obeyed), "{log:?}");

    let users: Value = serde_json::from_str(&home.run("admin user list --format json").await.stdout).unwrap();
    let names: Vec<&Value> = users.as_array().unwrap().iter().map(|user| &user["traits"]["name"]).collect();
    assert!(names.contains(&&user["traits"]["name"]), "JSON of the same value: {names:?}");
}

#[tokio::test]
async fn work_that_nobody_hears_of_is_done_all_the_same() {
    let home = Home::new();
    assert_eq!(unheard(&home, "migrate up", closed(), closed()).await, Some(0));
    assert_eq!(home.run("migrate status").await.code, 0);
    assert_eq!(unheard(&home, "migrate down --steps 1", closed(), full()).await, Some(0));
    assert_eq!(unheard(&home, "migrate status", closed(), closed()).await, Some(3));
    assert_eq!(unheard(&home, "migrate up", full(), full()).await, Some(0));
    let user = "admin user create --email ada@example.com --no-password";
    assert_eq!(unheard(&home, user, closed(), closed()).await, Some(0));
    assert_eq!(home.run("admin user get --id ada@example.com").await.code, 0);
    assert_eq!(unheard(&home, "admin user delete --id ada@example.com", closed(), closed()).await, Some(0));
    assert_eq!(home.run("admin user get --id ada@example.com").await.code, 4);
}

#[tokio::test]
async fn a_reader_that_has_seen_enough_ends_a_command_quietly() {
    let home = Home::new();
    assert_eq!(home.run("migrate up").await.code, 0);
    for line in [
        "completions bash",
        "completions zsh",
        "config check",
        "config check --format json",
        "openapi",
        "version",
        "--help",
        "serve --help",
        "migrate plan",
        "migrate status --format json",
        "admin user list",
        "admin user export",
        "admin tenant list --format json",
        "admin token create --permissions *",
        "audit query",
        "audit export",
        "audit tail -n 5",
        "audit seal",
    ] {
        assert_eq!(unheard(&home, line, closed(), closed()).await, Some(0), "{line}");
    }
}

#[tokio::test]
async fn results_that_do_not_fit_on_the_disk_are_an_error_and_no_panic() {
    let home = Home::new();
    assert_eq!(home.run("migrate up").await.code, 0);
    for line in ["completions bash", "version", "openapi", "admin tenant list", "admin tenant list --format json"] {
        let done =
            home.command(line.split_whitespace()).stdout(full()).spawn().unwrap().wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{line}: {said}");
        assert!(said.contains("standard output can't be written") && !said.contains("panicked"), "{line}: {said}");
        assert_eq!(unheard(&home, line, full(), full()).await, Some(1), "{line}");
    }
}

#[tokio::test]
async fn a_service_whose_log_can_not_be_written_serves() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let home = Home::new().with("KAYAN_PORT", port.to_string());
    for log in [Stdio::from(full()), Stdio::from(closed())] {
        let mut serving = home.command(["serve"]).stdout(closed()).stderr(log).spawn().expect("the binary can be run");
        let address = (Ipv4Addr::LOCALHOST, port).into();
        // Another process gives no event to wait for.
        while std::net::TcpStream::connect(address).is_err() {
            assert!(serving.try_wait().unwrap().is_none(), "it has ended");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ask(Client::new(address).get("/health/ready")).await.expect(200);
        serving.kill().await.unwrap();
    }
}
