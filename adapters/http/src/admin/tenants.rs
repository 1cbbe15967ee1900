//! Administration of tenants.

mod audiences;
mod settings;

use std::sync::Arc;

use kayan_core::{CreateTenant, DeniedError, Failure, ManageTenantError, UpdateTenant};
use kayan_ports::{TenantId, TenantIdError, Timestamp};
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path};
use serde::{Deserialize, Serialize};

use self::settings::Settings;
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
