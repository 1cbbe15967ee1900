//! Forward authentication: proxies ask before they forward a request to another service.

mod behind;
mod questions;

use kayan_journeys::{Answer, Client, Home, Person, Service};
use reqwest::RequestBuilder;

use crate::presenting::production;

/// The service behind the proxy, which requires a role, and another one, which requires a second factor.
const GRAFANA: &str = "grafana.example.com";
const VAULT: &str = "vault.example.com";

/// Settings as in the examples, for a proxy on this machine.
fn set(home: Home) -> Home {
    home.with("KAYAN_TRUSTED_PROXIES", "127.0.0.1/32")
        .with("KAYAN_COOKIE_DOMAIN", "example.com")
        .with("KAYAN_LOGIN_URL", "https://www.example.com/login?theme=dark")
        .with("KAYAN_RETURN_TO", format!("https://{GRAFANA},http://{GRAFANA},https://{VAULT}"))
        .with("KAYAN_FORWARD_AUTH_RULES", format!("{GRAFANA} role=ops; {VAULT} min_aal=aal2"))
}

/// A service, and Ada, who has a role that inherits from `ops` and a verified address.
async fn with_ada() -> (Service, Person) {
    let service = Service::start_in(set(production("https://login.example.com"))).await;
    let ada = Person::register(&service.client(), "ada").await;
    let home = service.home();
    for line in [
        "admin role create --name ops --permissions dashboards:read",
        "admin role create --name lead --permissions dashboards:write --parents ops",
        "admin role grant --role lead --id ada@example.com",
    ] {
        let done = home.run(line).await;
        assert_eq!(done.code, 0, "{line}: {}", done.stderr);
    }
    verify(home, &ada).await;
    (service, ada.log_in().await)
}

/// Marks the address of a user as verified.
async fn verify(home: &Home, person: &Person) {
    let mark = format!("UPDATE identities SET verified = '[\"{}\"]' WHERE id = '{}'", person.email, person.id);
    home.database().await.execute(&mark).await;
}

fn cookie(person: &Person) -> String {
    format!("__Secure-kayan_session={}", person.session_token)
}

/// A question about a request to this host, as a proxy asks it.
fn asking(client: &Client, host: &str, query: &str) -> RequestBuilder {
    let question = client.get(&format!("/forward-auth{query}")).header("X-Forwarded-Host", host);
    question.header("X-Forwarded-Proto", "https").header("X-Forwarded-Uri", "/d/1?from=now-1h,to=now")
}

/// Of a browser whose user opens a page.
fn for_a_page(request: RequestBuilder) -> RequestBuilder {
    request.header("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
}

/// What is said about the user.
fn about(answer: &Answer) -> [&str; 3] {
    ["remote-user", "remote-email", "remote-groups"].map(|name| {
        assert!(answer.headers.contains_key(name), "{name}: {answer:?}");
        answer.header(name)
    })
}
