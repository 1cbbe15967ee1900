//! The settings of login by identity providers (`OpenID` Connect).

mod document;

use kayan_ports::{ProviderName, ProviderRules};
use secrecy::{ExposeSecret as _, SecretString};
use url::{Host, Url};

use self::document::Document;
use super::{Section, http};
use crate::config::{
    Provider,
    problem::{Findings, Invalid},
    setting::{AnySetting, Setting},
    values::Values,
};

pub(crate) const PROVIDERS: Setting<Vec<Document>> = Setting::parsed(
    "KAYAN_OIDC_PROVIDERS",
    "Identity providers (OpenID Connect): names separated by commas, or JSON",
    document::read,
)
.hidden();

/// One field of one provider; the secret is among them.
const PROVIDER_FIELD: Setting<SecretString> =
    Setting::secret("KAYAN_OIDC_PROVIDERS_<NAME>_<FIELD>", "A provider's own setting");

pub(super) const SECTION: Section = Section { title: "OpenID Connect", settings: &[&PROVIDERS] };

const FIELDS: [&str; 5] = ["_ISSUER", "_CLIENT_ID", "_CLIENT_SECRET", "_REDIRECT_URL", "_SCOPES"];
const PREFIX: &str = "KAYAN_OIDC_PROVIDERS_";

/// The setting of a provider's own variable, such as `KAYAN_OIDC_PROVIDERS_GOOGLE_ISSUER`.
pub(crate) fn provider_field(name: &str) -> Option<&'static dyn AnySetting> {
    provider_of(name).map(|_| &PROVIDER_FIELD as &dyn AnySetting)
}

/// The provider that a variable is of, as variables spell it.
fn provider_of(variable: &str) -> Option<&str> {
    let rest = variable.strip_prefix(PREFIX)?;
    FIELDS.iter().find_map(|field| rest.strip_suffix(field)).filter(|provider| !provider.is_empty())
}

/// The name of a provider's own variable.
fn variable(provider: &str, field: &str) -> String {
    format!("{PREFIX}{}{field}", provider.to_ascii_uppercase().replace('-', "_"))
}

/// A provider with its own variables, which take precedence over the JSON.
fn with_variables(values: &Values, mut document: Document) -> Document {
    let own = |field: &str| values.entry(&variable(&document.name, field)).and_then(|entry| entry.text.clone());
    let [issuer, id, secret, redirect, scopes] = FIELDS.map(own);
    document.issuer = issuer.or(document.issuer);
    document.client_id = id.or(document.client_id);
    document.client_secret = secret.map(SecretString::from).or(document.client_secret);
    document.redirect_url = redirect.or(document.redirect_url);
    let split = |text: String| text.split([' ', ',']).filter(|it| !it.is_empty()).map(str::to_owned).collect();
    document.scopes = scopes.map(split).or(document.scopes);
    document
}

/// Refuses providers that can't be used, each with the setting that is to be corrected.
pub(crate) fn check(values: &Values, findings: &mut Findings) {
    let documents = values.get(&PROVIDERS);
    let is_named = |provider: &str| documents.iter().any(|it| variable(&it.name, "") == format!("{PREFIX}{provider}"));
    let strays: Vec<&str> = values.entries.iter().map(|entry| &*entry.name).collect();
    for stray in strays.into_iter().filter(|name| provider_of(name).is_some_and(|provider| !is_named(provider))) {
        let what = "is of a provider that KAYAN_OIDC_PROVIDERS does not name";
        findings.reject(values, stray, Invalid::new(what, "add its name there, in lower case"));
    }
    for (at, document) in documents.iter().enumerate() {
        let same = |other: &Document| variable(&other.name, "") == variable(&document.name, "");
        if documents.iter().take(at).any(same) {
            let what = format!("names the provider {} twice", document.name);
            findings.reject(values, PROVIDERS.name, Invalid::new(what, "give each a name of its own"));
        }
        if let Err((field, invalid)) = provider(values, with_variables(values, document.clone())) {
            // The variable, if it is given or the provider has nothing but its name.
            let own = variable(&document.name, field);
            let is_own = values.entry(&own).is_some() || document.issuer.is_none();
            let setting = if is_own && FIELDS.contains(&field) { &own } else { PROVIDERS.name };
            let what = format!("the provider {}: {}", document.name, invalid.what);
            findings.reject(values, setting, Invalid::new(what, invalid.hint));
        }
    }
    if !documents.is_empty() && values.text(&http::RETURN_TO).is_none() {
        let what = "is required with KAYAN_OIDC_PROVIDERS: browsers are redirected there after a login";
        findings.reject(values, http::RETURN_TO.name, Invalid::new(what, "set it to the URL of your application"));
    }
}

/// The providers; those that are refused are left out.
pub(crate) fn read(values: &Values) -> Vec<Provider> {
    let all = values.get(&PROVIDERS).into_iter();
    all.filter_map(|document| provider(values, with_variables(values, document)).ok()).collect()
}

