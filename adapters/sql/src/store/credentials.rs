//! Credentials, which prove an identity.

use async_trait::async_trait;
use kayan_ports::{
    Client, Credential, CredentialChange, CredentialId, CredentialKind, Credentials, Failure, Guard, Identifier,
    IdentityId, Known, LoginCandidate, PasswordHash, ProviderAccount, ProviderLink, Scope, TenantId, Timestamp,
    TokenHash, Unique, Version,
};
use serde::{Deserialize, Serialize};

use super::{
    accounts::{self, identity},
    devices::{self, device},
    links, tenant_or_any, tenants,
};
use crate::{Driver, DriverError, Query, Reading, Row, SqlStore, Value, changes::Batch};

columns!(credential = "c.id, c.tenant_id, c.identity_id, c.kind, c.secret, c.created_at, c.updated_at, c.version");

/// How many columns that is.
const COLUMNS: usize = 8;

/// The column `data` of a password.
#[derive(Serialize, Deserialize)]
struct Data {
    /// The hashes of former passwords, the latest first.
    former: Vec<String>,
}

/// Reads `credential!()`.
fn decode(row: &mut Row) -> Result<Credential, DriverError> {
    Ok(Credential {
        id: CredentialId(row.uuid()?),
        tenant: row.word(|name| name.parse().ok())?,
        identity: IdentityId(row.uuid()?),
        kind: row.word(CredentialKind::from_name)?,
        secret: PasswordHash::new(row.text()?),
        created_at: row.time()?,
        updated_at: row.time()?,
        version: row.int()?,
    })
}

fn decode_known(row: &mut Row) -> Result<Option<Known>, DriverError> {
    if row.at_null() {
        return Ok(None);
    }
    let identity = accounts::decode(row)?;
    let known_network = row.maybe_text()?.is_some();
    let has_second_factor = row.maybe_uuid()?.is_some();
    let password = if row.at_null() {
        row.skip(COLUMNS);
        None
    } else {
        Some(decode(row)?)
    };
    let device = if row.at_null() { None } else { Some(devices::decode(row)?) };
    Ok(Some(Known { identity, password, has_second_factor, known_network, device }))
}

#[async_trait]
impl<D: Driver> Credentials for SqlStore<D> {
    /// For an unknown identifier, the tenant's oldest identity is read and decoded instead, and dropped, so that the time it
    /// takes does not tell whether an account exists (I-08).
    async fn login_candidate(
        &self,
        tenant: &TenantId,
        identifier: &Identifier,
        client: &Client,
        device: Option<&TokenHash>,
    ) -> Result<Option<LoginCandidate>, Failure> {
        let sql = concat!(
            "-- credentials.sign_in
SELECT t.settings, t.sessions_epoch, n.identity_id, ",
            identity!(),
            ", k.network,
       (SELECT f.id FROM credentials f
        WHERE f.identity_id = i.id AND f.tenant_id = t.id AND f.kind IN ('totp', 'webauthn')
          AND f.subject <> 'unconfirmed' LIMIT 1), ",
            credential!(),
            ", ",
            device!(),
            "
FROM tenants t
LEFT JOIN identifiers n ON n.tenant_id = t.id AND n.value = ?
LEFT JOIN identities i ON i.tenant_id = t.id AND i.id = COALESCE(n.identity_id,
  (SELECT d.id FROM identities d WHERE d.tenant_id = t.id ORDER BY d.created_at, d.id LIMIT 1))
LEFT JOIN known_networks k ON k.identity_id = i.id AND k.tenant_id = t.id AND k.network = ?
LEFT JOIN devices v ON v.identity_id = i.id AND v.tenant_id = t.id AND v.token_hash = ?
LEFT JOIN credentials c ON c.identity_id = i.id AND c.tenant_id = t.id AND c.kind = 'password' AND c.subject = ''
WHERE t.id = ? AND t.active"
        );
        let params = vec![
            Value::text(identifier.as_str()),
            client.network().into(),
            device.map(|token| token.0).into(),
            Value::text(tenant.as_str()),
        ];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        let (settings, epoch) = (tenants::decode_settings(&mut row)?, row.int()?);
        let is_known = row.maybe_uuid()?.is_some();
        let read = decode_known(&mut row);
        let known = if is_known { read? } else { None };
        Ok(Some(LoginCandidate { settings, epoch, known }))
    }

    async fn password(&self, scope: &Scope, identity: IdentityId) -> Result<Option<Credential>, Failure> {
        let sql = concat!(
            "-- credentials.password
SELECT ",
            credential!(),
            "
FROM credentials c
WHERE c.identity_id = ? AND c.tenant_id = COALESCE(?, c.tenant_id) AND c.kind = 'password' AND c.subject = ''"
        );
        let params = vec![identity.0.into(), tenant_or_any(scope)];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        Ok(rows.into_iter().next().map(|mut row| decode(&mut row)).transpose()?)
    }

