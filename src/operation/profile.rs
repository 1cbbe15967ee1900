//! Profiles the process for its operators.

use std::time::Duration;

use kayan_ports::{ProfileError, Profiler, Resident};

use crate::{DeniedError, Kayan, Operator, policy::permission::Permission};

/// Why there is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookInsideError {
    /// The operator may not.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// Another profile is running, or this build can't take any.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

/// Who asks: an operator, or `None` for a caller that needs no token.
pub type Insider = Option<Operator>;

impl Kayan {
    /// Takes a profile of the memory in use.
    pub async fn profile_heap(&self, who: &Insider, profiler: &dyn Profiler) -> Result<Vec<u8>, LookInsideError> {
        self.let_in(who, "debug.heap").await?;
        Ok(profiler.heap().await?)
    }

    /// Takes a profile of the processors for this time.
    pub async fn profile_cpu(
        &self,
        who: &Insider,
        profiler: &dyn Profiler,
        time: Duration,
    ) -> Result<Vec<u8>, LookInsideError> {
        self.let_in(who, "debug.profile").await?;
        Ok(profiler.cpu(time).await?)
    }

    /// Returns unused memory to the operating system.
    pub async fn purge_memory(&self, who: &Insider, profiler: &dyn Profiler) -> Result<Resident, LookInsideError> {
        self.let_in(who, "debug.gc").await?;
        Ok(profiler.purge().await?)
    }

    /// Checks that the caller may read the metrics.
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