/// A provider, or its field that is wrong.
fn provider(values: &Values, document: Document) -> Result<Provider, (&'static str, Invalid)> {
    let [issuer_field, id_field, _, redirect_field, scopes_field] = FIELDS;
    let name: ProviderName = document
        .name
        .parse()
        .map_err(|why| ("_NAME", Invalid::new(format!("{:?} is no name: {why}", document.name), "rename it")))?;
    let missing = |what: &str| Invalid::new(format!("has no {what}"), format!("set its {what}"));
    let issuer = document.issuer.ok_or((issuer_field, missing("issuer")))?;
    let issuer_url = issuer_url(&issuer, values.production()).map_err(|invalid| (issuer_field, invalid))?;
    let client_id = document.client_id.ok_or((id_field, missing("client_id")))?;
    let redirect_url = redirect_url(values, &name, document.redirect_url.as_deref());
    let redirect_url = redirect_url.map_err(|invalid| (redirect_field, invalid))?;
    let mut scopes = document.scopes.unwrap_or_else(|| ["openid", "email", "profile"].map(str::to_owned).into());
    if scopes.iter().any(|scope| scope.is_empty() || !scope.bytes().all(|byte| byte.is_ascii_graphic())) {
        return Err((scopes_field, Invalid::new("has a scope that is no word", "separate scopes by spaces")));
    }
    if !scopes.iter().any(|scope| scope == "openid") {
        scopes.insert(0, "openid".to_owned());
    }
    if document.client_secret.as_ref().is_some_and(|secret| secret.expose_secret().is_empty()) {
        return Err(("_CLIENT_SECRET", Invalid::new("has an empty secret", "leave it out for a public client")));
    }
    let acr = (!document.acr_values.is_empty()).then(|| ("acr_values".to_owned(), document.acr_values.join(" ")));
    let prompt = document.prompt.map(|prompt| ("prompt".to_owned(), prompt));
    let traits = document.traits.unwrap_or_else(|| ["email", "name"].map(|it| (it.to_owned(), it.to_owned())).into());
    let rules = ProviderRules {
        title: document.title.unwrap_or_else(|| name.to_string()),
        name,
        sign_up: document.sign_up.unwrap_or(true),
        email_domains: document.email_domains.iter().map(|domain| domain.to_ascii_lowercase()).collect(),
        traits: traits.into_iter().collect(),
        mfa_amr: document.mfa_amr,
        mfa_acr: document.mfa_acr,
        native_redirect_uris: document.native_redirect_uris,
    };
    Ok(Provider {
        rules,
        issuer,
        issuer_url,
        client_id,
        client_secret: document.client_secret,
        redirect_url,
        scopes,
        parameters: acr.into_iter().chain(prompt).collect(),
        max_age: document.max_age,
    })
}

/// An issuer is an https URL without query and fragment (OpenID Connect Discovery 1.0, section 3); on the developer's own machine,
/// http will do.
fn issuer_url(text: &str, production: bool) -> Result<Url, Invalid> {
    let hint = "copy `issuer` from its /.well-known/openid-configuration";
    let url = Url::parse(text).map_err(|why| Invalid::new(format!("has an issuer that is no URL ({why})"), hint))?;
    let is_bare = url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if !is_bare || url.password().is_some() || !url.has_host() {
        return Err(Invalid::new("has an issuer with a user, a query or a fragment, or without a host", hint));
    }
    let is_safe = url.scheme() == "https" || url.scheme() == "http" && !production && is_loopback(&url);
    if is_safe {
        Ok(url)
    } else {
        Err(Invalid::new("has an issuer that is not https", "use a URL that begins with https://"))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Where the provider sends browsers back to: by default the callback at the service's own URL.
fn redirect_url(values: &Values, name: &ProviderName, given: Option<&str>) -> Result<Url, Invalid> {
    if let Some(given) = given {
        let ends = format!("/api/v1/oidc/{name}/callback");
        let url = Url::parse(given).ok().filter(|url| url.path().ends_with(&ends) && url.query().is_none());
        return url.filter(|url| matches!(url.scheme(), "https" | "http") && url.fragment().is_none()).ok_or_else(
            || {
                Invalid::new(
                    format!("has a redirect URL that does not end with {ends}"),
                    "use the service's own URL with it",
                )
            },
        );
    }
    let own = match values.find(&http::PUBLIC_URL) {
        Some(url) => Some(url.to_string()),
        None if values.production() || values.get(&http::PORT) == 0 => None,
        None => Some(format!("http://localhost:{}", values.get(&http::PORT))),
    };
    let own = own.and_then(|own| format!("{}/api/v1/oidc/{name}/callback", own.trim_end_matches('/')).parse().ok());
    own.ok_or_else(|| Invalid::new("has no redirect URL", "set KAYAN_PUBLIC_URL"))
}
