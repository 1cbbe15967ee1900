//! A database server that crashes, freezes or starts late: what holds on every kind.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use kayan_journeys::{Answer, Client, Home, Kind, PASSWORD, Person, Server, Service, ask, count, events};
use tokio::{
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinSet,
    time::{sleep, timeout},
};

/// The time limit of a request: twice the promised two seconds, for a busy machine.
const ENOUGH: Duration = Duration::from_secs(4);
/// How soon after its database the service must be back.
const RECOVERY: Duration = Duration::from_secs(5);
/// The time limit of everything here.
const PATIENCE: Duration = Duration::from_mins(1);
/// How many users do the same at once.
const EACH: usize = 3;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Register,
    LogIn,
    Ask,
    Refresh,
}

const ACTS: [Act; 4] = [Act::Register, Act::LogIn, Act::Ask, Act::Refresh];

/// The outcome of a request.
#[derive(Debug)]
struct Outcome {
    act: Act,
    begun: Instant,
    took: Duration,
    answer: Answer,
    /// The identity that made the request, or that it created.
    identity: String,
}

impl Outcome {
    fn succeeded(&self) -> bool {
        self.answer.status < 300
    }
}

/// Users who continue until they are told to stop.
struct Load {
    people: JoinSet<()>,
    outcomes: UnboundedReceiver<Outcome>,
    stop: Arc<AtomicBool>,
    seen: Vec<Outcome>,
}

impl Load {
    async fn on(client: &Client) -> Self {
        let (sender, outcomes) = unbounded_channel();
        let stop = Arc::new(AtomicBool::new(false));
        let mut people = JoinSet::new();
        for act in ACTS {
            for n in 0..EACH {
                let person = Person::register(client, &format!("{act:?}{n}").to_lowercase()).await;
                people.spawn(go_on(act, person, sender.clone(), Arc::clone(&stop)));
            }
        }
        Self { people, outcomes, stop, seen: Vec::new() }
    }

    /// Waits for this many outcomes of each kind, of requests sent after `since`.
    async fn until(&mut self, least: usize, since: Instant, such: impl Fn(&Outcome) -> bool) {
        let mut counts = BTreeMap::new();
        let enough = async {
            while counts.len() < ACTS.len() || counts.values().any(|times| *times < least) {
                let outcome = self.outcomes.recv().await.expect("they go on");
                if outcome.begun >= since && such(&outcome) {
                    *counts.entry(outcome.act).or_insert(0) += 1;
                }
                self.seen.push(outcome);
            }
        };
        let waited = timeout(PATIENCE, enough).await;
        assert!(waited.is_ok(), "only {counts:?} of {least} each; last: {:?}", self.seen.last());
    }

    /// Tells all users to stop, and returns the outcomes of their requests.
    async fn end(mut self) -> Vec<Outcome> {
        self.stop.store(true, Ordering::Relaxed);
        while let Some(ended) = self.people.join_next().await {
            ended.expect("every user stops");
        }
        while let Ok(outcome) = self.outcomes.try_recv() {
            self.seen.push(outcome);
        }
        self.seen
    }
}

async fn go_on(act: Act, mut person: Person, outcomes: UnboundedSender<Outcome>, stop: Arc<AtomicBool>) {
    let mut times = 0;
    while !stop.load(Ordering::Relaxed) {
        times += 1;
        let client = &person.client;
        let request = match act {
            Act::Register => Person::registration(client, &format!("{times}-{}", person.email)),
            Act::LogIn => Person::login(client, &person.email, PASSWORD),
            Act::Ask => Person::asking(client, &person.session_token),
            Act::Refresh => Person::refreshing(client, &person.refresh_token),
        };
        let begun = Instant::now();
        let answer = ask(request).await;
        let took = begun.elapsed();
        let good = answer.status < 300;
        if act == Act::Refresh && good {
            (person.session_token, person.refresh_token) = (answer.at("/session_token"), answer.at("/refresh_token"));
        }
        let identity = if act == Act::Register { answer.at("/identity/id") } else { person.id.clone() };
        // The receiver is gone when the test has ended.
        drop(outcomes.send(Outcome { act, begun, took, answer, identity }));
        if !good {
            // A refused client does not retry at once.
            sleep(Duration::from_millis(50)).await;
        }
        if act == Act::Refresh && !good {
            // Whether the old token is spent is unknown. Another refresh would find out, but only for ten seconds, and
            // the database of a slow machine may be away for longer: so they log in again.
            if let Some(fresh) = logged_in(&person).await {
                person = fresh;
            }
        }
    }
}

async fn logged_in(person: &Person) -> Option<Person> {
    let answer = ask(Person::login(&person.client, &person.email, PASSWORD)).await;
    let tokens = (answer.at("/session_token"), answer.at("/refresh_token"));
    (answer.status == 200).then(|| Person { session_token: tokens.0, refresh_token: tokens.1, ..person.clone() })
}

