//! Codes of authenticator apps: each completes a login, or steps a session up.

use std::ops::Range;

use time::OffsetDateTime;
use totp_rs::{Builder, Secret, Totp};

use crate::{
    clients,
    failure::Failure,
    finding::{Finding, middle},
    once::{self, Sent},
    people::{BCRYPT_COST, People},
    plan::{self, Plan},
    report::Report,
    service::Service,
};

/// How many codes are verified in a round, either way: each is the only one of its user, for a code is good once.
const CODES: u32 = 3_000;
/// When it must be quick.
const FEW: u32 = 300;
/// How many a second must be verified.
const NEEDED: f64 = 3_000.0;
/// The seconds in a time step.
const STEP: u64 = 30;

/// Users with an app, and their sessions.
struct Owners {
    numbers: Range<u32>,
    apps: Vec<Totp>,
    sessions: Vec<String>,
}

/// What was measured, round by round.
#[derive(Default)]
struct Rounds {
    rates: Vec<f64>,
    cpu: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, sent: &Sent) {
        self.rates.push(sent.rate);
        self.cpu.extend(sent.cpu);
    }

    fn finding(&self, name: &'static str) -> Finding {
        Finding::of_rates(name, &self.rates, "needed", &vec![NEEDED; self.rates.len()])
    }
}

/// Completes logins and steps sessions up in turn.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    let home = plan.home()?;
    let cost = BCRYPT_COST.to_string();
    let settings = [("KAYAN_LOG_LEVEL", "warn"), ("KAYAN_BCRYPT_COST", &*cost)];
    let service = Service::kayan(&plan.kayan, home.path(), &settings).await?;
    let codes = if plan.quick { FEW } else { CODES };
    let rounds = plan.rounds(5, 1.0).count;
    let bar = plan::progress("codes", 2 * rounds);
    let (mut logins, mut step_ups) = (Rounds::default(), Rounds::default());
    for round in 0..rounds {
        let begin = 2 * codes * round;
        let owners = Owners::enroll(&service, begin..begin + codes).await?;
        logins.add(&owners.complete_logins(&service).await?);
        bar.inc(1);
        let owners = Owners::enroll(&service, begin + codes..begin + 2 * codes).await?;
        step_ups.add(&owners.step_up(&service).await?);
        bar.inc(1);
    }
    bar.finish_and_clear();
    report.findings.extend([logins.finding("TOTP codes at login"), step_ups.finding("TOTP codes in sessions")]);
    report.notes.push(format!(
        "Codes of authenticator apps: {codes} of as many users complete logins, as many step sessions up, {rounds} times \
         each. One takes the service {:.0} µs of processor time at login, {:.0} µs in a session.",
        middle(logins.cpu),
        middle(step_ups.cpu)
    ));
    Ok(())
}

impl Owners {
    /// Registers users, and lets each enroll an app and confirm it by the present code.
    async fn enroll(service: &Service, numbers: Range<u32>) -> Result<Self, Failure> {
        let register = |number| clients::registration(&People::identifier(number));
        let registered = once::send(service, numbers.clone().map(register).collect(), 201).await?;
        let sessions = once::members(&registered.bodies, "\"session_token\":\"")?;
        let begin = clients::post("/api/v1/mfa/totp/enroll", "{}");
        let enroll = sessions.iter().map(|session| clients::in_session(&begin, session)).collect();
        let enrolled = once::send(service, enroll, 200).await?;
        let secrets = once::members(&enrolled.bodies, "\"secret\":\"")?;
        let apps = secrets.iter().map(|secret| app(secret)).collect::<Result<_, _>>()?;
        let owners = Self { numbers, apps, sessions };
        once::send(service, owners.in_sessions(step()), 200).await?;
        Ok(owners)
    }

    /// Logs all in by their passwords, and measures how fast codes complete the logins.
    async fn complete_logins(&self, service: &Service) -> Result<Sent, Failure> {
        let log_in = |number| clients::login(&People::identifier(number));
        let challenged = once::send(service, self.numbers.clone().map(log_in).collect(), 403).await?;
        let tokens = once::members(&challenged.bodies, "\"mfa_token\":\"")?;
        let next = step() + 1;
        let complete = |(app, token): (&Totp, &String)| {
            let (code, token) = (code(app, next), token);
            verification(&format!(r#"{{"code":"{code}","mfa_token":"{token}"}}"#))
        };
        once::send(service, self.apps.iter().zip(&tokens).map(complete).collect(), 200).await
    }

    /// Measures how fast codes step the sessions up.
    async fn step_up(&self, service: &Service) -> Result<Sent, Failure> {
        once::send(service, self.in_sessions(step() + 1), 200).await
    }

    /// A request of each with the code of that time step.
    fn in_sessions(&self, step: u64) -> Vec<String> {
        let verify = |(app, session): (&Totp, &String)| {
            clients::in_session(&verification(&format!(r#"{{"code":"{}"}}"#, code(app, step))), session)
        };
        self.apps.iter().zip(&self.sessions).map(verify).collect()
    }
}

fn app(secret: &str) -> Result<Totp, Failure> {
    let secret = Secret::try_from_base32(secret).map_err(Failure::wrong("reading a secret"))?;
    let app = Builder::new().with_secret(secret).with_account_name("bench").build();
    app.map_err(Failure::wrong("making an app"))
}

fn code(app: &Totp, step: u64) -> String {
    app.generate(step * STEP).to_string()
}

fn verification(body: &str) -> String {
    clients::post("/api/v1/mfa/totp/verify", body)
}

/// The present time step. The next one's code is accepted as well, and after the present one's it is the only one left.
fn step() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "the service has no other clock")]
    let now = OffsetDateTime::now_utc();
    u64::try_from(now.unix_timestamp()).unwrap_or_default() / STEP
}
