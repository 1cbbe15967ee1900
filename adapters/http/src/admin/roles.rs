//! Roles: what they grant, and whether somebody may do something.

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

/// What each operation can't answer, of the error that they share.
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
    /// Its name within the tenant.
    id: String,
    /// The tenant.
    tenant_id: String,
    /// What it is for.
    description: String,
    /// What it grants: patterns, in which `*` stands for one segment and `**` for the rest.
    permissions: Vec<String>,
    /// The roles that it inherits from.
    parents: Vec<String>,
    /// Whether it came with Kayan, and stays as it is.
    built_in: bool,
    /// When it came to be.
    #[serde(with = "crate::wire::rfc3339")]
    created_at: Timestamp,
    /// When it last changed.
    #[serde(with = "crate::wire::rfc3339")]
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

/// A tenant's roles.
#[derive(Object, Serialize)]
struct RoleList {
    /// The built-in ones, and then the tenant's own by name.
    data: Vec<Role>,
}

/// The wish for another role.
#[derive(Object, Deserialize)]
#[oai(rename = "CreateRoleRequest")]
struct CreateRoleBody {
    /// Its name: 1 to 63 of a-z, 0-9, `-` and `_`, beginning with a letter or digit.
    #[oai(validator(min_length = 1, max_length = 63))]
    id: String,
    /// What it is for.
    #[serde(default)]
    #[oai(default, validator(max_length = 1024))]
    description: String,
    /// What it grants: none that you don't hold.
    #[serde(default)]
    #[oai(default, validator(max_items = 256))]
    permissions: Vec<String>,
    /// The roles that it inherits from.
    #[serde(default)]
    #[oai(default, validator(max_items = 256))]
    parents: Vec<String>,
}

/// The wish for another definition; what is left out stays.
#[derive(Object, Deserialize)]
#[oai(rename = "UpdateRoleRequest")]
struct UpdateRoleBody {
    /// What it is for.
    #[oai(validator(max_length = 1024))]
    description: Option<String>,
    /// What it grants: none that you don't hold.
    #[oai(validator(max_items = 256))]
    permissions: Option<Vec<String>>,
    /// The roles that it inherits from.
    #[oai(validator(max_items = 256))]
    parents: Option<Vec<String>>,
}

/// The question whether somebody may do something.
#[derive(Object, Deserialize)]
#[oai(rename = "PermissionCheckRequest")]
struct CheckBody {
    /// Who.
    identity_id: Uuid,
    /// What, spelled out: wildcards count in grants only.
    #[oai(validator(min_length = 1, max_length = 512))]
    permission: String,
}

/// The answer.
#[derive(Object, Serialize)]
#[oai(rename = "PermissionCheck")]
struct Checked {
    /// Whether they may.
    allowed: bool,
    /// The role that lets them, behind those that they have it through.
    via: Vec<String>,
}

#[derive(ApiResponse)]
enum RoleAnswer {
    /// The role.
    #[oai(status = 200)]
    Shown(
        Reply<Role>,
        /// The version, for `If-Match` (RFC 9110, section 8.8.3).
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
        /// The version, for `If-Match` (RFC 9110, section 8.8.3).
        #[oai(header = "ETag")]
        String,
    ),
}

fn shown(role: kayan_ports::Role) -> RoleAnswer {
    let tag = etag::of(role.version);
    RoleAnswer::Shown(Reply::new(&role.into()), tag)
}

#[OpenApi(prefix_path = "/admin", tag = "Tag::Administration")]
impl Roles {
    /// List roles
    ///
    /// Needs `roles:read`.
    #[oai(path = "/roles", method = "get", operation_id = "listRoles")]
    async fn list(&self, admin: Admin) -> Result<Reply<RoleList>, Refused<DefineRoleError, LIST>> {
        let roles = self.app.kayan.list_roles(&admin.0, &admin.tenant()).await?;
        Ok(Reply::new(&RoleList { data: roles.into_iter().map(Role::from).collect() }))
    }

    /// Make a role
    ///
    /// Needs `roles:write`, and everything that the role grants and inherits.
    #[oai(path = "/roles", method = "post", operation_id = "createRole")]
    async fn create(
        &self,
        admin: Admin,
        /// A key of your choice: the same request with it gets the same answer for a day, and is carried out once.
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

    /// Show a role
    ///
    /// Needs `roles:read`.
    #[oai(path = "/roles/:id", method = "get", operation_id = "getRole")]
    async fn get(
        &self,
        admin: Admin,
        /// The role's name.
        id: Path<String>,
    ) -> Result<RoleAnswer, Refused<DefineRoleError, GET>> {
        Ok(shown(self.app.kayan.find_role(&admin.0, &admin.tenant(), &id.0).await?))
    }

    /// Change a role
    ///
    /// Whoever has it may do what it grants from now on, everywhere within five seconds. Needs `roles:write`, and
    /// everything that the role has granted and is to grant.
    #[oai(path = "/roles/:id", method = "patch", operation_id = "updateRole")]
    async fn update(
        &self,
        admin: Admin,
        /// The role's name.
        id: Path<String>,
        /// The ETag of the role as you have seen it; if it has changed since, nothing happens.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
        Body(body): Body<UpdateRoleBody>,
    ) -> Result<RoleAnswer, Refused<DefineRoleError, UPDATE>> {
        let UpdateRoleBody { description, permissions, parents } = body;
        let (tenant, name, expected) = (admin.tenant(), id.0, if_match.0);
        let cmd = UpdateRole { tenant, name, description, permissions, parents, expected };
        Ok(shown(self.app.kayan.update_role(&admin.0, cmd).await?))
    }

    /// Delete a role
    ///
    /// One that nobody has and none inherits from. Needs `roles:delete`, and everything that the role grants.
    #[oai(path = "/roles/:id", method = "delete", operation_id = "deleteRole")]
    async fn delete(
        &self,
        admin: Admin,
        /// The role's name.
        id: Path<String>,
        /// The ETag of the role as you have seen it; if it has changed since, nothing happens.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<Done, Refused<DeleteRoleError, DELETE>> {
        let cmd = DeleteRole { tenant: admin.tenant(), name: id.0, expected: if_match.0 };
        self.app.kayan.delete_role(&admin.0, cmd).await?;
        Ok(Done::Done)
    }

    /// Ask whether somebody may do something
    ///
    /// And through which roles: the one that they were given first, the one that grants it last. Changes of roles count
    /// within five seconds. Needs `roles:read`.
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
