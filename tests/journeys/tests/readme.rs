//! Runs the README's commands as printed.

use std::{fs, process::Stdio, time::Duration};

use kayan_journeys::{Home, Kind, Service, binary};
use tokio::{process::Command, time::timeout};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");

/// Commands that can't run here, and why that proves nothing less.
const NAMED: [(&str, &str); 7] = [
    ("cargo xtask test", "is what runs this test"),
    ("cargo xtask test --on ", "is what `cargo xtask ci` does for each database"),
    ("cargo xtask with ", "starts the servers, as that does"),
    ("cargo build -p kayan ", "so builds `cargo xtask ci` for each database"),
    ("cargo xtask ci", "runs this test, too"),
    ("git clone ", "this is the clone"),
    ("cd ", "into the clone"),
];

/// Addresses of servers in the README, each with the kind that a test puts in its place.
const SERVERS: [(&str, Kind); 2] = [
    ("postgres://kayan:password@localhost:5432/kayan?sslmode=prefer", Kind::Postgres),
    ("kayan:password@tcp(localhost:3306)/kayan?parseTime=true", Kind::Mysql),
];

/// Languages of blocks that are no commands.
const SHOWN: [&str; 6] = ["text", "json", "toml", "rust", "sql", "mermaid"];

#[derive(Debug, Default)]
struct Blocks {
    named: Vec<String>,
    starts: Vec<String>,
    tour: Vec<String>,
}

/// The fenced blocks: language and content.
fn fenced(text: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        match (line.trim_start().strip_prefix("```"), open.take()) {
            (Some(language), None) => open = Some((language.trim().to_owned(), String::new())),
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some((language, content))) => open = Some((language, format!("{content}{line}\n"))),
            (None, None) => {}
        }
    }
    assert_eq!(open, None, "a block that is not closed");
    blocks
}

fn commands(block: &str) -> Vec<&str> {
    // A comment after a command explains it.
    let lines = block.lines().map(|line| line.split(" # ").next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

fn is_named(command: &str) -> bool {
    NAMED.iter().any(|(name, _)| if name.ends_with(' ') { command.starts_with(name) } else { command == *name })
}

fn starts_the_service(command: &str) -> bool {
    command.starts_with("cargo run ")
        && command.split(" -- ").nth(1).is_some_and(|args| args.split(' ').next() == Some("serve"))
}

fn sorted(text: &str) -> Blocks {
    let mut blocks = Blocks::default();
    for (language, content) in fenced(text) {
        if SHOWN.contains(&&*language) {
            continue;
        }
        assert_eq!(language, "sh", "mark commands as `sh`, anything else as one of {SHOWN:?}:\n{content}");
        let (starts, others): (Vec<&str>, Vec<&str>) =
            commands(&content).into_iter().partition(|it| starts_the_service(it));
        let (named, run): (Vec<&str>, Vec<&str>) = others.into_iter().partition(|it| is_named(it));
        assert!(starts.is_empty() || run.is_empty(), "a block that starts the service does not come back:\n{content}");
        blocks.starts.extend(starts.into_iter().map(str::to_owned));
        blocks.named.extend(named.into_iter().map(str::to_owned));
        if !run.is_empty() {
            blocks.tour.push(content);
        }
    }
    blocks
}

/// The commands as a new user's shell would run them, with the built binary for `cargo run -- …`, and the libraries of the tests
/// for Python.
fn script(blocks: &[String], port: u16) -> String {
    let binary = binary().display().to_string();
    let cargo = format!("cargo() {{ while [ \"$1\" != -- ]; do shift; done; shift; {binary:?} \"$@\"; }}");
    let tour = blocks.join("\n").replace("//localhost:8080", &format!("//localhost:{port}"));
    let python = std::env::var_os("KAYAN_TEST_MAIL_PYTHON").expect("`cargo xtask test` sets it");
    let python = format!("python3() {{ '{}' \"$@\"; }}", python.display());
    format!("{cargo}\n{python}\nset -x\n{tour}")
}

#[tokio::test]
async fn every_command_of_the_readme_runs_as_printed() {
    let text = fs::read_to_string(README).expect("there is a README.md");
    let blocks = sorted(&text);
    assert_eq!(blocks.starts.len(), 1, "one command starts the service: {blocks:?}");
    assert!(blocks.named.iter().any(|it| it == "cargo xtask test"), "one command runs the tests: {blocks:?}");
    assert!(!blocks.tour.is_empty(), "there is a tour: {blocks:?}");
    assert!(text.contains("http://localhost:8080/docs"), "the way to Swagger UI is told");

    // The words after ` -- ` are the binary's arguments; only the port differs from the README.
    let args: Vec<&str> = blocks.starts[0].split(" -- ").nth(1).unwrap().split(' ').collect();
    assert_eq!(args, ["serve"], "nothing needs to be set");
    let service = Service::start_in(Home::newcomers()).await;
    let mut tour = script(&blocks.tour, service.address().port());
    let servers = SERVERS.map(|(printed, kind)| (printed, Home::on(kind)));
    for (printed, own) in &servers {
        assert!(tour.contains(printed), "it is told how to run on {printed}");
        tour = tour.replace(printed, own.dsn());
    }
    let mut bash = Command::new("bash");
    bash.args(["-euo", "pipefail", "-c", &tour]).current_dir(service.home().path(".")).kill_on_drop(true);
    let done =
        timeout(Duration::from_mins(1), bash.stdin(Stdio::null()).output()).await.expect("the tour ends").unwrap();
    let (said, traced) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(done.status.success(), "{said}{traced}");
    // curl succeeds whatever the response says.
    assert!(said.contains("ada@example.com") && !said.contains("urn:kayan:problem"), "{said}{traced}");
    assert!(said.contains("\"unauthorized\"\n"), "after the logout the token opens nothing: {said}{traced}");
}

#[test]
fn a_block_of_the_readme_that_is_neither_run_nor_named_is_noticed() {
    let starts = "```sh\ngit clone x kayan\ncd kayan\ncargo run -- serve\n```\n";
    let blocks =
        sorted(&format!("{starts}```sh\ncurl x\n# more\n```\n```json\n{{}}\n```\n```sh\ncargo xtask test\n```\n"));
    assert_eq!(
        (blocks.starts, blocks.tour),
        (vec!["cargo run -- serve".to_owned()], vec!["curl x\n# more\n".to_owned()])
    );
    assert_eq!(blocks.named, ["git clone x kayan", "cd kayan", "cargo xtask test"]);
    for unmarked in [
        "```bash\nls\n```\n",
        "```\nls\n```\n",
        "```console\n$ ls\n```\n",
        "```sh\ncargo run -- serve\ncurl x\n```\n",
        "```sh\nls\n",
    ] {
        assert!(std::panic::catch_unwind(|| sorted(unmarked)).is_err(), "{unmarked}");
    }
}
