//! The settings of a tenant, as administrators read and write them.

use kayan_ports::{Method, OptionalNotice, TenantLimit, Timestamp};
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

use super::audiences::Audience;
use crate::wire::{channel::MessageChannel, work::Purpose};

/// A way to log in.
#[derive(Debug, Clone, Copy, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum LoginMethod {
    /// Identifier and password.
    Password,
    /// A passkey.
    Webauthn,
    /// A link in a mail.
    MagicLink,
    /// A code in a mail.
    Code,
    /// An account at an identity provider (OpenID Connect).
    Oidc,
}

/// A notice that a tenant can switch off.
#[derive(Debug, Clone, Copy, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum Notice {
    /// There was a login from a browser that is new to the account.
    NewDevice,
    /// Few recovery codes are left.
    RecoveryCodesLow,
    /// The account was locked after failed logins.
    AccountLocked,
}

/// A rate limit.
#[derive(Debug, Clone, Copy, Object, Serialize, Deserialize)]
struct Limit {
    /// The number of requests.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000")))]
    requests: u32,
    /// The time window, in seconds.
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    window: u32,
}

/// The settings of a tenant. The service's own settings apply for members that are left out.
#[derive(Debug, Clone, Default, Object, Serialize, Deserialize)]
#[oai(rename = "TenantSettings", skip_serializing_if_is_none)]
pub(super) struct Settings {
    /// The allowed ways to log in. Default: all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(min_items = 1))]
    methods: Option<Vec<LoginMethod>>,
    /// The lifetime of a session token, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "60"), maximum(value = "31536000")))]
    session_ttl: Option<u32>,
    /// The lifetime of a refresh token, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "60"), maximum(value = "31536000")))]
    refresh_ttl: Option<u32>,
    /// The maximum lifetime of a session, however often it is refreshed, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "60"), maximum(value = "31536000")))]
    session_max_ttl: Option<u32>,
    /// The minimum length of a password, in characters. Not less than the service asks for, and not more than the hash format
    /// takes: 72 with bcrypt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "8"), maximum(value = "128")))]
    password_min_length: Option<u16>,
    /// The maximum length of a password, in characters. Default: what the hash format takes, in bytes: 72 with bcrypt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "64"), maximum(value = "4096")))]
    password_max_length: Option<u16>,
    /// How hard a password must be to guess, as zxcvbn scores it: 0 to 4. Not less than the service asks for. Default: what the
    /// service asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(maximum(value = "4")))]
    password_min_score: Option<u8>,
    /// From how many of the user's last passwords a new one must differ, the current one included. Default: 0, none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(maximum(value = "24")))]
    password_history: Option<u8>,
    /// Whether passwords that are known from data breaches are refused. Default: what the service does.
    #[serde(skip_serializing_if = "Option::is_none")]
    password_breach_check: Option<bool>,
    /// After how many days a password is too old to log in with. Needs mail, by which users then set a new one. Default: 0, never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(maximum(value = "3650")))]
    password_max_age_days: Option<u16>,
    /// Whether a second factor is required. Users who have none enroll one when they log in.
    #[serde(default)]
    #[oai(default)]
    mfa_required: bool,
    /// From when on it is required. Before that, users log in as if it were not. Default: from now on.
    #[serde(default, with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    mfa_required_from: Option<Timestamp>,
    /// Require it only of users with one of these roles, or with a role that inherits from one of them. Default: of everyone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(min_items = 1, max_items = 256))]
    mfa_required_roles: Option<Vec<String>>,
    /// How users who have neither an authenticator app nor a passkey can get a code as their second factor, in the order of
    /// preference. It is sent to a verified address only. A mailbox is no authenticator (NIST SP 800-63B, section 5.1.3.1), and a
    /// phone number a restricted one. Default: none.
    #[serde(default)]
    #[oai(default)]
    mfa_code_channels: Vec<MessageChannel>,
    /// For how many days a device that a user trusts can stand in for the second factor that the user has; a factor that is
    /// required is always asked for. Default: devices can't be trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "1"), maximum(value = "90")))]
    trusted_device_days: Option<u16>,
    /// Whether users must verify an e-mail address before they can log in.
    #[serde(default)]
    #[oai(default)]
    verification_required: bool,
    /// Whether users can't register with, or change to, an e-mail address of a service for disposable ones. Administrators can
    /// give them any.
    #[serde(default)]
    #[oai(default)]
    refuse_disposable_addresses: bool,
    /// The language of mails to users who prefer none, as a tag such as `de` (RFC 5646). Default: English.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(min_length = 2, max_length = 35))]
    language: Option<String>,
    /// The notices that users get no mail of. Those of changes to the account can't be switched off here. Default: none.
    #[serde(default)]
    #[oai(default)]
    notices_off: Vec<Notice>,
    /// What always requires a proof of work. Default: nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(min_items = 1))]
    proof_of_work: Option<Vec<Purpose>>,
    /// After how many failed logins of an account, or of a client on any accounts, within 15 minutes a login requires a proof of
    /// work. Default: none is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "1"), maximum(value = "1000")))]
    proof_of_work_after_failures: Option<u16>,
    /// The largest number that solves a challenge; half as many hashes find it on average. Default: 100000, which takes a browser
    /// about a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "1000"), maximum(value = "10000000")))]
    proof_of_work_difficulty: Option<u32>,
    /// The services that users get JWTs for by `mintJwt`. Default: none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[oai(default, validator(max_items = 20))]
    jwt_audiences: Vec<Audience>,
    /// The one of `jwt_audiences` that session tokens are also for, with its claims, where the service issues session tokens as JWTs.
    /// Their lifetime and algorithm are those of the service. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(max_length = 255))]
    session_audience: Option<String>,
    /// The rate limit of logins for each identifier.
    #[serde(skip_serializing_if = "Option::is_none")]
    login_limit: Option<Limit>,
    /// The rate limit of registrations for each client.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_limit: Option<Limit>,
}

