//! Logs in by an authorization code that a native application has got from an identity provider (RFC 8252).

use kayan_ports::{EventType, Method, Redemption};

use crate::{
    Caller, Failure, Kayan, Opened,
    policy::tenant,
    provider::{UnknownProvider, log_in::ProviderLoginError},
};

/// An authorization code, and what the application has asked for it with.
#[derive(Debug)]
pub struct ExchangeProviderCode {
    /// The provider's name.
    pub provider: String,
    /// The code.
    pub code: String,
    /// The PKCE verifier (RFC 7636, section 4.1).
    pub code_verifier: String,
    /// The redirect URI of the application.
    pub redirect_uri: String,
    /// The nonce.
    pub nonce: String,
}

/// Why no session was opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeProviderCodeError {
    /// There is no such provider.
    #[error(transparent)]
    UnknownProvider(#[from] UnknownProvider),
    /// The login failed.
    #[error(transparent)]
    LogIn(#[from] ProviderLoginError),
}

impl From<Failure> for ExchangeProviderCodeError {
    fn from(failure: Failure) -> Self {
        Self::LogIn(failure.into())
    }
}

impl Kayan {
    /// Opens a session for the account that the code is of.
    pub async fn exchange_provider_code(
        &self,
        caller: &Caller,
        cmd: ExchangeProviderCode,
    ) -> Result<Opened, ExchangeProviderCodeError> {
        let provider = self.provider(&cmd.provider)?;
        if !provider.rules().native_redirect_uris.contains(&cmd.redirect_uri) {
            let event = self
                .event(caller, EventType::LoginFailure, self.clock.now(), "a login by an identity provider failed")
                .failed(40)
                .with("method", Method::Oidc.as_str())
                .with("provider", provider.rules().name.as_str())
                .with("reason", "the redirect URI is not that of a native application");
            self.record(event).await?;
            let told = "the redirect_uri is not registered here: see native_redirect_uris of the provider";
            return Err(ProviderLoginError::Refused(told).into());
        }
        // The provider is not asked in vain.
        let tenant = self.active_tenant(caller).await?.ok_or(ProviderLoginError::NoTenant)?;
        if !tenant::allows(&tenant.settings, Method::Oidc) {
            return Err(ProviderLoginError::MethodDisabled.into());
        }
        let ExchangeProviderCode { code, code_verifier, redirect_uri, nonce, .. } = &cmd;
        match provider.redeem(Redemption { code, redirect_uri, code_verifier, nonce }).await {
            Ok(assertion) => Ok(self.log_in_by_provider(caller, provider.rules(), &assertion).await?),
            Err(why) => Err(self.not_asserted(caller, provider, why).await?.into()),
        }
    }
}
