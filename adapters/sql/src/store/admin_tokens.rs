//! Admin tokens that were revoked before they expired.

use async_trait::async_trait;
use kayan_ports::{AdminTokenId, Failure, Revocation, Revocations, Scope, Unique};

use super::keys::{SYSTEM, owner};
use crate::{Driver, Query, Reading, SqlStore, Value, changes::Batch};

/// How many ids one statement looks up; a token rarely has more blocks.
const AT_ONCE: usize = 4;

#[async_trait]
impl<D: Driver> Revocations for SqlStore<D> {
    async fn revocations(&self, of: &Scope, ids: &[AdminTokenId]) -> Result<Vec<AdminTokenId>, Failure> {
        let sql = "-- revoked_tokens.among
SELECT id
FROM revoked_tokens
WHERE id IN (?, ?, ?, ?) AND tenant_id IN (?, ?)";
        let mut revoked = Vec::new();
        for ids in ids.chunks(AT_ONCE) {
            // Repeats the last id where there are fewer.
            let padded = ids.iter().chain(ids.last().into_iter().cycle()).take(AT_ONCE);
            let mut params: Vec<Value> = padded.map(|id| id.0.into()).collect();
            params.extend([SYSTEM.into(), owner(of)]);
            let rows = self.driver.read(Query { sql, params, reading: Reading::Point }).await?;
            for mut row in rows {
                let id = AdminTokenId(row.uuid()?);
                // Both the system and the tenant may have revoked it.
                if !revoked.contains(&id) {
                    revoked.push(id);
                }
            }
        }
        Ok(revoked)
    }
}

pub(crate) fn revoke(batch: &mut Batch, revocation: Revocation) {
    let sql = "-- revoked_tokens.keep
INSERT INTO revoked_tokens (id, tenant_id, expires_at, created_at)
VALUES (?, ?, ?, ?)";
    let Revocation { id, by, expires_at, at } = revocation;
    let params = vec![id.0.into(), owner(&by), expires_at.into(), at.into()];
    batch.unique(sql, params, Unique::Revocation);
}
