//! The OpenAPI document agrees with the HTTP contract: paths, methods, operation ids and status codes.
#![expect(clippy::unwrap_used, reason = "a document that can't be read breaks the test")]

use serde_json::Value;

/// Method and path, operation id, whether it needs a session, and the statuses the contract names.
type Row = (&'static str, &'static str, &'static str, bool, &'static [u16]);

const CONTRACT: &[Row] = &[
    ("post", "/api/v1/registration", "register", false, &[201, 400, 403, 409]),
    ("post", "/api/v1/login", "login", false, &[200, 401, 403]),
    ("get", "/api/v1/proof-of-work", "proofOfWork", false, &[200, 400, 404, 429]),
    ("post", "/api/v1/tokens/jwt", "mintJwt", true, &[200, 400, 401, 403]),
    ("post", "/api/v1/tokens/biscuit", "mintBiscuit", true, &[200, 400, 401, 403]),
    ("get", "/api/v1/whoami", "whoami", true, &[200, 401, 403]),
    ("post", "/api/v1/logout", "logout", true, &[204, 401]),
    ("post", "/api/v1/sessions/refresh", "refreshSession", false, &[200, 401]),
    ("get", "/api/v1/sessions", "listMySessions", true, &[200, 401]),
    ("delete", "/api/v1/sessions/{id}", "revokeMySession", true, &[204, 401, 404]),
    ("delete", "/api/v1/sessions", "revokeMyOtherSessions", true, &[204, 401]),
    ("get", "/api/v1/oidc/providers", "oidcProviders", false, &[200]),
    ("get", "/api/v1/oidc/{provider}", "oidcInit", true, &[302, 400, 401, 403, 404, 503]),
    ("get", "/api/v1/oidc/{provider}/callback", "oidcCallback", true, &[302, 401]),
    ("post", "/api/v1/oidc/{provider}/exchange", "oidcExchange", false, &[200, 401, 403, 404, 409, 429]),
    ("get", "/api/v1/oidc/links", "oidcLinks", true, &[200, 401]),
    ("delete", "/api/v1/oidc/links/{provider}", "oidcUnlink", true, &[204, 401, 403, 404, 409]),
    ("get", "/api/v1/devices", "listMyDevices", true, &[200, 401]),
    ("delete", "/api/v1/devices/{id}", "forgetMyDevice", true, &[204, 401, 404]),
    ("post", "/api/v1/password", "changePassword", true, &[204, 400, 401, 403]),
    ("patch", "/api/v1/me", "updateMe", true, &[200, 400, 401, 403, 409, 429]),
    ("delete", "/api/v1/me", "deleteMe", true, &[204, 400, 401, 403]),
    ("get", "/api/v1/me/export", "exportMe", true, &[200, 401]),
    ("get", "/api/v1/mfa", "listMyFactors", true, &[200, 401]),
    ("post", "/api/v1/mfa/totp/enroll", "totpEnroll", true, &[200, 401, 409]),
    ("post", "/api/v1/mfa/totp/verify", "totpVerify", true, &[200, 401, 423, 429]),
    ("delete", "/api/v1/mfa/totp", "totpDisable", true, &[204, 401, 403]),
    ("post", "/api/v1/mfa/recovery-codes", "recoveryCodesRegenerate", true, &[200, 401, 403]),
    ("post", "/api/v1/mfa/recovery-codes/verify", "recoveryCodeVerify", true, &[200, 401]),
    ("post", "/api/v1/mfa/otp/request", "mfaOtpRequest", true, &[202, 401, 403, 429]),
    ("post", "/api/v1/mfa/otp/verify", "mfaOtpVerify", true, &[200, 401, 423]),
    ("post", "/api/v1/webauthn/registration/begin", "webauthnRegisterBegin", true, &[200, 400, 401, 403, 409]),
    ("post", "/api/v1/webauthn/registration/finish", "webauthnRegisterFinish", true, &[200, 400, 401, 403]),
    ("post", "/api/v1/webauthn/login/begin", "webauthnLoginBegin", true, &[200, 400, 401, 403, 423, 429]),
    ("post", "/api/v1/webauthn/login/finish", "webauthnLoginFinish", true, &[200, 400, 401, 403]),
    ("get", "/api/v1/webauthn/credentials", "webauthnList", true, &[200, 401]),
    ("patch", "/api/v1/webauthn/credentials/{id}", "webauthnUpdate", true, &[200, 400, 401, 404]),
    ("delete", "/api/v1/webauthn/credentials/{id}", "webauthnDelete", true, &[204, 401, 403, 404, 409]),
    ("post", "/api/v1/verification/request", "verificationRequest", false, &[202, 400, 403, 429]),
    ("post", "/api/v1/verification/complete", "verificationComplete", false, &[200, 401, 404]),
    ("post", "/api/v1/phone-verification/request", "phoneVerificationRequest", false, &[202, 400, 403, 429]),
    ("post", "/api/v1/phone-verification/complete", "phoneVerificationComplete", false, &[200, 401, 404]),
    ("post", "/api/v1/recovery/request", "recoveryRequest", false, &[202, 400, 403, 429]),
    ("post", "/api/v1/recovery/complete", "recoveryComplete", false, &[200, 400, 401, 404]),
    ("post", "/api/v1/magic-link/request", "magicLinkRequest", false, &[202, 400, 403, 429]),
    ("post", "/api/v1/magic-link/complete", "magicLinkComplete", false, &[200, 401, 403, 404]),
    ("post", "/api/v1/otp/request", "otpRequest", false, &[202, 400, 403, 429]),
    ("post", "/api/v1/otp/complete", "otpComplete", false, &[200, 401, 403, 423, 429]),
    ("post", "/api/v1/email-change/request", "emailChangeRequest", true, &[202, 400, 401, 403, 409, 429]),
    ("post", "/api/v1/email-change/complete", "emailChangeComplete", false, &[200, 401, 404, 409]),
    ("post", "/api/v1/email-change/revert", "emailChangeRevert", false, &[200, 401, 404, 409, 503]),
    ("post", "/api/v1/invitation/complete", "invitationComplete", false, &[200, 400, 401, 403, 404, 503]),
    ("post", "/admin/users/{id}/invite", "inviteUser", true, &[200, 202, 400, 401, 403, 404, 409, 422]),
    ("post", "/api/v1/account/deletion/request", "accountDeletionRequest", true, &[202, 401, 403, 409, 429]),
    ("post", "/api/v1/account/deletion/complete", "accountDeletionComplete", false, &[204, 401, 404, 409]),
    ("delete", "/admin/users/{id}/mfa", "resetUserMfa", true, &[204, 401, 403, 404]),
    ("get", "/admin/users", "listUsers", true, &[200, 401, 403]),
    ("post", "/admin/users", "createUser", true, &[201, 400, 401, 403, 409]),
    ("get", "/admin/users/{id}", "getUser", true, &[200, 401, 403, 404]),
    ("patch", "/admin/users/{id}", "updateUser", true, &[200, 400, 401, 403, 404, 409, 412]),
    ("delete", "/admin/users/{id}", "deleteUser", true, &[204, 401, 403, 404, 409, 412]),
    ("post", "/admin/users/{id}/lock", "lockUser", true, &[200, 401, 403, 404, 409]),
    ("post", "/admin/users/{id}/unlock", "unlockUser", true, &[200, 401, 403, 404]),
    ("put", "/admin/users/{id}/password", "setUserPassword", true, &[204, 400, 401, 403, 404]),
    ("get", "/admin/users/{id}/sessions", "listUserSessions", true, &[200, 401, 403, 404]),
    ("delete", "/admin/users/{id}/sessions", "revokeUserSessions", true, &[200, 401, 403, 404]),
    ("get", "/admin/users/{id}/roles", "listUserRoles", true, &[200, 401, 403, 404]),
    ("put", "/admin/users/{id}/roles/{role}", "grantUserRole", true, &[200, 401, 403, 404]),
    ("delete", "/admin/users/{id}/roles/{role}", "revokeUserRole", true, &[200, 401, 403, 404, 409]),
    ("post", "/admin/users/import", "importUsers", true, &[200, 400, 401, 403, 413, 415]),
    ("get", "/admin/audit/events", "listAuditEvents", true, &[200, 400, 401, 403]),
    ("get", "/admin/audit/export", "exportAuditEvents", true, &[200, 400, 401, 403]),
    ("get", "/admin/sessions", "listSessions", true, &[200, 401, 403]),
    ("delete", "/admin/sessions/{id}", "revokeSession", true, &[204, 401, 403, 404]),
    ("post", "/admin/sessions/revoke-all", "revokeAllSessions", true, &[200, 401, 403, 404]),
    ("get", "/admin/roles", "listRoles", true, &[200, 401, 403]),
    ("post", "/admin/roles", "createRole", true, &[201, 400, 401, 403, 409]),
    ("get", "/admin/roles/{id}", "getRole", true, &[200, 401, 403, 404]),
    ("patch", "/admin/roles/{id}", "updateRole", true, &[200, 400, 401, 403, 404, 412]),
    ("delete", "/admin/roles/{id}", "deleteRole", true, &[204, 401, 403, 404, 409, 412]),
    ("post", "/admin/permissions/check", "checkPermission", true, &[200, 400, 401, 403, 404]),
    ("get", "/admin/tenants", "listTenants", true, &[200, 401, 403]),
    ("post", "/admin/tenants", "createTenant", true, &[201, 400, 401, 403, 409]),
    ("get", "/admin/tenants/{id}", "getTenant", true, &[200, 401, 403, 404]),
    ("patch", "/admin/tenants/{id}", "updateTenant", true, &[200, 400, 401, 403, 404, 412]),
    ("delete", "/admin/tenants/{id}", "deleteTenant", true, &[204, 401, 403, 404, 409, 412]),
    ("get", "/admin/messages", "listMessages", true, &[200, 400, 401, 403]),
    ("get", "/admin/messages/{id}", "getMessage", true, &[200, 401, 403, 404]),
    ("delete", "/admin/messages/{id}", "discardMessage", true, &[204, 401, 403, 404, 409]),
    ("post", "/admin/messages/{id}/retry", "retryMessage", true, &[204, 401, 403, 404, 409, 422]),
    ("get", "/admin/keys", "listKeys", true, &[200, 401, 403]),
    ("post", "/admin/keys/rotate", "rotateKeys", true, &[200, 400, 401, 403, 404, 422]),
    ("put", "/admin/log-level", "setLogLevel", true, &[200, 400, 401, 403]),
    ("get", "/health", "health", false, &[200, 503]),
    ("get", "/health/live", "healthLive", false, &[200]),
    ("get", "/health/ready", "healthReady", false, &[200, 503]),
    ("get", "/.well-known/jwks.json", "publicKeys", false, &[200, 304, 404]),
    ("get", "/.well-known/kayan/biscuit-keys.json", "biscuitKeys", false, &[200, 304, 404]),
    ("get", "/.well-known/webauthn", "relatedOrigins", false, &[200, 404]),
    ("get", "/.well-known/passkey-endpoints", "passkeyEndpoints", false, &[200, 404]),
    ("get", "/.well-known/change-password", "changePasswordPage", false, &[302, 404]),
    ("get", "/forward-auth", "forwardAuth", true, &[200, 302, 400, 401, 403, 404, 429]),
    ("get", "/metrics", "metrics", true, &[200, 401, 403]),
    ("get", "/debug/pprof/heap", "debugHeap", true, &[200, 401, 403, 409, 503]),
    ("get", "/debug/pprof/profile", "debugProfile", true, &[200, 400, 401, 403, 409, 503]),
    ("post", "/debug/gc", "debugGc", true, &[200, 401, 403, 409, 503]),
];

