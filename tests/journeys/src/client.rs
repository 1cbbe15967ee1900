//! A client of a running service, without cookies or redirects.

use std::{net::SocketAddr, time::Duration};

use reqwest::{Method, RequestBuilder, redirect::Policy};
use serde_json::Value;

/// The time limit of a request, so that a test that hangs fails.
const PATIENCE: Duration = Duration::from_secs(45);

/// A client of one service.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    origin: String,
}

impl Client {
    /// One of the service at this address.
    pub fn new(address: SocketAddr) -> Self {
        // The service speaks no TLS, so no certificates have to be loaded.
        let http = reqwest::Client::builder().tls_certs_only([]).no_proxy().redirect(Policy::none()).timeout(PATIENCE);
        Self { http: http.build().expect("a client"), origin: format!("http://{address}") }
    }

    /// The service's own origin.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// A request, not yet sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.origin))
    }

    /// A GET request, not yet sent.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    /// A POST request without a body, not yet sent.
    pub fn post(&self, path: &str) -> RequestBuilder {
        self.request(Method::POST, path)
    }

    /// A DELETE request without a body, not yet sent.
    pub fn delete(&self, path: &str) -> RequestBuilder {
        self.request(Method::DELETE, path)
    }

    /// A POST request with a JSON body, not yet sent.
    pub fn tell(&self, path: &str, body: &Value) -> RequestBuilder {
        self.post(path).json(body)
    }
}
