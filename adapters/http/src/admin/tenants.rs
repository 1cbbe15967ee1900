//! Administration of tenants and their settings.

use std::sync::Arc;

use kayan_core::{CreateTenant, DeniedError, Failure, ManageTenantError, UpdateTenant};
use kayan_ports::{Method, TenantId, TenantIdError, TenantLimit, Timestamp};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, param::Path};
use serde::{Deserialize, Serialize};

use crate::{
    Application, Tag,
    admin::{Done, operator::Admin},
    wire::{
        body::Body,
        codes::Code,
        etag::{self, IfMatch},
        idempotency::IdempotencyKey,
        paging::{DEFAULT_LIMIT, page},
        problem::Problem,
        query::Query,
        refused::{Refused, never, refusals},
        reply::Reply,
    },
};

pub(super) const NO_SUCH_TENANT: &str = "there is no such tenant";

/// Codes of the shared error that each operation can't give.
const LIST: u64 = never([Code::NotFound, Code::AlreadyExists, Code::InUse]);
const CREATE: u64 = never([Code::NotFound, Code::InUse]);
const GET: u64 = never([Code::AlreadyExists, Code::InUse]);
const UPDATE: u64 = never([Code::AlreadyExists]);
const DELETE: u64 = never([Code::AlreadyExists]);

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Tenants {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

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
struct Settings {
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
    /// Whether users must verify an e-mail address before they can log in.
    #[serde(default)]
    #[oai(default)]
    verification_required: bool,
    /// The language of mails to users who prefer none, as a tag such as `de` (RFC 5646). Default: English.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(min_length = 2, max_length = 35))]
    language: Option<String>,
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
            // Second factors: no login begins with them.
            Method::Totp | Method::RecoveryCode => None,
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
            mfa_required: settings.mfa_required,
            mfa_required_from: settings.mfa_required_from,
            mfa_required_roles: settings.mfa_required_roles,
            verification_required: settings.verification_required,
            language: settings.language,
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
            mfa_required: settings.mfa_required,
            mfa_required_from: settings.mfa_required_from,
            mfa_required_roles: settings.mfa_required_roles,
            verification_required: settings.verification_required,
            language: settings.language,
            login_limit: settings.login_limit.map(limit),
            registration_limit: settings.registration_limit.map(limit),
        }
    }
}

/// A tenant.
#[derive(Debug, Object, Serialize)]
pub(crate) struct Tenant {
    /// The id of the tenant, for `X-Tenant-ID`.
    id: String,
    /// The display name.
    name: String,
    /// Whether the tenant's users can log in.
    active: bool,
    /// The settings.
    settings: Settings,
    /// When the tenant was created; 1970 for the one that comes with the installation.
    #[serde(with = "kayan_ports::timestamp")]
    created_at: Timestamp,
    /// When the tenant was last changed.
    #[serde(with = "kayan_ports::timestamp")]
    updated_at: Timestamp,
}

impl From<kayan_ports::Tenant> for Tenant {
    fn from(tenant: kayan_ports::Tenant) -> Self {
        Self {
            id: tenant.id.into(),
            name: tenant.name,
            active: tenant.active,
            settings: tenant.settings.into(),
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
        }
    }
}

page!(TenantList of Tenant);

/// A new tenant.
#[derive(Object, Deserialize)]
#[oai(rename = "CreateTenantRequest")]
struct CreateTenantBody {
    /// The id of the tenant: 1 to 63 of a-z, 0-9, `-` and `_`, beginning with a letter or digit.
    #[oai(validator(min_length = 1, max_length = 63))]
    id: String,
    /// The display name.
    #[serde(default)]
    #[oai(default, validator(max_length = 255))]
    name: String,
    /// The settings.
    #[serde(default)]
    #[oai(default)]
    settings: Settings,
}

/// What to change. Members that are left out stay as they are.
#[derive(Object, Deserialize)]
#[oai(rename = "UpdateTenantRequest")]
struct UpdateTenantBody {
    /// The display name.
    #[oai(validator(max_length = 255))]
    name: Option<String>,
    /// Whether the tenant's users can log in. `false` also revokes all of the tenant's sessions.
    active: Option<bool>,
    /// The new settings, which replace all of the old ones.
    settings: Option<Settings>,
}

