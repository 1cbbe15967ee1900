//! Passkeys: rows of `credentials`.
//!
//! `data` holds what never changes of one. `lookup` is the SHA-256 of its credential id, which may have 1,023 bytes: too many
//! for an index of every database.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{CredentialId, Factor, Guard, IdentityId, KnownFactors, Passkey, TenantId, Timestamp, WaysIn};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::factors::{self, Stored, factor};
use crate::{Driver, DriverError, Query, Reading, Row, Value, changes::Batch};

/// The kind of credential.
pub(super) const KIND: &str = "webauthn";

/// The column `data`; bytes are in base64url.
#[derive(Serialize, Deserialize)]
struct Data {
    credential_id: String,
    public_key: String,
    user_handle: Uuid,
    discoverable: Option<bool>,
    backup_eligible: bool,
    transports: Vec<String>,
    aaguid: Uuid,
    attestation_format: String,
}

/// Reads `user_verified, backed_up, data`; `None` when these are damaged.
pub(super) fn decode(row: &mut Row, counter: i64) -> Result<Option<Passkey>, DriverError> {
    let (user_verified, backed_up, data) = (row.boolean()?, row.boolean()?, row.json::<Data>()?);
    let (id, key) = (URL_SAFE_NO_PAD.decode(data.credential_id), URL_SAFE_NO_PAD.decode(data.public_key));
    let (Ok(credential_id), Ok(public_key), Ok(counter)) = (id, key, u32::try_from(counter)) else { return Ok(None) };
    Ok(Some(Passkey {
        credential_id,
        public_key,
        user_handle: data.user_handle,
        counter,
        user_verified,
        discoverable: data.discoverable,
        backup_eligible: data.backup_eligible,
        backed_up,
        transports: data.transports,
        aaguid: data.aaguid,
        attestation_format: data.attestation_format,
    }))
}

pub(super) fn stored(passkey: Passkey) -> Result<Stored, DriverError> {
    let lookup = lookup(&passkey.credential_id);
    let data = Data {
        credential_id: URL_SAFE_NO_PAD.encode(passkey.credential_id),
        public_key: URL_SAFE_NO_PAD.encode(passkey.public_key),
        user_handle: passkey.user_handle,
        discoverable: passkey.discoverable,
        backup_eligible: passkey.backup_eligible,
        transports: passkey.transports,
        aaguid: passkey.aaguid,
        attestation_format: passkey.attestation_format,
    };
    Ok(Stored {
        subject: URL_SAFE_NO_PAD.encode(lookup),
        counter: passkey.counter.into(),
        user_verified: passkey.user_verified,
        backed_up: passkey.backed_up,
        data: Some(Value::json(&data)?),
        lookup: Some(lookup),
        ..Stored::default()
    })
}

fn lookup(credential_id: &[u8]) -> [u8; 32] {
    Sha256::digest(credential_id).into()
}

pub(super) async fn of(
    driver: &impl Driver,
    tenant: &TenantId,
    identity: IdentityId,
) -> Result<Vec<Factor>, DriverError> {
    let sql = concat!(
        "-- passkeys.of
SELECT ",
        factor!(),
        "
FROM credentials
WHERE identity_id = ? AND tenant_id = ? AND kind = 'webauthn'
ORDER BY created_at, id"
    );
    let params = vec![identity.0.into(), Value::text(tenant.as_str())];
    let rows = driver.read(Query { sql, params, reading: Reading::Point }).await?;
    rows.into_iter().map(|mut row| factors::decode(&mut row)).collect()
}

pub(super) async fn find(
    driver: &impl Driver,
    tenant: &TenantId,
    credential_id: &[u8],
) -> Result<Option<Factor>, DriverError> {
    let sql = concat!(
        "-- passkeys.read
SELECT ",
        factor!(),
        "
FROM credentials
WHERE tenant_id = ? AND lookup = ? AND kind = 'webauthn'"
    );
    let params = vec![Value::text(tenant.as_str()), lookup(credential_id).into()];
    let rows = driver.read(Query { sql, params, reading: Reading::Point }).await?;
    rows.into_iter().next().map(|mut row| factors::decode(&mut row)).transpose()
}

