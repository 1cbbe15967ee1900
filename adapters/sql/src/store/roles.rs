//! Roles and their assignments.

use async_trait::async_trait;
use kayan_ports::{
    ADMIN, DefinedRoles, Failure, Guard, IdentityId, Role, RoleChange, Roles, TenantId, Timestamp, Unique, Version,
};

use crate::{Driver, DriverError, Query, Reading, Row, SqlStore, Value, changes::Batch};

/// Reads `name, description, permissions, parents, created_at, updated_at, version`.
fn decode(row: &mut Row, tenant: &TenantId) -> Result<Role, DriverError> {
    Ok(Role {
        tenant: tenant.clone(),
        name: row.text()?,
        description: row.text()?,
        permissions: row.json()?,
        parents: row.json()?,
        created_at: row.time()?,
        updated_at: row.time()?,
        version: row.int()?,
    })
}

#[async_trait]
impl<D: Driver> Roles for SqlStore<D> {
    async fn roles(&self, tenant: &TenantId) -> Result<Option<DefinedRoles>, Failure> {
        let sql = "-- roles.of_tenant
SELECT t.roles_version, r.name, r.description, r.permissions, r.parents, r.created_at, r.updated_at, r.version
FROM tenants t
LEFT JOIN roles r ON r.tenant_id = t.id
WHERE t.id = ?
ORDER BY r.name";
        let params = vec![Value::text(tenant.as_str())];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Scan }).await?;
        let mut roles: Option<DefinedRoles> = None;
        for mut row in rows {
            let version = row.int()?;
            let found = roles.get_or_insert_with(|| DefinedRoles { defined: Vec::new(), version });
            if !row.at_null() {
                found.defined.push(decode(&mut row, tenant)?);
            }
        }
        Ok(roles)
    }
}

pub(crate) fn apply(batch: &mut Batch, change: RoleChange) -> Result<(), DriverError> {
    match change {
        RoleChange::Create(role) => create(batch, &role)?,
        RoleChange::Replace(role) => replace(batch, &role)?,
        RoleChange::Delete { tenant, name, expected } => delete(batch, &tenant, &name, expected),
        RoleChange::Assign { tenant, identity, expected, roles, at } => {
            assign(batch, &tenant, (identity, expected), &roles, at)?;
        }
        RoleChange::Pin { tenant, version } => pin(batch, &tenant, version),
        RoleChange::RequireAdmin(tenant) => require_admin(batch, &tenant),
    }
    Ok(())
}

/// Locks the tenant's row, for which every other change of roles waits.
fn pin(batch: &mut Batch, tenant: &TenantId, version: Version) {
    let sql = "-- roles.hold
UPDATE tenants
SET roles_version = roles_version
WHERE id = ? AND roles_version = ?";
    batch.guarded(sql, vec![Value::text(tenant.as_str()), version.into()], Guard::Roles);
}

fn count_change(batch: &mut Batch, tenant: &TenantId) {
    let sql = "-- roles.count_change
UPDATE tenants
SET roles_version = roles_version + 1
WHERE id = ?";
    batch.guarded(sql, vec![Value::text(tenant.as_str())], Guard::Tenant);
}

fn create(batch: &mut Batch, role: &Role) -> Result<(), DriverError> {
    count_change(batch, &role.tenant);
    let sql = "-- roles.create
INSERT INTO roles (tenant_id, name, description, permissions, parents, created_at, updated_at, version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let params = vec![
        Value::text(role.tenant.as_str()),
        Value::text(&role.name),
        Value::text(&role.description),
        Value::json(&role.permissions)?,
        Value::json(&role.parents)?,
        role.created_at.into(),
        role.updated_at.into(),
        role.version.into(),
    ];
    batch.unique(sql, params, Unique::Role);
    Ok(())
}

fn replace(batch: &mut Batch, role: &Role) -> Result<(), DriverError> {
    count_change(batch, &role.tenant);
    let sql = "-- roles.replace
UPDATE roles
SET description = ?, permissions = ?, parents = ?, updated_at = ?, version = ?
WHERE tenant_id = ? AND name = ? AND version = ?";
    let params = vec![
        Value::text(&role.description),
        Value::json(&role.permissions)?,
        Value::json(&role.parents)?,
        role.updated_at.into(),
        role.version.into(),
        Value::text(role.tenant.as_str()),
        Value::text(&role.name),
        role.version.saturating_sub(1).into(),
    ];
    batch.guarded(sql, params, Guard::Role);
    Ok(())
}

fn delete(batch: &mut Batch, tenant: &TenantId, name: &str, expected: Version) {
    let (tenant, name) = (Value::text(tenant.as_str()), Value::text(name));
    let sql = "-- roles.count_end
UPDATE tenants
SET roles_version = roles_version + 1
WHERE id = ? AND NOT EXISTS (SELECT 1 FROM identity_roles a WHERE a.tenant_id = ? AND a.role = ?)";
    batch.guarded(sql, vec![tenant.clone(), tenant.clone(), name.clone()], Guard::RoleInUse);
    let sql = "-- roles.delete
DELETE FROM roles
WHERE tenant_id = ? AND name = ? AND version = ?";
    batch.guarded(sql, vec![tenant, name, expected.into()], Guard::Role);
}

/// Replaces an identity's roles, in its row and in the table that is searched by role.
fn assign(
    batch: &mut Batch,
    tenant: &TenantId,
    (identity, expected): (IdentityId, Version),
    roles: &[String],
    at: Timestamp,
) -> Result<(), DriverError> {
    let sql = "-- identities.set_roles
UPDATE identities
SET roles = ?, updated_at = ?, version = version + 1
WHERE id = ? AND tenant_id = ? AND version = ?";
    let params =
        vec![Value::json(&roles)?, at.into(), identity.0.into(), Value::text(tenant.as_str()), expected.into()];
    batch.guarded(sql, params, Guard::Identity);
    let sql = "-- roles.take_all
DELETE FROM identity_roles
WHERE identity_id = ? AND tenant_id = ?";
    batch.free(sql, vec![identity.0.into(), Value::text(tenant.as_str())]);
    give(batch, tenant, identity, roles);
    Ok(())
}

/// Stores the assignments; a role that is named twice counts once.
pub(crate) fn give(batch: &mut Batch, tenant: &TenantId, identity: IdentityId, roles: &[String]) {
    let sql = "-- roles.give
INSERT INTO identity_roles (tenant_id, role, identity_id)
VALUES (?, ?, ?)";
    for (position, role) in roles.iter().enumerate() {
        if roles.iter().take(position).all(|before| before != role) {
            batch.free(sql, vec![Value::text(tenant.as_str()), Value::text(role), identity.0.into()]);
        }
    }
}

fn require_admin(batch: &mut Batch, tenant: &TenantId) {
    let sql = "-- roles.keep_admin
UPDATE tenants
SET roles_version = roles_version
WHERE id = ? AND EXISTS (
  SELECT 1
  FROM identity_roles a
  JOIN identities i ON i.id = a.identity_id AND i.tenant_id = a.tenant_id
  WHERE a.tenant_id = ? AND a.role = ? AND i.state = 'active')";
    let id = Value::text(tenant.as_str());
    batch.guarded(sql, vec![id.clone(), id, ADMIN.into()], Guard::LastAdmin);
}
