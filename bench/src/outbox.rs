//! Messages: how fast they are delivered, and what they cost registrations and logins, on each database.

use std::{
    net::{Ipv4Addr, TcpListener},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    clients::{self, Client},
    database::{Database, Kind},
    failure::Failure,
    finding::{Finding, quantile},
    load::{self, Timers},
    people::{BCRYPT_COST, People},
    plan::{self, Plan},
    report::Report,
    service::{self, Service},
    sink::Sink,
};

/// How many messages are delivered.
const MESSAGES: u32 = 6_000;
/// When it must be quick.
const SOME: u32 = 600;
/// Who registers and logs in, at once.
const CONNECTIONS: usize = 16;
/// The time for all to be delivered, and more than it takes.
const PATIENCE: Duration = Duration::from_mins(2);

/// The messages that wait while others log in.
const QUEUED: u32 = 1_000_000;
/// When it must be quick.
const QUEUED_QUICKLY: u32 = 20_000;
/// Who logs in meanwhile.
const PEOPLE: u32 = 1_000;
const LOGINS: u32 = 100;

/// Names of findings.
struct Names {
    delivery: &'static str,
    registration: &'static str,
    login: &'static str,
}

fn names(kind: Kind) -> Names {
    match kind {
        Kind::Sqlite => Names {
            delivery: "mails delivered, SQLite",
            registration: "registrations with mail, SQLite",
            login: "login p99, queued mails, SQLite",
        },
        Kind::Postgres => Names {
            delivery: "mails delivered, PostgreSQL",
            registration: "registrations with mail, PostgreSQL",
            login: "login p99, queued mails, PostgreSQL",
        },
        Kind::Mysql => Names {
            delivery: "mails delivered, MariaDB",
            registration: "registrations with mail, MariaDB",
            login: "login p99, queued mails, MariaDB",
        },
    }
}

/// Measures the databases one after the other.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    for kind in Kind::ALL {
        deliver(plan, kind, report).await?;
        register(plan, kind, report).await?;
        log_in(plan, kind, report).await?;
    }
    Ok(())
}

/// A database with the home of the services on it.
struct Place {
    database: Database,
    home: TempDir,
}

impl Place {
    async fn make(plan: &Plan, kind: Kind) -> Result<Self, Failure> {
        let home = plan.home()?;
        let database = Database::create(plan, kind, home.path()).await?;
        service::migrate(&plan.kayan, home.path(), &database.settings())?;
        Ok(Self { database, home })
    }

    async fn serve(&self, plan: &Plan, settings: &[(&str, &str)]) -> Result<Service, Failure> {
        // Replicas share the key of the default, which is in a file of the home.
        let usual = [("KAYAN_LOG_LEVEL", "warn"), ("KAYAN_MAIL_FROM", "bench@example.com")];
        let own = [&usual[..], settings, &self.database.settings()].concat();
        Service::kayan(&plan.kayan, self.home.path(), &own).await
    }
}

/// A mail server that accepts connections and never answers.
fn silence() -> Result<(TcpListener, String), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Failure::io("can't listen for mail"))?;
    let address = listener.local_addr().map_err(Failure::io("can't listen for mail"))?;
    Ok((listener, format!("smtp://{address}?tls=none")))
}

/// The registrations of this many new users.
fn registrations(round: &str, count: u32) -> Vec<String> {
    (0..count).map(|number| clients::registration(&format!("{round}{number}@example.com"))).collect()
}