fn document() -> Value {
    serde_json::from_str(&kayan_http::documents().0).unwrap()
}

#[test]
fn every_operation_of_the_contract_is_documented_with_its_statuses() {
    let document = document();
    for (method, path, id, member, statuses) in CONTRACT {
        let operation = &document["paths"][path][method];
        assert_eq!(operation["operationId"], *id, "{method} {path}");
        for status in *statuses {
            assert!(operation["responses"][status.to_string()].is_object(), "{id} does not document {status}");
        }
        assert_eq!(operation["security"].as_array().is_some_and(|schemes| !schemes.is_empty()), *member, "{id}");
    }
}

#[test]
fn no_operation_is_missing_from_the_contract() {
    let document = document();
    let documented: usize = document["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
    assert_eq!(documented, CONTRACT.len(), "add the new operation to the table above");
}

#[test]
fn every_error_is_the_one_shape() {
    let document = document();
    for (method, path, id, _, _) in CONTRACT {
        let responses = document["paths"][path][method]["responses"].as_object().unwrap();
        for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
            // The health report lists the parts whatever their condition.
            if *id == "health" {
                continue;
            }
            let schema = &response["content"]["application/problem+json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/Problem", "{id} {status}");
        }
    }
}

#[test]
fn every_operation_has_a_summary_a_description_and_a_tag() {
    let document = document();
    for (method, path, id, _, _) in CONTRACT {
        let operation = &document["paths"][path][method];
        for member in ["summary", "description"] {
            assert!(operation[member].as_str().is_some_and(|text| !text.is_empty()), "{id} has no {member}");
        }
        assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{id}");
    }
}

