//! Forward authentication: proxies ask before they forward a request to another service.

mod database_independent;

use std::time::{Duration, Instant};

use kayan_journeys::{Answer, Client, Home, PASSWORD, Person, Service, ask, exchange};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    presenting::production,
    second_factors::{App, verify},
};

/// The service behind the proxy, which requires a role, and another one, which requires a second factor.
const GRAFANA: &str = "grafana.example.com";
const VAULT: &str = "vault.example.com";

/// Settings as in the examples, for a proxy on this machine.
fn set(home: Home) -> Home {
    home.with("KAYAN_TRUSTED_PROXIES", "127.0.0.1/32")
        .with("KAYAN_COOKIE_DOMAIN", "example.com")
        .with("KAYAN_LOGIN_URL", "https://www.example.com/login?theme=dark")
        .with("KAYAN_RETURN_TO", format!("https://{GRAFANA},http://{GRAFANA},https://{VAULT}"))
        .with("KAYAN_FORWARD_AUTH_RULES", format!("{GRAFANA} role=ops; {VAULT} min_aal=aal2; wiki.example.com"))
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
    mark_verified(home, &ada).await;
    (service, ada.log_in().await)
}

/// Marks the address of a user as verified.
async fn mark_verified(home: &Home, person: &Person) {
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

#[tokio::test]
async fn a_proxy_learns_who_the_user_is_however_the_session_is_presented() {
    let (service, ada) = with_ada().await;
    let client = service.client();
    let question = || asking(&client, GRAFANA, "");
    for request in [
        question().header("Cookie", cookie(&ada)),
        question().bearer_auth(&ada.session_token),
        question().header("X-Session-Token", &ada.session_token),
        // Proxies say that they ask about a change: asking changes nothing, and the service has protection of its own.
        question()
            .header("Cookie", cookie(&ada))
            .header("X-Forwarded-Method", "POST")
            .header("Origin", "https://x.example"),
    ] {
        let answer = ask(request).await.expect(200);
        assert_eq!(about(&answer), [&*ada.email, &ada.email, "lead,ops"]);
        assert!(answer.body.is_empty() && answer.header("cache-control") == "no-store", "{answer:?}");
    }
    ask(question()).await.refused(401, "unauthorized");
    ask(question().header("Cookie", format!("kayan_session={}", ada.session_token))).await.refused(401, "unauthorized");
    let head = client.request(Method::HEAD, "/forward-auth").header("X-Forwarded-Host", GRAFANA);
    assert_eq!(about(&ask(head.header("Cookie", cookie(&ada))).await.expect(200))[0], ada.email);
    ask(client.post("/forward-auth").header("Cookie", cookie(&ada))).await.refused(405, "method_not_allowed");
    let preflight = client.request(Method::OPTIONS, "/forward-auth").header("Origin", "https://x.example");
    ask(preflight.header("Access-Control-Request-Method", "GET")).await.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn an_address_that_is_not_verified_is_passed_on_to_no_service() {
    let (service, _ada) = with_ada().await;
    let bert = Person::register(&service.client(), "bert").await;
    let answer =
        ask(asking(&service.client(), "wiki.example.com", "").bearer_auth(&bert.session_token)).await.expect(200);
    assert_eq!(about(&answer), [&*bert.id, "", ""]);
}

#[tokio::test]
async fn a_username_is_passed_on_in_a_form_that_is_its_own() {
    let schema = json!({ "type": "object", "properties": {
        "email": { "type": "string", "format": "email", "x-kayan-identifier": true },
        "nick": { "type": "string", "x-kayan-identifier": true },
    } });
    let service = Service::start_in(Home::new().with("KAYAN_IDENTITY_SCHEMA", schema.to_string())).await;
    let client = service.client();
    let other = Person::register(&client, "other").await;
    for (nick, expected) in [("Jörg", "j%C3%B6rg"), ("j%C3%B6rg", "j%25c3%25b6rg"), (&other.id, "")] {
        let body = json!({ "traits": { "nick": nick }, "password": PASSWORD });
        let registered = ask(client.tell("/api/v1/registration", &body)).await.expect(201);
        let question = client.get("/forward-auth").bearer_auth(registered.at("/session/session_token"));
        let answer = ask(question).await.expect(200);
        // Another user's id is no username.
        let expected = if expected.is_empty() { registered.at("/identity/id") } else { expected.to_owned() };
        assert_eq!(about(&answer)[0], expected, "{nick}");
    }
}

#[tokio::test]
async fn the_rule_of_the_host_and_the_query_add_up() {
    let (service, ada) = with_ada().await;
    let client = service.client();
    let bert = Person::register(&client, "bert").await;
    let asked = async |who: &Person, host: &str, query: &str| {
        ask(asking(&client, host, query).bearer_auth(&who.session_token)).await
    };
    for host in [GRAFANA, "Grafana.Example.com", "grafana.example.com:443", "grafana.example.com."] {
        asked(&ada, host, "").await.expect(200);
        let refused = asked(&bert, host, "").await.refused(403, "forbidden");
        assert_eq!(refused.at("/details/required"), "ops", "{host}");
    }
    asked(&bert, "wiki.example.com", "").await.expect(200);
    for without_a_rule in ["example.com", "grafana.exmaple.com", "x.grafana.example.com"] {
        let refused = asked(&ada, without_a_rule, "").await.refused(403, "forbidden");
        assert!(refused.at("/message").contains("has no rule"), "{refused:?}");
    }
    asked(&bert, "wiki.example.com", "?role=ops").await.refused(403, "forbidden");
    asked(&ada, "wiki.example.com", "?role=ops&role=lead&min_aal=aal1&max_age=300").await.expect(200);
    asked(&ada, GRAFANA, "?role=ops&role=admin").await.refused(403, "forbidden");
    let refused = asked(&ada, VAULT, "").await.refused(403, "aal2_required");
    assert!(refused.header("www-authenticate").contains("acr_values=\"aal2\""), "{refused:?}");
    asked(&ada, GRAFANA, "?min_aal=aal2").await.refused(403, "aal2_required");
    asked(&ada, GRAFANA, "?min_aal=aal9").await.refused(400, "invalid_input");
    asked(&ada, GRAFANA, "?max_age=0").await.refused(400, "invalid_input");
    let (app, _) = App::of(&ada).await;
    let code = verify(&client, &app.code(0), &Value::Null).bearer_auth(&ada.session_token);
    let ada = Person { session_token: ask(code).await.expect(200).at("/session_token"), ..ada };
    asked(&ada, VAULT, "").await.expect(200);
}

#[tokio::test]
async fn i_37_with_rules_a_request_whose_host_is_not_known_from_a_trusted_proxy_is_refused() {
    let (service, ada) = with_ada().await;
    let client = service.client();
    let bare = || client.get("/forward-auth").bearer_auth(&ada.session_token);
    ask(bare()).await.refused(400, "invalid_input");
    for hosts in [&["wiki.example.com", GRAFANA][..], &["wiki.example.com, grafana.example.com"], &[""]] {
        let request = hosts.iter().fold(bare(), |request, host| request.header("X-Forwarded-Host", *host));
        ask(request).await.refused(400, "invalid_input");
    }
    let elsewhere = set(production("https://login.example.com")).with("KAYAN_TRUSTED_PROXIES", "192.0.2.1");
    let stranger = Service::start_in(elsewhere).await;
    let eve = Person::register(&stranger.client(), "eve").await;
    let forged = asking(&stranger.client(), "wiki.example.com", "").bearer_auth(&eve.session_token);
    ask(forged).await.refused(400, "invalid_input");
    // Nor does such a client say where its user is redirected to.
    let stranger = Service::start_in(
        Home::new().with("KAYAN_LOGIN_URL", "https://a.example").with("KAYAN_RETURN_TO", "https://a.example"),
    )
    .await;
    let answer = ask(for_a_page(asking(&stranger.client(), "a.example", ""))).await.expect(302);
    assert_eq!(answer.header("location"), "https://a.example/");
}

#[tokio::test]
async fn i_28_a_browser_is_redirected_to_the_login_page_and_back_to_listed_urls_only() {
    let (service, ada) = with_ada().await;
    let client = service.client();
    let page = "https://www.example.com/login?theme=dark";
    let answer = ask(for_a_page(asking(&client, GRAFANA, ""))).await.expect(302);
    let back = "&return_to=https%3A%2F%2Fgrafana.example.com%2Fd%2F1%3Ffrom%3Dnow-1h%2Cto%3Dnow";
    assert_eq!(answer.header("location"), format!("{page}{back}"));
    for without_a_rule in ["evil.example", "grafana.example.com@evil.example"] {
        ask(for_a_page(asking(&client, without_a_rule, ""))).await.refused(403, "forbidden");
    }
    for host in ["grafana.example.com:8443", "wiki.example.com"] {
        let answer = ask(for_a_page(asking(&client, host, ""))).await.expect(302);
        assert_eq!(answer.header("location"), page, "{host}");
    }
    // More than a session is asked for, and named.
    let opened = for_a_page(asking(&client, VAULT, "")).bearer_auth(&ada.session_token);
    let answer = ask(opened).await.expect(302);
    assert!(answer.header("location").starts_with(&format!("{page}&acr_values=aal2&return_to=https")), "{answer:?}");
    // Two cookies that differ are no session, and the user can log in again.
    let twice = format!("{}; {}x", cookie(&ada), cookie(&ada));
    ask(for_a_page(asking(&client, GRAFANA, "")).header("Cookie", &twice)).await.expect(302);
    // Logging in would not help, or the client does not open a page, or the proxy takes no redirect.
    let bert = Person::register(&client, "bert").await;
    let lacking = for_a_page(asking(&client, GRAFANA, "")).bearer_auth(&bert.session_token);
    ask(lacking).await.refused(403, "forbidden");
    ask(asking(&client, GRAFANA, "").header("Accept", "application/json")).await.refused(401, "unauthorized");
    ask(for_a_page(asking(&client, GRAFANA, "?redirect=false"))).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn i_29_a_client_does_not_choose_the_tenant_of_the_user() {
    let service = Service::start_in(Home::new().with("KAYAN_TENANT_HOSTS", "login.acme.example=acme")).await;
    assert_eq!(service.home().run("admin tenant create --id acme").await.code, 0);
    let client = service.client();
    let body = json!({ "traits": { "email": "ada@example.com" }, "password": PASSWORD });
    let elsewhere = client.tell("/api/v1/registration", &body).header("X-Tenant-ID", "acme");
    let token = ask(elsewhere).await.expect(201).at("/session/session_token");
    let question = || client.get("/forward-auth").bearer_auth(&token);
    ask(question().header("X-Tenant-ID", "acme")).await.refused(401, "unauthorized");
    // The proxy chooses it, by the host that it asks.
    ask(question().header("Host", "login.acme.example")).await.expect(200);
    ask(question().header("Host", "login.acme.example").header("X-Tenant-ID", "default")).await.expect(200);
}

#[tokio::test]
async fn envoy_asks_with_the_method_the_path_and_the_query_of_the_client_and_none_of_them_counts() {
    let (service, ada) = with_ada().await;
    let (address, client) = (service.address(), service.client());
    let bert = Person::register(&client, "bert").await;
    let send = async |method: &str, target: &str, lines: String| {
        let request =
            format!("{method} /forward-auth{target} HTTP/1.1\r\n{lines}Content-Length: 0\r\nConnection: close\r\n\r\n");
        exchange(address, request.as_bytes()).await.unwrap()
    };
    let lines = |host: &str, who: &Person| {
        format!("Host: {host}\r\nCookie: {}\r\nX-Forwarded-Proto: https\r\nOrigin: https://x.example\r\n", cookie(who))
    };
    for (method, target) in [
        ("GET", "/"),
        ("POST", "/api/x?min_aal=aal9&redirect=false&role=admin"),
        ("DELETE", "//evil.example/%2e%2e/x"),
        ("OPTIONS", "/api/v1/logout?Access-Control-Request-Method=GET"),
    ] {
        let answer = send(method, target, lines(GRAFANA, &ada)).await.expect(200);
        assert_eq!(about(&answer)[0], ada.email, "{method} {target}");
        send(method, target, lines(GRAFANA, &bert)).await.refused(403, "forbidden");
        send(method, target, lines("wiki.example.com", &bert)).await.expect(200);
    }
    let preflight = format!("{}Access-Control-Request-Method: PUT\r\n", lines(GRAFANA, &bert));
    send("OPTIONS", "/x", preflight).await.refused(403, "forbidden");
    // The host of the client, if Envoy passes it on, is that of the request or none.
    send("GET", "/x", format!("{}X-Forwarded-Host: wiki.example.com\r\n", lines(GRAFANA, &bert)))
        .await
        .refused(400, "invalid_input");
    let stranger =
        format!("Host: {GRAFANA}\r\nAccept: text/html\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Uri: /y\r\n");
    let answer = send("POST", "/x?a=1,2", stranger).await.expect(302);
    let back = "return_to=https%3A%2F%2Fgrafana.example.com%2Fx%3Fa%3D1%2C2";
    assert!(answer.header("location").ends_with(back), "{answer:?}");
    ask(client.get("/forward-authority")).await.refused(404, "not_found");
}

#[tokio::test]
async fn i_22_a_session_that_was_revoked_elsewhere_opens_no_service_within_five_seconds() {
    let (service, ada) = with_ada().await;
    let client = service.client();
    let question = async || ask(asking(&client, GRAFANA, "").header("Cookie", cookie(&ada))).await;
    question().await.expect(200);
    assert_eq!(service.home().run("admin sessions revoke-all").await.code, 0);
    let begun = Instant::now();
    while question().await.status == 200 {
        assert!(begun.elapsed() < Duration::from_secs(5), "the session still opens the service");
        // Another process has revoked it, which gives no event to wait for.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    question().await.refused(401, "unauthorized");
}

#[tokio::test]
async fn questions_count_against_the_limit_of_the_client() {
    let home = Home::new().with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_REQUESTS", "2");
    let service = Service::start_in(home.with("KAYAN_TRUSTED_PROXIES", "127.0.0.1/32")).await;
    let client = service.client();
    let of = async |address: &str| ask(client.get("/forward-auth").header("X-Forwarded-For", address)).await;
    of("192.0.2.7").await.refused(401, "unauthorized");
    of("192.0.2.7").await.refused(401, "unauthorized");
    of("192.0.2.7").await.refused(429, "rate_limited");
    of("192.0.2.8").await.refused(401, "unauthorized");
}

#[tokio::test]
async fn the_cookie_of_the_session_alone_is_for_all_hosts_of_the_domain() {
    let service = Service::start_in(set(production("https://login.example.com"))).await;
    let client = service.client();
    let registered = ask(Person::registration(&client, "ada@example.com")).await.expect(201);
    let token = registered.at("/session/session_token");
    let [session, device] = ["__Secure-kayan_session", "__Host-kayan_device"]
        .map(|name| registered.cookies().into_iter().find(|cookie| cookie.starts_with(name)).unwrap());
    assert!(session.starts_with(&format!("__Secure-kayan_session={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=")));
    assert!(session.ends_with("; Secure; Domain=example.com"), "{session}");
    assert!(!device.contains("Domain"), "{device}");
    let out = ask(client.post("/api/v1/logout").bearer_auth(&token)).await.expect(204);
    let [cleared] = &out.cookies()[..] else { panic!("{out:?}") };
    assert_eq!(
        cleared,
        "__Secure-kayan_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure; Domain=example.com"
    );
    // Behind a path as well, it is for whole hosts.
    let home = set(production("https://example.com/auth"));
    let service = Service::start_in(home).await;
    let registered = ask(Person::registration(&service.client(), "ada@example.com")).await.expect(201);
    let cookies = registered.cookies();
    let of = |name: &str| cookies.iter().find(|cookie| cookie.starts_with(name)).unwrap();
    assert!(of("__Secure-kayan_session").contains("; Path=/; "), "{cookies:?}");
    assert!(of("__Secure-kayan_device").contains("; Path=/auth; "), "{cookies:?}");
}
