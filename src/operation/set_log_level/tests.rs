//! Tests of setting the log level.

use kayan_ports::{Outcome, Scope, TenantId};
use parking_lot::Mutex;

use super::*;
use crate::{policy::permission::Pattern, stage::Stage};

struct Logs(Mutex<LogLevel>);

impl LogControl for Logs {
    fn level(&self) -> LogLevel {
        *self.0.lock()
    }

    fn set(&self, level: LogLevel) {
        *self.0.lock() = level;
    }
}

#[tokio::test]
async fn i_31_the_level_is_set_with_its_event() {
    let (stage, logs) = (Stage::new(), Logs(Mutex::new(LogLevel::Info)));
    stage.kayan.set_log_level(&Stage::operator(), &logs, LogLevel::Debug).await.unwrap();
    assert_eq!(logs.level(), LogLevel::Debug);
    let events = stage.store.events();
    let told = events.last().unwrap();
    assert_eq!((&told.old_value, &told.new_value), (&Some(json!({"level": "info"})), &Some(json!({"level": "debug"}))));
}

#[tokio::test]
async fn nobody_who_administers_one_tenant_sets_what_all_share() {
    let (stage, logs) = (Stage::new(), Logs(Mutex::new(LogLevel::Info)));
    let bound = Operator { scope: Scope::Tenant(TenantId::default()), ..Stage::operator() };
    let refused = stage.kayan.set_log_level(&bound, &logs, LogLevel::Debug).await;
    assert_eq!(refused, Err(DeniedError::Forbidden(Pattern::only(&Permission::DEBUG_WRITE)).into()));
    assert_eq!(logs.level(), LogLevel::Info);
    assert_eq!(stage.count(EventType::AdminAction, Outcome::Failure), 1);
}
