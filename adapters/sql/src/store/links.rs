//! Links to accounts at identity providers: rows of `credentials`.
//!
//! The `subject` of one is the provider's name, so that an identity has one at each; `lookup` is a hash of the account, so that
//! nobody else in the tenant has it; `data` holds the rest.

use kayan_ports::{CredentialId, Guard, IdentityId, ProviderAccount, ProviderLink, ProviderName, TenantId, Unique};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Driver, DriverError, Query, Reading, Row, Value, changes::Batch};

columns!(link = "id, tenant_id, identity_id, subject, data, created_at, last_used_at, version");

/// The column `data`.
#[derive(Serialize, Deserialize)]
struct Data {
    issuer: String,
    subject: String,
    email: String,
}

/// Reads `link!()`.
fn decode(row: &mut Row) -> Result<ProviderLink, DriverError> {
    let id = CredentialId(row.uuid()?);
    let tenant = row.word(|name| name.parse().ok())?;
    let identity = IdentityId(row.uuid()?);
    let provider: ProviderName = row.word(|name| name.parse().ok())?;
    let Data { issuer, subject, email } = row.json()?;
    Ok(ProviderLink {
        id,
        tenant,
        identity,
        account: ProviderAccount { provider, issuer, subject },
        email,
        created_at: row.time()?,
        last_used_at: row.maybe_time()?,
        version: row.int()?,
    })
}

/// The lengths keep two accounts apart whose parts are the same when put together.
fn lookup(ProviderAccount { provider, issuer, subject }: &ProviderAccount) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in [provider.as_str(), issuer, subject] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

pub(super) async fn find(
    driver: &impl Driver,
    tenant: &TenantId,
    account: &ProviderAccount,
) -> Result<Option<ProviderLink>, DriverError> {
    let sql = concat!(
        "-- links.read
SELECT ",
        link!(),
        "
FROM credentials
WHERE tenant_id = ? AND lookup = ? AND kind = 'oidc'"
    );
    let params = vec![Value::text(tenant.as_str()), lookup(account).into()];
    let rows = driver.read(Query { sql, params, reading: Reading::Point }).await?;
    rows.into_iter().next().map(|mut row| decode(&mut row)).transpose()
}

pub(super) async fn of(
    driver: &impl Driver,
    tenant: &TenantId,
    identity: IdentityId,
) -> Result<Vec<ProviderLink>, DriverError> {
    let sql = concat!(
        "-- links.of
SELECT ",
        link!(),
        "
FROM credentials
WHERE identity_id = ? AND tenant_id = ? AND kind = 'oidc'
ORDER BY created_at, id"
    );
    let params = vec![identity.0.into(), Value::text(tenant.as_str())];
    let rows = driver.read(Query { sql, params, reading: Reading::Point }).await?;
    rows.into_iter().map(|mut row| decode(&mut row)).collect()
}

/// Takes the tenant from the identity, so that no link reaches across tenants.
pub(super) fn add(batch: &mut Batch, link: &ProviderLink) -> Result<(), DriverError> {
    let sql = "-- links.add
INSERT INTO credentials (id, kind, subject, secret, data, lookup, created_at, updated_at, version, tenant_id, identity_id)
SELECT ?, 'oidc', ?, '', ?, ?, ?, ?, ?, i.tenant_id, i.id
FROM identities i
WHERE i.id = ? AND i.tenant_id = ?";
    let ProviderAccount { provider, issuer, subject } = link.account.clone();
    let params = vec![
        link.id.0.into(),
        Value::text(provider.as_str()),
        Value::json(&Data { issuer, subject, email: link.email.clone() })?,
        lookup(&link.account).into(),
        link.created_at.into(),
        link.created_at.into(),
        link.version.into(),
        link.identity.0.into(),
        Value::text(link.tenant.as_str()),
    ];
    batch.guarded_unique(sql, params, Guard::Identity, Unique::Credential);
    Ok(())
}

pub(super) fn remove(batch: &mut Batch, tenant: &TenantId, identity: IdentityId, link: CredentialId) {
    let sql = "-- links.remove
DELETE FROM credentials
WHERE identity_id = ? AND tenant_id = ? AND id = ? AND kind = 'oidc'";
    batch.guarded(sql, vec![identity.0.into(), Value::text(tenant.as_str()), link.0.into()], Guard::Credential);
}
