//! Identity providers that users log in with (OpenID Connect Core 1.0), and the accounts there that are linked to identities.

use std::{fmt, str::FromStr};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{CredentialId, IdentityId, TenantId, Timestamp, Version};

/// The name of a provider in paths and settings: 1 to 32 of `a-z`, `0-9`, `-` and `_`. Never changed: links are kept under it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderName(String);

/// A text that is no name of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a provider's name has 1 to 32 of a-z, 0-9, - and _, and is neither `providers` nor `links`")]
pub struct ProviderNameError;

impl FromStr for ProviderName {
    type Err = ProviderNameError;

    fn from_str(text: &str) -> Result<Self, ProviderNameError> {
        let is_good = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
        // These are paths of their own.
        let is_path = ["providers", "links"].contains(&text);
        let is_name = (1..=32).contains(&text.len()) && text.bytes().all(is_good) && !is_path;
        if is_name { Ok(Self(text.to_owned())) } else { Err(ProviderNameError) }
    }
}

impl TryFrom<String> for ProviderName {
    type Error = ProviderNameError;

    fn try_from(text: String) -> Result<Self, ProviderNameError> {
        text.parse()
    }
}

impl From<ProviderName> for String {
    fn from(name: ProviderName) -> Self {
        name.0
    }
}

impl ProviderName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How the accounts of a provider are used here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderRules {
    /// Its name.
    pub name: ProviderName,
    /// What it is called on a button.
    pub title: String,
    /// Whether an account there that is not linked yet may create an identity.
    pub sign_up: bool,
    /// The domains of verified e-mail addresses that may log in, in lower case; empty: all, and without an address.
    pub email_domains: Vec<String>,
    /// The claims that a new identity gets as traits: each claim with the name of its trait.
    pub traits: Vec<(String, String)>,
    /// Values of the claim `amr` (RFC 8176) of which one stands for two factors.
    pub mfa_amr: Vec<String>,
    /// Values of the claim `acr` of which each stands for two factors.
    pub mfa_acr: Vec<String>,
    /// The redirect URIs of native applications (RFC 8252), compared as text.
    pub native_redirect_uris: Vec<String>,
}

/// What a browser is sent to a provider with (OpenID Connect Core 1.0, section 3.1.2.1).
#[derive(Clone, Copy)]
pub struct AuthorizationRequest<'a> {
    /// Where the provider sends the browser back to.
    pub redirect_uri: &'a str,
    /// Comes back with the browser.
    pub state: &'a str,
    /// Comes back in the ID token.
    pub nonce: &'a str,
    /// The SHA-256 of the PKCE verifier, in base64url (RFC 7636, section 4.2).
    pub code_challenge: &'a str,
}

/// What an authorization code is exchanged with.
#[derive(Clone, Copy)]
pub struct Redemption<'a> {
    /// The code.
    pub code: &'a str,
    /// The redirect URI of the authorization request.
    pub redirect_uri: &'a str,
    /// The PKCE verifier (RFC 7636, section 4.1).
    pub code_verifier: &'a str,
    /// The nonce of the authorization request.
    pub nonce: &'a str,
}

/// What a provider asserts of the user who logged in there, after verification.
#[derive(Debug, Clone, PartialEq)]
pub struct ProviderAssertion {
    /// The issuer (`iss`).
    pub issuer: String,
    /// The account (`sub`): unique at the issuer, and never given to another user.
    pub subject: String,
    /// The e-mail address, if there is one.
    pub email: Option<String>,
    /// Whether the provider has verified it.
    pub email_verified: bool,
    /// The authentication methods (`amr`), as the provider calls them.
    pub amr: Vec<String>,
    /// The authentication context class (`acr`).
    pub acr: Option<String>,
    /// All claims.
    pub claims: Map<String, Value>,
}

/// Why a provider asserts nothing. The texts hold no secret, no code and no token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// It can't be reached, answers too late or too much, or with an error of its own.
    #[error("{0}")]
    Unavailable(String),
    /// It refuses the code, or its answer does not verify.
    #[error("{0}")]
    Refused(String),
}

/// An identity provider.
///
/// An implementor must verify the signature of the ID token by a key of the provider and an asymmetric algorithm, and its
/// issuer, audience, authorized party, nonce, expiry and time of issue, with 30 seconds of leeway (OpenID Connect Core 1.0,
/// section 3.1.3.7); must limit the size and the time of answers, follow no redirects, and connect to no address that is not
/// allowed.
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// How its accounts are used.
    fn rules(&self) -> &ProviderRules;

    /// Where it sends browsers back to that log in to this tenant.
    fn redirect_uri(&self, tenant: &TenantId) -> String;

    /// The URL that a browser is redirected to.
    async fn authorization_url(&self, request: AuthorizationRequest<'_>) -> Result<String, ProviderError>;

    /// Checks the issuer that a response to an authorization request names (RFC 9207): the one that was asked, and named at all
    /// if the provider says that it names it.
    async fn check_issuer(&self, issuer: Option<&str>) -> Result<(), ProviderError>;

    /// Exchanges a code, and verifies what comes for it.
    async fn redeem(&self, redemption: Redemption<'_>) -> Result<ProviderAssertion, ProviderError>;
}

/// An account at a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderAccount {
    /// The provider.
    pub provider: ProviderName,
    /// Its issuer (`iss`).
    pub issuer: String,
    /// The account (`sub`).
    pub subject: String,
}

/// An account at a provider that an identity logs in with: a credential. An identity has at most one at each provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderLink {
    /// Its id.
    pub id: CredentialId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Whose it is.
    pub identity: IdentityId,
    /// The account.
    pub account: ProviderAccount,
    /// The e-mail address there when it was linked, for people; may be empty.
    pub email: String,
    /// When it was linked.
    pub created_at: Timestamp,
    /// When it last proved its owner.
    pub last_used_at: Option<Timestamp>,
    /// The version.
    pub version: Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_providers_name_is_short_lower_case_and_no_path_of_its_own() {
        for good in ["google", "my-idp_2", "a", "0123456789abcdef0123456789abcdef"] {
            assert_eq!(good.parse::<ProviderName>().map(String::from).as_deref(), Ok(good));
        }
        for bad in ["", "Google", "a b", "a/b", "providers", "links", "ä", "0123456789abcdef0123456789abcdef0"] {
            assert_eq!(bad.parse::<ProviderName>(), Err(ProviderNameError), "{bad}");
        }
    }
}
