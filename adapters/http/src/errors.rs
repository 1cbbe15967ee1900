//! The closed list of error codes, and the one table that gives every use-case error its code.

use std::{collections::BTreeMap, marker::PhantomData};

use kayan_core::{
    AuthenticateError, ChangePasswordError, DeleteMeError, Failure, LogInError, RefreshSessionError, RegisterError,
    RevokeMySessionError, UpdateMeError, Weakness,
};
use poem::http::StatusCode;
use poem_openapi::{
    ApiResponse,
    registry::{MetaHeader, MetaMediaType, MetaResponse, MetaResponses, Registry},
    types::Type,
};

use crate::problem::{Problem, ProblemBody};

macro_rules! codes {
    ($($variant:ident = $name:literal, $status:ident, $title:literal, $message:literal;)+) => {
        /// What programs act on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// Every code there is.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the answer's `code`.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The usual status, the title, and the message where a failure has none of its own.
            pub(crate) fn meaning(self) -> (StatusCode, &'static str, &'static str) {
                match self { $(Self::$variant => (StatusCode::$status, $title, $message),)+ }
            }
        }
    };
}

codes! {
    InvalidInput = "invalid_input", BAD_REQUEST, "The request is not valid", "the request is not valid";
    WeakPassword = "weak_password", BAD_REQUEST, "The password is not taken", "choose another password";
    Unauthorized = "unauthorized", UNAUTHORIZED, "A valid session is needed",
        "log in and send the session token: it is missing, unknown, expired or revoked";
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "The credentials are wrong",
        "the identifier or the password is wrong";
    InvalidToken = "invalid_token", UNAUTHORIZED, "The token is not valid", "the token is unknown, expired or revoked";
    TokenReused = "token_reused", UNAUTHORIZED, "The token was used before",
        "this refresh token was used before, so its session is revoked: log in again";
    CsrfRejected = "csrf_rejected", FORBIDDEN, "The request comes from a foreign page",
        "a request by cookie must come from an allowed origin; send the token as `Authorization: Bearer` instead";
    IdentityInactive = "identity_inactive", FORBIDDEN, "The account is not active",
        "this account is not active: ask an administrator";
    NotFound = "not_found", NOT_FOUND, "There is no such thing", "nothing is found at this path";
    TenantNotFound = "tenant_not_found", NOT_FOUND, "There is no such tenant",
        "the tenant named by X-Tenant-ID is unknown or inactive";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The path does not have this method",
        "the path does not have this method; the Allow header says which it has";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request took too long to arrive",
        "the request's body took too long to arrive";
    AlreadyExists = "already_exists", CONFLICT, "It exists already", "an account with this identifier exists already";
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is too large",
        "the body must not be larger than 1 MiB";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is of a type not taken",
        "send the body as Content-Type: application/json";
    Internal = "internal", INTERNAL_SERVER_ERROR, "The service failed",
        "the service failed; quote the request_id to its operator";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "The service is busy",
        "too many logins are waiting; try again in a second";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The service is not available",
        "a part of the service is not available; try again in a second";
}

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

impl<E: Refusal> From<Refused<E>> for poem::Error {
    fn from(refused: Refused<E>) -> Self {
        Self::from(refused.0)
    }
}

impl<E: Refusal> ApiResponse for Refused<E> {
    fn meta() -> MetaResponses {
        let body = if E::TAKES_BODY { WITH_BODY } else { &[] };
        let usual = ALWAYS.iter().chain(body).map(|code| (*code, None));
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
        503 => vec![header("Retry-After", "When to try again, in seconds.")],
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

fn failed(failure: Failure) -> Problem {
    match failure {
        Failure::Overloaded => Problem::new(Code::Overloaded),
        Failure::Unavailable(cause) => Problem::new(Code::Unavailable).because(cause),
        Failure::Fault(cause) => Problem::new(Code::Internal).because(cause),
    }
}

fn weak(weakness: &Weakness, pointer: &str) -> Problem {
    let field = kayan_core::FieldError {
        pointer: pointer.to_owned(),
        code: "weak_password".to_owned(),
        message: weakness.to_string(),
    };
    Problem::new(Code::WeakPassword).message(weakness.to_string()).fields(vec![field])
}

fn invalid(fields: Vec<kayan_core::FieldError>) -> Problem {
    Problem::new(Code::InvalidInput).message("some fields are not valid; details.fields says which").fields(fields)
}

impl Refusal for AuthenticateError {
    const CODES: &'static [(Code, Option<StatusCode>)] = &[(Code::Unauthorized, None), (Code::CsrfRejected, None)];
    const TAKES_BODY: bool = false;

    fn problem(self) -> Problem {
        match self {
            Self::Unauthorized => Problem::new(Code::Unauthorized),
            Self::NoTenant => Problem::new(Code::TenantNotFound),
            Self::Failed(failure) => failed(failure),
        }
    }
}

impl Refusal for RegisterError {
    const CODES: &'static [(Code, Option<StatusCode>)] =
        &[(Code::WeakPassword, None), (Code::AlreadyExists, None), (Code::Overloaded, None)];
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::InvalidTraits(fields) => invalid(fields),
            Self::WeakPassword(weakness) => weak(&weakness, "/password"),
            Self::AlreadyExists => Problem::new(Code::AlreadyExists),
            Self::NoTenant => Problem::new(Code::TenantNotFound),
            Self::Failed(failure) => failed(failure),
        }
    }
}

