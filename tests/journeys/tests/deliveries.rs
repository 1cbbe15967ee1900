//! Every message that was committed is delivered, whatever happens to the process.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream::FuturesUnordered};
use kayan_journeys::{Answer, Client, Home, Service, count};
use kayan_mail_server::MailServer;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};

use crate::mail_flows::home;

const ROUNDS: usize = 8;
const EACH: usize = 25;
const NEW: &str = "another horse battery staple 8";

/// The mails that the server accepted.
#[derive(Default)]
struct Mails {
    /// How often each came, by its Message-ID.
    times: BTreeMap<String, usize>,
    /// The tokens of recovery links, by the address they were sent to.
    links: BTreeMap<String, String>,
    /// The addresses that were notified of a new password.
    notified: BTreeSet<String>,
}

impl Mails {
    fn note(&mut self, mail: &Value) {
        let text = |pointer: &str| mail.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        *self.times.entry(text("/headers/message-id")).or_default() += 1;
        let (address, text) = (text("/recipients/0"), text("/text"));
        match text.split_once("/flow/recovery#token=") {
            Some((_, rest)) => {
                let token = rest.split_whitespace().next().unwrap_or_default();
                self.links.insert(address, token.to_owned());
            }
            None => drop(self.notified.insert(address)),
        }
    }
}

/// What was requested and completed, as far as the service has answered.
#[derive(Default)]
struct Recoveries {
    requested: BTreeSet<String>,
    completed: BTreeSet<String>,
    /// Completions without an answer: they may or may not have happened.
    cut_off: BTreeSet<String>,
}

enum Step {
    Request(String),
    Complete(String, String),
}

impl Step {
    /// From a network of its own: each may ask for few mails.
    async fn take(self, client: &Client, network: usize) -> (Self, Result<Answer, reqwest::Error>) {
        let request = match &self {
            Self::Request(address) => client.tell("/api/v1/recovery/request", &json!({ "email": address })),
            Self::Complete(_, token) => {
                client.tell("/api/v1/recovery/complete", &json!({ "token": token, "password": NEW }))
            }
        };
        let answer = Answer::to(request.header("X-Forwarded-For", format!("192.0.{network}.1"))).await;
        (self, answer)
    }
}

impl Recoveries {
    fn note(&mut self, step: Step, answer: Result<Answer, reqwest::Error>) {
        let status = answer.as_ref().map(|answer| answer.status).ok();
        match (step, status) {
            (Step::Request(address), Some(202)) => drop(self.requested.insert(address)),
            (Step::Complete(address, _), Some(200)) => drop(self.completed.insert(address)),
            // The link is used up: the completion that was cut off had been committed.
            (Step::Complete(address, _), Some(401)) if self.cut_off.contains(&address) => {
                self.completed.insert(address);
            }
            (Step::Complete(address, _), None) => drop(self.cut_off.insert(address)),
            (Step::Request(_), None) | (_, Some(503)) => {}
            (_, Some(other)) => panic!("{other}: {answer:?}"),
        }
    }

    /// What is to be done next: requests of these, and the completions of all whose link is here.
    fn steps(&self, people: &[String], mails: &Mails) -> Vec<Step> {
        let requests = people.iter().filter(|address| !self.requested.contains(*address)).cloned().map(Step::Request);
        let links = mails.links.iter().filter(|(address, _)| !self.completed.contains(*address));
        requests.chain(links.map(|(address, token)| Step::Complete(address.clone(), token.clone()))).collect()
    }
}

/// Users without a password.
async fn import(home: &Home, people: &[String]) {
    let lines: String = people.iter().map(|email| json!({ "traits": { "email": email } }).to_string() + "\n").collect();
    std::fs::write(home.path("users.ndjson"), lines).expect("the folder is ours");
    assert_eq!(home.run("migrate up").await.code, 0);
    assert_eq!(home.run("admin user import --file users.ndjson --report report").await.code, 0);
}

/// Ends the leases of a worker that was killed, as five minutes do.
async fn end_leases(home: &Home) {
    let database = home.database().await;
    let earlier = database.earlier("due_at", 600);
    database.execute(&format!("UPDATE messages SET due_at = {earlier} WHERE state = 'leased'")).await;
}

/// A worker sends one mail at a time here, so that a kill can have one sent twice, not more.
#[tokio::test]
async fn i_44_no_mail_is_lost_when_the_service_is_killed_during_200_recoveries_and_one_at_most_is_sent_twice_for_each_kill()
 {
    let mut random = StdRng::seed_from_u64(44);
    let mut server = MailServer::start(&[]).await;
    let smtp = format!("smtp://127.0.0.1:{}?tls=none&connections=1", server.port());
    let mut home = home(&server)
        .with("KAYAN_SMTP_URL", smtp)
        .with("KAYAN_LOG_LEVEL", "warn")
        .with("KAYAN_TRUSTED_PROXIES", "127.0.0.0/8");
    let people: Vec<String> = (0..ROUNDS * EACH).map(|number| format!("user{number}@example.com")).collect();
    import(&home, &people).await;
    let (mut mails, mut recoveries) = (Mails::default(), Recoveries::default());
    for (round, people) in people.chunks(EACH).enumerate() {
        let mut service = Service::start_in(home).await;
        let client = service.client();
        let steps = recoveries.steps(people, &mails);
        let mut answers: FuturesUnordered<_> =
            steps.into_iter().enumerate().map(|(number, step)| step.take(&client, number)).collect();
        // After some answers, or after some mails.
        let deadly = random.random_range(1..EACH);
        let mut seen = 0;
        while let Some((step, answer)) = answers.next().await {
            recoveries.note(step, answer);
            seen += 1;
            if round % 2 == 0 && seen == deadly {
                service.strike();
            }
        }
        if round % 2 == 1 {
            for _ in 0..deadly {
                mails.note(&server.event("mail").await);
            }
            service.strike();
        }
        home = service.kill().await;
        end_leases(&home).await;
    }

    let service = Service::start_in(home).await;
    let client = service.client();
    while recoveries.completed.len() < people.len() {
        let steps = recoveries.steps(&people, &mails);
        let answers = steps.into_iter().enumerate().map(|(number, step)| step.take(&client, number));
        let answers: Vec<_> = answers.collect::<FuturesUnordered<_>>().collect().await;
        for (step, answer) in answers {
            recoveries.note(step, answer);
        }
        // Panics if no mail comes although one is missing.
        while recoveries.requested.iter().any(|address| !mails.links.contains_key(address)) {
            mails.note(&server.event("mail").await);
        }
    }
    while !recoveries.completed.is_subset(&mails.notified) {
        mails.note(&server.event("mail").await);
    }
    let twice: usize = mails.times.values().map(|times| times - 1).sum();
    assert!(twice <= ROUNDS, "{twice} mails were sent twice by {ROUNDS} kills");
    let database = service.home().database().await;
    let sent = i64::try_from(mails.times.len()).expect("few");
    let delivered = "SELECT COUNT(*) FROM messages WHERE state = 'delivered'";
    // The last one is marked a moment after the server has accepted it.
    while count(&database, delivered).await < sent {
        tokio::task::yield_now().await;
    }
    assert_eq!(count(&database, "SELECT COUNT(*) FROM messages WHERE state <> 'delivered'").await, 0);
}
