//! Factors besides the password: rows of `credentials`.
//!
//! An authenticator app's `subject` is its id, or `unconfirmed` until its owner has confirmed it: so there is one of these
//! at most. A recovery code's is its hash, and a passkey's that of its credential id; neither has a secret.

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{
    CredentialId, Factor, FactorChange, FactorKind, Factors, Failure, Guard, IdentityId, RecoveryHash, Removed, Sealed,
    TenantId, Timestamp, Unique,
};

use super::passkeys;
use crate::{Driver, DriverError, Query, Reading, Row, SqlStore, Value, changes::Batch, damaged};

const UNCONFIRMED: &str = "unconfirmed";

columns!(
    pub factor = "id, tenant_id, identity_id, name, created_at, last_used_at, kind, subject, secret, counter, user_verified, backed_up, data"
);

/// Reads `factor!()`.
pub(super) fn decode(row: &mut Row) -> Result<Factor, DriverError> {
    let id = CredentialId(row.uuid()?);
    let tenant = row.word(|name| name.parse().ok())?;
    let identity = IdentityId(row.uuid()?);
    let (name, created_at, last_used_at) = (row.text()?, row.time()?, row.maybe_time()?);
    let (kind, subject, secret, counter) = (row.text()?, row.text()?, row.text()?, row.int()?);
    let damaged = || DriverError::Fault(format!("the {kind} {id} is damaged"));
    let kind = match kind.as_str() {
        "totp" => FactorKind::Totp {
            secret: Sealed(URL_SAFE_NO_PAD.decode(secret).map_err(|_| damaged())?),
            confirmed: subject != UNCONFIRMED,
            last_step: counter,
        },
        "recovery_code" => {
            let hash = URL_SAFE_NO_PAD.decode(subject).ok().and_then(|bytes| bytes.try_into().ok());
            FactorKind::RecoveryCode { hash: RecoveryHash(hash.ok_or_else(damaged)?) }
        }
        passkeys::KIND => FactorKind::Webauthn(Box::new(passkeys::decode(row, counter)?.ok_or_else(damaged)?)),
        _ => return Err(damaged()),
    };
    Ok(Factor { id, tenant, identity, name, kind, created_at, last_used_at })
}

