//! The error responses of an operation, which are documented from the tables that give errors their codes.

use std::{collections::BTreeMap, marker::PhantomData, mem};

use kayan_core::Failure;
use poem::http::{Method, StatusCode};
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaMediaType, MetaOperation, MetaResponse, MetaResponses, Registry},
    types::Type,
};

use crate::{
    edge::{caller::COOKIE_SCHEME, limits},
    wire::{
        codes::Code,
        problem::{Problem, ProblemBody},
    },
};

/// Maps a use-case's error to codes, and lists the possible ones.
pub(crate) trait Refusal: Send + Sync + 'static {
    /// The codes of this error, each with its status.
    fn codes() -> Vec<(Code, StatusCode)>;

    /// The error response.
    fn problem(self) -> Problem;
}

/// The table of an error: each variant with its code and details.
///
/// - `Self::Gone => NotFound` is `Problem::new(Code::NotFound)`;
/// - `Self::Gone => NotFound.message("…")` adds details with a method of [`Problem`];
/// - `Self::Wrong => InvalidCredentials as FORBIDDEN` has another status than the usual one;
/// - `Self::Failed(failure) => (failure: Failure)` uses the table of that error.
macro_rules! refusals {
    ($($error:ty {
        $($pattern:pat =>
            $($code:ident $(as $status:ident)? $(.$method:ident($($value:expr),+))*)?
            $(($inner:ident: $nested:ty))?
        ),+ $(,)?
    })+) => {$(
        impl $crate::wire::refused::Refusal for $error {
            fn codes() -> Vec<($crate::wire::codes::Code, poem::http::StatusCode)> {
                let mut codes = Vec::new();
                $(
                    $(
                        let usual = $crate::wire::codes::Code::$code.meaning().0;
                        let status = [usual, $(poem::http::StatusCode::$status)?];
                        codes.extend(status.last().map(|status| ($crate::wire::codes::Code::$code, *status)));
                    )?
                    $(codes.extend(<$nested as $crate::wire::refused::Refusal>::codes());)?
                )+
                codes
            }

            fn problem(self) -> $crate::wire::problem::Problem {
                match self {
                    $($pattern => {
                        $(
                            $crate::wire::problem::Problem::new($crate::wire::codes::Code::$code)
                                $(.status_code(poem::http::StatusCode::$status))?
                                $(.$method($($value),+))*
                        )?
                        $($crate::wire::refused::Refusal::problem($inner))?
                    })+
                }
            }
        }
    )+};
}
pub(crate) use refusals;

impl Refusal for Failure {
    /// Every operation has these, except `Overloaded`, which only use-cases that hash a password name.
    fn codes() -> Vec<(Code, StatusCode)> {
        Vec::new()
    }

    fn problem(self) -> Problem {
        match self {
            Self::Overloaded => Problem::new(Code::Overloaded),
            Self::Nul => Problem::new(Code::InvalidInput).message(self.to_string()),
            Self::Unavailable(cause) => Problem::new(Code::Unavailable).because(cause),
            Self::Fault(cause) => Problem::new(Code::Internal).because(cause),
        }
    }
}

/// The error responses of an operation. The problem is boxed: responses are moved through many layers, and few are errors.
///
/// If several use-cases share an error, `NEVER` leaves out the codes that this operation can't give.
pub(crate) struct Refused<E, const NEVER: u64 = 0>(Box<Problem>, PhantomData<E>);

impl<E, const NEVER: u64> Refused<E, NEVER> {
    /// The code of the problem.
    pub(crate) fn code(&self) -> Code {
        self.0.code()
    }
}

/// A set of codes, for [`Refused`].
pub(crate) const fn never<const N: usize>(codes: [Code; N]) -> u64 {
    let mut set = 0;
    let mut rest: &[Code] = &codes;
    while let [code, others @ ..] = rest {
        set |= 1 << *code as u64;
        rest = others;
    }
    set
}

impl<E: Refusal, const NEVER: u64> From<E> for Refused<E, NEVER> {
    fn from(error: E) -> Self {
        let problem = error.problem();
        debug_assert_eq!(never([problem.code()]) & NEVER, 0, "the document says that this can't be: {problem:?}");
        Self(Box::new(problem), PhantomData)
    }
}

