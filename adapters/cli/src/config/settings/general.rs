//! The settings of the process itself.

use kayan_ports::LogLevel;

use super::Section;
use crate::config::{Environment, LogFormat, setting::Setting};

pub(crate) const ENVIRONMENT: Setting<Environment> = Setting::choice(
    "KAYAN_ENV",
    "Environment",
    &[("development", Environment::Development), ("production", Environment::Production)],
)
.or("development");
pub(crate) const LOG_LEVEL: Setting<LogLevel> = Setting::choice(
    "KAYAN_LOG_LEVEL",
    "Log level",
    &[("debug", LogLevel::Debug), ("info", LogLevel::Info), ("warn", LogLevel::Warn), ("error", LogLevel::Error)],
)
.or("info");
pub(crate) const LOG_FORMAT: Setting<LogFormat> =
    Setting::choice("KAYAN_LOG_FORMAT", "Log format", &[("text", LogFormat::Text), ("json", LogFormat::Json)])
        .or("text");

pub(super) const SECTION: Section = Section { title: "General", settings: &[&ENVIRONMENT, &LOG_LEVEL, &LOG_FORMAT] };
