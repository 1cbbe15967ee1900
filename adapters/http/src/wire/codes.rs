//! The closed list of error codes.

use poem::http::StatusCode;

macro_rules! codes {
    ($($variant:ident = $name:literal, $status:ident, $title:literal, $message:literal;)+) => {
        /// The kind of an error, for programs.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Code {
            $(#[doc = $title] $variant,)+
        }

        impl Code {
            /// Every code.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value of `code` in the response.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Its line in the OpenAPI document.
            pub(crate) fn line(self) -> &'static str {
                match self { $(Self::$variant => concat!("`", $name, "`: ", $message),)+ }
            }

            /// The usual status, the title, and the default message.
            pub(crate) fn meaning(self) -> (StatusCode, &'static str, &'static str) {
                match self { $(Self::$variant => (StatusCode::$status, $title, $message),)+ }
            }
        }
    };
}

codes! {
    InvalidInput = "invalid_input", BAD_REQUEST, "Invalid request", "the request is not valid";
    WeakPassword = "weak_password", BAD_REQUEST, "Weak password", "choose another password";
    CeremonyFailed = "ceremony_failed", BAD_REQUEST, "Ceremony failed",
        "the passkey could not be registered: begin again";
    InvalidReturnTo = "invalid_return_to", BAD_REQUEST, "Return URL not allowed",
        "return_to is not a URL at an origin, and below a path, in KAYAN_RETURN_TO";
    Unauthorized = "unauthorized", UNAUTHORIZED, "Authentication required",
        "the session token is missing, unknown, expired or revoked: log in and send the new one";
    InvalidCredentials = "invalid_credentials", UNAUTHORIZED, "Invalid credentials",
        "the identifier or the password is wrong";
    FactorRefused = "invalid_code", UNAUTHORIZED, "Invalid code",
        "the code is wrong, expired or was used before: wait for the next one";
    InvalidToken = "invalid_token", UNAUTHORIZED, "Invalid token", "the token is unknown, expired or revoked";
    OidcFailed = "oidc_failed", UNAUTHORIZED, "Login by provider failed",
        "the identity provider did not confirm the login: begin again";
    TokenReused = "token_reused", UNAUTHORIZED, "Token already used",
        "this refresh token was used before, so its session is revoked: log in again";
    CsrfRejected = "csrf_rejected", FORBIDDEN, "Origin not allowed",
        "a request with a cookie must come from an allowed origin; send the token as `Authorization: Bearer` instead";
    Forbidden = "forbidden", FORBIDDEN, "Permission denied",
        "you don't have the required permission; see details.required";
    MethodDisabled = "method_disabled", FORBIDDEN, "Login method disabled",
        "this tenant does not allow this login method";
    PasswordExpired = "password_expired", FORBIDDEN, "Password expired",
        "the password is older than this tenant allows: request a link by recoveryRequest, and set a new one";
    MfaRequired = "mfa_required", FORBIDDEN, "Second factor required",
        "a second factor is required; see details.methods, details.enroll and details.mfa_token";
    Aal2Required = "aal2_required", FORBIDDEN, "Second factor required for this",
        "verify a second factor first: this session has proven only one";
    ReauthenticationRequired = "reauthentication_required", FORBIDDEN, "Recent proof required",
        "log in or verify a second factor first: the last proof of this session is too old";
    AudienceNotAllowed = "audience_not_allowed", FORBIDDEN, "Audience not allowed",
        "this tenant gives no tokens for this audience: an administrator can add it to jwt_audiences";
    IdentityInactive = "identity_inactive", FORBIDDEN, "Account not active",
        "this account is not active: ask an administrator";
    ProofOfWorkRequired = "proof_of_work_required", FORBIDDEN, "Proof of work required",
        "a proof of work is required: solve details.proof_of_work, and send the request again with proof_of_work";
    VerificationRequired = "verification_required", FORBIDDEN, "Verified address required",
        "verify your e-mail address or phone number first: open the link in the mail, or request a new message by \
         verificationRequest or phoneVerificationRequest";
    EmailRequired = "email_required", FORBIDDEN, "E-mail address required",
        "the identity provider gave no e-mail address, which is required here: allow it there, and try again";
    NotFound = "not_found", NOT_FOUND, "Not found", "this path does not exist";
    ProviderNotFound = "provider_not_found", NOT_FOUND, "Provider not found",
        "there is no identity provider of that name; oidcProviders lists them";
    TenantNotFound = "tenant_not_found", NOT_FOUND, "Tenant not found",
        "the tenant named by X-Tenant-ID is unknown or inactive";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "Method not allowed",
        "this path does not allow the method; the Allow header lists those that it does";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "Request timeout",
        "the request's body took too long to arrive";
    AlreadyExists = "already_exists", CONFLICT, "Already exists", "an account with this identifier already exists";
    AlreadyEnrolled = "already_enrolled", CONFLICT, "Already enrolled",
        "an authenticator app waits to be confirmed";
    LastIdentifier = "last_identifier", CONFLICT, "Last identifier",
        "this would remove the last identifier, which is needed to log in: set another one in the same request";
    LastCredential = "last_credential", CONFLICT, "Last credential",
        "you could not log in without it: set a password, register another passkey or link another account first";
    LinkRequired = "link_required", CONFLICT, "Account not linked",
        "log in in another way first, and link the account at the identity provider then";
    OwnAccount = "own_account", CONFLICT, "Own account",
        "you can't lock, deactivate or delete your own account here";
    LastAdmin = "last_admin", CONFLICT, "Last administrator",
        "this is the last active user with the role `admin`: grant it to another user first";
    InUse = "in_use", CONFLICT, "In use", "the resource is in use";
    WrongState = "wrong_state", CONFLICT, "Wrong state",
        "the state of the resource does not allow this: read it again";
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "Resource has changed",
        "the resource has changed since you read it: read it again, and send its new ETag as If-Match";
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, "Idempotency key already used",
        "this Idempotency-Key was used for another request: create a new key for each request";
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "Body too large",
        "the body is larger than 1 MiB: send less";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type",
        "send the body as Content-Type: application/json";
    AccountLocked = "account_locked", LOCKED, "Account locked",
        "too many failed attempts with this identifier: try again after details.locked_until";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests",
        "too many requests: try again after the seconds in Retry-After";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Internal error",
        "the service failed; report the request_id to its operator";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Service busy",
        "too many passwords are waiting to be checked: try again in a second";
    Unavailable = "unavailable", SERVICE_UNAVAILABLE, "Service unavailable",
        "a part of the service is not available: try again in a second";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_documented() {
        let (document, _) = crate::documents();
        let missing: Vec<_> =
            Code::ALL.iter().map(|code| format!("`{}`", code.name())).filter(|name| !document.contains(name)).collect();
        // It belongs to no operation.
        assert_eq!(missing, ["`method_not_allowed`"]);
    }
}
