//! Logins by passkeys, and how long `whoami` takes while they saturate the cores.

use std::{cell::Cell, time::Duration};

use kayan_authenticator::{Authenticator, Model};
use serde_json::{Value, json};

use crate::{
    clients::{self, Client},
    failure::Failure,
    finding::{Finding, middle, quantile},
    load::{self, Timers},
    once::{self, Sent},
    people::{BCRYPT_COST, People},
    plan::{self, Plan},
    report::Report,
    service::Service,
};

/// How many users have a passkey.
const OWNERS: u32 = 256;
/// How many logins are begun and signed before they are finished.
const LOGINS: usize = 4_000;
/// When it must be quick.
const FEW: usize = 500;
/// The connections over which they are finished, as many as those over which `whoami` is measured by itself.
const CONNECTIONS: usize = 32;
/// How many a second must be finished.
const NEEDED: f64 = 1_500.0;
/// The whoami requests per second meanwhile.
const RATE: u32 = 100;
/// The connections they use, so that a slow answer delays few others.
const ASKING: usize = 16;
/// How many milliseconds `whoami` may take.
const WAIT: f64 = 10.0;
const ORIGIN: &str = "http://localhost";

/// Finishes logins that were begun and signed before; `whoami` is asked meanwhile.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let home = plan.home()?;
    let cost = BCRYPT_COST.to_string();
    let settings = [
        ("KAYAN_LOG_LEVEL", "warn"),
        ("KAYAN_BCRYPT_COST", &*cost),
        ("KAYAN_WEBAUTHN_RP_ID", "localhost"),
        ("KAYAN_WEBAUTHN_ORIGINS", ORIGIN),
    ];
    let service = Service::kayan(&plan.kayan, home.path(), &settings).await?;
    let mut authenticators = register(&service).await?;
    let accounts = service.register(ASKING).await?;
    let count = if plan.quick { FEW } else { LOGINS };
    let rounds = plan.rounds(5, 1.0).count;
    let bar = plan::progress("passkeys", rounds);
    let (mut rates, mut cpu, mut delays) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let requests = sign(&service, &mut authenticators, count).await?;
        let mut asking = service.getting("/api/v1/whoami", &accounts).await?;
        let (sent, waited) = finish(&service, requests, &mut asking).await?;
        rates.push(sent.rate);
        cpu.extend(sent.cpu);
        delays.extend(waited);
        bar.inc(1);
    }
    bar.finish_and_clear();
    let needed = vec![NEEDED; rates.len()];
    report.findings.extend([
        Finding::of_rates("logins by passkey, finished", &rates, "needed", &needed),
        Finding::within("whoami p99 during these", quantile(delays, 0.99), WAIT, "ms"),
    ]);
    report.notes.push(format!(
        "Logins by passkey (ES256): {count} are begun and signed, then finished, {rounds} times, by {OWNERS} users. To finish \
         one takes the service {:.0} µs of processor time, {RATE} `whoami`s a second included.",
        middle(cpu)
    ));
    Ok(())
}

/// Registers users, each with a passkey.
async fn register(service: &Service) -> Result<Vec<Authenticator>, Failure> {
    // Behind the numbers of those who ask `whoami`.
    let register = |number| clients::registration(&People::identifier(1_000 + number));
    let registered = once::send(service, (0..OWNERS).map(register).collect(), 201).await?;
    let sessions = once::members(&registered.bodies, "\"session_token\":\"")?;
    let begin = clients::post("/api/v1/webauthn/registration/begin", "{}");
    let begin = sessions.iter().map(|session| clients::in_session(&begin, session)).collect();
    let begun = once::send(service, begin, 200).await?;
    let (mut authenticators, mut requests) = (Vec::new(), Vec::new());
    for (begun, session) in begun.bodies.iter().zip(&sessions) {
        let mut authenticator = Authenticator::new(Model::phone());
        let make = |options: &str| authenticator.register(options, ORIGIN);
        let finish = clients::post("/api/v1/webauthn/registration/finish", &response(begun, make)?);
        requests.push(clients::in_session(&finish, session));
        authenticators.push(authenticator);
    }
    once::send(service, requests, 200).await?;
    Ok(authenticators)
}

/// Begins this many logins and signs them: the requests that finish them.
async fn sign(service: &Service, owners: &mut [Authenticator], count: usize) -> Result<Vec<String>, Failure> {
    let begin = clients::post("/api/v1/webauthn/login/begin", "{}");
    let begun = once::send(service, vec![begin; count], 200).await?.bodies;
    let mut requests = Vec::with_capacity(count);
    for begun in begun.chunks(owners.len()) {
        for (begun, owner) in begun.iter().zip(&mut *owners) {
            let body = response(begun, |options| owner.log_in(options, ORIGIN))?;
            requests.push(clients::post("/api/v1/webauthn/login/finish", &body));
        }
    }
    Ok(requests)
}

/// Sends these requests, and asks the others in turn until all are answered: with how long those took, in milliseconds.
async fn finish(
    service: &Service,
    requests: Vec<String>,
    asking: &mut Vec<Client>,
) -> Result<(Sent, Vec<f64>), Failure> {
    let is_over = Cell::new(false);
    let finishing = async {
        let sent = once::send_over(service, CONNECTIONS, requests, 200).await;
        is_over.set(true);
        sent
    };
    let waiting = async {
        let mut delays = Vec::new();
        while !is_over.get() {
            let waited = load::pace(asking, RATE, Duration::from_millis(200), Timers::Count).await?;
            delays.extend(waited.iter().map(|delay| delay.as_secs_f64() * 1e3));
        }
        Ok(delays)
    };
    let (sent, delays) = tokio::join!(finishing, waiting);
    Ok((sent?, delays?))
}

/// The body that finishes a ceremony, with what the authenticator makes of its options.
fn response<E: std::fmt::Display>(begun: &str, make: impl FnOnce(&str) -> Result<Value, E>) -> Result<String, Failure> {
    let begun: Value = serde_json::from_str(begun).map_err(Failure::wrong("reading a ceremony"))?;
    let (Some(options), Some(session_id)) = (begun.get("publicKey"), begun.get("session_id")) else {
        return Err(Failure::Wrong(format!("an answer is no ceremony: {begun}")));
    };
    let credential = make(&options.to_string()).map_err(Failure::wrong("an authenticator"))?;
    Ok(json!({ "session_id": session_id, "credential": credential }).to_string())
}
