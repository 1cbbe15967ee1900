//! Administration of roles, and permission checks.

use std::sync::Arc;

use kayan_core::{
    CheckPermission, CheckPermissionError, CreateRole, DefineRoleError, DeleteRole, DeleteRoleError, DeniedError,
    Failure, Permission, PermissionError, RoleError, UpdateRole,
};
use kayan_ports::{IdentityId, Timestamp};
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Application, Tag,
    admin::{Done, operator::Admin},
    wire::{
        body::Body,
        codes::Code,
        etag::{self, IfMatch},
        idempotency::IdempotencyKey,
        problem::Problem,
        refused::{Refused, never, refusals},
        reply::Reply,
    },
};

/// Codes of the shared error that each operation can't give.
const LIST: u64 = never([Code::NotFound, Code::AlreadyExists, Code::InUse]);
const CREATE: u64 = never([Code::NotFound]);
const GET: u64 = never([Code::AlreadyExists, Code::InUse]);
const UPDATE: u64 = never([Code::AlreadyExists]);
const DELETE: u64 = never([Code::AlreadyExists]);

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Roles {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// A role.
#[derive(Debug, Object, Serialize)]
struct Role {
    /// The name of the role, unique in the tenant.
    id: String,
    /// The tenant that the role belongs to.
    tenant_id: String,
    /// What the role is for.
    description: String,
    /// The permissions that the role grants, as patterns: `*` matches one segment, `**` all that follow.
    permissions: Vec<String>,
    /// The roles that it inherits permissions from.
    parents: Vec<String>,
    /// Whether the role comes with Kayan; built-in roles can't be changed.
    built_in: bool,
    /// When the role was created.
    #[serde(with = "kayan_ports::timestamp")]
    created_at: Timestamp,
    /// When the role was last changed.
    #[serde(with = "kayan_ports::timestamp")]
    updated_at: Timestamp,
}

impl From<kayan_ports::Role> for Role {
    fn from(role: kayan_ports::Role) -> Self {
        Self {
            id: role.name,
            tenant_id: role.tenant.into(),
            description: role.description,
            permissions: role.permissions,
            parents: role.parents,
            built_in: role.version == 0,
            created_at: role.created_at,
            updated_at: role.updated_at,
        }
    }
}

/// The roles of a tenant.
#[derive(Object, Serialize)]
struct RoleList {
    /// The built-in roles, followed by the tenant's own, sorted by name.
    data: Vec<Role>,
}

/// A new role.
#[derive(Object, Deserialize)]
#[oai(rename = "CreateRoleRequest")]
struct CreateRoleBody {
    /// The name of the role: 1 to 63 of a-z, 0-9, `-` and `_`, beginning with a letter or digit.
    #[oai(validator(min_length = 1, max_length = 63))]
    id: String,
    /// What the role is for.
    #[serde(default)]
    #[oai(default, validator(max_length = 1024))]
    description: String,
    /// The permissions that the role grants. They must not include one that you don't have.
    #[serde(default)]
    #[oai(default, validator(max_items = 256))]
    permissions: Vec<String>,
    /// The roles that it inherits permissions from.
    #[serde(default)]
    #[oai(default, validator(max_items = 256))]
    parents: Vec<String>,
}

/// What to change. Members that are left out stay as they are.
#[derive(Object, Deserialize)]
#[oai(rename = "UpdateRoleRequest")]
struct UpdateRoleBody {
    /// What the role is for.
    #[oai(validator(max_length = 1024))]
    description: Option<String>,
    /// The permissions that the role grants. They must not include one that you don't have.
    #[oai(validator(max_items = 256))]
    permissions: Option<Vec<String>>,
    /// The roles that it inherits permissions from.
    #[oai(validator(max_items = 256))]
    parents: Option<Vec<String>>,
}

/// A user and a permission.
#[derive(Object, Deserialize)]
#[oai(rename = "PermissionCheckRequest")]
struct CheckBody {
    /// The id of the user.
    identity_id: Uuid,
    /// The permission, without wildcards.
    #[oai(validator(min_length = 1, max_length = 512))]
    permission: String,
}

/// The result of a permission check.
#[derive(Object, Serialize)]
#[oai(rename = "PermissionCheck")]
struct Checked {
    /// Whether the user has the permission.
    allowed: bool,
    /// The roles through which the user has it: first the one that the user was granted, last the one that grants it.
    via: Vec<String>,
}

#[derive(ApiResponse)]
enum RoleAnswer {
    /// The role.
    #[oai(status = 200)]
    Found(
        Reply<Role>,
        /// The version of the resource, for `If-Match` (RFC 9110, section 8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

#[derive(ApiResponse)]
enum RoleCreated {
    /// The new role.
    #[oai(status = 201)]
    Created(
        Reply<Role>,
        /// The version of the resource, for `If-Match` (RFC 9110, section 8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

fn found(role: kayan_ports::Role) -> RoleAnswer {
    let tag = etag::of(role.version);
    RoleAnswer::Found(Reply::new(&role.into()), tag)
}

#[OpenApi(prefix_path = "/admin", tag = "Tag::Administration")]
impl Roles {
    /// List roles
    ///
    /// Requires `roles:read`.
    #[oai(path = "/roles", method = "get", operation_id = "listRoles")]
    async fn list(&self, admin: Admin) -> Result<Reply<RoleList>, Refused<DefineRoleError, LIST>> {
        let roles = self.app.kayan.list_roles(&admin.0, &admin.tenant()).await?;
        Ok(Reply::new(&RoleList { data: roles.into_iter().map(Role::from).collect() }))
    }

    /// Create a role
    ///
    /// Requires `roles:write` and every permission that the role grants or inherits.
    #[oai(path = "/roles", method = "post", operation_id = "createRole")]
    async fn create(
        &self,
        admin: Admin,
        /// A unique key of your choice. For a day, the same request with the same key gets the first response again and is not
        /// carried out twice.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        Body(body): Body<CreateRoleBody>,
    ) -> Result<RoleCreated, Refused<DefineRoleError, CREATE>> {
        let CreateRoleBody { id, description, permissions, parents } = body;
        let cmd = CreateRole { tenant: admin.tenant(), name: id, description, permissions, parents };
        let created = self.app.kayan.create_role(&key.with(admin.0), cmd).await?;
        let tag = etag::of(created.version);
        Ok(RoleCreated::Created(Reply::new(&created.into()), tag))
    }

    /// Get a role
    ///
    /// Requires `roles:read`.
    #[oai(path = "/roles/:id", method = "get", operation_id = "getRole")]
    async fn get(
        &self,
        admin: Admin,
        /// The role's name.
        id: Path<String>,
    ) -> Result<RoleAnswer, Refused<DefineRoleError, GET>> {
        Ok(found(self.app.kayan.find_role(&admin.0, &admin.tenant(), &id.0).await?))
    }

    /// Update a role
    ///
    /// Applies to all users with the role, on every replica within five seconds. Requires `roles:write` and every permission
    /// that the role grants before and after.
    #[oai(path = "/roles/:id", method = "patch", operation_id = "updateRole")]
    async fn update(
        &self,
        admin: Admin,
        /// The role's name.
        id: Path<String>,
        /// The ETag of the role as you last read it. If the role has changed since, the request fails with 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        Body(body): Body<UpdateRoleBody>,
    ) -> Result<RoleAnswer, Refused<DefineRoleError, UPDATE>> {
        let UpdateRoleBody { description, permissions, parents } = body;
        let (tenant, name, expected) = (admin.tenant(), id.0, if_match.0);
        let cmd = UpdateRole { tenant, name, description, permissions, parents, expected };
        Ok(found(self.app.kayan.update_role(&admin.0, cmd).await?))
    }

    /// Delete a role
    ///
    /// Deletes a role that no user has and no other role inherits from. Requires `roles:delete` and every permission that the
    /// role grants.
    #[oai(path = "/roles/:id", method = "delete", operation_id = "deleteRole")]
    async fn delete(
        &self,
        admin: Admin,
        /// The role's name.
        id: Path<String>,
        /// The ETag of the role as you last read it. If the role has changed since, the request fails with 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<Done, Refused<DeleteRoleError, DELETE>> {
        let cmd = DeleteRole { tenant: admin.tenant(), name: id.0, expected: if_match.0 };
        self.app.kayan.delete_role(&admin.0, cmd).await?;
        Ok(Done::Done)
    }

    /// Check a permission
    ///
    /// Tells whether a user has a permission, and through which roles. Changes of roles count within five seconds. Requires
    /// `roles:read`.
    #[oai(path = "/permissions/check", method = "post", operation_id = "checkPermission")]
    async fn check(
        &self,
        Admin(operator): Admin,
        Body(body): Body<CheckBody>,
    ) -> Result<Reply<Checked>, Refused<CheckPermissionError>> {
        let permission: Permission = body.permission.parse().map_err(|error: PermissionError| {
            Problem::new(Code::InvalidInput).field("/permission", "permission", error.to_string())
        })?;
        let query = CheckPermission { identity: IdentityId(body.identity_id), permission };
        let check = self.app.kayan.check_permission(&operator, &query).await?;
        Ok(Reply::new(&Checked { allowed: check.allowed, via: check.via }))
    }
}

refusals! {
    RoleError {
        error @ Self::Name(_) => InvalidInput.field("/id", "pattern", error.to_string()),
        error @ Self::BuiltIn(_) => InUse.message(error.to_string()),
        ref error @ Self::Permission(position, _) => InvalidInput
            .field(&format!("/permissions/{position}"), "permission", error.to_string()),
        ref error @ Self::UnknownParent(position, _) => InvalidInput
            .field(&format!("/parents/{position}"), "role", error.to_string()),
        error @ Self::Cycle(_) => InvalidInput.field("/parents", "cycle", error.to_string()),
        error @ Self::TooDeep(_) => InvalidInput.field("/parents", "depth", error.to_string()),
        error @ Self::TooMany => InvalidInput.field("", "maxItems", error.to_string()),
    }
    DefineRoleError {
        Self::Denied(denied) => (denied: DeniedError),
        Self::Invalid(error) => (error: RoleError),
        error @ Self::AlreadyExists(_) => AlreadyExists.message(error.to_string()),
        Self::NotFound(_) => NotFound.message("there is no such role"),
        Self::Changed => PreconditionFailed,
        Self::NoTenant(_) => TenantNotFound,
        Self::Failed(failure) => (failure: Failure),
    }
    DeleteRoleError {
        Self::Define(error) => (error: DefineRoleError),
        error @ Self::InUse(_) => InUse.message(error.to_string()),
    }
    CheckPermissionError {
        Self::Denied(denied) => (denied: DeniedError),
        Self::NotFound(_) => NotFound.message("there is no such user"),
        Self::Failed(failure) => (failure: Failure),
    }
}
