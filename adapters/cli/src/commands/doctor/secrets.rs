//! The secrets in the settings: how strong they are, and whether one is used twice.

use secrecy::ExposeSecret as _;

use super::{Case, finding::Finding};
use crate::config::{
    Environment,
    secret::{Secret, weakness},
    settings::secrets,
};

const STRENGTH: &str = "secrets.strength";
const REUSE: &str = "secrets.reuse";
const HINT: &str = "generate a separate one: openssl rand -base64 32";

pub(super) fn examine(case: &Case) -> Vec<Finding> {
    let config = &case.config;
    let all: [(&str, Option<&Secret>); 6] = [
        (secrets::SESSION.name, Some(&config.session_secret)),
        (secrets::SESSION_PREVIOUS.name, config.session_secret_previous.as_ref()),
        (secrets::JWT.name, config.jwt_secret.as_ref()),
        (secrets::JWT_PREVIOUS.name, config.jwt_secret_previous.as_ref()),
        (secrets::DATA.name, config.data_key.as_ref()),
        (secrets::DATA_PREVIOUS.name, config.data_key_previous.as_ref()),
    ];
    let given = all.into_iter().filter_map(|(name, secret)| Some((name, secret?.expose_secret())));
    let secrets: Vec<(&str, &[u8])> = given.filter(|(_, bytes)| !bytes.is_empty()).collect();
    let mut findings = Vec::new();
    for (name, bytes) in &secrets {
        let Some(why) = weakness(&String::from_utf8_lossy(bytes), bytes) else { continue };
        // Production does not start with a weak secret, unless it is a previous one.
        let in_use = config.env == Environment::Production && !name.ends_with("_PREVIOUS");
        let tell = if in_use { Finding::failed } else { Finding::warning };
        findings.push(tell(STRENGTH, format!("{name} {why}"), HINT.to_owned()));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            STRENGTH,
            format!("{} secrets are long enough, and none is a well-known value", secrets.len()),
        ));
    }
    let mut reused = Vec::new();
    for (position, (name, bytes)) in secrets.iter().enumerate() {
        for (other, _) in secrets.iter().skip(position + 1).filter(|(_, same)| same == bytes) {
            reused.push(match other.strip_suffix("_PREVIOUS") {
                Some(present) if present == *name => Finding::warning(
                    REUSE,
                    format!("{other} is the same as {name}: nothing was rotated"),
                    format!("set {other} to the previous secret, or unset it"),
                ),
                _ => Finding::warning(
                    REUSE,
                    format!("{other} is the same as {name}: a leak of one exposes both"),
                    HINT.to_owned(),
                ),
            });
        }
    }
    if reused.is_empty() {
        reused.push(Finding::ok(REUSE, "no secret is used twice"));
    }
    findings.extend(reused);
    findings
}
