//! What a provider publishes of itself (OpenID Connect Discovery 1.0, section 3), as far as it is used.

use openidconnect::core::CoreJwsSigningAlgorithm as Algorithm;
use serde::Deserialize;
use url::Url;

use crate::http::{Authentication, Http, HttpError};

/// The algorithms that an ID token may be signed with: asymmetric ones, so that no secret that the provider shares with others
/// signs one.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

/// Why a document of a provider can't be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DocumentError {
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("it answers with status {0}")]
    Status(u16),
    #[error("it is not what it should be: {0}")]
    Malformed(String),
    #[error("it names the issuer {found}, and not {expected}: they must be the same to the last slash")]
    Issuer { expected: String, found: String },
    #[error("it names {0}, which is not https, or has a user in it")]
    Endpoint(Url),
}

/// The metadata of a provider.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Metadata {
    pub(crate) issuer: String,
    pub(crate) authorization_endpoint: Url,
    pub(crate) token_endpoint: Url,
    pub(crate) jwks_uri: Url,
    pub(crate) userinfo_endpoint: Option<Url>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    id_token_signing_alg_values_supported: Option<Vec<serde_json::Value>>,
    /// Whether it names itself in the response to an authorization request (RFC 9207, section 3).
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

impl Metadata {
    /// Where a provider publishes it.
    pub(crate) fn url(issuer: &Url) -> Option<Url> {
        format!("{}/.well-known/openid-configuration", issuer.as_str().trim_end_matches('/')).parse().ok()
    }

    /// Reads it, and checks it against the issuer of the configuration, as text.
    pub(crate) fn read(body: &[u8], issuer: &str, http: &Http) -> Result<Self, DocumentError> {
        let read: Self = serde_json::from_slice(body).map_err(|why| DocumentError::Malformed(why.to_string()))?;
        if read.issuer != issuer {
            return Err(DocumentError::Issuer { expected: issuer.to_owned(), found: read.issuer });
        }
        let endpoints = [&read.authorization_endpoint, &read.token_endpoint, &read.jwks_uri];
        let refused = endpoints.into_iter().chain(&read.userinfo_endpoint).find(|url| !http.takes(url)).cloned();
        refused.map_or(Ok(read), |endpoint| Err(DocumentError::Endpoint(endpoint)))
    }

    /// How to authenticate at the token endpoint.
    pub(crate) fn authentication<'a>(&self, secret: Option<&'a str>) -> Authentication<'a> {
        let Some(secret) = secret else { return Authentication::None };
        let supports = |name: &str| {
            self.token_endpoint_auth_methods_supported.as_ref().is_some_and(|all| all.iter().any(|it| it == name))
        };
        // A provider that names none takes the header.
        if supports("client_secret_post") && !supports("client_secret_basic") {
            Authentication::Post(secret)
        } else {
            Authentication::Basic(secret)
        }
    }

    /// The algorithms that it signs ID tokens with, of those that are taken at all.
    pub(crate) fn algorithms(&self) -> Vec<Algorithm> {
        let Some(named) = &self.id_token_signing_alg_values_supported else {
            return vec![Algorithm::RsaSsaPkcs1V15Sha256];
        };
        let named: Vec<Algorithm> = named.iter().filter_map(|name| serde_json::from_value(name.clone()).ok()).collect();
        ALGORITHMS.into_iter().filter(|algorithm| named.contains(algorithm)).collect()
    }
}
