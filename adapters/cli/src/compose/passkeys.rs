//! The relying parties of passkeys.

use std::sync::Arc;

use kayan_core::RelyingPartyOf;
use kayan_ports::WebAuthn;
use kayan_webauthn::{Ceremonies, RelyingParty};

use crate::{
    config::{Config, Passkeys, settings},
    exit::Exit,
};

/// The relying party that passkeys are made for; `None` if these are off.
fn shared_party(config: &Config) -> Result<Option<RelyingParty>, Exit> {
    let Some(Passkeys { rp_id, origins }) = &config.passkeys else { return Ok(None) };
    let party = RelyingParty::new(rp_id, rp_id, origins);
    party.map(Some).map_err(|why| Exit::config(format!("{}: {why}", settings::passkeys::RP_ID.name)))
}

/// What verifies the passkeys of a tenant: a tenant with hosts of its own is a relying party of its own.
pub(crate) fn relying_party(config: &Config) -> Result<RelyingPartyOf, Exit> {
    let shared: Option<Arc<dyn WebAuthn>> =
        shared_party(config)?.map(|party| Arc::new(Ceremonies::new(party)) as Arc<dyn WebAuthn>);
    let (hosts, url) = (config.tenant_hosts.clone(), config.public_url.clone());
    Ok(Arc::new(move |tenant| {
        let shared = shared.as_ref()?;
        let own = hosts.hosts_of(tenant);
        let Some(first) = own.first() else { return Some(shared.clone()) };
        let (scheme, port) = url.as_ref().map_or(("https", None), |url| (url.scheme(), url.port()));
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let origins: Vec<String> = own.iter().map(|host| format!("{scheme}://{host}{port}")).collect();
        // Hosts that browsers have no passkeys for, such as addresses, have none.
        let party = RelyingParty::new(first, first, &origins).ok()?;
        Some(Arc::new(Ceremonies::new(party)))
    }))
}

/// The origins of other domains that may use the passkeys of the shared relying party.
pub(crate) fn related_origins(config: &Config) -> Result<Vec<String>, Exit> {
    Ok(shared_party(config)?.map_or_else(Vec::new, |party| party.related_origins().to_vec()))
}
