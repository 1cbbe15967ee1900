//! Tenants, and what each sets for itself.

use std::sync::Arc;

use kayan_core::{CreateTenant, DeniedError, Failure, ManageTenantError, UpdateTenant};
use kayan_ports::{Method, TenantId, TenantIdError, TenantLimit, Timestamp};
use poem_openapi::{
    ApiResponse, Enum, Object, OpenApi,
    param::{Path, Query},
};
use serde::{Deserialize, Serialize};

use crate::{
    Application, Tag,
    admin::{Done, operator::Admin},
    wire::{
        body::Body,
        codes::Code,
        etag::{self, IfMatch},
        idempotency::IdempotencyKey,
        paging::{DEFAULT_LIMIT, List},
        problem::Problem,
        refused::{Refused, never, refusals},
        reply::Reply,
    },
};

pub(super) const NO_SUCH_TENANT: &str = "there is no such tenant";

/// What each operation can't answer, of the error that they share.
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
    /// By identifier and password.
    Password,
}

/// So many requests in so much time.
#[derive(Debug, Clone, Copy, Object, Serialize, Deserialize)]
struct Limit {
    /// How many.
    #[oai(validator(minimum(value = "1"), maximum(value = "1000000")))]
    requests: u32,
    /// In how many seconds.
    #[oai(validator(minimum(value = "1"), maximum(value = "86400")))]
    window: u32,
}

/// What a tenant sets; what is left out is as the service has it.
#[derive(Debug, Clone, Default, Object, Serialize, Deserialize)]
#[oai(rename = "TenantSettings", skip_serializing_if_is_none)]
struct Settings {
    /// The ways to log in; without it, all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(min_items = 1))]
    methods: Option<Vec<LoginMethod>>,
    /// How long a session token is good, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "60"), maximum(value = "31536000")))]
    session_ttl: Option<u32>,
    /// How long a refresh token is good, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "60"), maximum(value = "31536000")))]
    refresh_ttl: Option<u32>,
    /// How long a session can be kept alive, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "60"), maximum(value = "31536000")))]
    session_max_ttl: Option<u32>,
    /// The shortest password taken, in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(minimum(value = "8"), maximum(value = "64")))]
    password_min_length: Option<u16>,
    /// Whether one factor is too little to come in. Who has none enrolled is refused.
    #[serde(default)]
    #[oai(default)]
    mfa_required: bool,
    /// How often one identifier may try to log in.
    #[serde(skip_serializing_if = "Option::is_none")]
    login_limit: Option<Limit>,
    /// How often one client may register.
    #[serde(skip_serializing_if = "Option::is_none")]
    registration_limit: Option<Limit>,
}

impl From<kayan_ports::TenantSettings> for Settings {
    fn from(settings: kayan_ports::TenantSettings) -> Self {
        let limit = |TenantLimit { requests, window }| Limit { requests, window };
        let method = |method: Method| match method {
            Method::Password => LoginMethod::Password,
        };
        Self {
            methods: settings.methods.map(|methods| methods.into_iter().map(method).collect()),
            session_ttl: settings.session_ttl,
            refresh_ttl: settings.refresh_ttl,
            session_max_ttl: settings.session_max_ttl,
            password_min_length: settings.password_min_length,
            mfa_required: settings.mfa_required,
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
        };
        Self {
            methods: settings.methods.map(|methods| methods.into_iter().map(method).collect()),
            session_ttl: settings.session_ttl,
            refresh_ttl: settings.refresh_ttl,
            session_max_ttl: settings.session_max_ttl,
            password_min_length: settings.password_min_length,
            mfa_required: settings.mfa_required,
            login_limit: settings.login_limit.map(limit),
            registration_limit: settings.registration_limit.map(limit),
        }
    }
}

