//! The error side of an operation's answer, which documents itself from the table of errors.

use std::{collections::BTreeMap, marker::PhantomData};

use poem::http::StatusCode;
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};

use crate::wire::{
    codes::Code,
    problem::{Problem, ProblemBody},
};

/// What any operation can answer, whatever it does.
const ALWAYS: &[Code] = &[Code::InvalidInput, Code::TenantNotFound, Code::Internal, Code::Unavailable];
/// What any operation with a body can answer, too.
const WITH_BODY: &[Code] = &[Code::RequestTimeout, Code::PayloadTooLarge, Code::UnsupportedMediaType];

/// Gives a use-case's error its code, and says which codes there can be.
pub(crate) trait Refusal: Send + Sync + 'static {
    /// The codes of this error beside those that every operation has; a status where it is not the usual one.
    const CODES: &'static [(Code, Option<StatusCode>)];
    /// Whether the operation takes a body.
    const TAKES_BODY: bool;
    /// Whether the operation counts against the client's rate limit.
    const IS_LIMITED: bool = true;

    /// What the client is told.
    fn problem(self) -> Problem;
}

/// The error side of an operation's answer: documents itself from the table.
pub(crate) struct Refused<E>(Problem, PhantomData<E>);

impl<E: Refusal> From<E> for Refused<E> {
    fn from(error: E) -> Self {
        Self(error.problem(), PhantomData)
    }
}

impl<E> From<Problem> for Refused<E> {
    /// For what is refused before the use-case is asked.
    fn from(problem: Problem) -> Self {
        Self(problem, PhantomData)
    }
}

impl<E> From<Box<Problem>> for Refused<E> {
    fn from(problem: Box<Problem>) -> Self {
        (*problem).into()
    }
}

impl<E: Refusal> From<Refused<E>> for poem::Error {
    fn from(refused: Refused<E>) -> Self {
        Self::from(refused.0)
    }
}

impl<E: Refusal> ApiResponse for Refused<E> {
    fn meta() -> MetaResponses {
        let body = if E::TAKES_BODY { WITH_BODY } else { &[] };
        let limited: &[Code] = if E::IS_LIMITED { &[Code::RateLimited] } else { &[] };
        let usual = ALWAYS.iter().chain(body).chain(limited).map(|code| (*code, None));
        let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
        for (code, status) in E::CODES.iter().copied().chain(usual) {
            by_status.entry(status.unwrap_or(code.meaning().0).as_u16()).or_default().push(code);
        }
        MetaResponses { responses: by_status.into_iter().map(|(status, codes)| describe(status, &codes)).collect() }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}

fn describe(status: u16, codes: &[Code]) -> MetaResponse {
    let lines: Vec<String> = codes.iter().map(|code| format!("`{}`: {}", code.name(), code.meaning().1)).collect();
    let header = |name: &str, description: &str| MetaHeader {
        name: name.to_owned(),
        description: Some(description.to_owned()),
        required: false,
        deprecated: false,
        schema: String::schema_ref(),
    };
    let headers = match status {
        401 => vec![header("WWW-Authenticate", "How to authenticate (RFC 9110, section 11.6.1).")],
        429 => vec![
            header("Retry-After", "When to try again, in seconds."),
            header("RateLimit", "What is left of the limit: its name, `r` requests for `t` seconds."),
            header("RateLimit-Policy", "The limit: its name, `q` requests in `w` seconds."),
        ],
        423 | 503 => vec![header("Retry-After", "When to try again, in seconds.")],
        _ => Vec::new(),
    };
    MetaResponse {
        // The registry wants text that lives as long as the program; there is one of these per operation and status.
        description: Box::leak(lines.join("; ").into_boxed_str()),
        status: Some(status),
        status_range: None,
        content: vec![MetaMediaType { content_type: "application/problem+json", schema: ProblemBody::schema_ref() }],
        headers,
    }
}