impl From<kayan_ports::TenantSettings> for Settings {
    fn from(settings: kayan_ports::TenantSettings) -> Self {
        let limit = |TenantLimit { requests, window }| Limit { requests, window };
        let method = |method: Method| match method {
            Method::Password => Some(LoginMethod::Password),
            Method::Webauthn => Some(LoginMethod::Webauthn),
            Method::MagicLink => Some(LoginMethod::MagicLink),
            Method::Code => Some(LoginMethod::Code),
            Method::Oidc => Some(LoginMethod::Oidc),
            // Second factors: no login begins with them.
            Method::Totp | Method::RecoveryCode | Method::Otp => None,
        };
        let notice = |notice| match notice {
            OptionalNotice::NewDevice => Notice::NewDevice,
            OptionalNotice::RecoveryCodesLow => Notice::RecoveryCodesLow,
            OptionalNotice::AccountLocked => Notice::AccountLocked,
        };
        Self {
            methods: settings.methods.map(|methods| methods.into_iter().filter_map(method).collect()),
            session_ttl: settings.session_ttl,
            refresh_ttl: settings.refresh_ttl,
            session_max_ttl: settings.session_max_ttl,
            password_min_length: settings.password_min_length,
            password_max_length: settings.password_max_length,
            password_min_score: settings.password_min_score,
            password_history: settings.password_history,
            password_breach_check: settings.password_breach_check,
            password_max_age_days: settings.password_max_age_days,
            mfa_required: settings.mfa_required,
            mfa_required_from: settings.mfa_required_from,
            mfa_required_roles: settings.mfa_required_roles,
            mfa_code_channels: settings.mfa_code_channels.into_iter().map(Into::into).collect(),
            trusted_device_days: settings.trusted_device_days,
            verification_required: settings.verification_required,
            refuse_disposable_addresses: settings.refuse_disposable_addresses,
            language: settings.language,
            notices_off: settings.notices_off.into_iter().map(notice).collect(),
            proof_of_work: settings.proof_of_work.map(|purposes| purposes.into_iter().map(Into::into).collect()),
            proof_of_work_after_failures: settings.proof_of_work_after_failures,
            proof_of_work_difficulty: settings.proof_of_work_difficulty,
            jwt_audiences: settings.jwt_audiences.into_iter().map(Into::into).collect(),
            session_audience: settings.session_audience,
            login_limit: settings.login_limit.map(limit),
            registration_limit: settings.registration_limit.map(limit),
        }
    }
}

impl From<Settings> for kayan_ports::TenantSettings {
    fn from(settings: Settings) -> Self {
        let limit = |Limit { requests, window }| TenantLimit { requests, window };
        let method = |method: LoginMethod| match method {
            LoginMethod::Password => Method::Password,
            LoginMethod::Webauthn => Method::Webauthn,
            LoginMethod::MagicLink => Method::MagicLink,
            LoginMethod::Code => Method::Code,
            LoginMethod::Oidc => Method::Oidc,
        };
        let notice = |notice| match notice {
            Notice::NewDevice => OptionalNotice::NewDevice,
            Notice::RecoveryCodesLow => OptionalNotice::RecoveryCodesLow,
            Notice::AccountLocked => OptionalNotice::AccountLocked,
        };
        Self {
            methods: settings.methods.map(|methods| methods.into_iter().map(method).collect()),
            session_ttl: settings.session_ttl,
            refresh_ttl: settings.refresh_ttl,
            session_max_ttl: settings.session_max_ttl,
            password_min_length: settings.password_min_length,
            password_max_length: settings.password_max_length,
            password_min_score: settings.password_min_score,
            password_history: settings.password_history,
            password_breach_check: settings.password_breach_check,
            password_max_age_days: settings.password_max_age_days,
            mfa_required: settings.mfa_required,
            mfa_required_from: settings.mfa_required_from,
            mfa_required_roles: settings.mfa_required_roles,
            mfa_code_channels: settings.mfa_code_channels.into_iter().map(Into::into).collect(),
            trusted_device_days: settings.trusted_device_days,
            verification_required: settings.verification_required,
            refuse_disposable_addresses: settings.refuse_disposable_addresses,
            language: settings.language,
            notices_off: settings.notices_off.into_iter().map(notice).collect(),
            proof_of_work: settings.proof_of_work.map(|purposes| purposes.into_iter().map(Into::into).collect()),
            proof_of_work_after_failures: settings.proof_of_work_after_failures,
            proof_of_work_difficulty: settings.proof_of_work_difficulty,
            jwt_audiences: settings.jwt_audiences.into_iter().map(Into::into).collect(),
            session_audience: settings.session_audience,
            login_limit: settings.login_limit.map(limit),
            registration_limit: settings.registration_limit.map(limit),
        }
    }
}
