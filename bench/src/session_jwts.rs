//! `whoami` and refreshes with session tokens that are JWTs against those with opaque ones.

use crate::{
    failure::Failure,
    finding::Finding,
    paired::{Contender, Kind},
    plan::{self, Plan},
    report::Report,
};

/// What is asked, and how much of the rate with opaque tokens it must reach.
const ASKED: [(&str, Kind, f64); 2] = [("whoami by JWT", Kind::WhoAmI, 1.0), ("refreshes to JWTs", Kind::Refresh, 0.9)];
const ALGORITHMS: [&str; 4] = ["HS256", "EdDSA", "ES256", "RS256"];

/// Asks services that issue JWTs and one that does not in turn, in short rounds.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    for (name, kind, least) in ASKED {
        let mut opaque = Contender::start(plan, &plan.kayan, kind, &[]).await?;
        let mut jwts = Vec::new();
        for algorithm in ALGORITHMS {
            let settings = [("KAYAN_SESSION_STRATEGY", "jwt"), ("KAYAN_JWT_TTL", "24h"), ("KAYAN_JWT_ALG", algorithm)];
            jwts.push(Contender::start(plan, &plan.kayan, kind, &settings).await?);
        }
        let rounds = plan.rounds(30, 0.5);
        let bar = plan::progress(name, rounds.count);
        for _ in 0..rounds.count {
            opaque.run(rounds.window).await?;
            for contender in &mut jwts {
                contender.run(rounds.window).await?;
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        for (algorithm, contender) in ALGORITHMS.into_iter().zip(&jwts) {
            let finding = Finding::of_rates(name, &contender.rates, "with opaque tokens", &opaque.rates);
            let value = format!("{} {algorithm}", finding.value);
            report.findings.push(Finding { value, ..finding.at_least(least) });
        }
    }
    Ok(())
}
