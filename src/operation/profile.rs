//! Looks into the process for whoever operates it.

use std::time::Duration;

use kayan_ports::{ProfileError, Profiler, Resident};

use crate::{DeniedError, Kayan, Operator, policy::permission::Permission};

/// Why there is nothing to see.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookInsideError {
    /// The operator may not.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// Somebody else is looking, or nobody can.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// Who looks: an operator, or with nothing, somebody near enough not to be asked.
pub type Insider = Option<Operator>;

impl Kayan {
    /// A profile of the memory in use.
    pub async fn profile_heap(&self, who: &Insider, profiler: &dyn Profiler) -> Result<Vec<u8>, LookInsideError> {
        self.let_in(who, "debug.heap").await?;
        Ok(profiler.heap().await?)
    }

    /// A profile of the processors over so long a time.
    pub async fn profile_cpu(
        &self,
        who: &Insider,
        profiler: &dyn Profiler,
        time: Duration,
    ) -> Result<Vec<u8>, LookInsideError> {
        self.let_in(who, "debug.profile").await?;
        Ok(profiler.cpu(time).await?)
    }

    /// Gives unused memory back.
    pub async fn purge_memory(&self, who: &Insider, profiler: &dyn Profiler) -> Result<Resident, LookInsideError> {
        self.let_in(who, "debug.gc").await?;
        Ok(profiler.purge().await?)
    }

    /// Goes on if the metrics may be looked at.
    pub async fn look_at_metrics(&self, who: &Insider) -> Result<(), LookInsideError> {
        Ok(self.let_in(who, "metrics.read").await?)
    }

    async fn let_in(&self, who: &Insider, action: &'static str) -> Result<(), DeniedError> {
        match who {
            Some(operator) => self.permit_over_process(operator, &Permission::DEBUG_READ, action).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