    async fn former_passwords(&self, scope: &Scope, identity: IdentityId) -> Result<Vec<PasswordHash>, Failure> {
        let sql = "-- credentials.former_passwords
SELECT c.data
FROM credentials c
WHERE c.identity_id = ? AND c.tenant_id = COALESCE(?, c.tenant_id) AND c.kind = 'password' AND c.subject = ''";
        let params = vec![identity.0.into(), tenant_or_any(scope)];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(Vec::new()) };
        let former = row.maybe_json::<Data>()?.map(|data| data.former).unwrap_or_default();
        Ok(former.into_iter().map(PasswordHash::new).collect())
    }

    async fn link(&self, tenant: &TenantId, account: &ProviderAccount) -> Result<Option<ProviderLink>, Failure> {
        Ok(links::find(&self.driver, tenant, account).await?)
    }

    async fn links(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<ProviderLink>, Failure> {
        Ok(links::of(&self.driver, tenant, identity).await?)
    }
}

pub(crate) fn apply(batch: &mut Batch, change: CredentialChange) -> Result<(), DriverError> {
    match change {
        CredentialChange::Add(credential) => add(batch, &credential),
        CredentialChange::Replace(credential) => replace(batch, &credential),
        CredentialChange::ChangePassword { credential, former } => change_password(batch, &credential, &former)?,
        CredentialChange::Link(link) => links::add(batch, &link)?,
        CredentialChange::Unlink { tenant, identity, link } => links::remove(batch, &tenant, identity, link),
        CredentialChange::Use { tenant, credential, version, at } => {
            mark_used(batch, &tenant, credential, version, at);
        }
    }
    Ok(())
}

/// Takes the identity's tenant from the identity, so that no credential reaches across tenants.
fn add(batch: &mut Batch, credential: &Credential) {
    let sql = "-- credentials.add
INSERT INTO credentials (id, kind, subject, secret, created_at, updated_at, version, tenant_id, identity_id)
SELECT ?, ?, '', ?, ?, ?, ?, i.tenant_id, i.id
FROM identities i
WHERE i.id = ? AND i.tenant_id = ?";
    let params = vec![
        credential.id.0.into(),
        credential.kind.as_str().into(),
        Value::text(credential.secret.expose()),
        credential.created_at.into(),
        credential.updated_at.into(),
        credential.version.into(),
        credential.identity.0.into(),
        Value::text(credential.tenant.as_str()),
    ];
    batch.guarded_unique(sql, params, Guard::Identity, Unique::Credential);
}

fn replace(batch: &mut Batch, credential: &Credential) {
    let sql = "-- credentials.replace
UPDATE credentials
SET secret = ?, updated_at = ?, version = ?
WHERE id = ? AND tenant_id = ? AND identity_id = ? AND version = ?";
    let params = vec![
        Value::text(credential.secret.expose()),
        credential.updated_at.into(),
        credential.version.into(),
        credential.id.0.into(),
        Value::text(credential.tenant.as_str()),
        credential.identity.0.into(),
        credential.version.saturating_sub(1).into(),
    ];
    batch.guarded(sql, params, Guard::Credential);
}

fn change_password(batch: &mut Batch, credential: &Credential, former: &[PasswordHash]) -> Result<(), DriverError> {
    let sql = "-- credentials.change_password
UPDATE credentials
SET secret = ?, updated_at = ?, version = ?, data = ?
WHERE id = ? AND tenant_id = ? AND identity_id = ? AND version = ?";
    let kept = Data { former: former.iter().map(|hash| hash.expose().to_owned()).collect() };
    let params = vec![
        Value::text(credential.secret.expose()),
        credential.updated_at.into(),
        credential.version.into(),
        if kept.former.is_empty() { Value::Null } else { Value::json(&kept)? },
        credential.id.0.into(),
        Value::text(credential.tenant.as_str()),
        credential.identity.0.into(),
        credential.version.saturating_sub(1).into(),
    ];
    batch.guarded(sql, params, Guard::Credential);
    Ok(())
}

fn mark_used(batch: &mut Batch, tenant: &TenantId, id: CredentialId, version: Version, at: Timestamp) {
    let sql = "-- credentials.mark_used
UPDATE credentials
SET last_used_at = ?
WHERE id = ? AND tenant_id = ? AND version = ?";
    let params = vec![at.into(), id.0.into(), Value::text(tenant.as_str()), version.into()];
    batch.guarded(sql, params, Guard::Credential);
}
