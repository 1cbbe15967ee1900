//! How long Prometheus waits for the metrics of a service with a thousand tenants.

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use crate::{
    clients::{self, PASSWORD},
    failure::Failure,
    finding::{Finding, quantile},
    plan::{self, Plan},
    report::Report,
    service::{self, Service},
};

const TENANTS: u32 = 1_000;
const SCRAPES: u32 = 200;
/// How long the service may take to count sessions after its start.
const PATIENCE: Duration = Duration::from_secs(30);
const SETTINGS: [(&str, &str); 2] = [("KAYAN_LOG_LEVEL", "warn"), ("KAYAN_BCRYPT_COST", "4")];

/// Scrapes the metrics again and again, with a user logged in to each tenant.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let (home, tenants) = (plan.home()?, if plan.quick { TENANTS / 10 } else { TENANTS });
    populate(&Service::kayan(&plan.kayan, home.path(), &SETTINGS).await?, &plan.kayan, home.path(), tenants).await?;
    // Sessions are counted at the start, and then only now and then.
    let service = Service::kayan(&plan.kayan, home.path(), &SETTINGS).await?;
    let mut prometheus = service.asking(1, &[clients::get("/metrics", "none")]).await?;
    let prometheus = prometheus.first_mut().ok_or_else(|| Failure::Wrong("there is no client".to_owned()))?;
    let begun = Instant::now();
    while String::from_utf8_lossy(prometheus.ask().await?).matches("kayan_active_sessions{").count() < tenants as usize
    {
        if begun.elapsed() > PATIENCE {
            return Err(Failure::Wrong(format!("/metrics does not tell the sessions of {tenants} tenants")));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (mut delays, mut bytes) = (Vec::new(), 0);
    let bar = plan::progress("scrapes", SCRAPES);
    for _ in 0..SCRAPES {
        let begun = Instant::now();
        bytes = prometheus.ask().await?.len();
        delays.push(begun.elapsed().as_secs_f64() * 1e3);
        bar.inc(1);
    }
    bar.finish_and_clear();
    report.findings.push(Finding::within("scrape, 1,000 tenants, p99", quantile(delays, 0.99), 20.0, "ms"));
    report.notes.push(format!(
        "Scrapes: `GET /metrics`, {SCRAPES} times over one connection, {} KiB each, with a session in each of {tenants} tenants.",
        bytes / 1024
    ));
    Ok(())
}

/// Creates the tenants, and registers a user in each.
async fn populate(service: &Service, kayan: &Path, home: &Path, tenants: u32) -> Result<(), Failure> {
    let mut command = service::command(kayan, home)?;
    command.args(["admin", "token", "create", "--permissions", "tenants:write", "--ttl", "1h"]).stdout(Stdio::piped());
    let done = command.output().map_err(Failure::io("can't make an admin token"))?;
    let token = String::from_utf8_lossy(&done.stdout).trim().to_owned();
    let requests: Vec<String> = (0..tenants)
        .flat_map(|number| {
            let tenant = clients::post("/admin/tenants", &format!(r#"{{"id":"tenant-{number}"}}"#));
            let person = format!(r#"{{"traits":{{"email":"person@example.com"}},"password":"{PASSWORD}"}}"#);
            let person = clients::post("/api/v1/registration", &person);
            [
                clients::with_header(&tenant, &format!("Authorization: Bearer {token}")),
                clients::with_header(&person, &format!("X-Tenant-Id: tenant-{number}")),
            ]
        })
        .collect();
    let bar = plan::progress("tenants", tenants);
    for client in &mut service.asking(1, &requests).await? {
        for step in 0..2 * tenants {
            client.ask().await?;
            bar.set_position(u64::from(step / 2));
        }
    }
    bar.finish_and_clear();
    Ok(())
}
