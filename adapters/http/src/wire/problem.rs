//! The error response, in one format for every layer (RFC 9457).

use std::time::Duration;

use kayan_core::{FieldError, Language, Limited, Locked, MfaChallenge, Weakness, WorkRequired};
use kayan_ports::{Method, RateLimit, Timestamp};
use poem::{
    IntoResponse, Response,
    error::ResponseError,
    http::{HeaderValue, StatusCode, header},
};
use poem_openapi::Object;
use serde::Serialize;

use crate::wire::{codes::Code, rate_limit, work};

/// An error response under construction.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    code: Code,
    status: StatusCode,
    message: String,
    fields: Vec<Field>,
    checks: Vec<String>,
    required: Option<String>,
    mfa: Option<MfaChallenge>,
    work: Option<work::Challenge>,
    /// What makes a password weak, and where it was given: described in the client's language.
    weakness: Option<(String, Weakness)>,
    /// What the `WWW-Authenticate` header asks for (RFC 9470).
    challenge: Option<String>,
    allow: Option<String>,
    wait: Option<Wait>,
    /// For the log only.
    cause: Option<String>,
}

/// How long a client has to wait.
#[derive(Debug, Clone, Copy)]
struct Wait {
    /// Whole seconds, rounded up.
    seconds: u64,
    /// The end of a lockout.
    locked_until: Option<Timestamp>,
    /// The limit that was exceeded.
    limit: Option<RateLimit>,
}

/// The body of every error response, as `application/problem+json` (RFC 9457).
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Problem", skip_serializing_if_is_none)]
pub(crate) struct ProblemBody {
    /// A URI that identifies the kind of problem. It does not resolve.
    #[oai(rename = "type")]
    #[serde(rename = "type")]
    kind: String,
    /// A short description of the kind of problem, the same for every problem with this `code`.
    title: String,
    /// The HTTP status code.
    status: u16,
    /// The kind of problem, for programs.
    code: String,
    /// What is wrong with this request and what to do about it, for people.
    message: String,
    /// Details, for codes that have some.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<Details>,
    /// The id of the request, to quote in support requests.
    request_id: String,
}

/// Details of a problem.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "ProblemDetails", skip_serializing_if_is_none)]
struct Details {
    /// The invalid fields.
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<Field>>,
    /// The parts of the service that are not ready, each with the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    checks: Option<Vec<String>>,
    /// The permission that is missing; with `forwardAuth`, the role.
    #[serde(skip_serializing_if = "Option::is_none")]
    required: Option<String>,
    /// With `mfa_required`: the token that completes the login with a second factor, within five minutes and five tries.
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa_token: Option<String>,
    /// With `mfa_required`: when the `mfa_token` expires.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// With `mfa_required`: the second factors that the user has, such as `totp`. Any one of them completes the login.
    #[serde(skip_serializing_if = "Option::is_none")]
    methods: Option<Vec<String>>,
    /// With `mfa_required`: the second factors that the user can enroll to complete the login, if `methods` is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    enroll: Option<Vec<String>>,
    /// With `proof_of_work_required`: what to solve.
    #[serde(skip_serializing_if = "Option::is_none")]
    proof_of_work: Option<work::Challenge>,
    /// When the lockout ends.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    locked_until: Option<Timestamp>,
    /// How long to wait before the next attempt, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

/// An invalid field.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename = "FieldProblem")]
pub(crate) struct Field {
    /// The field, as a JSON Pointer (RFC 6901) into the request's body, or the name of the parameter.
    pointer: String,
    /// What is wrong, for programs: a JSON Schema keyword such as `required` or `format`, or another word such as `invalid`.
    /// With `weak_password`, the broken rule: `too_short`, `too_long`, `nul_character`, `common`, `contains_context`,
    /// `guessable`, `breached` or `reused`.
    code: String,
    /// What is wrong, for people. With `weak_password`, in English or German, as `Accept-Language` prefers.
    message: String,
}

impl From<FieldError> for Field {
    fn from(error: FieldError) -> Self {
        Self { pointer: error.pointer, code: error.code, message: error.message }
    }
}

impl Problem {
    /// A problem with the usual status and message of its code.
    pub(crate) fn new(code: Code) -> Self {
        let (status, _, message) = code.meaning();
        Self {
            code,
            status,
            message: message.to_owned(),
            fields: Vec::new(),
            checks: Vec::new(),
            required: None,
            mfa: None,
            work: None,
            weakness: None,
            challenge: None,
            allow: None,
            wait: None,
            cause: None,
        }
    }

    /// Its code.
    pub(crate) fn code(&self) -> Code {
        self.code
    }