/// No counter is below 0: a sum of 0 says that both are.
pub(super) fn accept(
    batch: &mut Batch,
    tenant: &TenantId,
    (identity, factor): (IdentityId, CredentialId),
    (counter, backed_up): (u32, bool),
    at: Timestamp,
) {
    let sql = "-- passkeys.use
UPDATE credentials
SET counter = ?, backed_up = ?, last_used_at = ?
WHERE identity_id = ? AND tenant_id = ? AND id = ? AND kind = 'webauthn' AND (counter < ? OR counter + ? = 0)";
    let counter = Value::from(i64::from(counter));
    let params = vec![
        counter.clone(),
        backed_up.into(),
        at.into(),
        identity.0.into(),
        Value::text(tenant.as_str()),
        factor.0.into(),
        counter.clone(),
        counter,
    ];
    batch.guarded(sql, params, Guard::Factor);
}

/// Locks the identity first, so that the next statement sees all that was committed before this list.
pub(super) fn pin(batch: &mut Batch, tenant: &TenantId, identity: IdentityId, known: KnownFactors) {
    let lock = "-- passkeys.lock
UPDATE identities
SET version = version
WHERE id = ? AND tenant_id = ?";
    let whose = || [Value::from(identity.0), Value::text(tenant.as_str())];
    batch.guarded(lock, whose().into(), Guard::Identity);
    let mut params: Vec<_> = whose().into_iter().chain(whose()).collect();
    let sql = match known {
        KnownFactors::Nothing => {
            "-- passkeys.pin_nothing
UPDATE identities
SET version = version
WHERE id = ? AND tenant_id = ? AND NOT EXISTS (
  SELECT 1
  FROM credentials c
  WHERE c.identity_id = ? AND c.tenant_id = ?
    AND (c.kind = 'webauthn' OR c.kind = 'totp' AND c.subject <> 'unconfirmed'))"
        }
        KnownFactors::NoApp => {
            "-- passkeys.pin_no_app
UPDATE identities
SET version = version
WHERE id = ? AND tenant_id = ? AND NOT EXISTS (
  SELECT 1
  FROM credentials c
  WHERE c.identity_id = ? AND c.tenant_id = ? AND c.kind = 'totp' AND c.subject <> 'unconfirmed')"
        }
        KnownFactors::Apps => {
            params.extend(whose());
            "-- passkeys.pin_apps
UPDATE identities
SET version = version
WHERE id = ? AND tenant_id = ? AND NOT EXISTS (
  SELECT 1
  FROM credentials c
  WHERE c.identity_id = ? AND c.tenant_id = ? AND c.kind = 'webauthn')
AND EXISTS (
  SELECT 1
  FROM credentials c
  WHERE c.identity_id = ? AND c.tenant_id = ? AND c.kind = 'totp' AND c.subject <> 'unconfirmed')"
        }
        KnownFactors::Passkey { one, most } => {
            params.push(one.0.into());
            params.extend(whose());
            params.push(i64::from(most).into());
            "-- passkeys.pin_passkey
UPDATE identities
SET version = version
WHERE id = ? AND tenant_id = ? AND EXISTS (
  SELECT 1
  FROM credentials c
  WHERE c.identity_id = ? AND c.tenant_id = ? AND c.kind = 'webauthn' AND c.id = ?)
AND (
  SELECT COUNT(*)
  FROM credentials c
  WHERE c.identity_id = ? AND c.tenant_id = ? AND c.kind = 'webauthn') < ?"
        }
    };
    batch.guarded(sql, params, Guard::Factors);
}

/// Updates the identity, so that the database takes no older view of its credentials than that behind the lock.
pub(super) fn keep_way_in(
    batch: &mut Batch,
    tenant: &TenantId,
    (identity, without): (IdentityId, CredentialId),
    ways_in: WaysIn,
) {
    let sql = "-- passkeys.keep_way_in
UPDATE identities
SET version = version
WHERE id = ? AND tenant_id = ? AND EXISTS (
  SELECT 1
  FROM credentials c
  WHERE c.identity_id = ? AND c.tenant_id = ?
    AND (c.kind = ? OR c.kind = ? AND c.user_verified AND c.id <> ? OR c.kind = 'oidc' AND c.id = ?))";
    let (id, tenant) = (Value::from(identity.0), Value::text(tenant.as_str()));
    // No credential is of the kind ''.
    let kind = |name: &'static str, is_way_in: bool| Value::from(if is_way_in { name } else { "" });
    let (password, passkey) = (kind("password", ways_in.password), kind(KIND, ways_in.passkey));
    // Nor has one the nil id.
    let link = ways_in.link.map_or(Uuid::nil(), |link| link.0);
    let params = vec![id.clone(), tenant.clone(), id, tenant, password, passkey, without.0.into(), link.into()];
    batch.guarded(sql, params, Guard::LastCredential);
}
