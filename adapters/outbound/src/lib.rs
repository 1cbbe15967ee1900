//! HTTP clients for services that the operator names: they follow no redirects, and may be kept to public addresses.

mod guard;

use std::{error::Error, io, sync::Arc, time::Duration};

use kayan_tls::{NoSystemAuthorities, system_authorities};
use reqwest::{Client, redirect};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs};
use url::Url;

pub use guard::{Guard, RefusedAddress};

/// Why a service can't be called.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The HTTP client refuses its settings.
    #[error("it can't be called: {0}")]
    Client(#[from] reqwest::Error),
    /// TLS can't be set up.
    #[error("it can't be called by TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The system trusts no certificate authority.
    #[error(transparent)]
    NoSystemAuthorities(#[from] NoSystemAuthorities),
}

/// A client for the service at `url`. `patience` limits each request from the look-up of the name to the end of the response.
/// With a guard, names are resolved by it, once for each connection, and no proxy is used.
///
/// A guard can't see an address that stands in the URL itself: ask it by [`Guard::check_literal`].
///
/// # Errors
/// What can't be set up. With `https:`, reads the system's certificate authorities.
pub fn client(url: &Url, patience: Duration, guard: Option<&Guard>) -> Result<Client, ClientError> {
    let roots = if url.scheme() == "https" { system_authorities()? } else { RootCertStore::empty() };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let tls = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
    let client = Client::builder()
        .timeout(patience)
        .redirect(redirect::Policy::none())
        .user_agent(concat!("kayan/", env!("CARGO_PKG_VERSION")))
        .tls_backend_preconfigured(tls);
    let client = match guard {
        // A proxy would resolve the name by itself.
        Some(guard) => client.no_proxy().dns_resolver(guard.clone()),
        None => client,
    };
    Ok(client.build()?)
}

/// An error with its causes, which name what really happened.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let all: Vec<String> = chain(error).map(ToString::to_string).collect();
    all.join(": ")
}

/// Whether an error is one of TLS.
pub fn is_of_tls(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(wraps_tls)
}

/// What an input or output error wraps is none of its sources.
fn wraps_tls(error: &(dyn Error + 'static)) -> bool {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.is::<rustls::Error>() || inner.is_some_and(|inner| wraps_tls(inner))
}

fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| (**error).source())
}