impl<E, const NEVER: u64> From<Problem> for Refused<E, NEVER> {
    /// For refusals before the use-case is called.
    fn from(problem: Problem) -> Self {
        Self(Box::new(problem), PhantomData)
    }
}

impl<E, const NEVER: u64> From<Box<Problem>> for Refused<E, NEVER> {
    fn from(problem: Box<Problem>) -> Self {
        Self(problem, PhantomData)
    }
}

impl<E: Refusal, const NEVER: u64> From<Refused<E, NEVER>> for poem::Error {
    fn from(refused: Refused<E, NEVER>) -> Self {
        Self::from(*refused.0)
    }
}

impl<E: Refusal, const NEVER: u64> ApiResponse for Refused<E, NEVER> {
    /// Each code by itself; [`document`] combines those with the same status.
    fn meta() -> MetaResponses {
        let codes = E::codes().into_iter().filter(|(code, _)| never([*code]) & NEVER == 0);
        MetaResponses { responses: codes.map(|(code, status)| refusal(status.as_u16(), code.line())).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

const PROBLEM: &str = "application/problem+json";

fn refusal(status: u16, description: &'static str) -> MetaResponse {
    MetaResponse {
        description,
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType { content_type: PROBLEM, schema: ProblemBody::schema_ref() }],
        headers: Vec::new(),
    }
}

/// Adds the codes that follow from an operation's parameters and body to those of its use-case.
pub(crate) fn document(path: &str, operation: &mut MetaOperation) {
    let (refusals, answers): (Vec<_>, Vec<_>) = mem::take(&mut operation.responses.responses)
        .into_iter()
        .partition(|response| response.content.iter().any(|content| content.content_type == PROBLEM));
    operation.responses.responses = answers;
    if refusals.is_empty() {
        return;
    }
    let mut by_status: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for refusal in refusals {
        by_status.entry(refusal.status.unwrap_or_default()).or_default().push(refusal.description);
    }
    for code in shared(path, operation) {
        by_status.entry(code.meaning().0.as_u16()).or_default().push(code.line());
    }
    let takes = |header: &str| operation.params.iter().any(|param| param.name == header);
    for (code, header) in [(Code::PreconditionFailed, "If-Match"), (Code::IdempotencyKeyReused, "Idempotency-Key")] {
        if !takes(header) {
            by_status.remove(&code.meaning().0.as_u16());
        }
    }
    let refusals = by_status.into_iter().map(|(status, lines)| {
        let lines: Vec<&str> = Code::ALL.iter().map(|code| code.line()).filter(|line| lines.contains(line)).collect();
        // The registry needs text with a static lifetime; there is one text for each operation and status.
        MetaResponse { headers: headers(status), ..refusal(status, Box::leak(lines.join("; ").into_boxed_str())) }
    });
    operation.responses.responses.extend(refusals);
}

/// The codes that an operation can give whatever its use-case is.
fn shared(path: &str, operation: &MetaOperation) -> Vec<Code> {
    let mut codes = vec![Code::InvalidInput, Code::Internal, Code::Unavailable];
    if operation.request.is_some() {
        codes.extend([Code::RequestTimeout, Code::PayloadTooLarge, Code::UnsupportedMediaType]);
    }
    if !operation.security.is_empty() {
        codes.extend([Code::Unauthorized, Code::TenantNotFound]);
    }
    let by_cookie = operation.security.iter().any(|scheme| scheme.contains_key(COOKIE_SCHEME));
    if by_cookie && operation.method != Method::GET {
        codes.push(Code::CsrfRejected);
    }
    if limits::counts(path) {
        codes.push(Code::RateLimited);
    }
    codes
}

fn headers(status: u16) -> Vec<MetaHeader> {
    let header = |name: &str, description: &str| MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        schema: String::schema_ref(),
    };
    match status {
        401 => vec![header("WWW-Authenticate", "How to authenticate (RFC 9110, section 11.6.1).")],
        429 => vec![
            header("Retry-After", "How long to wait before the next attempt, in seconds."),
            header("RateLimit", "What is left of the limit: its name, `r` requests for the next `t` seconds."),
            header("RateLimit-Policy", "The limit: its name, `q` requests per `w` seconds."),
        ],
        423 | 503 => vec![header("Retry-After", "How long to wait before the next attempt, in seconds.")],
        _ => Vec::new(),
    }
}
