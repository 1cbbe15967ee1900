//! The settings of SMS, and of where the service connects to.

use ipnet::IpNet;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::Section;
use crate::config::{
    Sms,
    load::Inputs,
    parse,
    problem::{Findings, Invalid},
    setting::Setting,
    values::Values,
};

pub(crate) const WEBHOOK_URL: Setting<Url> =
    Setting::parsed("KAYAN_SMS_WEBHOOK_URL", "Webhook that sends SMS", parse::webhook_url);
pub(crate) const WEBHOOK_SECRET: Setting<SecretString> =
    Setting::secret("KAYAN_SMS_WEBHOOK_SECRET", "Secret that calls of the webhook are signed with, as in whsec_…");
pub(crate) const WEBHOOK_SECRET_PREVIOUS: Setting<SecretString> =
    Setting::secret("KAYAN_SMS_WEBHOOK_SECRET_PREVIOUS", "The previous one, during rotation");
pub(crate) const OUTBOUND_ALLOW: Setting<Vec<IpNet>> = Setting::parsed(
    "KAYAN_OUTBOUND_ALLOW",
    "Networks (CIDR, commas) besides the public ones that webhooks and identity providers may be in",
    parse::networks,
)
.per_environment("127.0.0.0/8,::1", None);

pub(super) const SECTION: Section =
    Section { title: "SMS", settings: &[&WEBHOOK_URL, &WEBHOOK_SECRET, &WEBHOOK_SECRET_PREVIOUS, &OUTBOUND_ALLOW] };

const GENERATE: &str = "generate one with: echo whsec_$(openssl rand -base64 32)";

/// Refuses a webhook that calls can't be signed for, or kept secret from others.
pub(crate) fn check(values: &Values, inputs: &Inputs<'_>, findings: &mut Findings) {
    for setting in [&WEBHOOK_SECRET, &WEBHOOK_SECRET_PREVIOUS] {
        let secret = values.find(setting);
        if let Some(Err(why)) = secret.map(|secret| (inputs.validators.webhook_secret)(secret.expose_secret())) {
            findings.reject(values, setting.name, Invalid::new(why, GENERATE));
        }
    }
    let Some(url) = values.find(&WEBHOOK_URL) else { return };
    if values.production() && url.scheme() == "http" {
        let invalid = Invalid::new("is not https: a call carries a code", "use a URL that begins with https://");
        findings.reject(values, WEBHOOK_URL.name, invalid);
    }
    if values.text(&WEBHOOK_SECRET).is_none() {
        findings.reject(values, WEBHOOK_SECRET.name, Invalid::new("is required with KAYAN_SMS_WEBHOOK_URL", GENERATE));
    }
}

/// The webhook, if there is one.
pub(crate) fn read(values: &Values) -> Option<Sms> {
    let current = values.find(&WEBHOOK_SECRET)?;
    let secrets = std::iter::once(current).chain(values.find(&WEBHOOK_SECRET_PREVIOUS)).collect();
    Some(Sms { url: values.find(&WEBHOOK_URL)?, secrets })
}
