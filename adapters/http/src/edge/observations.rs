//! The metrics of every request.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use metrics::{Counter, Histogram};
use parking_lot::RwLock;
use poem::http::StatusCode;
use poem_openapi::{OpenApi, OperationId};

use crate::{admin::audit::EXPORT, wire::streamed};

/// The metrics of all operations, registered once.
pub(crate) struct Observations {
    operations: HashMap<&'static str, Operation>,
    /// Requests that reached no operation.
    none: Operation,
}

struct Operation {
    name: &'static str,
    /// The path, with its parameters in braces.
    route: String,
    duration: Histogram,
    by_status: RwLock<BTreeMap<u16, Counter>>,
    meaning: Option<Meaning>,
}

/// What an operation counts as, besides a request.
enum Meaning {
    Login([Histogram; 2]),
    Registration(Tries),
    Refresh(Counter),
    Unlock(Counter),
}

/// Counts successes and failures.
struct Tries([Counter; 2]);

impl Tries {
    /// `counter` returns the counter for a status.
    fn new(counter: impl Fn(&'static str) -> Counter) -> Self {
        Self(["success", "failure"].map(|status| {
            let counter = counter(status);
            counter.increment(0);
            counter
        }))
    }

    fn note(&self, succeeded: bool) {
        let Self([success, failure]) = self;
        if succeeded { success } else { failure }.increment(1);
    }
}

impl Observations {
    /// Registers the metrics of this API's operations with the recorder that is installed now.
    pub(crate) fn of<T: OpenApi>() -> Self {
        streamed::begin_counting(EXPORT);
        let paths = T::meta().into_iter().flat_map(|api| api.paths);
        let operations = paths.flat_map(|path| {
            let route = in_braces(&path.path);
            let names = path.operations.into_iter().filter_map(|operation| operation.operation_id);
            names.map(|name| (name, Operation::new(name, route.clone()))).collect::<Vec<_>>()
        });
        Self { operations: operations.collect(), none: Operation::new("none", "-".to_owned()) }
    }

    /// Counts a response, of an operation if one was reached, and returns the route.
    pub(crate) fn note(&self, operation: Option<OperationId>, status: StatusCode, took: Duration) -> &str {
        let known = operation.and_then(|operation| self.operations.get(operation.0)).unwrap_or(&self.none);
        known.note(status, took);
        &known.route
    }
}

impl Operation {
    fn new(name: &'static str, route: String) -> Self {
        Self {
            name,
            route,
            duration: metrics::histogram!("kayan_http_request_duration_seconds", "operation" => name),
            by_status: RwLock::default(),
            meaning: Meaning::of(name),
        }
    }

    fn note(&self, status: StatusCode, took: Duration) {
        self.duration.record(took);
        let counted = self.by_status.read().get(&status.as_u16()).map(|counter| counter.increment(1));
        if counted.is_none() {
            let text = status.as_str().to_owned();
            let counter = metrics::counter!("kayan_http_requests_total", "operation" => self.name, "status" => text);
            counter.increment(1);
            self.by_status.write().insert(status.as_u16(), counter);
        }
        if let Some(meaning) = &self.meaning {
            meaning.note(status, took);
        }
    }
}

impl Meaning {
    fn of(operation: &str) -> Option<Self> {
        match operation {
            "login" => {
                let durations = ["kayan_auth_duration_seconds", "kayan_auth_duration_hist_seconds"]
                    .map(|name| metrics::histogram!(name, "strategy" => "password"));
                Some(Self::Login(durations))
            }
            "register" => {
                let of = |status| metrics::counter!("kayan_registration_total", "status" => status);
                Some(Self::Registration(Tries::new(of)))
            }
            "refreshSession" => Some(Self::Refresh(metrics::counter!("kayan_session_refreshes_total"))),
            "unlockUser" => Some(Self::Unlock(metrics::counter!("kayan_lockout_events_total", "action" => "unlocked"))),
            _ => None,
        }
    }

    fn note(&self, status: StatusCode, took: Duration) {
        let succeeded = status.is_success();
        match self {
            // Refusals without an attempt take no time, and would hide how long real attempts take.
            Self::Login(durations) if succeeded || matches!(status.as_u16(), 401 | 403) => {
                for duration in durations {
                    duration.record(took);
                }
            }
            Self::Registration(tries) if is_attempt(status) => tries.note(succeeded),
            Self::Refresh(counter) | Self::Unlock(counter) if succeeded => counter.increment(1),
            _ => {}
        }
    }
}

/// A path as OpenAPI writes it: `/users/:id` is `/users/{id}`.
fn in_braces(path: &str) -> String {
    let segments = path.split('/').map(|segment| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}

/// Whether a response counts as an attempt. Unreadable requests, unknown tenants and failures of the service don't.
fn is_attempt(status: StatusCode) -> bool {
    !status.is_server_error() && !matches!(status.as_u16(), 400 | 404 | 408 | 413 | 415)
}
