//! An identity provider that asserts what a test has told it.

use std::collections::HashMap;

use async_trait::async_trait;
use kayan_ports::{
    AuthorizationRequest, IdentityProvider, ProviderAssertion, ProviderError, ProviderName, ProviderRules, Redemption,
    TenantId,
};
use parking_lot::Mutex;

/// A provider at `https://idp.example`, each of whose codes is good once.
#[derive(Debug)]
pub struct PlainProvider {
    rules: ProviderRules,
    answers: Mutex<HashMap<String, Result<ProviderAssertion, ProviderError>>>,
}

impl PlainProvider {
    /// The provider of this name, which lets everyone sign up.
    pub fn new(name: ProviderName) -> Self {
        let traits = ["email", "name"].map(|both| (both.to_owned(), both.to_owned())).into();
        let (title, rules) = (name.to_string(), Vec::new);
        Self::with_rules(ProviderRules {
            name,
            title,
            sign_up: true,
            email_domains: rules(),
            traits,
            mfa_amr: rules(),
            mfa_acr: rules(),
            native_redirect_uris: vec!["app.example:/callback".to_owned()],
        })
    }

    /// With these rules.
    pub fn with_rules(rules: ProviderRules) -> Self {
        Self { rules, answers: Mutex::default() }
    }

    /// The same with other rules.
    #[must_use]
    pub fn having(mut self, change: impl FnOnce(&mut ProviderRules)) -> Self {
        change(&mut self.rules);
        self
    }

    /// What this code is exchanged for.
    pub fn promise(&self, code: &str, answer: Result<ProviderAssertion, ProviderError>) {
        self.answers.lock().insert(code.to_owned(), answer);
    }
}

#[async_trait]
impl IdentityProvider for PlainProvider {
    fn rules(&self) -> &ProviderRules {
        &self.rules
    }

    fn redirect_uri(&self, tenant: &TenantId) -> String {
        format!("https://login.example/{tenant}/{}/callback", self.rules.name)
    }

    async fn authorization_url(&self, request: AuthorizationRequest<'_>) -> Result<String, ProviderError> {
        Ok(format!("https://idp.example/authorize?state={}", request.state))
    }

    async fn check_issuer(&self, issuer: Option<&str>) -> Result<(), ProviderError> {
        match issuer {
            None | Some("https://idp.example") => Ok(()),
            Some(_) => Err(ProviderError::Refused("the answer is of another issuer".to_owned())),
        }
    }

    async fn redeem(&self, redemption: Redemption<'_>) -> Result<ProviderAssertion, ProviderError> {
        let unknown = || Err(ProviderError::Refused("invalid_grant".to_owned()));
        self.answers.lock().remove(redemption.code).unwrap_or_else(unknown)
    }
}
