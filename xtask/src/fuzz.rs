//! Requests made up from the OpenAPI document, against a real server: each answer must be a documented one.

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

/// Sends the same kinds of requests first as nobody, then with a session.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let kayan = workspace.build_kayan()?;
    let mut server = Server::start(&kayan)?;
    let result = requests(workspace, &mut server);
    if result.is_err() {
        eprintln!("the server said:\n{}", server.log());
    }
    result
}

fn requests(workspace: &Workspace, server: &mut Server) -> Result<(), Failure> {
    run::timed("requests without a session", || schemathesis(workspace, server, &[]))?;
    server.still_runs()?;
    let token = server.register("fuzz@example.com")?;
    // Left to chance, the tenant is nearly always one that there is not, and nothing behind it is reached.
    let headers = [format!("Authorization: Bearer {token}"), "X-Tenant-ID: default".to_owned()];
    let mut arguments: Vec<String> = headers.into_iter().flat_map(|header| ["--header".to_owned(), header]).collect();
    for operation in ENDS_THE_SESSION {
        arguments.extend(["--exclude-operation-id".to_owned(), operation.to_owned()]);
    }
    run::timed("requests with a session", || schemathesis(workspace, server, &arguments))?;
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
    command.args(["--request-timeout", "10", "--continue-on-failure"]);
    command.args(arguments).arg(openapi::committed(workspace, "json"));
    // It leaves a cache where it runs.
    run::run(command.current_dir(server.home()))
}
