//! Sets the log level of the running process.

use kayan_ports::{EventType, LogControl, LogLevel};
use serde_json::json;

use crate::{DeniedError, Failure, Kayan, Operator, policy::permission::Permission};

/// Why the level was not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SetLogLevelError {
    /// The operator may not change it.
    #[error(transparent)]
    Denied(#[from] DeniedError),
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Kayan {
    /// Logs from this level up, in this process, until the level is set again or the process ends. The process serves
    /// all tenants, so the operator must not be bound to one.
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
