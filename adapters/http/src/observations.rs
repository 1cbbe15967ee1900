//! What is counted and measured of every request.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use metrics::{Counter, Histogram};
use parking_lot::RwLock;
use poem::http::StatusCode;
use poem_openapi::{OpenApi, OperationId};

/// The ways to log in, and to show a second factor, by the names that the metrics have for them.
const STRATEGIES: [&str; 3] = ["password", "oidc", "webauthn"];
const FACTORS: [&str; 2] = ["totp", "webauthn"];

/// The handles of all operations, made once.
pub(crate) struct Observations {
    operations: HashMap<&'static str, Operation>,
    /// Whatever reached no operation.
    none: Operation,
}

struct Operation {
    name: &'static str,
    duration: Histogram,
    by_status: RwLock<BTreeMap<u16, Counter>>,
    meaning: Option<Meaning>,
}

/// What an operation is to the service, beside a request.
enum Meaning {
    Login(Tries, [Histogram; 2]),
    Registration(Tries),
    Refresh(Counter),
    Unlock(Counter),
}

/// How often something came about, and how often not.
struct Tries([Counter; 2]);

impl Tries {
    /// `counter` makes the counter of a status.
    fn new(counter: impl Fn(&'static str) -> Counter) -> Self {
        Self(["success", "failure"].map(|status| {
            let counter = counter(status);
            counter.increment(0);
            counter
        }))
    }

    fn logins(strategy: &'static str) -> Self {
        Self::new(|status| metrics::counter!("kayan_login_total", "status" => status, "strategy" => strategy))
    }

    fn note(&self, succeeded: bool) {
        let Self([success, failure]) = self;
        if succeeded { success } else { failure }.increment(1);
    }
}

impl Observations {
    /// Those of this API's operations. Only what keeps metrics at this moment will hear of them.
    pub(crate) fn of<T: OpenApi>() -> Self {
        for strategy in STRATEGIES {
            Tries::logins(strategy);
        }
        for factor in FACTORS {
            Tries::new(|status| metrics::counter!("kayan_mfa_total", "status" => status, "type" => factor));
        }
        let paths = T::meta().into_iter().flat_map(|api| api.paths);
        let names = paths.flat_map(|path| path.operations).filter_map(|operation| operation.operation_id);
        Self { operations: names.map(|name| (name, Operation::new(name))).collect(), none: Operation::new("none") }
    }

    /// Notes that an operation, if one was reached, was answered.
    pub(crate) fn note(&self, operation: Option<OperationId>, status: StatusCode, took: Duration) {
        let known = operation.and_then(|operation| self.operations.get(operation.0));
        known.unwrap_or(&self.none).note(status, took);
    }
}

impl Operation {
    fn new(name: &'static str) -> Self {
        Self {
            name,
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
                Some(Self::Login(Tries::logins("password"), durations))
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
            Self::Login(tries, durations) if is_attempt(status) => {
                tries.note(succeeded);
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

/// Whether somebody tried: what could not be read, or asked in a tenant that there is not, is nobody's attempt.
fn is_attempt(status: StatusCode) -> bool {
    !matches!(status.as_u16(), 400 | 404 | 408 | 413 | 415)
}
