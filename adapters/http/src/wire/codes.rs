//! The closed list of error codes.

use poem::http::StatusCode;

macro_rules! codes {
    ($($variant:ident = $name:literal, $status:ident, $title:literal, $message:literal;)+) => {
        /// What programs act on.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// Every code there is.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the answer's `code`.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// How the document tells of it.
            pub(crate) fn line(self) -> &'static str {
                match self { $(Self::$variant => concat!("`", $name, "`: ", $message),)+ }
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
    Forbidden = "forbidden", FORBIDDEN, "A permission is missing",
        "you don't hold the permission that this needs; details.required says which";
    MethodDisabled = "method_disabled", FORBIDDEN, "The tenant does not allow this way in",
        "this tenant does not let anybody log in by password";
    MfaRequired = "mfa_required", FORBIDDEN, "A second factor is needed",
        "this tenant wants a second factor, and none is enrolled";
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
    LastIdentifier = "last_identifier", CONFLICT, "It is the last identifier",
        "this would take the last identifier away, and with it the way to log in: set another one as well";
    OwnAccount = "own_account", CONFLICT, "It is your own account",
        "nobody locks, deactivates or deletes themself here";
    LastAdmin = "last_admin", CONFLICT, "It is the last administrator",
        "this is the last active user with the role `admin`: give it to somebody else first";
    InUse = "in_use", CONFLICT, "It is in use", "it is in use";
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "It has changed",
        "it was changed since you have seen it: read it again, and send its new ETag as If-Match";
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "The key belongs to another request",
        "this Idempotency-Key was used for another request: make a new key for each";
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "The body is too large",
        "the body must not be larger than 1 MiB";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "The body is of a type not taken",
        "send the body as Content-Type: application/json";
    AccountLocked = "account_locked", LOCKED, "Too many wrong guesses",
        "too many wrong guesses with this identifier; wait until details.locked_until";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests",
        "too many requests; wait as many seconds as Retry-After says";
    Internal = "internal", INTERNAL_SERVER_ERROR, "The service failed",
        "the service failed; quote the request_id to its operator";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "The service is busy",
        "too many logins are waiting; try again in a second";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "The service is not available",
        "a part of the service is not available; try again in a second";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented() {
        let (document, _) = crate::documents();
        let missing: Vec<_> =
            Code::ALL.iter().map(|code| format!("`{}`", code.name())).filter(|name| !document.contains(name)).collect();
        // Neither belongs to an operation: they answer paths and methods that there are not.
        assert_eq!(missing, ["`method_not_allowed`"]);
    }
}