/// Each registration enqueues the mail that verifies its address. They wait until replicas come that have a mail server: two,
/// or one where the database is a file.
async fn deliver(plan: &Plan, kind: Kind, report: &mut Report) -> Result<(), Failure> {
    let messages = if plan.quick { SOME } else { MESSAGES };
    let place = Place::make(plan, kind).await?;
    let cost = BCRYPT_COST.to_string();
    let (listener, silent) = silence()?;
    let registrar = place.serve(plan, &[("KAYAN_BCRYPT_COST", &cost), ("KAYAN_SMTP_URL", &silent)]).await?;
    let bar = plan::progress("messages, queued", messages);
    let requests = registrations("reader", messages);
    let hand = requests.len().div_ceil(CONNECTIONS);
    let mut asking = tokio::task::JoinSet::new();
    for (mut client, count) in
        registrar.asking(CONNECTIONS, &requests).await?.into_iter().zip(requests.chunks(hand).map(<[_]>::len))
    {
        let bar = bar.clone();
        asking.spawn(async move {
            for _ in 0..count {
                client.ask().await?;
                bar.inc(1);
            }
            Ok::<_, Failure>(())
        });
    }
    while let Some(ended) = asking.join_next().await {
        ended.map_err(Failure::wrong("a client panicked"))??;
    }
    bar.finish_and_clear();
    drop((registrar, listener));

    let sink = Sink::start().await?;
    let url = sink.url();
    let mut replicas = vec![place.serve(plan, &[("KAYAN_SMTP_URL", &url)]).await?];
    if kind != Kind::Sqlite {
        replicas.push(place.serve(plan, &[("KAYAN_SMTP_URL", &url)]).await?);
    }
    // A few are leased by the registrar, which is gone; their lease ends after this.
    let expected = usize::try_from(messages).unwrap_or(usize::MAX) - 64;
    let (begun, bar) = (Instant::now(), plan::progress("messages, delivered", messages));
    while sink.received().count() < expected && begun.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(50)).await;
        bar.set_position(u64::try_from(sink.received().count()).unwrap_or_default());
    }
    bar.finish_and_clear();
    drop(replicas);
    let (count, repeated, rate) = {
        let received = sink.received();
        (received.count(), received.repeated(), received.rate())
    };
    place.database.remove().await?;
    if count < expected || repeated > 0 {
        let wrong = format!("{count} of {messages} mails were delivered, {repeated} of them more than once");
        return Err(Failure::Wrong(wrong));
    }
    report.findings.push(Finding::of_rates(names(kind).delivery, &[rate], "wanted", &[500.0]));
    Ok(())
}

/// Registrations with a mail each against the same without, hashed as usual.
async fn register(plan: &Plan, kind: Kind, report: &mut Report) -> Result<(), Failure> {
    let (listener, silent) = silence()?;
    let places = [Place::make(plan, kind).await?, Place::make(plan, kind).await?];
    let [with, without] = &places;
    let services = [with.serve(plan, &[("KAYAN_SMTP_URL", &silent)]).await?, without.serve(plan, &[]).await?];
    let rounds = plan.rounds(9, 4.0);
    let mut clients: Vec<Vec<Client>> = Vec::new();
    for service in &services {
        // More than are ever asked.
        clients.push(service.asking(CONNECTIONS, &registrations("new", 20_000)).await?);
    }
    let bar = plan::progress("registrations", rounds.count);
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..rounds.count {
        for (clients, rates) in clients.iter_mut().zip(&mut rates) {
            rates.push(load::flood(clients, rounds.window).await?.rate());
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    drop((services, listener));
    for place in places {
        place.database.remove().await?;
    }
    let [with, without] = &rates;
    report.findings.push(Finding::of_rates(names(kind).registration, with, "without", without).at_least(0.95));
    Ok(())
}

/// Logins while a million messages wait to be tried again, against the same without.
async fn log_in(plan: &Plan, kind: Kind, report: &mut Report) -> Result<(), Failure> {
    let queued = if plan.quick { QUEUED_QUICKLY } else { QUEUED };
    let people = People::new()?;
    let (listener, silent) = silence()?;
    let cost = BCRYPT_COST.to_string();
    let mut places = [Place::make(plan, kind).await?, Place::make(plan, kind).await?];
    for (place, queued) in places.iter_mut().zip([queued, 0]) {
        place.database.fill(&people, 0..PEOPLE).await?;
        if queued > 0 {
            place.database.queue(queued).await?;
        }
    }
    let requests: Vec<String> = (0..PEOPLE).map(|number| clients::login(&People::identifier(number))).collect();
    let (mut services, mut clients) = (Vec::new(), Vec::new());
    for place in &places {
        let service = place.serve(plan, &[("KAYAN_BCRYPT_COST", &cost), ("KAYAN_SMTP_URL", &silent)]).await?;
        clients.push(service.asking(CONNECTIONS, &requests).await?);
        services.push(service);
    }
    let rounds = plan.rounds(9, 6.0);
    let bar = plan::progress("logins, messages wait", rounds.count);
    let mut delays = [Vec::new(), Vec::new()];
    for number in 0..=rounds.count {
        for (clients, delays) in clients.iter_mut().zip(&mut delays) {
            let waited = load::pace(clients, LOGINS, rounds.window, Timers::Excused).await?;
            // The first round warms up.
            if number > 0 {
                delays.push(quantile(waited.iter().map(|delay| delay.as_secs_f64() * 1e3), 0.99));
            }
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    drop((services, listener));
    for place in places {
        place.database.remove().await?;
    }
    let [with, without] = &delays;
    let at = format!("with {queued} queued");
    report.findings.push(Finding::of_delays(names(kind).login, [with, without], [&at, "with none"], 1.3));
    Ok(())
}
