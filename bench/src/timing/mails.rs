//! Requests of mail to addresses that a user has and that none has.

use std::fmt::Write as _;

use super::{add, ask, start};
use crate::{clients, failure::Failure, plan::Plan, report::Report};

/// Each flow with its requests: known addresses against unknown ones.
const FLOWS: [(&str, &str, &str); 4] = [
    ("recovery", "email", "recovery: known against unknown"),
    ("magic-link", "email", "magic link: known against unknown"),
    ("otp", "identifier", "code: known against unknown"),
    ("verification", "email", "verification: known against unknown"),
];
/// Requests for each kind; a tenant gets 10,000 mails an hour at most.
const REQUESTS: u32 = 4_000;
/// Enough addresses that none exceeds its limit of five mails an hour.
const ADDRESSES: u32 = 20_000;

/// Each flow on a database of its own, where nothing counts against its limits.
pub(crate) async fn measure(plan: &Plan, report: &mut Report) -> Result<(), Failure> {
    for (flow, member, name) in FLOWS {
        let settings = [("KAYAN_LOG_LEVEL", "warn"), ("KAYAN_TRUSTED_PROXIES", "127.0.0.0/8")];
        let (service, _home) = start(plan, &lines(), &settings).await?;
        let request = |kind, number| {
            let body = format!(r#"{{"{member}":"{}"}}"#, address(kind, number));
            let request = clients::post(&format!("/api/v1/{flow}/request"), &body);
            // A client gets few mails, too.
            clients::with_header(&request, &format!("X-Forwarded-For: 10.{}.{}.1", number / 250, number % 250))
        };
        let times: [Vec<f64>; 2] = ask(plan, &service, request, (REQUESTS, ADDRESSES, 202)).await?;
        add(report, ["unknown", name], &times);
    }
    Ok(())
}

/// As long for each kind as for any other.
fn address(kind: usize, number: u32) -> String {
    format!("reader{kind}{number:05}@example.com")
}

/// The users to import.
fn lines() -> String {
    let mut text = String::new();
    for number in 0..ADDRESSES {
        // Writing to a string does not fail.
        let _ = writeln!(text, r#"{{"traits":{{"email":"{}"}}}}"#, address(1, number));
    }
    text
}