#[async_trait]
impl<D: Driver> Factors for SqlStore<D> {
    async fn factors(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<Factor>, Failure> {
        // By name, so that a replica of this version passes over what a later one enrols.
        let sql = concat!(
            "-- factors.read
SELECT ",
            factor!(),
            "
FROM credentials
WHERE identity_id = ? AND tenant_id = ? AND kind IN ('totp', 'recovery_code', 'webauthn')
ORDER BY created_at, id"
        );
        let params = vec![identity.0.into(), Value::text(tenant.as_str())];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        Ok(rows.into_iter().map(|mut row| decode(&mut row)).collect::<Result<_, _>>()?)
    }

    async fn passkeys(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<Factor>, Failure> {
        Ok(passkeys::of(&self.driver, tenant, identity).await?)
    }

    async fn passkey(&self, tenant: &TenantId, credential_id: &[u8]) -> Result<Option<Factor>, Failure> {
        Ok(passkeys::find(&self.driver, tenant, credential_id).await?)
    }

    /// Looks at no more than `among` rows, however few apps there are.
    async fn newest_apps(&self, among: u32) -> Result<Vec<Factor>, Failure> {
        let sql = concat!(
            "-- factors.newest_apps
SELECT ",
            factor!(),
            "
FROM (SELECT ",
            factor!(),
            "
      FROM credentials
      ORDER BY id DESC
      LIMIT ?) newest
WHERE kind = 'totp'"
        );
        let rows = self.lagging().read(Query { sql, params: vec![i64::from(among).into()], reading: Reading::Scan });
        Ok(damaged::apart("factors", 0, rows.await?, |mut row| decode(&mut row)).0)
    }
}

pub(crate) fn apply(batch: &mut Batch, change: FactorChange) -> Result<(), DriverError> {
    match change {
        FactorChange::Pin { tenant, identity, known } => passkeys::pin(batch, &tenant, identity, known),
        FactorChange::Add(factor) => add(batch, *factor)?,
        FactorChange::Confirm { tenant, identity, factor, step, at } => {
            confirm(batch, &tenant, (identity, factor), step, at);
        }
        FactorChange::UseTotp { tenant, identity, factor, step, at } => {
            use_totp(batch, &tenant, (identity, factor), step, at);
        }
        FactorChange::UseRecoveryCode { tenant, identity, hash } => use_recovery_code(batch, &tenant, identity, hash),
        FactorChange::UsePasskey { tenant, identity, factor, counter, backed_up, at } => {
            passkeys::accept(batch, &tenant, (identity, factor), (counter, backed_up), at);
        }
        FactorChange::Rename { tenant, identity, factor, name, at } => {
            rename(batch, &tenant, (identity, factor), name, at);
        }
        FactorChange::KeepWayIn { tenant, identity, without, ways_in } => {
            passkeys::keep_way_in(batch, &tenant, (identity, without), ways_in);
        }
        FactorChange::Remove { tenant, identity, which } => remove(batch, &tenant, identity, which),
    }
    Ok(())
}

/// What is stored of a factor's kind.
#[derive(Default)]
pub(super) struct Stored {
    pub(super) subject: String,
    pub(super) secret: String,
    pub(super) counter: i64,
    pub(super) user_verified: bool,
    pub(super) backed_up: bool,
    pub(super) data: Option<Value>,
    pub(super) lookup: Option<[u8; 32]>,
}

fn stored(id: CredentialId, kind: FactorKind) -> Result<Stored, DriverError> {
    Ok(match kind {
        FactorKind::Totp { secret, confirmed, last_step } => Stored {
            subject: if confirmed { id.to_string() } else { UNCONFIRMED.to_owned() },
            secret: URL_SAFE_NO_PAD.encode(secret.0),
            counter: last_step,
            ..Stored::default()
        },
        FactorKind::RecoveryCode { hash } => Stored { subject: subject_of(hash), ..Stored::default() },
        FactorKind::Webauthn(passkey) => passkeys::stored(*passkey)?,
    })
}

/// Takes the tenant from the identity, so that no factor reaches across tenants.
fn add(batch: &mut Batch, factor: Factor) -> Result<(), DriverError> {
    let sql = "-- factors.add
INSERT INTO credentials
  (id, kind, subject, secret, name, counter, user_verified, backed_up, data, lookup, created_at, updated_at, version,
   tenant_id, identity_id)
SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1, i.tenant_id, i.id
FROM identities i
WHERE i.id = ? AND i.tenant_id = ?";
    let kind = factor.kind.as_str();
    let stored = stored(factor.id, factor.kind)?;
    let params = vec![
        factor.id.0.into(),
        kind.into(),
        stored.subject.into(),
        stored.secret.into(),
        factor.name.into(),
        stored.counter.into(),
        stored.user_verified.into(),
        stored.backed_up.into(),
        stored.data.unwrap_or(Value::Null),
        stored.lookup.into(),
        factor.created_at.into(),
        factor.created_at.into(),
        factor.identity.0.into(),
        Value::text(factor.tenant.as_str()),
    ];
    batch.guarded_unique(sql, params, Guard::Identity, Unique::Credential);
    Ok(())
}

fn confirm(
    batch: &mut Batch,
    tenant: &TenantId,
    (identity, factor): (IdentityId, CredentialId),
    step: i64,
    at: Timestamp,
) {
    let sql = "-- factors.confirm
UPDATE credentials
SET subject = ?, counter = ?, last_used_at = ?, updated_at = ?
WHERE identity_id = ? AND tenant_id = ? AND kind = 'totp' AND subject = 'unconfirmed' AND id = ?";
    let params = vec![
        factor.to_string().into(),
        step.into(),
        at.into(),
        at.into(),
        identity.0.into(),
        Value::text(tenant.as_str()),
        factor.0.into(),
    ];
    batch.guarded(sql, params, Guard::Factor);
}

fn use_totp(
    batch: &mut Batch,
    tenant: &TenantId,
    (identity, factor): (IdentityId, CredentialId),
    step: i64,
    at: Timestamp,
) {
    let sql = "-- factors.use_totp
UPDATE credentials
SET counter = ?, last_used_at = ?
WHERE identity_id = ? AND tenant_id = ? AND kind = 'totp' AND subject = ? AND counter < ?";
    let params = vec![
        step.into(),
        at.into(),
        identity.0.into(),
        Value::text(tenant.as_str()),
        factor.to_string().into(),
        step.into(),
    ];
    batch.guarded(sql, params, Guard::Factor);
}

fn use_recovery_code(batch: &mut Batch, tenant: &TenantId, identity: IdentityId, hash: RecoveryHash) {
    let sql = "-- factors.use_recovery_code
DELETE FROM credentials
WHERE identity_id = ? AND tenant_id = ? AND kind = 'recovery_code' AND subject = ?";
    let params = vec![identity.0.into(), Value::text(tenant.as_str()), subject_of(hash).into()];
    batch.guarded(sql, params, Guard::Factor);
}

fn rename(
    batch: &mut Batch,
    tenant: &TenantId,
    (identity, factor): (IdentityId, CredentialId),
    name: String,
    at: Timestamp,
) {
    let sql = "-- factors.rename
UPDATE credentials
SET name = ?, updated_at = ?
WHERE identity_id = ? AND tenant_id = ? AND id = ? AND kind IN ('totp', 'webauthn')";
    let params = vec![name.into(), at.into(), identity.0.into(), Value::text(tenant.as_str()), factor.0.into()];
    batch.guarded(sql, params, Guard::Factor);
}

fn remove(batch: &mut Batch, tenant: &TenantId, identity: IdentityId, which: Removed) {
    let mut params = vec![identity.0.into(), Value::text(tenant.as_str())];
    match which {
        Removed::One(factor) => {
            let sql = "-- factors.remove
DELETE FROM credentials
WHERE identity_id = ? AND tenant_id = ? AND id = ? AND kind IN ('totp', 'recovery_code', 'webauthn')";
            params.push(factor.0.into());
            batch.guarded(sql, params, Guard::Factor);
        }
        Removed::RecoveryCodes => {
            let sql = "-- factors.remove_recovery_codes
DELETE FROM credentials
WHERE identity_id = ? AND tenant_id = ? AND kind = 'recovery_code'";
            batch.free(sql, params);
        }
        Removed::UnconfirmedBefore(before) => {
            let sql = "-- factors.remove_unconfirmed
DELETE FROM credentials
WHERE identity_id = ? AND tenant_id = ? AND kind = 'totp' AND subject = 'unconfirmed' AND created_at < ?";
            params.push(before.into());
            batch.free(sql, params);
        }
        Removed::All => {
            let sql = "-- factors.remove_all
DELETE FROM credentials
WHERE identity_id = ? AND tenant_id = ? AND kind IN ('totp', 'recovery_code', 'webauthn')";
            batch.free(sql, params);
        }
    }
}

fn subject_of(hash: RecoveryHash) -> String {
    URL_SAFE_NO_PAD.encode(hash.0)
}
