//! `kayan admin tenant`: manages tenants.

use kayan_core::{CreateTenant, ManageTenantError, UpdateTenant};
use kayan_ports::{Tenant, TenantId, TenantSettings, timestamp};

use super::operator;
use crate::{
    args::{Format, TenantAction},
    exit::Exit,
    output,
};

pub(super) async fn run(action: TenantAction) -> Result<(), Exit> {
    match action {
        TenantAction::Create { id, name, settings, output } => {
            let settings = settings.as_deref().map(read).transpose()?.unwrap_or_default();
            let cmd = CreateTenant { id, name: name.unwrap_or_default(), settings };
            let created = super::super::open().await?.create_tenant(&operator(None), cmd).await.map_err(explain)?;
            show(&[created], output.format)
        }
        TenantAction::List { limit, offset, output } => {
            let page = super::super::open().await?.list_tenants(&operator(None), limit, offset).await;
            let page = page.map_err(explain)?;
            show(&page.rows, output.format)?;
            super::tell_damaged(&page.damaged);
            if output.format == Format::Table {
                output::note(format_args!("{} of {}", page.rows.len(), page.total));
            }
            Ok(())
        }
        TenantAction::Update { id, name, settings, output } => {
            let settings = settings.as_deref().map(read).transpose()?;
            update(UpdateTenant { id, name, active: None, settings, expected: None }, output.format).await
        }
        TenantAction::Activate { id, output } => set_active(id, true, output.format).await,
        TenantAction::Deactivate { id, output } => set_active(id, false, output.format).await,
        TenantAction::Delete { id } => {
            super::super::open().await?.delete_tenant(&operator(None), &id, None).await.map_err(explain)?;
            output::note("the tenant is deleted; its audit events are kept");
            Ok(())
        }
    }
}

async fn set_active(id: TenantId, active: bool, format: Format) -> Result<(), Exit> {
    update(UpdateTenant { id, name: None, active: Some(active), settings: None, expected: None }, format).await
}

async fn update(cmd: UpdateTenant, format: Format) -> Result<(), Exit> {
    let updated = super::super::open().await?.update_tenant(&operator(None), cmd).await.map_err(explain)?;
    show(&[updated], format)
}

fn read(json: &str) -> Result<TenantSettings, Exit> {
    serde_json::from_str(json).map_err(|error| {
        Exit::usage(format!(
            "--settings is not a JSON object of tenant settings such as '{{\"session_ttl\": 3600}}': {error}"
        ))
    })
}

fn explain(error: ManageTenantError) -> Exit {
    match error {
        ManageTenantError::Invalid(fields) => {
            let told = fields.iter().map(|field| format!("{} {}", field.pointer, field.message));
            Exit::usage(told.collect::<Vec<_>>().join("; "))
        }
        ManageTenantError::NotFound(_) => Exit::not_found(error),
        ManageTenantError::Denied(_)
        | ManageTenantError::AlreadyExists(_)
        | ManageTenantError::Changed
        | ManageTenantError::InUse(_)
        | ManageTenantError::Failed(_) => Exit::failed(error),
    }
}

fn show(tenants: &[Tenant], format: Format) -> Result<(), Exit> {
    if format == Format::Json {
        return output::json(&tenants);
    }
    let rows = tenants.iter().map(|tenant| {
        let settings = serde_json::to_string(&tenant.settings).unwrap_or_default();
        let state = if tenant.active { "active" } else { "inactive" };
        vec![tenant.id.to_string(), tenant.name.clone(), state.to_owned(), settings, timestamp::text(tenant.created_at)]
    });
    output::table(&["id", "name", "state", "settings", "created at"], rows.collect())
}
