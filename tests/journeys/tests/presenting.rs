//! How a session token is sent, and the browser's cookie.

use kayan_journeys::{Answer, Client, Home, PASSWORD, Person, Service, ask};

/// The session's cookie, with its lifetime rounded to hours: it ends with the session, not after it.
fn cookie(answer: &Answer) -> String {
    let cookies: Vec<_> = answer.cookies().into_iter().filter(|set| !set.contains("kayan_device")).collect();
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    let (before, age) = cookies[0].split_once("Max-Age=").unwrap();
    let (age, after) = age.split_at(age.find(';').unwrap_or(age.len()));
    format!("{before}Max-Age={}h{after}", age.parse::<u32>().unwrap().div_ceil(3600))
}

fn asking(client: &Client) -> reqwest::RequestBuilder {
    client.get("/api/v1/whoami")
}

#[tokio::test]
async fn a_token_is_taken_in_each_of_three_ways() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let (client, token) = (&ada.client, &ada.session_token);
    ask(asking(client).header("Authorization", format!("bearer {token}"))).await.expect(200);
    ask(asking(client).header("X-Session-Token", token)).await.expect(200);
    ask(asking(client).header("Cookie", format!("theme=dark; kayan_session={token}; lang=en"))).await.expect(200);
    let all = asking(client).bearer_auth(token).header("X-Session-Token", token);
    ask(all.header("Cookie", format!("kayan_session={token}"))).await.expect(200);
    ask(asking(client)).await.refused(401, "unauthorized");
    ask(asking(client).header("Authorization", format!("Basic {token}"))).await.refused(401, "unauthorized");
    ask(client.get(&format!("/api/v1/whoami?access_token={token}"))).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn a_scheme_that_is_not_bearer_hides_no_other_way() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let (client, token) = (&ada.client, &ada.session_token);
    // A proxy in front of a staging service requires a password of its own.
    let behind = || asking(client).basic_auth("staging", Some("secret"));
    ask(behind().header("X-Session-Token", token)).await.expect(200);
    ask(behind().header("Cookie", format!("kayan_session={token}"))).await.expect(200);
    ask(behind().bearer_auth(token)).await.expect(200);
    ask(behind()).await.refused(401, "unauthorized");
    ask(asking(client).header("Authorization", "Bearer").header("X-Session-Token", token))
        .await
        .refused(401, "unauthorized");
    let admin = service.home().run("admin token create --permissions users:read --ttl 1h").await.stdout;
    let users = client.get("/admin/users").basic_auth("staging", Some("secret"));
    ask(users.bearer_auth(admin.trim())).await.expect(200);
}

#[tokio::test]
async fn two_different_tokens_of_equal_rank_are_refused_even_when_both_are_good() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let eve = Person::register(&service.client(), "eve").await;
    let (first, second) = (&ada.session_token, &eve.session_token);
    for request in [
        asking(&ada.client).bearer_auth(first).header("X-Session-Token", second),
        asking(&ada.client).bearer_auth(first).bearer_auth(second),
        asking(&ada.client).header("X-Session-Token", first).header("X-Session-Token", second),
        asking(&ada.client).header("Cookie", format!("kayan_session={first}; kayan_session={second}")),
        asking(&ada.client)
            .header("Cookie", format!("kayan_session={first}"))
            .header("Cookie", format!("kayan_session={second}")),
    ] {
        let told = format!("{request:?}");
        let answer = ask(request).await;
        assert_eq!((answer.status, &*answer.at("/code")), (401, "unauthorized"), "{told}: {answer:?}");
    }
}

#[tokio::test]
async fn a_header_decides_alone_who_is_asking_whatever_cookie_the_browser_adds() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let eve = Person::register(&service.client(), "eve").await;
    let cookie = format!("kayan_session={}", eve.session_token);
    let by_header = asking(&ada.client).bearer_auth(&ada.session_token).header("Cookie", &cookie);
    assert_eq!(ask(by_header).await.expect(200).at("/identity/id"), ada.id);
    for wrong in ["kys_wrong", "", "kyr_wrong"] {
        let request = asking(&ada.client).bearer_auth(wrong).header("Cookie", &cookie);
        ask(request).await.refused(401, "unauthorized");
        let request = asking(&ada.client).header("X-Session-Token", wrong).header("Cookie", &cookie);
        ask(request).await.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn i_04_a_refresh_token_opens_nothing_and_a_session_token_refreshes_nothing() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    ask(Person::asking(&ada.client, &ada.refresh_token)).await.refused(401, "unauthorized");
    ask(Person::refreshing(&ada.client, &ada.session_token)).await.refused(401, "invalid_token");
    let renamed = ada.refresh_token.replace("kyr_", "kys_");
    ask(Person::asking(&ada.client, &renamed)).await.refused(401, "unauthorized");
    ada.who_am_i().await.expect(200);
    ada.refresh().await.expect(200);
}

