//! Answers that are kept for requests made again.

use kayan_ports::{IdentityId, KeptAnswer, StoreError, TenantId, Unique};

use crate::{Driver, Query, Reading, Value, changes::Batch};

pub(crate) async fn read(
    driver: &impl Driver,
    tenant: &TenantId,
    operator: &str,
    key: &str,
) -> Result<Option<KeptAnswer>, StoreError> {
    let sql = "-- kept_answers.read
SELECT request, identity_id, answer, created_at
FROM kept_answers
WHERE tenant_id = ? AND operator = ? AND idempotency_key = ?";
    let params = vec![Value::text(tenant.as_str()), Value::text(operator), Value::text(key)];
    let rows = driver.read(Query { sql, params, reading: Reading::Point }).await?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
    Ok(Some(KeptAnswer {
        tenant: tenant.clone(),
        operator: operator.to_owned(),
        key: key.to_owned(),
        request: row.hash()?,
        about: row.maybe_uuid()?.map(IdentityId),
        answer: row.text()?,
        at: row.time()?,
    }))
}

pub(crate) fn keep(batch: &mut Batch, kept: KeptAnswer) {
    let sql = "-- kept_answers.keep
INSERT INTO kept_answers (operator, idempotency_key, request, identity_id, answer, created_at, tenant_id)
VALUES (?, ?, ?, ?, ?, ?, ?)";
    let KeptAnswer { tenant, operator, key, request, about, answer, at } = kept;
    let params = vec![
        operator.into(),
        key.into(),
        request.to_vec().into(),
        about.map(|identity| identity.0).into(),
        answer.into(),
        at.into(),
        Value::text(tenant.as_str()),
    ];
    batch.unique(sql, params, Unique::Answer);
}
