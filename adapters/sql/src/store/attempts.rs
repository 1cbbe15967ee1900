//! Counts authentication attempts in the database: shared by all replicas, and kept over a restart.

use async_trait::async_trait;
use kayan_ports::{AttemptCounter, AttemptKey, Change, Failure, Lockout, Reservation, Target, Timestamp};

use crate::{
    ApplyError, Dialect, Driver, DriverError, Expect, Query, Reading, SqlStore, Statement, Value, changes::Batch,
};

/// The network under which attempts from neither known networks nor known devices are counted.
const ELSEWHERE: &str = "";

/// `tenant_id, identifier_hash, network`, the primary key.
fn params(key: &AttemptKey) -> [Value; 3] {
    let [tenant, identifier] = target(&key.target);
    [tenant, identifier, Value::text(key.known_origin.as_deref().unwrap_or(ELSEWHERE))]
}

fn target(target: &Target) -> [Value; 2] {
    [Value::text(target.tenant.as_str()), target.identifier.into()]
}

pub(crate) fn forget(batch: &mut Batch, key: &AttemptKey) {
    let sql = "-- attempts.forget
DELETE FROM attempts
WHERE tenant_id = ? AND identifier_hash = ? AND network = ?";
    batch.free(sql, params(key).into());
}

#[async_trait]
impl<D: Driver> AttemptCounter for SqlStore<D> {
    async fn reserve(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Reservation, Failure> {
        let driver = self.driver();
        let (over, most) = (now - lockout.duration, i64::from(lockout.max_failures));
        let batch = match driver.dialect() {
            // In one statement: between two, a parallel login could forget the attempts, and the second would find no row.
            Dialect::Sqlite | Dialect::Postgres => {
                let sql = "-- attempts.reserve
INSERT INTO attempts (tenant_id, identifier_hash, network, failures, last_at)
VALUES (?, ?, ?, 1, ?)
ON CONFLICT (tenant_id, identifier_hash, network) DO UPDATE
SET failures = CASE WHEN attempts.last_at <= ? THEN 1 ELSE attempts.failures + 1 END,
    last_at = CASE WHEN attempts.last_at < ? THEN ? ELSE attempts.last_at END
WHERE attempts.failures < ? OR attempts.last_at <= ?";
                let mut params: Vec<Value> = params(key).into();
                params.extend([now.into(), over.into(), now.into(), now.into(), most.into(), over.into()]);
                vec![Statement { sql, params, expect: Expect::One }]
            }
            // An upsert has no `WHERE` here; the first statement locks the row for the second, even if it changes nothing.
            Dialect::MySql => {
                let begin = "-- attempts.begin
INSERT INTO attempts (tenant_id, identifier_hash, network, failures, last_at)
VALUES (?, ?, ?, 0, ?)
ON DUPLICATE KEY UPDATE failures = failures";
                let reserve = "-- attempts.reserve
UPDATE attempts
SET failures = CASE WHEN last_at <= ? THEN 1 ELSE failures + 1 END, last_at = CASE WHEN last_at < ? THEN ? ELSE last_at END
WHERE tenant_id = ? AND identifier_hash = ? AND network = ? AND (failures < ? OR last_at <= ?)";
                let beginning = params(key).into_iter().chain([now.into()]).collect();
                let mut reserving: Vec<Value> = vec![over.into(), now.into(), now.into()];
                reserving.extend(params(key));
                reserving.extend([most.into(), over.into()]);
                vec![
                    Statement { sql: begin, params: beginning, expect: Expect::Any },
                    Statement { sql: reserve, params: reserving, expect: Expect::One },
                ]
            }
        };
        match driver.apply(batch).await {
            Ok(()) => Ok(Reservation::Reserved),
            // Now, if attempts were forgotten in the meantime.
            Err(ApplyError::Guard(_)) => counted(driver, key).await.map(|counted| {
                let last = counted.map_or(now, |(_, last)| last);
                Reservation::Locked { until: last + lockout.duration }
            }),
            Err(error) => Err(Failure::Unavailable(error.to_string())),
        }
    }

    async fn locked(&self, key: &AttemptKey, lockout: &Lockout, now: Timestamp) -> Result<Option<Timestamp>, Failure> {
        let counted = counted(self.driver(), key).await?;
        let most = i64::from(lockout.max_failures);
        let full = counted.filter(|(failures, _)| *failures >= most);
        Ok(full.map(|(_, last)| last + lockout.duration).filter(|until| now < *until))
    }

    async fn release(&self, key: &AttemptKey) -> Result<(), Failure> {
        let sql = "-- attempts.release
UPDATE attempts
SET failures = failures - 1
WHERE tenant_id = ? AND identifier_hash = ? AND network = ? AND failures > 0";
        write(self.driver(), sql, params(key).into()).await
    }

    async fn forget(&self, _: &AttemptKey) -> Result<(), Failure> {
        Ok(())
    }

    async fn unlock(&self, of: &Target) -> Result<(), Failure> {
        let sql = "-- attempts.unlock
DELETE FROM attempts
WHERE tenant_id = ? AND identifier_hash = ?";
        write(self.driver(), sql, target(of).into()).await
    }

    fn forgetting(&self, key: &AttemptKey) -> Option<Change> {
        Some(Change::ForgetAttempts(key.clone()))
    }
}

async fn write(driver: &impl Driver, sql: &'static str, params: Vec<Value>) -> Result<(), Failure> {
    let statement = Statement { sql, params, expect: Expect::Any };
    driver.apply(vec![statement]).await.map_err(|error| Failure::Unavailable(error.to_string()))
}

/// How many attempts are counted, and when the last one was made.
async fn counted(driver: &impl Driver, key: &AttemptKey) -> Result<Option<(i64, Timestamp)>, Failure> {
    let sql = "-- attempts.read
SELECT failures, last_at
FROM attempts
WHERE tenant_id = ? AND identifier_hash = ? AND network = ?";
    let read = async {
        let rows = driver.read(Query { sql, params: params(key).into(), reading: Reading::Point }).await?;
        rows.into_iter().next().map(|mut row| Ok((row.int()?, row.time()?))).transpose()
    };
    read.await.map_err(|error: DriverError| Failure::Unavailable(error.to_string()))
}
