//! The settings of passkeys.

use url::Url;

use super::{Section, http};
use crate::config::{
    Passkeys,
    load::{Inputs, PasskeyProblem},
    parse,
    problem::{Findings, Invalid},
    setting::Setting,
    values::{Source, Values},
};

pub(crate) const RP_ID: Setting<String> =
    Setting::text("KAYAN_WEBAUTHN_RP_ID", "Domain that passkeys are made for; never change it")
        .computed("the domain of KAYAN_PUBLIC_URL");
pub(crate) const ORIGINS: Setting<Vec<String>> = Setting::parsed(
    "KAYAN_WEBAUTHN_ORIGINS",
    "Origins of pages and Android apps that may use passkeys, separated by commas",
    parse::passkey_origins,
)
.computed("the origin of KAYAN_PUBLIC_URL");

pub(super) const SECTION: Section = Section { title: "Passkeys", settings: &[&RP_ID, &ORIGINS] };

/// A domain, and a page's origin there.
struct Place {
    domain: String,
    origin: String,
}

/// Where browsers find the service; in development, this machine.
fn place(values: &Values) -> Option<Place> {
    let url = values.find(&http::PUBLIC_URL);
    match url.as_ref().and_then(Url::domain) {
        Some(domain) => Some(Place { domain: domain.to_owned(), origin: url.as_ref()?.origin().ascii_serialization() }),
        None if values.production() => None,
        None => {
            let port = url.and_then(|url| url.port_or_known_default()).unwrap_or_else(|| values.get(&http::PORT));
            let origin = if port == 0 { "http://localhost".to_owned() } else { format!("http://localhost:{port}") };
            Some(Place { domain: "localhost".to_owned(), origin })
        }
    }
}

/// Computes what is not given, and refuses what browsers would refuse.
///
/// If nothing is given and nothing can be computed, passkeys are off; with a warning if the public URL is why.
pub(crate) fn complete(values: &mut Values, inputs: &Inputs<'_>, findings: &mut Findings) {
    let is_broken = |given: Option<&str>, is_valid: bool| given.is_some() && !is_valid;
    if is_broken(values.given(&ORIGINS), values.find(&ORIGINS).is_some())
        || is_broken(values.given(&http::PUBLIC_URL), values.find(&http::PUBLIC_URL).is_some())
    {
        return; // which is reported already
    }
    let (given_id, given_origins) = (values.find(&RP_ID), values.find(&ORIGINS));
    let place = place(values);
    let Some(id) = given_id.clone().or_else(|| place.as_ref().map(|place| place.domain.clone())) else {
        return without_a_domain(values, given_origins.is_some(), findings);
    };
    let origin = || place.map_or_else(|| format!("https://{id}"), |place| place.origin);
    let origins = given_origins.clone().unwrap_or_else(|| vec![origin()]);
    match (inputs.validators.passkeys)(&id, &origins) {
        Ok(()) => {
            if given_id.is_none() {
                values.fill(&RP_ID, id, Source::Default);
            }
            if given_origins.is_none() {
                values.fill(&ORIGINS, origins.join(","), Source::Default);
            }
        }
        Err(problem) if given_id.is_some() || given_origins.is_some() => refuse(values, &origins, &problem, findings),
        Err(problem) => findings.warn(http::PUBLIC_URL.name, format!("passkeys are off: {problem}")),
    }
}

/// In production, without a domain in any setting.
fn without_a_domain(values: &Values, origins_are_given: bool, findings: &mut Findings) {
    if origins_are_given {
        let what = "is required with KAYAN_WEBAUTHN_ORIGINS, as KAYAN_PUBLIC_URL has no domain";
        findings.reject(values, RP_ID.name, Invalid::new(what, "set it to the domain of the origins"));
    } else if values.given(&http::PUBLIC_URL).is_some() {
        findings.warn(
            http::PUBLIC_URL.name,
            "has an IP address, for which browsers have no passkeys: passkeys are off. \
             Use a domain, or set KAYAN_WEBAUTHN_RP_ID and KAYAN_WEBAUTHN_ORIGINS",
        );
    }
}

fn refuse(values: &Values, origins: &[String], problem: &PasskeyProblem, findings: &mut Findings) {
    let are_given = values.given(&ORIGINS).is_some();
    match problem {
        PasskeyProblem::RpId(why) => findings.reject(values, RP_ID.name, Invalid::from_message(why)),
        PasskeyProblem::Origins(why) if are_given => {
            findings.reject(values, ORIGINS.name, Invalid::from_message(why));
        }
        PasskeyProblem::NoOrigin if are_given => {
            let what = "has no origin of the domain KAYAN_WEBAUTHN_RP_ID, or below it";
            let hint = "set KAYAN_WEBAUTHN_RP_ID to the domain that the origins share, or add an origin of it";
            findings.reject(values, ORIGINS.name, Invalid::new(what, hint));
        }
        PasskeyProblem::Origins(_) | PasskeyProblem::NoOrigin => {
            let origin = origins.first().map_or("", String::as_str);
            let what = format!("is not the domain of {origin}, the origin of KAYAN_PUBLIC_URL, or one above it");
            let hint = "correct one of the two, or set KAYAN_WEBAUTHN_ORIGINS to the pages that use passkeys";
            findings.reject(values, RP_ID.name, Invalid::new(what, hint));
        }
    }
}

/// Whom passkeys are made for; `None` if they are off.
pub(crate) fn read(values: &Values) -> Option<Passkeys> {
    Some(Passkeys { rp_id: values.find(&RP_ID)?, origins: values.find(&ORIGINS)? })
}
