//! Login by identity providers: real ones in Node.js, and one that does what it is told.

mod hostile;
mod links;
mod logins;

use std::net::{Ipv4Addr, TcpListener};

use kayan_journeys::{Answer, Browser, CLIENT, Home, IdentityProvider, Service, ask};
use serde_json::{Value, json};

/// Where browsers end.
pub(crate) const APP: &str = "https://app.example/welcome";
/// The redirect URI of a native application.
pub(crate) const NATIVE: &str = "com.example.app:/callback";

/// A port that is free now.
fn free_port() -> u16 {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    free.expect("a free port").port()
}

/// The settings of a service with this provider, called `idp`, and with more members of its own.
pub(crate) fn with_provider(home: Home, issuer: &str, more: &Value) -> Home {
    let mut provider = json!({
        "issuer": issuer,
        "client_id": CLIENT.0,
        "client_secret": CLIENT.1,
        "native_redirect_uris": [NATIVE],
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        provider[name] = value.clone();
    }
    let providers = json!({ "idp": provider }).to_string();
    home.with("KAYAN_OIDC_PROVIDERS", providers).with("KAYAN_RETURN_TO", "https://app.example")
}

/// The settings with a callback: the port of the service is not known before it starts.
pub(crate) fn redirecting(home: Home) -> Home {
    home.with("KAYAN_OIDC_PROVIDERS_IDP_REDIRECT_URL", "http://localhost/api/v1/oidc/idp/callback")
}

/// A service on a known port, and a provider that sends browsers back to it.
struct Stage {
    service: Service,
    provider: IdentityProvider,
    origin: String,
}

impl Stage {
    async fn start(more: Value, options: &[&str]) -> Self {
        let port = free_port();
        let origin = format!("http://localhost:{port}");
        let provider = IdentityProvider::start(&format!("{origin}/api/v1/oidc/idp/callback"), options).await;
        let home = with_provider(Home::new(), &provider.issuer(), &more).with("KAYAN_PORT", port.to_string());
        Self { service: Service::start_in(home).await, provider, origin }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// Begins a login, and logs in at the provider as this account; returns the callback.
    async fn callback(&self, browser: &Browser, account: &Value) -> String {
        let begun = browser.redirected(&self.url("/api/v1/oidc/idp?return_to=https://app.example/welcome")).await;
        browser.log_in_at(&begun, account).await
    }

    /// A whole login; the answer of the callback.
    async fn log_in(&self, browser: &Browser, account: &Value) -> Answer {
        let callback = self.callback(browser, account).await;
        ask(browser.open(&callback)).await.expect(302)
    }

    /// The owner of the browser's session.
    async fn who_am_i(&self, browser: &Browser) -> Value {
        ask(browser.open(&self.url("/api/v1/whoami"))).await.expect(200).json()
    }
}

/// An account at the provider.
fn account(sub: &str, email: &str, email_verified: bool) -> Value {
    json!({ "sub": sub, "email": email, "email_verified": email_verified, "name": "Ada" })
}

/// The error in the fragment of the page that the browser ends on.
fn error_of(page: &Answer) -> String {
    let fragment = page.header("location").split_once("#error=").map(|(_, rest)| rest).unwrap_or_default();
    fragment.split('&').next().unwrap_or_default().to_owned()
}