    /// With another status.
    pub(crate) fn status_code(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// With another message.
    pub(crate) fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// With the invalid fields.
    pub(crate) fn fields(mut self, errors: Vec<FieldError>) -> Self {
        "some fields are not valid; see details.fields".clone_into(&mut self.message);
        self.fields = errors.into_iter().map(Into::into).collect();
        self
    }

    /// With the one invalid field.
    pub(crate) fn field(self, pointer: &str, code: &str, message: String) -> Self {
        self.fields(vec![FieldError { pointer: pointer.to_owned(), code: code.to_owned(), message }])
    }

    /// With what makes the password weak.
    pub(crate) fn weak(mut self, pointer: &str, weakness: Weakness) -> Self {
        self.weakness = Some((pointer.to_owned(), weakness));
        self
    }

    /// With the messages in the language that is preferred, where there are some in several; returns that language.
    fn translated(mut self, languages: &str) -> (Self, Option<Language>) {
        let Some((pointer, weakness)) = self.weakness.take() else { return (self, None) };
        let language = Language::preferred(languages);
        let message = weakness.message(language);
        (self.field(&pointer, weakness.code(), message.clone()).message(message), Some(language))
    }

    /// With the parts that are not ready.
    pub(crate) fn checks(mut self, checks: Vec<String>) -> Self {
        self.checks = checks;
        self
    }

    /// With the permission that is missing.
    pub(crate) fn required(mut self, permission: String) -> Self {
        self.required = Some(permission);
        self
    }

    /// With the second factors that the login lacks, and the token that completes it.
    pub(crate) fn mfa(mut self, challenge: MfaChallenge) -> Self {
        self.mfa = Some(challenge);
        self
    }

    /// With the challenge to solve.
    pub(crate) fn work(mut self, WorkRequired { challenge, was_given }: WorkRequired) -> Self {
        if was_given {
            "the proof of work is wrong, for another purpose, expired or was used before: solve details.proof_of_work"
                .clone_into(&mut self.message);
        }
        self.work = Some(challenge.into());
        self
    }

    /// With the proof that the session lacks, as a parameter of the `WWW-Authenticate` header (RFC 9470, section 3).
    pub(crate) fn challenge(mut self, parameter: String) -> Self {
        self.challenge = Some(parameter);
        self
    }

    /// With the cause, which is logged and not shown to the client.
    pub(crate) fn because(mut self, cause: String) -> Self {
        self.cause = Some(cause);
        self
    }

    /// With the end of the lockout.
    pub(crate) fn locked(mut self, Locked { until, now }: Locked) -> Self {
        let left = Duration::try_from(until - now).unwrap_or_default();
        self.wait = Some(Wait { seconds: seconds(left), locked_until: Some(until), limit: None });
        self
    }

    /// With the limit that was exceeded, and how long to wait.
    pub(crate) fn limited(mut self, Limited { limit, retry_after }: Limited) -> Self {
        self.wait = Some(Wait { seconds: seconds(retry_after), locked_until: None, limit: Some(limit) });
        self
    }

    /// With the methods that the path allows (RFC 9110, section 15.5.6).
    pub(crate) fn allow(mut self, methods: Option<String>) -> Self {
        self.allow = methods;
        self
    }

    /// The cause, for the log.
    pub(crate) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The response to the request with this id, in English.
    pub(crate) fn respond(self, request_id: &str) -> Response {
        self.respond_in("", request_id)
    }

    /// The response to the request with this id; what there is in several languages, in the one that its `Accept-Language`
    /// header prefers.
    pub(crate) fn respond_in(self, languages: &str, request_id: &str) -> Response {
        let (problem, language) = self.translated(languages);
        let mut response = problem.response(request_id);
        if let Some(language) = language {
            let tag = HeaderValue::from_static(language.tag());
            response.headers_mut().insert(header::CONTENT_LANGUAGE, tag);
        }
        response
    }

    fn response(self, request_id: &str) -> Response {
        let (_, title, _) = self.code.meaning();
        let some = |empty: bool| (!empty).then_some(());
        let names = |methods: &[Method]| methods.iter().map(|method| method.as_str().to_owned()).collect();
        let details = Details {
            fields: some(self.fields.is_empty()).map(|()| self.fields),
            checks: some(self.checks.is_empty()).map(|()| self.checks),
            required: self.required,
            mfa_token: self.mfa.as_ref().map(|mfa| mfa.mfa_token.expose().to_string()),
            expires_at: self.mfa.as_ref().map(|mfa| mfa.expires_at),
            methods: self.mfa.as_ref().map(|mfa| names(&mfa.missing.methods)),
            enroll: self.mfa.as_ref().map(|mfa| names(&mfa.missing.enroll)),
            proof_of_work: self.work,
            locked_until: self.wait.and_then(|wait| wait.locked_until),
            retry_after: self.wait.map(|wait| wait.seconds),
        };
        let is_some = details.fields.is_some()
            || details.checks.is_some()
            || details.required.is_some()
            || details.methods.is_some()
            || details.proof_of_work.is_some()
            || details.retry_after.is_some();
        let body = ProblemBody {
            kind: format!("urn:kayan:problem:{}", self.code.name()),
            title: title.to_owned(),
            status: self.status.as_u16(),
            code: self.code.name().to_owned(),
            message: self.message,
            details: is_some.then_some(details),
            request_id: request_id.to_owned(),
        };
        let mut response = serde_json::to_vec(&body).unwrap_or_default().into_response();
        response.set_status(self.status);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self.status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"kayan\""));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        if let Some(parameter) = self.challenge {
            let challenge = format!("Bearer realm=\"kayan\", error=\"insufficient_user_authentication\", {parameter}");
            headers.extend(HeaderValue::try_from(challenge).ok().map(|value| (header::WWW_AUTHENTICATE, value)));
        }
        if let Some(wait) = self.wait {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.seconds));
            if let Some(limit) = wait.limit {
                rate_limit::tell(headers, limit, 0, Duration::from_secs(wait.seconds));
            }
        }
        if let Some(allow) = self.allow.and_then(|methods| HeaderValue::from_str(&methods).ok()) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}

/// In whole seconds, rounded up, for Retry-After (RFC 9110, section 10.2.3).
fn seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn as_response(&self) -> Response {
        self.clone().respond("")
    }
}
