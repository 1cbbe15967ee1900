//! Two binaries of the service side by side: whether `whoami`, logins, refreshes and idle memory became slower or larger.

use std::{path::Path, time::Duration};

use crate::{
    clients::Client,
    failure::Failure,
    finding::{Finding, middle},
    load,
    people::BCRYPT_COST,
    plan::{self, Plan},
    report::Report,
    service::Service,
};

const CONNECTIONS: usize = 32;
/// What two runs of one binary differ by, on a machine that others use.
const NOISE: f64 = 0.97;
const KINDS: [(&str, Kind); 3] = [("whoami", Kind::WhoAmI), ("logins", Kind::LogIn), ("refreshes", Kind::Refresh)];

/// What the clients of a service ask for.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    WhoAmI,
    LogIn,
    Refresh,
}

/// Asks the service and the one that it is compared with in turn, in short rounds.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let Some(old) = &plan.against else {
        return Err(Failure::Wrong("name the binary to compare with: --against FILE".to_owned()));
    };
    for (name, kind) in KINDS {
        let (mut now, mut before) =
            (Contender::start(plan, &plan.kayan, kind, &[]).await?, { Contender::start(plan, old, kind, &[]).await? });
        let rounds = plan.rounds(60, 0.5);
        let bar = plan::progress(name, rounds.count);
        for _ in 0..rounds.count {
            now.run(rounds.window).await?;
            before.run(rounds.window).await?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        report.findings.push(Finding::of_rates(name, &now.rates, "before", &before.rates).at_least(NOISE));
        report.findings.push(Finding {
            value: format!("{:.1} µs", middle(now.cpu.iter().copied())),
            reference: format!("{:.1} µs before", middle(before.cpu.iter().copied())),
            ..Finding::of_rates("… on a core, each", &before.cpu, "", &now.cpu).at_least(NOISE)
        });
    }
    Ok(())
}

pub(crate) struct Contender {
    service: Service,
    clients: Vec<Client>,
    pub(crate) rates: Vec<f64>,
    cpu: Vec<f64>,
    _home: tempfile::TempDir,
}

impl Contender {
    /// Starts a binary with these settings, and clients that ask it.
    pub(crate) async fn start(
        plan: &Plan,
        binary: &Path,
        kind: Kind,
        settings: &[(&str, &str)],
    ) -> Result<Self, Failure> {
        let home = plan.home()?;
        let cost = BCRYPT_COST.to_string();
        let settings = [&[("KAYAN_LOG_LEVEL", "warn"), ("KAYAN_BCRYPT_COST", &*cost)], settings].concat();
        let service = Service::kayan(binary, home.path(), &settings).await?;
        let accounts = service.register(CONNECTIONS).await?;
        let mut clients = match kind {
            Kind::WhoAmI => service.getting("/api/v1/whoami", &accounts).await?,
            Kind::LogIn => service.logging_in(&accounts).await?,
            Kind::Refresh => service.refreshing(&accounts).await?,
        };
        load::flood(&mut clients, Duration::from_millis(500)).await?;
        Ok(Self { service, clients, rates: Vec::new(), cpu: Vec::new(), _home: home })
    }

    /// Counts what is answered in this time.
    pub(crate) async fn run(&mut self, window: Duration) -> Result<(), Failure> {
        let (rate, cpu) = self.service.flood(&mut self.clients, window).await?;
        self.rates.push(rate);
        self.cpu.extend(cpu);
        Ok(())
    }
}