#[tokio::test]
async fn the_cookie_is_for_http_only_and_this_site_until_the_session_expires_or_ends() {
    let service = Service::start().await;
    let client = service.client();
    let registered = ask(Person::registration(&client, "ada@example.com")).await.expect(201);
    let token = registered.at("/session/session_token");
    let expected = format!("kayan_session={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=24h");
    assert_eq!(cookie(&registered), expected);
    let login = ask(Person::login(&client, "ada@example.com", PASSWORD)).await.expect(200);
    let (value, attributes) = cookie(&login).split_once(';').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    assert_eq!(attributes, " Path=/; HttpOnly; SameSite=Lax; Max-Age=24h");
    let me = ask(asking(&client).header("Cookie", &value)).await.expect(200);
    assert_eq!(me.cookies(), Vec::<String>::new());
    let refreshed = ask(Person::refreshing(&client, &login.at("/refresh_token"))).await.expect(200);
    assert!(cookie(&refreshed).starts_with(&format!("kayan_session={};", refreshed.at("/session_token"))));
    let out = ask(client.post("/api/v1/logout").bearer_auth(refreshed.at("/session_token"))).await.expect(204);
    assert_eq!(cookie(&out), "kayan_session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0h");
}

/// A home whose service is in production, at that address.
pub(crate) fn production(url: &str) -> Home {
    Home::new()
        .with("KAYAN_ENV", "production")
        .with("KAYAN_HOST", "127.0.0.1")
        .with("KAYAN_PUBLIC_URL", url)
        .with("KAYAN_AUTO_MIGRATE", "true")
        .with("KAYAN_BCRYPT_COST", "10")
        .with("KAYAN_SESSION_SECRET", "fZ8v1sQm4tXc7rLp0wKd3yHn6bGj9uAe")
        .with("KAYAN_JWT_SECRET", "Qe2kT5nV8xB1mC4zL7pS0dF3gH6jW9rY")
}

#[tokio::test]
async fn in_development_alone_the_root_leads_to_the_documentation() {
    let service = Service::start_in(Home::new().with("KAYAN_PUBLIC_URL", "http://localhost/auth")).await;
    let opened = |service: &Service| service.client().get("/").header("Accept", "text/html,*/*;q=0.8");
    let answer = ask(opened(&service)).await.expect(303);
    assert_eq!(answer.header("location"), "/auth/docs");
    ask(service.client().get("/")).await.refused(404, "not_found");
    let service = Service::start_in(production("https://id.example.com")).await;
    ask(opened(&service)).await.refused(404, "not_found");
}

#[tokio::test]
async fn in_production_the_cookie_is_bound_to_the_host_and_to_https() {
    let service = Service::start_in(production("https://id.example.com")).await;
    let client = service.client();
    let registered = ask(Person::registration(&client, "ada@example.com")).await.expect(201);
    let token = registered.at("/session/session_token");
    let expected = format!("__Host-kayan_session={token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=24h; Secure");
    assert_eq!(cookie(&registered), expected);
    let device = registered.cookies().into_iter().find(|set| set.starts_with("__Host-kayan_device=kyd_")).unwrap();
    assert!(device.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=34560000; Secure"), "{device}");
    assert!(registered.header("strict-transport-security").starts_with("max-age="), "{registered:?}");
    ask(asking(&client).header("Cookie", format!("__Host-kayan_session={token}"))).await.expect(200);
    // Any other host of the domain could set the plain name.
    ask(asking(&client).header("Cookie", format!("kayan_session={token}"))).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn behind_a_path_the_cookie_is_sent_to_that_path_alone() {
    // `__Host-` is for cookies of the whole host, which browsers refuse with another path.
    for (home, name, secure) in [
        (production("https://example.com/auth"), "__Secure-kayan_session", "; Secure"),
        (Home::new().with("KAYAN_PUBLIC_URL", "http://localhost/auth/"), "kayan_session", ""),
    ] {
        let service = Service::start_in(home).await;
        let client = service.client();
        let registered = ask(Person::registration(&client, "ada@example.com")).await.expect(201);
        let token = registered.at("/session/session_token");
        let expected = format!("{name}={token}; Path=/auth; HttpOnly; SameSite=Lax; Max-Age=24h{secure}");
        assert_eq!(cookie(&registered), expected);
        ask(asking(&client).header("Cookie", format!("{name}={token}"))).await.expect(200);
        let out = ask(client.post("/api/v1/logout").bearer_auth(&token)).await.expect(204);
        let expected = format!("{name}=; Path=/auth; HttpOnly; SameSite=Lax; Max-Age=0h{secure}");
        assert_eq!(cookie(&out), expected);
    }
}
