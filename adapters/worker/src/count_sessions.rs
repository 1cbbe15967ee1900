//! Counts the sessions of each tenant.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use kayan_core::{Failure, Kayan};
use kayan_ports::TenantId;

use crate::runner::Job;

pub(crate) const JOB: Job = Job { name: "count_sessions", every: Duration::from_secs(30), at_start: true };

/// The largest share of the time that counting may take: one hundredth.
const SHARE: u32 = 100;

/// What is known of the sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    /// The tenants in the metric: one without sessions is set to 0.
    told: HashSet<TenantId>,
    next: Option<Instant>,
}

impl Sessions {
    /// Counts them, unless the last count took long enough that it must wait.
    pub(crate) async fn count(&mut self, kayan: &Kayan) -> Result<(), Failure> {
        let begun = Instant::now();
        if self.next.is_some_and(|next| begun < next) {
            return Ok(());
        }
        let counts = kayan.count_sessions().await;
        self.next = Some(Instant::now() + begun.elapsed() * SHARE);
        let counts = counts?;
        let mut gone = std::mem::take(&mut self.told);
        for (tenant, count) in counts {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a gauge is a float; there are far fewer than 2^53 sessions"
            )]
            gauge(&tenant).set(count as f64);
            gone.remove(&tenant);
            self.told.insert(tenant);
        }
        for tenant in gone {
            gauge(&tenant).set(0.0);
            self.told.insert(tenant);
        }
        Ok(())
    }
}

fn gauge(tenant: &TenantId) -> metrics::Gauge {
    metrics::gauge!("kayan_active_sessions", "tenant" => tenant.as_str().to_owned())
}