#[derive(ApiResponse)]
enum TenantAnswer {
    /// The tenant.
    #[oai(status = 200)]
    Found(
        Reply<Tenant>,
        /// The version of the resource, for `If-Match` (RFC 9110, section 8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum TenantCreated {
    /// The new tenant.
    #[oai(status = 201)]
    Created(
        Reply<Tenant>,
        /// The version of the resource, for `If-Match` (RFC 9110, section 8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

fn found(tenant: kayan_ports::Tenant) -> TenantAnswer {
    let tag = etag::of(tenant.version);
    TenantAnswer::Found(Reply::new(&tenant.into()), tag)
}

#[OpenApi(prefix_path = "/admin/tenants", tag = "Tag::Administration")]
impl Tenants {
    /// List tenants
    ///
    /// Returns tenants, sorted by name. Requires `tenants:read`.
    #[oai(path = "/", method = "get", operation_id = "listTenants")]
    async fn list(
        &self,
        Admin(operator): Admin,
        /// The maximum number of results. Default: 20.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// The number of results to skip. Default: 0.
        offset: Query<Option<u64>>,
    ) -> Result<Reply<TenantList>, Refused<ManageTenantError, LIST>> {
        let (limit, offset) = (limit.0.unwrap_or(DEFAULT_LIMIT), offset.0.unwrap_or_default());
        let page = self.app.kayan.list_tenants(&operator, limit, offset).await?;
        Ok(Reply::new(&TenantList::new(page, limit, offset)))
    }

    /// Create a tenant
    ///
    /// Requires `tenants:write` over all tenants.
    #[oai(path = "/", method = "post", operation_id = "createTenant")]
    async fn create(
        &self,
        Admin(operator): Admin,
        /// A unique key of your choice. For a day, the same request with the same key gets the first response again and is not
        /// carried out twice.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        Body(body): Body<CreateTenantBody>,
    ) -> Result<TenantCreated, Refused<ManageTenantError, CREATE>> {
        let id: TenantId = body.id.parse().map_err(|error: TenantIdError| {
            Problem::new(Code::InvalidInput).field("/id", "pattern", error.to_string())
        })?;
        let cmd = CreateTenant { id, name: body.name, settings: body.settings.into() };
        let created = self.app.kayan.create_tenant(&key.with(operator), cmd).await?;
        let tag = etag::of(created.version);
        Ok(TenantCreated::Created(Reply::new(&created.into()), tag))
    }

    /// Get a tenant
    ///
    /// Requires `tenants:read`.
    #[oai(path = "/:id", method = "get", operation_id = "getTenant")]
    async fn get(
        &self,
        Admin(operator): Admin,
        /// The tenant's id.
        id: Path<String>,
    ) -> Result<TenantAnswer, Refused<ManageTenantError, GET>> {
        Ok(found(self.app.kayan.find_tenant(&operator, &tenant_id(&id)?).await?))
    }

    /// Update a tenant
    ///
    /// Requires `tenants:write`.
    #[oai(path = "/:id", method = "patch", operation_id = "updateTenant")]
    async fn update(
        &self,
        Admin(operator): Admin,
        /// The tenant's id.
        id: Path<String>,
        /// The ETag of the tenant as you last read it. If the tenant has changed since, the request fails with 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        Body(body): Body<UpdateTenantBody>,
    ) -> Result<TenantAnswer, Refused<ManageTenantError, UPDATE>> {
        let settings = body.settings.map(Into::into);
        let cmd =
            UpdateTenant { id: tenant_id(&id)?, name: body.name, active: body.active, settings, expected: if_match.0 };
        Ok(found(self.app.kayan.update_tenant(&operator, cmd).await?))
    }

    /// Delete a tenant
    ///
    /// Deletes a tenant that has no users; its audit events are kept. Requires `tenants:delete`.
    #[oai(path = "/:id", method = "delete", operation_id = "deleteTenant")]
    async fn delete(
        &self,
        Admin(operator): Admin,
        /// The tenant's id.
        id: Path<String>,
        /// The ETag of the tenant as you last read it. If the tenant has changed since, the request fails with 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<Done, Refused<ManageTenantError, DELETE>> {
        self.app.kayan.delete_tenant(&operator, &tenant_id(&id)?, if_match.0).await?;
        Ok(Done::Done)
    }
}

/// An id that no tenant can have gets 404.
fn tenant_id(id: &Path<String>) -> Result<TenantId, Box<Problem>> {
    id.0.parse().map_err(|_| Box::new(Problem::new(Code::NotFound).message(NO_SUCH_TENANT)))
}

refusals! {
    ManageTenantError {
        Self::Denied(denied) => (denied: DeniedError),
        Self::Invalid(fields) => InvalidInput.fields(fields),
        error @ Self::AlreadyExists(_) => AlreadyExists.message(error.to_string()),
        Self::NotFound(_) => NotFound.message(NO_SUCH_TENANT),
        Self::Changed => PreconditionFailed,
        error @ Self::InUse(_) => InUse.message(error.to_string()),
        Self::Failed(failure) => (failure: Failure),
    }
}