/// Nothing is cached, so that every request needs the database.
fn home(server: &Server, kind: Kind) -> Home {
    Home::at(kind, &server.dsn()).with("KAYAN_SESSION_CACHE_TTL", "0s").with("KAYAN_LOG_LEVEL", "warn")
}

/// Waits until the service reports that it is ready; the server is back since `back`.
async fn is_ready_soon(client: &Client, back: Instant) {
    while ask(client.get("/health/ready")).await.status != 200 {
        assert!(back.elapsed() < RECOVERY, "still not ready {:?} after the database is back", back.elapsed());
    }
    assert!(back.elapsed() < RECOVERY, "ready {:?} after the database was back", back.elapsed());
}

async fn is_not_ready(client: &Client) {
    let began = Instant::now();
    let refused = ask(client.get("/health/ready")).await.refused(503, "unavailable");
    assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
    assert!(began.elapsed() < ENOUGH, "{:?}", began.elapsed());
    ask(client.get("/health/live")).await.expect(200);
}

/// Asserts that responses came in time, and that refusals blame the service and say when to retry.
fn assert_told_in_time(outcomes: &[Outcome]) {
    for outcome in outcomes {
        assert!(outcome.took < ENOUGH, "{outcome:?}");
        if !outcome.succeeded() {
            assert_eq!((outcome.answer.status, &*outcome.answer.at("/code")), (503, "unavailable"), "{outcome:?}");
            assert!(!outcome.answer.header("retry-after").is_empty(), "{outcome:?}");
        }
    }
}

/// Asserts that everything acknowledged is stored with its audit event.
async fn assert_nothing_lost(service: &Service, outcomes: &[Outcome]) {
    let database = service.home().database().await;
    let done = |act| outcomes.iter().filter(move |outcome| outcome.act == act && outcome.succeeded());
    for Outcome { identity, .. } in done(Act::Register) {
        let sql = format!("SELECT COUNT(*) FROM identities WHERE id = '{identity}'");
        assert_eq!(count(&database, &sql).await, 1, "{identity}");
        assert_eq!(events(&database, "identity.created", identity).await, 1, "{identity}");
    }
    for (act, event) in [(Act::LogIn, "auth.login.success"), (Act::Refresh, "auth.session.refreshed")] {
        let mut times = BTreeMap::new();
        done(act).for_each(|outcome| *times.entry(&outcome.identity).or_insert(0) += 1);
        for (identity, times) in times {
            let kept = events(&database, event, identity).await;
            assert!(kept >= times, "{act:?}: {times} acknowledged and {kept} kept");
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outage {
    Killed,
    Frozen,
}

/// Takes the server away from a busy service, and brings it back.
async fn under_load(kind: Kind, outage: Outage) {
    let mut server = Server::start(kind).await;
    let mut service = Service::start_in(home(&server, kind)).await;
    let client = service.client();
    let mut load = Load::on(&client).await;
    load.until(10, Instant::now(), Outcome::succeeded).await;

    match outage {
        Outage::Killed => server.kill(),
        Outage::Frozen => server.freeze(),
    }
    load.until(EACH, Instant::now(), |outcome| !outcome.succeeded()).await;
    is_not_ready(&client).await;
    match outage {
        Outage::Killed => server.revive().await,
        Outage::Frozen => server.thaw(),
    }
    is_ready_soon(&client, Instant::now()).await;

    let recovered = Instant::now();
    load.until(10, recovered, Outcome::succeeded).await;
    let outcomes = load.end().await;
    assert_told_in_time(&outcomes);
    let late = outcomes.iter().find(|outcome| outcome.begun >= recovered && !outcome.succeeded());
    assert!(late.is_none(), "once it is ready, everything succeeds: {late:?}");
    assert_nothing_lost(&service, &outcomes).await;
    assert!(service.still_runs() && !service.log().contains("panicked"), "{}", service.log());
}

/// It is killed while busy, and started again.
pub(crate) async fn killed_under_load(kind: Kind) {
    under_load(kind, Outage::Killed).await;
}

/// It freezes with its connections open, and continues.
pub(crate) async fn frozen_under_load(kind: Kind) {
    under_load(kind, Outage::Frozen).await;
}

/// The service starts first, and is ready as soon as its database is.
pub(crate) async fn started_before_its_server(kind: Kind) {
    let mut server = Server::start(kind).await;
    server.kill();
    let service = Service::launch_in(home(&server, kind)).await;
    let client = service.client();
    is_not_ready(&client).await;
    let began = Instant::now();
    ask(Person::registration(&client, "ada@example.com")).await.refused(503, "unavailable");
    assert!(began.elapsed() < ENOUGH, "{:?}", began.elapsed());
    server.revive().await;
    is_ready_soon(&client, Instant::now()).await;
    Person::register(&client, "ada").await.log_in().await.who_am_i().await.expect(200);
}
