//! `whoami` against a bare poem handler that returns the same bytes, what each layer between the two costs, and `/forward-auth`.

use std::time::Duration;

use clap::ValueEnum as _;
use tempfile::TempDir;

use crate::{
    bare::Layers,
    clients::Client,
    failure::Failure,
    finding::{Finding, middle},
    plan::{self, Plan},
    report::{Layer, Report},
    service::{Account, Service},
};

const CONNECTIONS: usize = 32;
const WHOAMI: &str = "/api/v1/whoami";
const FORWARD_AUTH: &str = "/forward-auth";

/// A server with its clients and what it has done so far.
struct Contender {
    name: &'static str,
    service: Service,
    clients: Vec<Client>,
    rates: Vec<f64>,
    cpu: Vec<f64>,
    // Goes away with the server.
    home: TempDir,
    // Likewise: where it sends its traces.
    _collector: Option<Service>,
}

impl Contender {
    async fn run(&mut self, window: Duration) -> Result<(), Failure> {
        let (rate, cpu) = self.service.flood(&mut self.clients, window).await?;
        self.rates.push(rate);
        self.cpu.extend(cpu);
        Ok(())
    }
}

/// Lets every server answer in turn, some seconds at a time.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let mut contenders = contenders(plan).await?;
    // Short rounds: what disturbs a machine goes on for some seconds, and then meets all contenders alike.
    let rounds = plan.rounds(45, 0.4);
    let bar = plan::progress("whoami", rounds.count);
    for contender in &mut contenders {
        contender.run(rounds.window).await?;
        (contender.rates, contender.cpu) = (Vec::new(), Vec::new());
    }
    for _ in 0..rounds.count {
        for contender in &mut contenders {
            contender.run(rounds.window).await?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    conclude(&contenders, report);
    Ok(())
}

// From the barest to the whole.
async fn contenders(plan: &Plan) -> Result<Vec<Contender>, Failure> {
    let level = |level| [("KAYAN_LOG_LEVEL", level)];
    let quiet = kayan(plan, "kayan, whoami", &level("warn"), WHOAMI).await?;
    let health = kayan(plan, "kayan, /health/live (no session)", &level("warn"), "/health/live").await?;
    let forward = kayan(plan, "kayan, /forward-auth", &level("warn"), FORWARD_AUTH).await?;
    let loud = kayan(plan, "kayan, whoami, with access line", &level("info"), WHOAMI).await?;
    let traced = traced(plan).await?;
    let mut contenders = Vec::new();
    for layers in Layers::value_variants() {
        contenders.push(bare(plan, *layers, &quiet).await?);
    }
    contenders.extend([health, forward, quiet, loud, traced]);
    Ok(contenders)
}

async fn bare(plan: &Plan, layers: Layers, model: &Contender) -> Result<Contender, Failure> {
    let name = match layers {
        Layers::Poem => "poem",
        Layers::IdleTimeout => "+ idle time-out",
        Layers::RequestId => "+ request id",
        Layers::Headers => "+ security headers",
        Layers::OpenApi => "+ poem-openapi, bearer",
    };
    let home = plan.home()?;
    let body = home.path().join("body");
    std::fs::copy(model.home.path().join("body"), &body).map_err(Failure::io("can't copy the answer"))?;
    let service = Service::bare(layers, home.path(), &body).await?;
    let clients = service.getting(WHOAMI, &[(); CONNECTIONS].map(|()| Account::nobody())).await?;
    Ok(Contender { name, service, clients, rates: Vec::new(), cpu: Vec::new(), home, _collector: None })
}

/// With a tenth of the requests traced, and a collector that takes the traces.
async fn traced(plan: &Plan) -> Result<Contender, Failure> {
    let home = plan.home()?;
    let body = home.path().join("body");
    std::fs::write(&body, "{}").map_err(Failure::io("can't make a collector's answer"))?;
    let collector = Service::bare(Layers::Poem, home.path(), &body).await?;
    let endpoint = collector.origin();
    let settings = [
        ("KAYAN_LOG_LEVEL", "warn"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.1"),
    ];
    let traced = kayan(plan, "kayan, whoami, a tenth traced", &settings, WHOAMI).await?;
    Ok(Contender { _collector: Some(collector), ..traced })
}

async fn kayan(plan: &Plan, name: &'static str, settings: &[(&str, &str)], path: &str) -> Result<Contender, Failure> {
    let home = plan.home()?;
    // The cheapest hash there is: what it costs to register is not part of this.
    let settings = [settings, &[("KAYAN_BCRYPT_COST", "4")]].concat();
    let service = Service::kayan(&plan.kayan, home.path(), &settings).await?;
    let accounts = service.register(CONNECTIONS).await?;
    let mut clients = service.getting(path, &accounts).await?;
    // Each asks at once: a connection that has asked nothing yet is closed after ten seconds.
    for client in &mut clients {
        let answer = client.ask().await?;
        std::fs::write(home.path().join("body"), answer).map_err(Failure::io("can't keep an answer"))?;
    }
    Ok(Contender { name, service, clients, rates: Vec::new(), cpu: Vec::new(), home, _collector: None })
}

fn conclude(contenders: &[Contender], report: &mut Report) {
    let (Some(bare), Some([forward, whole, loud, traced])) = (contenders.first(), contenders.last_chunk::<4>()) else {
        return;
    };
    let finding = Finding::of_rates("whoami", &whole.rates, "bare poem", &bare.rates);
    report.findings.push(finding.at_least(0.7));
    let finding = Finding::of_rates("whoami, with access line", &loud.rates, "without", &whole.rates);
    report.findings.push(finding.at_least(0.95));
    let finding = Finding::of_rates("whoami, a tenth traced", &traced.rates, "untraced", &whole.rates);
    report.findings.push(finding.at_least(0.92));
    let finding = Finding::of_rates("forward-auth", &forward.rates, "whoami", &whole.rates);
    report.findings.push(finding.at_least(0.9));
    for contender in contenders {
        let relation = Finding::of_rates(contender.name, &contender.rates, "", &bare.rates);
        report.layers.push(Layer {
            name: contender.name,
            rate: middle(contender.rates.iter().copied()),
            ratio: relation.ratio,
            cpu: (!contender.cpu.is_empty()).then(|| middle(contender.cpu.iter().copied())),
        });
    }
}
