//! Calls of a provider: bounded in time and size, without redirects, and to allowed addresses only.

use std::time::Duration;

use kayan_outbound::{ClientError, Guard, causes, client};
use reqwest::{Client, RequestBuilder, StatusCode, header};
use url::{Url, form_urlencoded};

/// How long a call may take, from the look-up of the name to the end of the response.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// The largest response, in bytes.
pub(crate) const LARGEST: usize = 512 * 1024;

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("{0}")]
    Failed(String),
    #[error("the response has more than {LARGEST} bytes")]
    TooLarge,
    #[error("{0} is neither https nor, as the issuer, http, or it has a user in it")]
    Url(Url),
    #[error("{0}")]
    Address(#[from] kayan_outbound::RefusedAddress),
}

/// A response.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
}

/// How a client authenticates at the token endpoint (OpenID Connect Core 1.0, section 9).
pub(crate) enum Authentication<'a> {
    /// With its secret in a header (`client_secret_basic`).
    Basic(&'a str),
    /// With its secret in the form (`client_secret_post`).
    Post(&'a str),
    /// Not at all: it has no secret.
    None,
}

/// The client for the calls of one provider.
pub(crate) struct Http {
    client: Client,
    guard: Guard,
    /// Whether the issuer itself is called without TLS, as on the developer's own machine.
    is_plain: bool,
}

impl Http {
    /// # Errors
    /// What can't be set up. With `https:`, reads the system's certificate authorities.
    pub(crate) fn new(issuer: &Url, guard: Guard) -> Result<Self, ClientError> {
        let is_plain = issuer.scheme() == "http";
        Ok(Self { client: client(issuer, PATIENCE, Some(&guard))?, guard, is_plain })
    }

    /// Whether a URL of the provider is one that the service, or a browser, is sent to.
    pub(crate) fn takes(&self, url: &Url) -> bool {
        let scheme = if self.is_plain { url.scheme() == "http" } else { url.scheme() == "https" };
        scheme && url.has_host() && url.username().is_empty() && url.password().is_none()
    }

    /// Gets JSON, with an access token if there is one.
    pub(crate) async fn get(&self, url: &Url, token: Option<&str>) -> Result<Response, HttpError> {
        let request = self.client.get(url.clone()).header(header::ACCEPT, "application/json");
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        self.send(url, request).await
    }

    /// Posts a form for JSON.
    pub(crate) async fn post(
        &self,
        url: &Url,
        (id, authentication): (&str, Authentication<'_>),
        fields: &[(&str, &str)],
    ) -> Result<Response, HttpError> {
        let request = self.client.post(url.clone()).header(header::ACCEPT, "application/json");
        let (request, own) = match authentication {
            Authentication::Basic(secret) => (request.basic_auth(encoded(id), Some(encoded(secret))), &[][..]),
            Authentication::Post(secret) => (request, &[("client_id", id), ("client_secret", secret)][..]),
            Authentication::None => (request, &[("client_id", id)][..]),
        };
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).extend_pairs(own).finish();
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        self.send(url, request).await
    }

    async fn send(&self, url: &Url, request: RequestBuilder) -> Result<Response, HttpError> {
        if !self.takes(url) {
            return Err(HttpError::Url(url.clone()));
        }
        self.guard.check_literal(url)?;
        // The URL of a userinfo endpoint may be personal; that of an error stands in the settings.
        let failed = |error: reqwest::Error| HttpError::Failed(causes(&error.without_url()));
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(failed)? {
            if body.len() + part.len() > LARGEST {
                return Err(HttpError::TooLarge);
            }
            body.extend_from_slice(&part);
        }
        Ok(Response { status, body })
    }
}

/// A client's id or secret, as `client_secret_basic` wants it (RFC 6749, section 2.3.1).
fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
