//! Identity providers: login by an account there (OpenID Connect Core 1.0), and the links to these accounts.

pub(crate) mod begin;
pub(crate) mod exchange;
pub(crate) mod finish;
pub(crate) mod link;
pub(crate) mod log_in;
pub(crate) mod sign_up;
pub(crate) mod unlink;

use kayan_ports::{IdentityProvider, ProviderName, ProviderRules};

use crate::Kayan;

/// There is no provider of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no identity provider of that name")]
pub struct UnknownProvider;

impl Kayan {
    /// The identity providers, in the order of the configuration.
    pub fn providers(&self) -> impl Iterator<Item = &ProviderRules> {
        self.providers.iter().map(|provider| provider.rules())
    }

    pub(crate) fn provider(&self, name: &str) -> Result<&dyn IdentityProvider, UnknownProvider> {
        let found = self.providers.iter().find(|provider| provider.rules().name.as_str() == name);
        found.map(|provider| &**provider).ok_or(UnknownProvider)
    }

    pub(crate) fn has_provider(&self, name: &ProviderName) -> bool {
        self.provider(name.as_str()).is_ok()
    }
}

#[cfg(test)]
pub(crate) mod tests;
