//! `kayan admin sessions revoke-all` over a million sessions on `PostgreSQL`, while others log in.

use std::time::{Duration, Instant};

use crate::{
    clients,
    database::{Database, Kind},
    failure::Failure,
    finding::Finding,
    load::{self, Timers},
    people::{BCRYPT_COST, People},
    plan::Plan,
    report::Report,
    service::{self, Service},
};

const MANY: u32 = 1_000_000;
/// When it must be quick.
const SOME: u32 = 30_000;
const CONNECTIONS: usize = 16;
/// A second.
const LOGINS: u32 = 50;
/// How long logins go on; the sessions are revoked in the middle.
const WINDOW: Duration = Duration::from_secs(12);
const BEFORE: Duration = Duration::from_secs(2);

/// Ends all sessions once, and sees how long logins wait meanwhile.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let home = plan.home()?;
    let mut database = Database::create(plan, Kind::Postgres, home.path()).await?;
    let measured = revoke(plan, &mut database, report).await;
    database.remove().await?;
    measured
}

async fn revoke(plan: &Plan, database: &mut Database, report: &mut Report) -> Result<(), Failure> {
    let (home, many) = (plan.home()?, if plan.quick { SOME } else { MANY });
    let cost = BCRYPT_COST.to_string();
    let own = [("KAYAN_LOG_LEVEL", "warn"), ("KAYAN_BCRYPT_COST", &*cost)];
    service::migrate(&plan.kayan, home.path(), &database.settings())?;
    database.fill(&People::new()?, 0..many).await?;
    let settings = [&own[..], &database.settings()].concat();
    let service = Service::kayan(&plan.kayan, home.path(), &settings).await?;
    let logins: Vec<String> = (0..1_000).map(|number| clients::login(&People::identifier(number * 17))).collect();
    let mut logging_in = service.asking(CONNECTIONS, &logins).await?;
    load::pace(&mut logging_in, LOGINS, BEFORE, Timers::Excused).await?;

    let (kayan, folder) = (plan.kayan.clone(), home.path().to_owned());
    let named: Vec<(&'static str, String)> =
        settings.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    let revoke = move || {
        let begun = Instant::now();
        let settings: Vec<(&str, &str)> = named.iter().map(|(name, value)| (*name, &**value)).collect();
        service::run(&kayan, &folder, &settings, &["admin", "sessions", "revoke-all"]).map(|()| begun.elapsed())
    };
    let revoking = tokio::spawn(async {
        tokio::time::sleep(BEFORE).await;
        tokio::task::spawn_blocking(revoke).await
    });
    let delays = load::pace(&mut logging_in, LOGINS, WINDOW, Timers::Excused).await?;
    let panicked = Failure::wrong("the command panicked");
    let took = revoking.await.and_then(|ended| ended).map_err(panicked)??;
    let longest = delays.into_iter().max().unwrap_or_default();
    report.findings.extend([
        Finding::within("revoke-all, PostgreSQL", took.as_secs_f64(), 5.0, "s"),
        Finding::within("longest login meanwhile", longest.as_secs_f64() * 1e3, 200.0, "ms"),
    ]);
    report.notes.push(format!(
        "`kayan admin sessions revoke-all` over {many} open sessions, from its start to its end, while {LOGINS} people a second \
         log in (bcrypt at cost {BCRYPT_COST}). {}.",
        database.description().await?
    ));
    Ok(())
}
