//! Logins and `whoami` at a million identities against the same at a thousand, on each database.
//!
//! Questions come at a fixed rate far below what the machine can answer, over more connections than are ever busy at
//! once: so nothing queues but behind a stall of the database, which then counts for all who would have asked meanwhile.
//! The two sizes are two databases of one server that are asked in turn, so that what disturbs the machine disturbs both.

use std::time::Duration;

use rand::{SeedableRng as _, rngs::StdRng, seq::index};
use tempfile::TempDir;

use crate::{
    clients::{self, Client},
    database::{Database, Kind},
    failure::Failure,
    finding::{Finding, quantile},
    load::{self, Timers},
    people::{BCRYPT_COST, People},
    plan::{self, Plan, Rounds},
    report::Report,
    service::{self, Service},
};

const FEW: u32 = 1_000;
const MANY: u32 = 1_000_000;
/// When it must be quick.
const SOME: u32 = 20_000;
/// How many of them are queried, at both sizes: the queries must differ only in how many others there are.
const SAMPLE: u32 = FEW;

const CONNECTIONS: usize = 16;
const LOGINS: u32 = 100;
const QUESTIONS: u32 = 500;
const PART: f64 = 0.99;
const BOUND: f64 = 1.3;

/// The p99 of each round, in milliseconds.
#[derive(Debug, Default)]
struct Delays {
    logins: Vec<f64>,
    questions: Vec<f64>,
}

/// A service on a database of some size, and how long it took to answer.
struct Stage {
    logging_in: Vec<Client>,
    asking: Vec<Client>,
    delays: Delays,
    // Ends when it is dropped.
    _service: Service,
}

/// Measures the databases one after the other.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let many = if plan.quick { SOME } else { MANY };
    let mut descriptions = Vec::new();
    for kind in Kind::ALL {
        let homes = [plan.home()?, plan.home()?];
        let [small_home, large_home] = homes.each_ref().map(TempDir::path);
        let mut small = Database::create(plan, kind, small_home).await?;
        let mut large = Database::create(plan, kind, large_home).await?;
        let compared = compare(plan, [&mut small, &mut large], &homes, many).await;
        let removed = [small.remove().await, large.remove().await];
        let (delays, description) = compared?;
        removed.into_iter().collect::<Result<(), _>>()?;
        conclude(kind, &delays, many, report);
        descriptions.push(description);
    }
    let rounds = rounds(plan);
    report.notes.push(format!(
        "Growth: p99 at {many} identities against p99 at {FEW}, each with a password, a session and a refresh token. Over \
         {CONNECTIONS} connections, {LOGINS} logins a second, then {QUESTIONS} `whoami`s a second without the cache, come at \
         their times whatever becomes of the answers, of random identities, {} s each; the sizes take turns for {} rounds. \
         Passwords are hashed with bcrypt at cost {BCRYPT_COST}, so that it is the database that is seen. {}.",
        rounds.window.as_secs_f64(),
        rounds.count,
        descriptions.join(", ")
    ));
    Ok(())
}

fn rounds(plan: &Plan) -> Rounds {
    plan.rounds(9, 6.0)
}

async fn compare(
    plan: &Plan,
    [small, large]: [&mut Database; 2],
    [small_home, large_home]: &[TempDir; 2],
    many: u32,
) -> Result<([Delays; 2], String), Failure> {
    let people = People::new()?;
    for (database, home, count) in [(&mut *small, small_home, FEW), (&mut *large, large_home, many)] {
        service::migrate(&plan.kayan, home.path(), &database.settings())?;
        database.fill(&people, 0..count).await?;
    }
    // After both are full: filling takes longer than a service keeps a connection that says nothing.
    let mut stages =
        [Stage::set(plan, small, small_home, FEW).await?, Stage::set(plan, large, large_home, many).await?];
    let rounds = rounds(plan);
    for stage in &mut stages {
        stage.run(rounds.window / 2).await?;
        stage.delays = Delays::default();
    }
    let bar = plan::progress("million", rounds.count);
    for _ in 0..rounds.count {
        for stage in &mut stages {
            stage.run(rounds.window).await?;
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok((stages.map(|stage| stage.delays), large.description().await?))
}

impl Stage {
    async fn set(plan: &Plan, database: &Database, home: &TempDir, count: u32) -> Result<Self, Failure> {
        let cost = BCRYPT_COST.to_string();
        let own = [("KAYAN_LOG_LEVEL", "warn"), ("KAYAN_BCRYPT_COST", &*cost), ("KAYAN_SESSION_CACHE_TTL", "0")];
        let service = Service::kayan(&plan.kayan, home.path(), &[&own[..], &database.settings()].concat()).await?;
        let sample = sample(count);
        let logins: Vec<String> = sample.iter().map(|number| clients::login(&People::identifier(*number))).collect();
        let questions: Vec<String> =
            sample.iter().map(|number| clients::get("/api/v1/whoami", &People::session_token(*number))).collect();
        Ok(Self {
            logging_in: service.asking(CONNECTIONS, &logins).await?,
            asking: service.asking(CONNECTIONS, &questions).await?,
            delays: Delays::default(),
            _service: service,
        })
    }

    async fn run(&mut self, window: Duration) -> Result<(), Failure> {
        let p99 = |delays: Vec<Duration>| quantile(delays.iter().map(|delay| delay.as_secs_f64() * 1e3), PART);
        self.delays.logins.push(p99(load::pace(&mut self.logging_in, LOGINS, window, Timers::Excused).await?));
        self.delays.questions.push(p99(load::pace(&mut self.asking, QUESTIONS, window, Timers::Excused).await?));
        Ok(())
    }
}

/// Random people, in random order; the same each time.
fn sample(count: u32) -> Vec<u32> {
    let length = count.min(SAMPLE);
    let chosen = index::sample(&mut StdRng::seed_from_u64(1), count as usize, length as usize);
    chosen.into_iter().filter_map(|number| u32::try_from(number).ok()).collect()
}

fn conclude(kind: Kind, [small, large]: &[Delays; 2], many: u32, report: &mut Report) {
    let [login, whoami] = match kind {
        Kind::Sqlite => ["login p99 growth, SQLite", "whoami p99 growth, SQLite"],
        Kind::Postgres => ["login p99 growth, PostgreSQL", "whoami p99 growth, PostgreSQL"],
        Kind::Mysql => ["login p99 growth, MariaDB", "whoami p99 growth, MariaDB"],
    };
    let (at_many, at_few) = (format!("at {many}"), format!("at {FEW}"));
    let at = [&*at_many, &*at_few];
    report.findings.push(Finding::of_delays(login, [&large.logins, &small.logins], at, BOUND));
    report.findings.push(Finding::of_delays(whoami, [&large.questions, &small.questions], at, BOUND));
}
