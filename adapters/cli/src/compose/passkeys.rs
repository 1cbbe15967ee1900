//! The relying parties of passkeys.

use std::sync::Arc;

use kayan_core::RelyingPartyOf;
use kayan_http::RelatedOrigins;
use kayan_ports::{TenantId, WebAuthn};
use kayan_webauthn::{Ceremonies, RelyingParty, RelyingPartyError};

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

/// The relying party of a tenant, by its hosts; `None` for a tenant without hosts of its own.
fn own_party(config: &Config) -> impl Fn(&TenantId) -> Option<Result<RelyingParty, RelyingPartyError>> + use<> {
    let (hosts, url) = (config.tenant_hosts.clone(), config.public_url.clone());
    move |tenant| {
        let own = hosts.hosts_of(tenant);
        let first = own.first()?;
        let (scheme, port) = url.as_ref().map_or(("https", None), |url| (url.scheme(), url.port()));
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let origins: Vec<String> = own.iter().map(|host| format!("{scheme}://{host}{port}")).collect();
        Some(RelyingParty::new(first, first, &origins))
    }
}

/// What verifies the passkeys of a tenant: a tenant with hosts of its own is a relying party of its own.
pub(crate) fn relying_party(config: &Config) -> Result<RelyingPartyOf, Exit> {
    let shared: Option<Arc<dyn WebAuthn>> =
        shared_party(config)?.map(|party| Arc::new(Ceremonies::new(party)) as Arc<dyn WebAuthn>);
    let own_party = own_party(config);
    Ok(Arc::new(move |tenant| {
        let shared = shared.as_ref()?;
        match own_party(tenant) {
            None => Some(shared.clone()),
            // Hosts that browsers have no passkeys for, such as addresses, have none.
            Some(own) => Some(Arc::new(Ceremonies::new(own.ok()?))),
        }
    }))
}

/// The origins of other domains that may use the passkeys of a tenant: those of the shared relying party, or the tenant's other
/// hosts.
pub(crate) fn related_origins(config: &Config) -> Result<RelatedOrigins, Exit> {
    let (shared, own_party) = (shared_party(config)?, own_party(config));
    Ok(RelatedOrigins::new(move |tenant| {
        let Some(shared) = &shared else { return Vec::new() };
        let own = own_party(tenant);
        let party = own.as_ref().map_or(Some(shared), |own| own.as_ref().ok());
        party.map_or_else(Vec::new, |party| party.related_origins().to_vec())
    }))
}
