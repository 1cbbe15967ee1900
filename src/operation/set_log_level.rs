//! Sets how much a running process logs.

use kayan_ports::{EventType, LogControl, LogLevel};
use serde_json::json;

use crate::{DeniedError, Failure, Kayan, Operator, policy::permission::Permission};

/// Why the level is as before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetLogLevelError {
    /// The operator may not.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// The service can't do it.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Logs from this level up, in this process, until it is set anew or the process ends. The process serves all tenants,
    /// so nobody who administers one of them may.
    pub async fn set_log_level(
        &self,
        operator: &Operator,
        logs: &dyn LogControl,
        level: LogLevel,
    ) -> Result<(), SetLogLevelError> {
        const ACTION: &str = "log-level.set";
        self.permit_over_process(operator, &Permission::DEBUG_WRITE, ACTION).await?;
        let level_was = logs.level();
        let event = self
            .operator_event(
                operator,
                &operator.tenant(),
                EventType::AdminAction,
                self.clock.now(),
                "a process's log level was set",
            )
            .resource("log-level".to_owned())
            .with("action", ACTION)
            .values(Some(json!({ "level": level_was.as_str() })), Some(json!({ "level": level.as_str() })));
        self.record(event).await?;
        logs.set(level);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
