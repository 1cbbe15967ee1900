//! Numbers about the whole service that its operators watch.

use kayan_ports::{TenantId, Timestamp};
use time::Duration;

use crate::{Failure, Kayan};

impl Kayan {
    /// How many sessions are active, in each tenant that has any. The database counts them, so ask now and then only.
    pub async fn count_sessions(&self) -> Result<Vec<(TenantId, u64)>, Failure> {
        Ok(self.store.active_sessions_by_tenant(self.clock.now()).await?)
    }

    /// For how long what happened is not sealed yet; nothing, before anything ever was.
    pub async fn seal_lag(&self) -> Result<Option<Duration>, Failure> {
        let sealed_until = self.store.sealed_until().await?;
        Ok((sealed_until > Timestamp::UNIX_EPOCH).then(|| self.clock.now() - sealed_until))
    }
}