impl Refusal for LogInError {
    const CODES: &'static [(Code, Option<StatusCode>)] =
        &[(Code::InvalidCredentials, None), (Code::IdentityInactive, None), (Code::Overloaded, None)];
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::InvalidCredentials => Problem::new(Code::InvalidCredentials),
            Self::NotActive => Problem::new(Code::IdentityInactive),
            Self::NoTenant => Problem::new(Code::TenantNotFound),
            Self::Failed(failure) => failed(failure),
        }
    }
}

impl Refusal for RefreshSessionError {
    const CODES: &'static [(Code, Option<StatusCode>)] = &[(Code::InvalidToken, None), (Code::TokenReused, None)];
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::InvalidToken => Problem::new(Code::InvalidToken),
            Self::TokenReused => Problem::new(Code::TokenReused),
            Self::NoTenant => Problem::new(Code::TenantNotFound),
            Self::Failed(failure) => failed(failure),
        }
    }
}

impl Refusal for RevokeMySessionError {
    const CODES: &'static [(Code, Option<StatusCode>)] =
        &[(Code::Unauthorized, None), (Code::CsrfRejected, None), (Code::NotFound, None)];
    const TAKES_BODY: bool = false;

    fn problem(self) -> Problem {
        match self {
            Self::Authenticate(error) => error.problem(),
            Self::NotFound => Problem::new(Code::NotFound).message("you have no such session"),
        }
    }
}

/// A wrong password by somebody who is logged in is no failed authentication: 403, so that clients keep the session.
const WRONG_PASSWORD: (Code, Option<StatusCode>) = (Code::InvalidCredentials, Some(StatusCode::FORBIDDEN));

fn wrong_password() -> Problem {
    Problem::new(Code::InvalidCredentials).status_code(StatusCode::FORBIDDEN).message("the current password is wrong")
}

impl Refusal for ChangePasswordError {
    const CODES: &'static [(Code, Option<StatusCode>)] = &[
        (Code::WeakPassword, None),
        (Code::Unauthorized, None),
        (Code::CsrfRejected, None),
        WRONG_PASSWORD,
        (Code::Overloaded, None),
    ];
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::Authenticate(error) => error.problem(),
            Self::InvalidCredentials => wrong_password(),
            Self::WeakPassword(weakness) => weak(&weakness, "/new_password"),
        }
    }
}

impl Refusal for UpdateMeError {
    const CODES: &'static [(Code, Option<StatusCode>)] =
        &[(Code::Unauthorized, None), (Code::CsrfRejected, None), (Code::AlreadyExists, None)];
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::Authenticate(error) => error.problem(),
            Self::InvalidTraits(fields) => invalid(fields),
            Self::AlreadyExists => Problem::new(Code::AlreadyExists),
        }
    }
}

impl Refusal for DeleteMeError {
    const CODES: &'static [(Code, Option<StatusCode>)] =
        &[(Code::Unauthorized, None), (Code::CsrfRejected, None), WRONG_PASSWORD, (Code::Overloaded, None)];
    const TAKES_BODY: bool = true;

    fn problem(self) -> Problem {
        match self {
            Self::Authenticate(error) => error.problem(),
            Self::InvalidCredentials => wrong_password(),
        }
    }
}

/// The service is not ready; which parts are not, and why.
pub(crate) struct NotReady(pub(crate) Vec<String>);

impl Refusal for NotReady {
    const CODES: &'static [(Code, Option<StatusCode>)] = &[];
    const TAKES_BODY: bool = false;

    fn problem(self) -> Problem {
        let message = format!("not ready: {}", self.0.join("; "));
        Problem::new(Code::Unavailable).message(message).checks(self.0)
    }
}
