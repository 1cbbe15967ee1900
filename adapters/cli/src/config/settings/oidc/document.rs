//! The JSON of identity providers.

use std::collections::BTreeMap;

use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;

use crate::config::{parse, problem::Invalid};

/// One provider, as far as it is given.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Document {
    pub(super) name: String,
    pub(super) title: Option<String>,
    pub(super) issuer: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<SecretString>,
    pub(super) redirect_url: Option<String>,
    pub(super) scopes: Option<Vec<String>>,
    pub(super) sign_up: Option<bool>,
    pub(super) email_domains: Vec<String>,
    pub(super) traits: Option<BTreeMap<String, String>>,
    pub(super) acr_values: Vec<String>,
    pub(super) prompt: Option<String>,
    pub(super) max_age: Option<u32>,
    pub(super) mfa_amr: Vec<String>,
    pub(super) mfa_acr: Vec<String>,
    pub(super) native_redirect_uris: Vec<String>,
}

/// Reads names, a list of objects with a `name`, or an object with a member for each provider. No message holds a value, for one may
/// be a secret.
pub(super) fn read(text: &str) -> Result<Vec<Document>, Invalid> {
    if !text.starts_with(['[', '{']) {
        let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
        return Ok(names.map(|name| Document { name: name.to_owned(), ..Document::default() }).collect());
    }
    match parse::json(text)? {
        Value::Array(all) => all.into_iter().enumerate().map(|(at, one)| document(one, &at.to_string())).collect(),
        Value::Object(all) => {
            let named = |(name, one)| Ok(Document { name: String::clone(&name), ..document(one, &name)? });
            all.into_iter().map(named).collect()
        }
        _ => Ok(Vec::new()),
    }
}

fn document(value: Value, at: &str) -> Result<Document, Invalid> {
    serde_path_to_error::deserialize(value).map_err(|why| {
        let path = why.path().to_string();
        let what = format!("has an unknown member, or one of another type, at {at}.{path}");
        Invalid::new(what, "see docs/providers/README.md for the members of a provider")
    })
}
