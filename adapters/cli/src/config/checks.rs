//! Checks that look at more than one value's form: what this build can do, and what is safe.

use std::time::Duration;

use super::load::Inputs;
use super::problem::{Findings, Wrong};
use super::setting::{Kind, Offer};
use super::values::{Entry, Values};
use super::{files, parse};

/// The shortest time that audit events are kept: a slip of the pen must not cost the whole trail.
const DAY: Duration = Duration::from_hours(24);

/// Checks the form of every value.
pub(crate) fn forms(values: &Values, findings: &mut Findings) {
    for entry in &values.entries {
        let Some(text) = entry.text.as_deref() else { continue };
        let checked = match entry.name.as_str() {
            "KAYAN_PUBLIC_URL" => parse::public_url(text).map(drop),
            "OTEL_EXPORTER_OTLP_ENDPOINT" | "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT" => parse::bare_url(text).map(drop),
            _ => parse::check(entry.kind, text),
        };
        if let Err(wrong) = checked {
            findings.wrong(values, &entry.name, wrong);
        }
    }
}

/// Refuses what this build can't do: a setting that is silently without effect would be trusted.
pub(crate) fn offers(values: &Values, findings: &mut Findings) {
    for entry in values.entries.iter().filter(|entry| entry.is_given()) {
        let mend = match entry.offer {
            Offer::NotYet if is_switched_on(entry, None) => "unset it".to_owned(),
            Offer::NotYetUnless(off) if is_switched_on(entry, Some(off)) => format!("unset it, or set it to {off}"),
            _ => continue,
        };
        findings.wrong(values, &entry.name, Wrong::new("not available in this build", mend));
    }
}

fn is_switched_on(entry: &Entry, off: Option<&str>) -> bool {
    let text = entry.text.as_deref().unwrap_or_default();
    match (entry.kind, off) {
        (Kind::Switch, _) => parse::switch(text) == Ok(true),
        (Kind::Choice(words), Some(off)) => words.iter().any(|word| *word != off && word.eq_ignore_ascii_case(text)),
        (Kind::SecretJson, _) => !matches!(text, "[]" | "{}"),
        _ => !text.is_empty(),
    }
}

/// Refuses a Redis that this build can't speak to, or can't find by its URL, and tells what is weaker without one.
pub(crate) fn redis(values: &Values, inputs: &Inputs<'_>, findings: &mut Findings) {
    for name in ["KAYAN_REDIS_URL", "KAYAN_REDIS_SESSION_URL"] {
        let Some(url) = values.text(name).filter(|_| values.given(name)) else { continue };
        let Some(judge) = inputs.judges.redis.filter(|_| inputs.backends.contains(&"redis")) else {
            let mend = "unset it, or build with: cargo build -p kayan --release --features redis";
            findings.wrong(values, name, Wrong::new("redis is not available in this build", mend));
            continue;
        };
        if let Err(why) = judge(url, inputs.files) {
            findings.wrong(values, name, Wrong::told(&why));
        }
    }
    if values.switch("KAYAN_RATE_LIMIT_ENABLED") && !values.given("KAYAN_REDIS_URL") {
        findings.warn("KAYAN_REDIS_URL", "is not set: each replica counts its rate limits by itself");
    }
}

/// Looks whether the audit log can be written.
pub(crate) fn audit_log(values: &Values, inputs: &Inputs<'_>, findings: &mut Findings) {
    let name = "KAYAN_AUDIT_LOG";
    let path = values.text(name).filter(|text| inputs.files && *text != "stdout");
    if let Some(Err(wrong)) = path.map(|path| files::writable(&inputs.folder.join(path))) {
        findings.wrong(values, name, wrong);
    }
}

/// Tells what is allowed, but not wise or not consistent.
pub(crate) fn consistency(values: &Values, findings: &mut Findings) {
    let end = values.span("KAYAN_SESSION_MAX_TTL");
    for name in ["KAYAN_SESSION_TTL", "KAYAN_REFRESH_TTL"] {
        if values.given(name) && values.span(name) > end && !end.is_zero() {
            let mend = "shorten it, or raise KAYAN_SESSION_MAX_TTL";
            findings.wrong(values, name, Wrong::new("is longer than KAYAN_SESSION_MAX_TTL", mend));
        }
    }
    let retention = values.span("KAYAN_AUDIT_RETENTION");
    if !retention.is_zero() && retention < DAY {
        let mend = "use a day or more, as in 2160h, or 0 to keep events for ever";
        findings.wrong(values, "KAYAN_AUDIT_RETENTION", Wrong::new("is shorter than a day", mend));
    }
    let proxies = values.read("KAYAN_TRUSTED_PROXIES", parse::networks).unwrap_or_default();
    if proxies.iter().any(|net| net.prefix_len() == 0) {
        findings.warn("KAYAN_TRUSTED_PROXIES", "trusts everybody: any client can make up its address");
    }
    if !values.production() {
        return;
    }
    if values.read("KAYAN_PUBLIC_URL", parse::bare_url).is_some_and(|url| url.scheme() == "http") {
        findings.warn("KAYAN_PUBLIC_URL", "is not https: browsers will not send the session cookie");
    }
    if values.word("KAYAN_PASSWORD_HASHER") == "bcrypt" && values.number::<u32>("KAYAN_BCRYPT_COST") < 10 {
        findings.warn("KAYAN_BCRYPT_COST", "below 10, hashes are cheap to guess at");
    }
}
