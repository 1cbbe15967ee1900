//! Devices: the browsers that identities have logged in from.

use async_trait::async_trait;
use kayan_ports::{
    Client, Device, DeviceChange, DeviceId, Devices, Failure, Guard, IdentityId, Scope, TenantId, Timestamp, TokenHash,
    Trust,
};

use super::tenant_or_any;
use crate::{Driver, DriverError, Query, Reading, Row, SqlStore, Value, changes::Batch};

columns!(
    pub device = "v.id, v.tenant_id, v.identity_id, v.token_hash, v.ip_address, v.user_agent, v.first_seen_at,
       v.last_seen_at, v.trusted_at, v.trusted_epoch"
);

/// Reads `device!()`: the last columns of the statement.
pub(super) fn decode(row: &mut Row) -> Result<Device, DriverError> {
    let mut device = Device {
        id: DeviceId(row.uuid()?),
        tenant: row.word(|name| name.parse().ok())?,
        identity: IdentityId(row.uuid()?),
        token: TokenHash(row.hash()?),
        client: Client { ip: row.maybe_text()?, user_agent: row.maybe_text()? },
        first_seen_at: row.time()?,
        last_seen_at: row.time()?,
        trust: None,
    };
    if let Some(since) = row.maybe_time()? {
        device.trust = Some(Trust { since, epoch: row.int()? });
    }
    Ok(device)
}

#[async_trait]
impl<D: Driver> Devices for SqlStore<D> {
    async fn devices(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<Device>, Failure> {
        let sql = concat!(
            "-- devices.read
SELECT ",
            device!(),
            "
FROM devices v
WHERE v.identity_id = ? AND v.tenant_id = ?
ORDER BY v.last_seen_at DESC, v.id DESC"
        );
        let params = vec![identity.0.into(), Value::text(tenant.as_str())];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        Ok(rows.into_iter().map(|mut row| decode(&mut row)).collect::<Result<_, _>>()?)
    }
}

pub(crate) fn apply(batch: &mut Batch, change: DeviceChange) {
    match change {
        DeviceChange::Add { device, most } => add(batch, &device, most),
        DeviceChange::Use { tenant, identity, device, client, at, trust } => {
            note(batch, &tenant, (identity, device), (client, at), trust);
        }
        DeviceChange::Pin { tenant, identity, device, since } => {
            let sql = "-- devices.pin
UPDATE devices
SET trusted_at = trusted_at
WHERE identity_id = ? AND tenant_id = ? AND id = ? AND trusted_at = ?";
            let params = vec![identity.0.into(), Value::text(tenant.as_str()), device.0.into(), since.into()];
            batch.guarded(sql, params, Guard::Device);
        }
        DeviceChange::Forget { tenant, identity, device } => {
            let sql = "-- devices.forget
DELETE FROM devices
WHERE identity_id = ? AND tenant_id = ? AND id = ?";
            let params = vec![identity.0.into(), Value::text(tenant.as_str()), device.0.into()];
            batch.guarded(sql, params, Guard::Device);
        }
    }
}

/// In three steps rather than by an upsert, which each database writes in its own way: the list has locked the identity, so no
/// other adds the same device meanwhile.
fn add(batch: &mut Batch, device: &Device, most: u32) {
    let client = || [device.client.ip.clone().into(), device.client.user_agent.clone().into()];
    let trust = || [device.trust.map(|trust| trust.since).into(), device.trust.map(|trust| trust.epoch).into()];
    let (owner, tenant) = (|| Value::from(device.identity.0), || Value::text(device.tenant.as_str()));
    let token = || Value::from(device.token.0);

    let sql = "-- devices.see_again
UPDATE devices
SET ip_address = ?, user_agent = ?, last_seen_at = ?, trusted_at = ?, trusted_epoch = ?
WHERE identity_id = ? AND tenant_id = ? AND token_hash = ?";
    let mut params: Vec<Value> = client().into();
    params.push(device.last_seen_at.into());
    params.extend(trust());
    params.extend([owner(), tenant(), token()]);
    batch.free(sql, params);

    // Takes the tenant from the identity, so that no device reaches across tenants.
    let sql = "-- devices.add
INSERT INTO devices
  (id, token_hash, ip_address, user_agent, first_seen_at, last_seen_at, trusted_at, trusted_epoch, tenant_id, identity_id)
SELECT ?, ?, ?, ?, ?, ?, ?, ?, i.tenant_id, i.id
FROM identities i
WHERE i.id = ? AND i.tenant_id = ?
  AND NOT EXISTS (SELECT 1 FROM devices v WHERE v.identity_id = ? AND v.token_hash = ?)";
    let mut params = vec![device.id.0.into(), token()];
    params.extend(client());
    params.extend([device.first_seen_at.into(), device.last_seen_at.into()]);
    params.extend(trust());
    params.extend([owner(), tenant(), owner(), token()]);
    batch.free(sql, params);

    let sql = "-- devices.keep_newest
DELETE FROM devices
WHERE identity_id = ? AND tenant_id = ? AND id NOT IN (
  SELECT newest.id
  FROM (SELECT v.id FROM devices v WHERE v.identity_id = ? ORDER BY v.last_seen_at DESC, v.id DESC LIMIT ?) newest)";
    batch.free(sql, vec![owner(), tenant(), owner(), i64::from(most).into()]);
}

fn note(
    batch: &mut Batch,
    tenant: &TenantId,
    (identity, device): (IdentityId, DeviceId),
    (client, at): (Client, Timestamp),
    trust: Option<(TokenHash, Trust)>,
) {
    let mut params: Vec<Value> = vec![client.ip.into(), client.user_agent.into(), at.into()];
    let which = [identity.0.into(), Value::text(tenant.as_str()), device.0.into()];
    let sql = match trust {
        None => {
            "-- devices.use
UPDATE devices
SET ip_address = ?, user_agent = ?, last_seen_at = ?
WHERE identity_id = ? AND tenant_id = ? AND id = ?"
        }
        Some((token, Trust { since, epoch })) => {
            params.extend([token.0.into(), since.into(), epoch.into()]);
            "-- devices.trust
UPDATE devices
SET ip_address = ?, user_agent = ?, last_seen_at = ?, token_hash = ?, trusted_at = ?, trusted_epoch = ?
WHERE identity_id = ? AND tenant_id = ? AND id = ?"
        }
    };
    params.extend(which);
    batch.free(sql, params);
}

/// Voids the trust in an identity's devices.
pub(super) fn distrust(batch: &mut Batch, scope: &Scope, identity: IdentityId) {
    let sql = "-- devices.distrust
UPDATE devices
SET trusted_at = NULL, trusted_epoch = NULL
WHERE identity_id = ? AND tenant_id = COALESCE(?, tenant_id) AND trusted_at IS NOT NULL";
    batch.free(sql, vec![identity.0.into(), tenant_or_any(scope)]);
}
