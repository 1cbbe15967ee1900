//! The identity providers that users log in with.

use std::sync::Arc;

use kayan_oidc::{Guard, Provider, ProviderSettings, RedirectUris};
use kayan_ports::IdentityProvider;
use secrecy::ExposeSecret as _;
use url::Url;

use super::clock;
use crate::{
    config::{Config, settings::oidc},
    exit::Exit,
};

/// The providers, none of which is called yet.
pub(super) fn providers(config: &Config) -> Result<Vec<Arc<dyn IdentityProvider>>, Exit> {
    let guard = Guard::new(&config.outbound_allow);
    let provider = |provider: &crate::config::Provider| -> Result<Arc<dyn IdentityProvider>, Exit> {
        let settings = ProviderSettings {
            rules: provider.rules.clone(),
            issuer: provider.issuer.clone(),
            client_id: provider.client_id.clone(),
            client_secret: provider.client_secret.as_ref().map(|secret| secret.expose_secret().to_owned().into()),
            redirect_uris: redirect_uris(config, provider.redirect_url.clone()),
            scopes: provider.scopes.clone(),
            parameters: provider.parameters.clone(),
            max_age: provider.max_age,
        };
        let built = Provider::new(settings, provider.issuer_url.clone(), guard.clone(), clock());
        Ok(Arc::new(built.map_err(|why| Exit::config(format!("{}: {why}", oidc::PROVIDERS.name)))?))
    };
    config.providers.iter().map(provider).collect()
}

/// The callback of a tenant: at its own host if it has one, because that is where the browser has its cookies.
fn redirect_uris(config: &Config, usual: Url) -> RedirectUris {
    let hosts = config.tenant_hosts.clone();
    Arc::new(move |tenant| {
        let mut url = usual.clone();
        if let Some(host) = hosts.hosts_of(tenant).first() {
            // What is no host is refused with the setting of hosts.
            let _kept_as_it_was = url.set_host(Some(host));
        }
        url.into()
    })
}
