//! The log level of a replica.

use std::sync::Arc;

use kayan_core::{DeniedError, Failure, SetLogLevelError};
use kayan_ports::LogLevel;
use poem_openapi::{Enum, Object, OpenApi};
use serde::{Deserialize, Serialize};

use crate::{
    Application, Tag,
    admin::operator::Admin,
    wire::{
        body::Body,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Logs {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// The level from which messages are logged.
#[derive(Debug, Clone, Copy, Enum, Serialize, Deserialize)]
#[oai(rename_all = "snake_case", rename = "LogLevelName")]
#[serde(rename_all = "snake_case")]
enum Name {
    /// Everything, for debugging.
    Debug,
    /// Normal operation, such as each request.
    Info,
    /// Possible problems.
    Warn,
    /// Failures.
    Error,
}

/// The log level of a replica.
#[derive(Object, Serialize, Deserialize)]
#[oai(rename = "LogLevel")]
struct Level {
    /// The level.
    level: Name,
}

impl From<Name> for LogLevel {
    fn from(name: Name) -> Self {
        match name {
            Name::Debug => Self::Debug,
            Name::Info => Self::Info,
            Name::Warn => Self::Warn,
            Name::Error => Self::Error,
        }
    }
}

#[OpenApi(prefix_path = "/admin", tag = "Tag::Administration")]
impl Logs {
    /// Set the log level
    ///
    /// Applies to the replica that answers, until the level is set again or the replica restarts with `KAYAN_LOG_LEVEL`.
    /// Requires `debug:write` over all tenants.
    #[oai(path = "/log-level", method = "put", operation_id = "setLogLevel")]
    async fn set(
        &self,
        Admin(operator): Admin,
        Body(body): Body<Level>,
    ) -> Result<Reply<Level>, Refused<SetLogLevelError>> {
        self.app.kayan.set_log_level(&operator, &*self.app.logs, body.level.into()).await?;
        Ok(Reply::new(&body))
    }
}

refusals! {
    SetLogLevelError {
        Self::Denied(error) => (error: DeniedError),
        Self::Failed(failure) => (failure: Failure),
    }
}
