//! How soon the service answers after its start, and how much memory it takes when it has nothing to do.

use crate::{
    failure::Failure,
    finding::{Finding, middle},
    plan::{self, Plan},
    report::Report,
    service::{self, Service},
};

const STARTS: u32 = 10;

/// Starts the service again and again on one migrated database.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let home = plan.home()?;
    service::migrate(&plan.kayan, home.path(), &[])?;
    // Makes what is made at the first start only, and rows to find.
    let accounts = Service::kayan(&plan.kayan, home.path(), &[]).await?.register(4).await?;
    let bar = plan::progress("starts", STARTS);
    let (mut times, mut sizes) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let service = Service::kayan(&plan.kayan, home.path(), &[]).await?;
        times.push(service.started_in.as_secs_f64() * 1e3);
        for client in &mut service.getting("/api/v1/whoami", &accounts).await? {
            client.ask().await?;
        }
        for client in &mut service.logging_in(&accounts).await? {
            client.ask().await?;
        }
        for client in &mut service.getting("/health", &accounts).await? {
            client.ask().await?;
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 bytes")]
        sizes.push(service.resident()? as f64 / (1024.0 * 1024.0));
        bar.inc(1);
    }
    bar.finish_and_clear();
    report.findings.push(Finding::within("idle memory", middle(sizes), 30.0, "MiB"));
    report.findings.push(Finding::within("start to ready", middle(times), 150.0, "ms"));
    Ok(())
}
