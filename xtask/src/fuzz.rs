//! Made-up input: requests against a real server, which must answer as documented or at least fairly, and texts for parsers.

mod siege;
mod wire;

use std::{process::Command, thread};

use crate::{
    openapi,
    run::{self, Failure, Workspace},
    server::Server,
    tools,
};

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_headers_conformance,response_schema_conformance,unsupported_method,ignored_auth";

/// These end the session or the account that the requests are made with, after which all would be 401: nothing more
/// would be learnt. The run without a session sends requests to them too; what they do is proved by `tests/journeys`.
const ENDS_THE_SESSION: [&str; 5] =
    ["deleteMe", "logout", "revokeMySession", "revokeMyOtherSessions", "changePassword"];

/// This takes as long as it is told to, up to a minute; `tests/journeys` prove what it answers.
const TAKES_LONG: &str = "debugProfile";

/// How long each parser gets made-up texts, in seconds.
const EACH: u32 = 20;

/// The longest DSN that is made up, in bytes.
const LONGEST_DSN: u32 = 300;
/// The longest part of a response, in bytes: attestations with certificates are longer than this, and none is asked for.
const LONGEST_RESPONSE: u32 = 1000;

/// Reads made-up texts with each parser of `tests/fuzz`, then sends made-up requests, whole and half.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    run::timed("made-up DSNs", || texts(workspace, "dsn", LONGEST_DSN))?;
    run::timed("made-up responses of authenticators", || texts(workspace, "passkeys", LONGEST_RESPONSE))?;
    besieged(workspace)?;
    answers(workspace)
}

/// Sends what no client should, while another client sends valid requests.
fn besieged(workspace: &Workspace) -> Result<(), Failure> {
    let kayan = workspace.build_kayan()?;
    let document = run::read(&openapi::committed(workspace, "json"))?;
    let document = serde_json::from_slice(&document).map_err(|why| Failure::Wrong(format!("the document: {why}")))?;
    let skipped = [&ENDS_THE_SESSION[..], &[TAKES_LONG]].concat();
    run::timed("requests that no client should send", || siege::run(&kayan, &document, &skipped))
}

/// Runs a target of `tests/fuzz`; what it finds and what it learns stays in the target folder.
fn texts(workspace: &Workspace, target: &str, longest: u32) -> Result<(), Failure> {
    let place = workspace.target.join("fuzz");
    let corpus = place.join("corpus").join(target);
    std::fs::create_dir_all(&corpus).map_err(Failure::io(format!("can't make {}", corpus.display())))?;
    let mut build = workspace.cargo(["build", "--locked", "--workspace", "--bin", target]);
    run::run(build.env("RUSTC_WORKSPACE_WRAPPER", workspace.root.join("xtask/covered")))?;
    let mut fuzz = Command::new(workspace.target.join("debug").join(target));
    fuzz.arg(&corpus).arg(workspace.root.join("tests/fuzz/corpus").join(target));
    fuzz.args([format!("-max_total_time={EACH}"), format!("-artifact_prefix={}/", place.display())]);
    run::run(fuzz.args([&*format!("-max_len={longest}"), "-verbosity=0"]))
}

/// Sends the same kinds of requests without and with a session: at the same time, as making them up keeps one processor
/// busy, and to a service each.
fn answers(workspace: &Workspace) -> Result<(), Failure> {
    let kayan = workspace.build_kayan()?;
    // Installed once, if it is missing.
    tools::schemathesis(workspace)?;
    let (mut one, mut other) = (Server::start(&kayan)?, Server::start(&kayan)?);
    run::timed("requests without a session and with one", || {
        thread::scope(|scope| {
            let strangers = scope.spawn(|| blaming(&mut one, |server| as_nobody(workspace, server)));
            let members = blaming(&mut other, |server| with_session(workspace, server));
            let strangers = strangers.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            strangers.and(members)
        })
    })
}

/// Shows what the server said if it did not do well.
fn blaming(server: &mut Server, send: impl FnOnce(&mut Server) -> Result<(), Failure>) -> Result<(), Failure> {
    let result = send(server);
    if result.is_err() {
        eprintln!("the server said:\n{}", server.log());
    }
    result
}

fn as_nobody(workspace: &Workspace, server: &mut Server) -> Result<(), Failure> {
    schemathesis(workspace, server, &[])?;
    server.still_runs()
}

fn with_session(workspace: &Workspace, server: &mut Server) -> Result<(), Failure> {
    let token = server.register("fuzz@example.com")?;
    // Left to chance, the tenant is nearly always unknown, and no handler is reached.
    let headers = [format!("Authorization: Bearer {token}"), "X-Tenant-ID: default".to_owned()];
    let mut arguments: Vec<String> = headers.into_iter().flat_map(|header| ["--header".to_owned(), header]).collect();
    for operation in ENDS_THE_SESSION {
        arguments.extend(["--exclude-operation-id".to_owned(), operation.to_owned()]);
    }
    schemathesis(workspace, server, &arguments)?;
    server.still_runs()?;
    if server.knows(&token)? {
        return Ok(());
    }
    Err(Failure::Wrong(
        "the session ended during the run with a session, so it proved little; \
         name the operation that ended it in ENDS_THE_SESSION (xtask/src/fuzz.rs)"
            .to_owned(),
    ))
}

fn schemathesis(workspace: &Workspace, server: &Server, arguments: &[String]) -> Result<(), Failure> {
    let mut command = tools::schemathesis(workspace)?;
    command.args(["run", "--origin", &server.origin(), "--checks", CHECKS]);
    command.args(["--max-examples", "100", "--seed", "20260101", "--generation-database", "none"]);
    command.args(["--request-timeout", "10", "--continue-on-failure", "--exclude-operation-id", TAKES_LONG]);
    command.args(arguments).arg(openapi::committed(workspace, "json"));
    command.env("SCHEMATHESIS_HOOKS", "schemathesis_hooks").env("PYTHONPATH", workspace.root.join("xtask"));
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    // It leaves a cache where it runs.
    run::run_beside(command.current_dir(server.home()))
}
