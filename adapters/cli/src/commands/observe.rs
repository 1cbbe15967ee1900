//! Looks now and then at what no request tells: how healthy the service is, how many are logged in, what is not sealed.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use kayan_core::{CheckHealth, Failure, Kayan};
use kayan_ports::{Condition, TenantId};

/// How often it looks.
const EVERY: Duration = Duration::from_secs(10);
/// How often it looks at the clock.
const LOOK: Duration = Duration::from_secs(1);
/// How often sessions are counted at most.
const COUNTING: Duration = Duration::from_secs(30);
/// For so much of the time, at most, the database counts sessions: a hundredth.
const SHARE: u32 = 100;

/// Looks for as long as the service runs. Counting may take long, and keeps nobody from seeing that the service is ill.
pub(super) async fn keep_observing(kayan: &Kayan, health: &CheckHealth) {
    tokio::join!(keep_checking(health), keep_measuring(kayan), keep_watching_the_clock(kayan));
}

async fn keep_watching_the_clock(kayan: &Kayan) {
    let (put_back, behind) =
        (metrics::counter!("kayan_clock_put_back_total"), metrics::gauge!("kayan_clock_behind_seconds"));
    put_back.increment(0);
    loop {
        let watched = kayan.watch_clock();
        behind.set(watched.behind.as_seconds_f64());
        if let Some(by) = watched.put_back {
            put_back.increment(1);
            tracing::warn!(
                seconds = by.whole_seconds(),
                "the clock was put back, or is behind what is sealed of the audit trail: events are dated on from there, \
                 with the clock's own time as `clock` in their metadata; set the clock right, by NTP"
            );
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn keep_checking(health: &CheckHealth) {
    loop {
        let able = !matches!(health.run().await.condition, Condition::Unhealthy(_));
        metrics::gauge!("kayan_health_status").set(f64::from(u8::from(able)));
        tokio::time::sleep(EVERY).await;
    }
}

async fn keep_measuring(kayan: &Kayan) {
    let mut sessions = Sessions::default();
    loop {
        let measured = async {
            let lag = kayan.seal_lag().await?;
            metrics::gauge!("kayan_audit_seal_lag_seconds").set(lag.as_seconds_f64().max(0.0));
            sessions.count(kayan).await
        };
        // The health says so already.
        if let Err(error) = measured.await {
            tracing::debug!(%error, "what is measured in the database could not be measured");
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// What is known of the sessions.
#[derive(Default)]
struct Sessions {
    /// Tenants that were told of: one that has no sessions any more has 0.
    told: HashSet<TenantId>,
    next: Option<Instant>,
}

impl Sessions {
    async fn count(&mut self, kayan: &Kayan) -> Result<(), Failure> {
        let begun = Instant::now();
        if self.next.is_some_and(|next| begun < next) {
            return Ok(());
        }
        let counts = kayan.count_sessions().await;
        self.next = Some(Instant::now() + COUNTING.max(begun.elapsed() * SHARE));
        let counts = counts?;
        let mut gone = std::mem::take(&mut self.told);
        for (tenant, count) in counts {
            #[expect(clippy::cast_precision_loss, reason = "a gauge is a float; nobody has 2^53 sessions")]
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
