//! The background jobs of a running service, a file each, and their runner.
//!
//! Every replica runs all of them. Only sealing must be done by one replica at a time, for which its use-case has a
//! lease in the database; running the others twice does no harm, as each file says.

mod check_health;
mod count_sessions;
mod deliver_messages;
mod maintain_database;
mod measure_outbox;
mod measure_seal_lag;
mod purge_audit_trail;
mod record_refusals;
mod remove_outdated;
mod replace_keys;
mod runner;
mod seal_audit_trail;
mod unlock_accounts;
mod watch_clock;

use std::time::Duration;

use count_sessions::Sessions;
use kayan_core::{CheckHealth, Kayan};
use kayan_ports::{Channel, Clock, Entropy, Failure};
use runner::Runner;

/// What the jobs need.
pub struct Worker<'a> {
    /// The use-cases.
    pub kayan: &'a Kayan,
    /// The service's parts.
    pub health: &'a CheckHealth,
    /// The time of a job's last success.
    pub clock: &'a dyn Clock,
    /// Spreads the jobs of several replicas.
    pub entropy: &'a dyn Entropy,
    /// The age at which audit events are purged, if at all.
    pub audit_retention: Option<Duration>,
}

impl Worker<'_> {
    /// Runs all jobs by their schedules. Never returns. `maintain` is the maintenance that the database needs.
    pub async fn run(&self, maintain: impl AsyncFn() -> Result<(), Failure>) {
        let Self { kayan, health, clock, entropy, audit_retention } = *self;
        let runner = Runner { clock, entropy };
        let mut sessions = Sessions::default();
        let purge = async {
            if let Some(age) = audit_retention {
                runner.keep(purge_audit_trail::JOB, async || purge_audit_trail::run(kayan, age).await).await;
            }
        };
        let deliver = async {
            if kayan.sends_messages() {
                deliver_messages::announce();
                tokio::join!(
                    runner.keep(deliver_messages::MAILS, async || deliver_messages::run(kayan, Channel::Mail).await),
                    runner.keep(deliver_messages::SMS, async || deliver_messages::run(kayan, Channel::Sms).await),
                    runner.keep(measure_outbox::JOB, async || measure_outbox::run(kayan, clock).await),
                );
            }
        };
        tokio::join!(
            runner.keep(check_health::JOB, async || {
                check_health::run(health).await;
                Ok(())
            }),
            runner.keep(count_sessions::JOB, async || sessions.count(kayan).await),
            deliver,
            runner.keep(maintain_database::JOB, async || maintain_database::run(&maintain).await),
            runner.keep(measure_seal_lag::JOB, async || measure_seal_lag::run(kayan).await),
            purge,
            runner.keep(record_refusals::JOB, async || record_refusals::run(kayan).await),
            runner.keep(remove_outdated::JOB, async || remove_outdated::run(kayan).await),
            runner.keep(replace_keys::JOB, async || replace_keys::run(kayan).await),
            runner.keep(seal_audit_trail::JOB, async || seal_audit_trail::run(kayan).await),
            runner.keep(unlock_accounts::JOB, async || unlock_accounts::run(kayan).await),
            runner.keep(watch_clock::JOB, async || {
                watch_clock::run(kayan);
                Ok(())
            }),
        );
    }
}
