//! The settings of login through `OpenID` Connect providers, which this version does not have yet.

use secrecy::SecretString;
use serde_json::Value;

use super::Section;
use crate::config::{
    parse,
    setting::{AnySetting, Setting},
};

const LOG_IN: &str = "log users in through OpenID Connect";

pub(crate) const PROVIDERS: Setting<Value> =
    Setting::parsed("KAYAN_OIDC_PROVIDERS", "OpenID Connect providers, as JSON", parse::json).hidden().not_yet(LOG_IN);

/// One field of one provider; the secret is among them.
const PROVIDER_FIELD: Setting<SecretString> =
    Setting::connection("KAYAN_OIDC_PROVIDERS_<NAME>_<FIELD>", "A provider's own setting").hidden().not_yet(LOG_IN);

pub(super) const SECTION: Section = Section { title: "OpenID Connect", settings: &[&PROVIDERS] };

/// The setting of a provider's own variable, such as `KAYAN_OIDC_PROVIDERS_GOOGLE_ISSUER`.
pub(crate) fn provider_field(name: &str) -> Option<&'static dyn AnySetting> {
    let rest = name.strip_prefix("KAYAN_OIDC_PROVIDERS_")?;
    let fields = ["_ISSUER", "_CLIENT_ID", "_CLIENT_SECRET", "_REDIRECT_URL", "_SCOPES"];
    let is_field = fields.iter().any(|field| rest.strip_suffix(field).is_some_and(|provider| !provider.is_empty()));
    is_field.then_some(&PROVIDER_FIELD)
}
