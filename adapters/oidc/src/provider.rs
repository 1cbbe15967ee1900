//! An identity provider: authorization requests, and codes that come for them.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use kayan_outbound::{ClientError, Guard};
use kayan_ports::{
    AuthorizationRequest, Clock, IdentityProvider, ProviderAssertion, ProviderError, ProviderRules, Redemption,
    TenantId,
};
use serde::Deserialize;
use url::Url;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    documents::Documents,
    http::{Http, Response},
    id_token::{self, Expected, RefusedToken},
    metadata::Metadata,
    user_info,
};

/// Where a provider sends the browsers of a tenant back to.
pub type RedirectUris = Arc<dyn Fn(&TenantId) -> String + Send + Sync>;

/// How a provider is spoken to.
#[derive(Clone)]
pub struct ProviderSettings {
    /// How its accounts are used.
    pub rules: ProviderRules,
    /// The issuer, a URL. It is compared as text.
    pub issuer: String,
    /// The id of this service there.
    pub client_id: String,
    /// The secret of this service there; `None`: it is a public client.
    pub client_secret: Option<Zeroizing<String>>,
    /// Where it sends browsers back to.
    pub redirect_uris: RedirectUris,
    /// The scopes, with `openid` among them.
    pub scopes: Vec<String>,
    /// Further parameters of an authorization request, such as `prompt` and `acr_values`.
    pub parameters: Vec<(String, String)>,
    /// How long ago the user may have authenticated there, in seconds.
    pub max_age: Option<u32>,
}

impl fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSettings")
            .field("rules", &self.rules)
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}

/// An identity provider. Its documents are fetched when they are needed, so that the service starts while it is away.
pub struct Provider {
    settings: ProviderSettings,
    http: Arc<Http>,
    documents: Arc<Documents>,
    clock: Arc<dyn Clock>,
}

/// A response of the token endpoint (OpenID Connect Core 1.0, section 3.1.3.3).
#[derive(Deserialize, Zeroize, ZeroizeOnDrop)]
struct Tokens {
    id_token: Option<String>,
    access_token: Option<String>,
}

/// An error of the token endpoint (RFC 6749, section 5.2).
#[derive(Deserialize)]
struct TokenError {
    error: String,
}

impl Provider {
    /// A provider, which is not called yet. The guard decides which addresses are connected to.
    ///
    /// # Errors
    /// What can't be set up.
    pub fn new(
        settings: ProviderSettings,
        issuer: Url,
        guard: Guard,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, ClientError> {
        let http = Arc::new(Http::new(&issuer, guard)?);
        let (name, text) = (settings.rules.name.to_string(), settings.issuer.clone());
        let documents = Arc::new(Documents::new(name, (issuer, text), http.clone(), clock.clone()));
        Ok(Self { settings, http, documents, clock })
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, ProviderError> {
        self.documents.metadata().await.map_err(ProviderError::Unavailable)
    }

    async fn tokens(&self, metadata: &Metadata, redemption: &Redemption<'_>) -> Result<Tokens, ProviderError> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", redemption.code),
            ("redirect_uri", redemption.redirect_uri),
            ("code_verifier", redemption.code_verifier),
        ];
        let secret = self.settings.client_secret.as_ref().map(|secret| secret.as_str());
        let client = (&*self.settings.client_id, metadata.authentication(secret));
        let response = self.http.post(&metadata.token_endpoint, client, &fields).await;
        let Response { status, body } =
            response.map_err(|why| ProviderError::Unavailable(format!("its tokens: {why}")))?;
        let body = Zeroizing::new(body);
        match status.as_u16() {
            200 => serde_json::from_slice(&body)
                .map_err(|_| ProviderError::Refused("the response of the token endpoint is no JSON object".to_owned())),
            // A code that is wrong, or a client that is.
            400..=499 => Err(ProviderError::Refused(refusal(status.as_u16(), &body))),
            other => Err(ProviderError::Unavailable(format!("its token endpoint answers with status {other}"))),
        }
    }

    async fn verified(
        &self,
        metadata: &Metadata,
        (tokens, nonce): (&Tokens, &str),
    ) -> Result<ProviderAssertion, ProviderError> {
        let id_token = tokens.id_token.as_ref();
        let id_token = id_token.ok_or_else(|| ProviderError::Refused("no ID token came for the code".to_owned()))?;
        let expected = Expected {
            issuer: &self.settings.issuer,
            client_id: &self.settings.client_id,
            nonce,
            algorithms: metadata.algorithms(),
            access_token: tokens.access_token.as_deref(),
            max_age: self.settings.max_age,
            now: self.clock.now(),
        };
        let keys = self.documents.keys().await.map_err(ProviderError::Unavailable)?;
        let refused = |why: RefusedToken| ProviderError::Refused(why.to_string());
        match id_token::verify(id_token, &keys, &expected) {
            Err(RefusedToken::UnknownKey) => {
                let newer = self.documents.newer_keys().await.map_err(ProviderError::Unavailable)?;
                id_token::verify(id_token, &newer, &expected).map_err(refused)
            }
            verified => verified.map_err(refused),
        }
    }
}

/// What the token endpoint said, as far as it is a known word.
fn refusal(status: u16, body: &[u8]) -> String {
    let is_word =
        |text: &String| text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let word = serde_json::from_slice::<TokenError>(body).map(|error| error.error).ok().filter(is_word);
    format!("the token endpoint refuses the code: {}", word.unwrap_or_else(|| format!("status {status}")))
}

#[async_trait]
impl IdentityProvider for Provider {
    fn rules(&self) -> &ProviderRules {
        &self.settings.rules
    }

    fn redirect_uri(&self, tenant: &TenantId) -> String {
        (self.settings.redirect_uris)(tenant)
    }

    async fn authorization_url(&self, request: AuthorizationRequest<'_>) -> Result<String, ProviderError> {
        let mut url = self.metadata().await?.authorization_endpoint.clone();
        let max_age = self.settings.max_age.map(|seconds| ("max_age".to_owned(), seconds.to_string()));
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", request.redirect_uri)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", request.state)
            .append_pair("nonce", request.nonce)
            .append_pair("code_challenge", request.code_challenge)
            .append_pair("code_challenge_method", "S256")
            .extend_pairs(&self.settings.parameters)
            .extend_pairs(max_age);
        Ok(url.into())
    }

    async fn check_issuer(&self, issuer: Option<&str>) -> Result<(), ProviderError> {
        match issuer {
            Some(issuer) if issuer == self.settings.issuer => Ok(()),
            Some(_) => Err(ProviderError::Refused("the response names another issuer (iss)".to_owned())),
            None if self.metadata().await?.authorization_response_iss_parameter_supported => Err(
                ProviderError::Refused("the response names no issuer (iss), as the provider says it does".to_owned()),
            ),
            None => Ok(()),
        }
    }

    async fn redeem(&self, redemption: Redemption<'_>) -> Result<ProviderAssertion, ProviderError> {
        let metadata = self.metadata().await?;
        let tokens = self.tokens(&metadata, &redemption).await?;
        let assertion = self.verified(&metadata, (&tokens, redemption.nonce)).await?;
        // By the letter of the standard, the claims of scopes are there and not in the ID token (section 5.4).
        let is_missing = |(claim, _): &(String, String)| !assertion.claims.contains_key(claim);
        match (&metadata.userinfo_endpoint, &tokens.access_token) {
            (Some(endpoint), Some(token))
                if assertion.email.is_none() || self.settings.rules.traits.iter().any(is_missing) =>
            {
                user_info::add(&self.http, (endpoint, token), assertion).await
            }
            _ => Ok(assertion),
        }
    }
}