/// A tenant.
#[derive(Debug, Object, Serialize)]
struct Tenant {
    /// Its name in requests, in `X-Tenant-ID`.
    id: String,
    /// Its name for people.
    name: String,
    /// Whether anybody may come in.
    active: bool,
    /// What it sets for itself.
    settings: Settings,
    /// When it came to be; 1970: with the installation.
    #[serde(with = "crate::wire::rfc3339")]
    created_at: Timestamp,
    /// When it last changed.
    #[serde(with = "crate::wire::rfc3339")]
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

/// The wish for another tenant.
#[derive(Object, Deserialize)]
#[oai(rename = "CreateTenantRequest")]
struct CreateTenantBody {
    /// Its name in requests: 1 to 63 of a-z, 0-9, `-` and `_`, beginning with a letter or digit.
    #[oai(validator(min_length = 1, max_length = 63))]
    id: String,
    /// Its name for people.
    #[serde(default)]
    #[oai(default, validator(max_length = 255))]
    name: String,
    /// What it sets for itself.
    #[serde(default)]
    #[oai(default)]
    settings: Settings,
}

/// The wish for other settings; what is left out stays.
#[derive(Object, Deserialize)]
#[oai(rename = "UpdateTenantRequest")]
struct UpdateTenantBody {
    /// Its name for people.
    #[oai(validator(max_length = 255))]
    name: Option<String>,
    /// Whether anybody may come in. One that is switched off is out at once, every session of it included.
    active: Option<bool>,
    /// What it sets for itself, in place of all that it has set.
    settings: Option<Settings>,
}

#[derive(ApiResponse)]
enum TenantAnswer {
    /// The tenant.
    #[oai(status = 200)]
    Shown(
        Reply<Tenant>,
        /// The version, for `If-Match` (RFC 9110, section 8.8.3).
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
        /// The version, for `If-Match` (RFC 9110, section 8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

fn shown(tenant: kayan_ports::Tenant) -> TenantAnswer {
    let tag = etag::of(tenant.version);
    TenantAnswer::Shown(Reply::new(&tenant.into()), tag)
}

#[OpenApi(prefix_path = "/admin/tenants", tag = "Tag::Administration")]
impl Tenants {
    /// List tenants
    ///
    /// By name. Needs `tenants:read`.
    #[oai(path = "/", method = "get", operation_id = "listTenants")]
    async fn list(
        &self,
        Admin(operator): Admin,
        /// At most so many; without it, 20.
        #[oai(validator(minimum(value = "1"), maximum(value = "100")))]
        limit: Query<Option<u32>>,
        /// After so many.
        offset: Query<Option<u64>>,
    ) -> Result<Reply<List<Tenant>>, Refused<ManageTenantError, LIST>> {
        let (limit, offset) = (limit.0.unwrap_or(DEFAULT_LIMIT), offset.0.unwrap_or_default());
        let page = self.app.kayan.list_tenants(&operator, limit, offset).await?;
        Ok(Reply::new(&List::new(page, limit, offset)))
    }

    /// Make a tenant
    ///
    /// Needs `tenants:write`, in all tenants.
    #[oai(path = "/", method = "post", operation_id = "createTenant")]
    async fn create(
        &self,
        Admin(operator): Admin,
        /// A key of your choice: the same request with it gets the same answer for a day, and is carried out once.
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

    /// Show a tenant
    ///
    /// Needs `tenants:read`.
    #[oai(path = "/:id", method = "get", operation_id = "getTenant")]
    async fn get(
        &self,
        Admin(operator): Admin,
        /// The tenant's name.
        id: Path<String>,
    ) -> Result<TenantAnswer, Refused<ManageTenantError, GET>> {
        Ok(shown(self.app.kayan.find_tenant(&operator, &named(&id)?).await?))
    }

    /// Change a tenant
    ///
    /// Needs `tenants:write`.
    #[oai(path = "/:id", method = "patch", operation_id = "updateTenant")]
    async fn update(
        &self,
        Admin(operator): Admin,
        /// The tenant's name.
        id: Path<String>,
        /// The ETag of the tenant as you have seen it; if it has changed since, nothing happens.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        Body(body): Body<UpdateTenantBody>,
    ) -> Result<TenantAnswer, Refused<ManageTenantError, UPDATE>> {
        let settings = body.settings.map(Into::into);
        let cmd =
            UpdateTenant { id: named(&id)?, name: body.name, active: body.active, settings, expected: if_match.0 };
        Ok(shown(self.app.kayan.update_tenant(&operator, cmd).await?))
    }

    /// Delete a tenant
    ///
    /// One that has no users; its audit events stay. Needs `tenants:delete`.
    #[oai(path = "/:id", method = "delete", operation_id = "deleteTenant")]
    async fn delete(
        &self,
        Admin(operator): Admin,
        /// The tenant's name.
        id: Path<String>,
        /// The ETag of the tenant as you have seen it; if it has changed since, nothing happens.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<Done, Refused<ManageTenantError, DELETE>> {
        self.app.kayan.delete_tenant(&operator, &named(&id)?, if_match.0).await?;
        Ok(Done::Done)
    }
}

/// What is no name of a tenant is no tenant's.
fn named(id: &Path<String>) -> Result<TenantId, Box<Problem>> {
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
