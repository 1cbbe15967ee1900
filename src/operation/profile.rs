//! Profiles the process for its operators.

use std::time::Duration;

use kayan_ports::{ProfileError, Profiler, Resident};

use crate::{DeniedError, Kayan, Operator, policy::permission::Permission};

/// Why there is no profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiagnosticsError {
    /// The operator may not.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// Another profile is running, or this build can't take any.
    #[error(transparent)]
    Profile(#[from] ProfileError),
}

impl Kayan {
    /// Takes a profile of the memory in use.
    pub async fn profile_heap(
        &self,
        who: Option<&Operator>,
        profiler: &dyn Profiler,
    ) -> Result<Vec<u8>, DiagnosticsError> {
        self.permit_diagnostics(who, "debug.heap").await?;
        Ok(profiler.heap().await?)
    }

    /// Takes a profile of the processors for this time.
    pub async fn profile_cpu(
        &self,
        who: Option<&Operator>,
        profiler: &dyn Profiler,
        time: Duration,
    ) -> Result<Vec<u8>, DiagnosticsError> {
        self.permit_diagnostics(who, "debug.profile").await?;
        Ok(profiler.cpu(time).await?)
    }

    /// Returns unused memory to the operating system.
    pub async fn purge_memory(
        &self,
        who: Option<&Operator>,
        profiler: &dyn Profiler,
    ) -> Result<Resident, DiagnosticsError> {
        self.permit_diagnostics(who, "debug.gc").await?;
        Ok(profiler.purge().await?)
    }

    /// Checks that the caller may read the metrics.
    pub async fn permit_metrics(&self, who: Option<&Operator>) -> Result<(), DiagnosticsError> {
        Ok(self.permit_diagnostics(who, "metrics.read").await?)
    }

    async fn permit_diagnostics(&self, who: Option<&Operator>, action: &'static str) -> Result<(), DeniedError> {
        match who {
            Some(operator) => self.permit_over_process(operator, &Permission::DEBUG_READ, action).await,
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
