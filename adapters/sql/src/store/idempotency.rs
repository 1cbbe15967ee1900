//! Responses that are stored under idempotency keys.

use async_trait::async_trait;
use kayan_ports::{Failure, IdentityId, StoredResponse, StoredResponses, TenantId, Unique};

use crate::{Driver, Query, Reading, SqlStore, Value, changes::Batch};

#[async_trait]
impl<D: Driver> StoredResponses for SqlStore<D> {
    async fn stored_response(
        &self,
        tenant: &TenantId,
        operator: &str,
        key: &str,
    ) -> Result<Option<StoredResponse>, Failure> {
        let sql = "-- kept_answers.read
SELECT request, identity_id, answer, created_at
FROM kept_answers
WHERE tenant_id = ? AND operator = ? AND idempotency_key = ?";
        let params = vec![Value::text(tenant.as_str()), Value::text(operator), Value::text(key)];
        let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
        Ok(Some(StoredResponse {
            tenant: tenant.clone(),
            operator: operator.to_owned(),
            key: key.to_owned(),
            request: row.hash()?,
            about: row.maybe_uuid()?.map(IdentityId),
            response: row.text()?,
            at: row.time()?,
        }))
    }
}

pub(crate) fn store(batch: &mut Batch, stored: StoredResponse) {
    let sql = "-- kept_answers.keep
INSERT INTO kept_answers (operator, idempotency_key, request, identity_id, answer, created_at, tenant_id)
VALUES (?, ?, ?, ?, ?, ?, ?)";
    let StoredResponse { tenant, operator, key, request, about, response, at } = stored;
    let params = vec![
        operator.into(),
        key.into(),
        request.to_vec().into(),
        about.map(|identity| identity.0).into(),
        response.into(),
        at.into(),
        Value::text(tenant.as_str()),
    ];
    batch.unique(sql, params, Unique::Response);
}