/// The operations that document the status although they can't give it.
fn documenting(status: u16, may: impl Fn(&str, &Value) -> bool) -> Vec<&'static str> {
    let document = document();
    let mut wrong = Vec::new();
    for (method, path, id, ..) in CONTRACT {
        let operation = document.pointer(&format!("/paths/{}/{method}", path.replace('/', "~1"))).unwrap();
        if operation.pointer(&format!("/responses/{status}")).is_some() && !may(path, operation) {
            wrong.push(*id);
        }
    }
    wrong
}

fn takes(operation: &Value, header: &str) -> bool {
    let parameters = operation.get("parameters").and_then(Value::as_array).into_iter().flatten();
    parameters.filter_map(|parameter| parameter.get("name")).any(|name| name == header)
}

#[test]
fn an_operation_without_a_body_documents_neither_408_nor_413_nor_415() {
    for status in [408, 413, 415] {
        let wrong = documenting(status, |_, operation| operation.get("requestBody").is_some());
        assert!(wrong.is_empty(), "{status}: {wrong:?}");
    }
}

#[test]
fn a_refusal_of_a_header_is_documented_only_where_the_header_is_taken() {
    for (status, header) in [(412, "If-Match"), (422, "Idempotency-Key")] {
        let wrong = documenting(status, |_, operation| takes(operation, header));
        assert!(wrong.is_empty(), "{status}: {wrong:?}");
    }
}

#[test]
fn a_rate_limit_is_documented_only_where_requests_count() {
    let counts = |path: &str| path.starts_with("/api/") || path.starts_with("/admin/") || path == "/forward-auth";
    let wrong = documenting(429, |path, _| counts(path));
    assert!(wrong.is_empty(), "{wrong:?}");
}
