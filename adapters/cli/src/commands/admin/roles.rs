//! `kayan admin role`: manages roles and grants them to users.

use kayan_core::{AssignRole, AssignRoleError, CreateRole, DefineRoleError, DeleteRole, DeleteRoleError};
use kayan_ports::Role;

use super::{named, operator, users};
use crate::{
    args::{Format, RoleAction, Who},
    exit::Exit,
    output,
};

pub(super) async fn run(action: RoleAction) -> Result<(), Exit> {
    match action {
        RoleAction::Create { name, permissions, parents, description, tenant, output } => {
            let description = description.unwrap_or_default();
            let cmd = CreateRole { tenant: tenant.clone(), name, description, permissions, parents };
            let created =
                super::super::open().await?.create_role(&operator(Some(tenant)), cmd).await.map_err(explain)?;
            show(&[created], output.format)
        }
        RoleAction::List { tenant, output } => {
            let kayan = super::super::open().await?;
            let roles = kayan.list_roles(&operator(Some(tenant.clone())), &tenant).await.map_err(explain)?;
            show(&roles, output.format)
        }
        RoleAction::Delete { name, tenant } => {
            let cmd = DeleteRole { tenant: tenant.clone(), name, expected: None };
            let deleted = super::super::open().await?.delete_role(&operator(Some(tenant)), cmd).await;
            deleted.map_err(|error| match error {
                DeleteRoleError::Define(error) => explain(error),
                DeleteRoleError::InUse(_) => Exit::failed(error),
            })?;
            output::note("the role is deleted");
            Ok(())
        }
        RoleAction::Grant { role, who, output } => assign(role, who, true, output.format).await,
        RoleAction::Revoke { role, who, output } => assign(role, who, false, output.format).await,
    }
}

async fn assign(role: String, who: Who, give: bool, format: Format) -> Result<(), Exit> {
    let (operator, user) = named(who);
    let cmd = AssignRole { user, role, give, expected: None };
    match super::super::open().await?.assign_role(&operator, cmd).await {
        Ok(identity) => users::show(&identity, format),
        Err(AssignRoleError::Change(error)) => Err(users::unchanged(error)),
        Err(error @ AssignRoleError::UnknownRole(_)) => Err(Exit::not_found(error)),
    }
}

fn explain(error: DefineRoleError) -> Exit {
    match error {
        DefineRoleError::Invalid(_) => Exit::usage(error),
        DefineRoleError::NotFound(_) | DefineRoleError::NoTenant(_) => Exit::not_found(error),
        DefineRoleError::Denied(_)
        | DefineRoleError::AlreadyExists(_)
        | DefineRoleError::Changed
        | DefineRoleError::Failed(_) => Exit::failed(error),
    }
}

fn show(roles: &[Role], format: Format) -> Result<(), Exit> {
    if format == Format::Json {
        return output::json(&roles);
    }
    let rows = roles.iter().map(|role| {
        let Role { name, description, permissions, parents, .. } = role;
        vec![name.clone(), permissions.join(","), parents.join(","), description.clone()]
    });
    output::table(&["name", "permissions", "parents", "description"], rows.collect())
}
