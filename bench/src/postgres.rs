//! `whoami` on `PostgreSQL`: with the session cache against the same on `SQLite`, without it against `pgbench -S`.

use std::{thread, time::Duration};

use tempfile::TempDir;

use crate::{
    clients::Client,
    database::{Database, Kind},
    failure::Failure,
    finding::Finding,
    load,
    people::BCRYPT_COST,
    pgbench::Pgbench,
    plan::{self, Plan},
    report::Report,
    service::{self, Account, Service},
};

/// Of clients to the service, of the service to the database, and of `pgbench`.
const CONNECTIONS: usize = 32;
/// Of both services on one database, as replicas have it.
const SECRET: [(&str, &str); 1] = [("KAYAN_SESSION_SECRET", "bench, and nothing but the bench, is secured by this")];
const WHOAMI: &str = "/api/v1/whoami";

/// A service with its clients and what it has done so far.
struct Contender {
    clients: Vec<Client>,
    rates: Vec<f64>,
    // Both go away with it: first the one, then the other.
    _service: Service,
    _home: TempDir,
}

impl Contender {
    async fn run(&mut self, window: Duration) -> Result<(), Failure> {
        self.rates.push(load::flood(&mut self.clients, window).await?.rate());
        Ok(())
    }
}

/// Lets the services and `pgbench` answer in turn.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let home = plan.home()?;
    let mut database = Database::create(plan, Kind::Postgres, home.path()).await?;
    let other = Database::create(plan, Kind::Postgres, home.path()).await?;
    let measured = compare(plan, &mut database, &other, report).await;
    let removed = [database.remove().await, other.remove().await];
    measured?;
    removed.into_iter().collect()
}

async fn compare(plan: &Plan, database: &mut Database, other: &Database, report: &mut Report) -> Result<(), Failure> {
    let threads = thread::available_parallelism().map_err(Failure::io("can't count the cores"))?.get();
    let pgbench = Pgbench::fill(&plan.pgbench, other.dsn(), CONNECTIONS, threads).await?;
    let [mut file, mut cached, mut uncached] = contenders(plan, database).await?;
    let rounds = plan.rounds(7, 4.0);
    let warm_up = rounds.window / 4;
    for contender in [&mut file, &mut cached, &mut uncached] {
        contender.run(warm_up).await?;
        contender.rates.clear();
    }
    pgbench.rate(warm_up).await?;
    let bar = plan::progress("postgres", rounds.count);
    let mut transactions = Vec::new();
    for _ in 0..rounds.count {
        for contender in [&mut file, &mut cached, &mut uncached] {
            contender.run(rounds.window).await?;
        }
        transactions.push(pgbench.rate(rounds.window).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    report.findings.extend([
        Finding::of_rates("whoami, PostgreSQL", &cached.rates, "SQLite", &file.rates).at_least(0.9),
        Finding::of_rates("whoami uncached, PostgreSQL", &uncached.rates, "pgbench -S", &transactions).at_least(0.5),
    ]);
    report.notes.push(format!(
        "`whoami` on PostgreSQL: {CONNECTIONS} clients, each with a session of its own and a connection that it floods; without \
         the cache (`KAYAN_SESSION_CACHE_TTL=0`) the service has {CONNECTIONS} connections to the database. Against it, in \
         the same rounds: {}, by TCP on the loopback and without TLS, as the service. {}.",
        pgbench.shown(rounds.window),
        database.description().await?
    ));
    Ok(())
}

/// On `SQLite`; on `PostgreSQL`; and there without the cache.
async fn contenders(plan: &Plan, database: &Database) -> Result<[Contender; 3], Failure> {
    let cost = BCRYPT_COST.to_string();
    let quiet = [("KAYAN_LOG_LEVEL", "warn"), ("KAYAN_BCRYPT_COST", &*cost)];
    let connections = CONNECTIONS.to_string();
    let pool = [("KAYAN_DB_MAX_OPEN_CONNS", &*connections), ("KAYAN_DB_MAX_IDLE_CONNS", &*connections)];
    let there = [&quiet[..], &pool, &SECRET, &database.settings()].concat();
    let uncached = [&there[..], &[("KAYAN_SESSION_CACHE_TTL", "0")]].concat();
    service::migrate(&plan.kayan, plan.home()?.path(), &database.settings())?;

    let (file, file_home) = serve(plan, &quiet).await?;
    let (cached, cached_home) = serve(plan, &there).await?;
    let (uncached, uncached_home) = serve(plan, &uncached).await?;
    let here = file.register(CONNECTIONS).await?;
    // Sessions are the database's, so they are good at both services.
    let accounts = cached.register(CONNECTIONS).await?;
    Ok([
        contend(file, file_home, &here).await?,
        contend(cached, cached_home, &accounts).await?,
        contend(uncached, uncached_home, &accounts).await?,
    ])
}

async fn serve(plan: &Plan, settings: &[(&str, &str)]) -> Result<(Service, TempDir), Failure> {
    let home = plan.home()?;
    Ok((Service::kayan(&plan.kayan, home.path(), settings).await?, home))
}

async fn contend(service: Service, home: TempDir, accounts: &[Account]) -> Result<Contender, Failure> {
    let clients = service.getting(WHOAMI, accounts).await?;
    Ok(Contender { clients, rates: Vec::new(), _service: service, _home: home })
}
