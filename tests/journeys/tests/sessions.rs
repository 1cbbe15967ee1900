//! Login, logout, and the sessions of a user.

use kayan_journeys::{Home, PASSWORD, Person, Service, ask};
use serde_json::{Value, json};

#[tokio::test]
async fn somebody_registers_logs_in_is_known_refreshes_and_logs_out() {
    let service = Service::start().await;
    let client = service.client();
    let registered = ask(Person::registration(&client, "Ada@Example.com")).await.expect(201);
    let (identity, session) = (registered.json()["identity"].clone(), registered.json()["session"].clone());
    assert_eq!(identity, session["identity"]);
    assert_eq!((&identity["traits"]["email"], &identity["state"]), (&"Ada@Example.com".into(), &"active".into()));
    assert_eq!(
        (&session["token_type"], &session["aal"], &session["amr"][0]),
        (&"Bearer".into(), &"aal1".into(), &"pwd".into())
    );

    let login = ask(Person::login(&client, "ada@example.COM", PASSWORD)).await.expect(200);
    assert_eq!(login.at("/identity/id"), registered.at("/identity/id"));
    assert!(login.at("/session_token").starts_with("kys_") && login.at("/refresh_token").starts_with("kyr_"));
    for time in ["/expires_at", "/refresh_expires_at", "/identity/last_login_at"] {
        assert!(login.at(time).ends_with('Z'), "{time}: {login:?}");
    }

    let ada = Person {
        client,
        id: login.at("/identity/id"),
        email: "ada@example.com".to_owned(),
        session_token: login.at("/session_token"),
        refresh_token: login.at("/refresh_token"),
    };
    let me = ada.who_am_i().await.expect(200);
    assert_eq!((me.at("/identity/id"), &me.json()["session"]["current"]), (ada.id.clone(), &Value::Bool(true)));
    assert_eq!(me.at("/session/authentication_methods/0/method"), "password");
    assert_eq!(me.at("/session/ip_address"), "127.0.0.1");

    let fresh = ada.refresh().await.expect(200);
    ada.who_am_i().await.refused(401, "unauthorized");
    let ada = Person { session_token: fresh.at("/session_token"), refresh_token: fresh.at("/refresh_token"), ..ada };
    ada.who_am_i().await.expect(200);
    ada.log_out().await.expect(204);
    ada.assert_out().await;
    ada.log_out().await.refused(401, "unauthorized");
}

#[tokio::test]
async fn i_04_a_phone_that_leaves_the_wifi_gets_the_same_tokens_again() {
    let service = Service::start_in(Home::new().with("KAYAN_TRUSTED_PROXIES", "127.0.0.0/8")).await;
    let ada = Person::register(&service.client(), "ada").await;
    let refresh = |ip: &str, agent: &str| {
        let request = Person::refreshing(&ada.client, &ada.refresh_token);
        ask(request.header("X-Forwarded-For", ip).header("User-Agent", agent))
    };
    let first = refresh("192.0.2.1", "Shop/1.0 (phone)").await.expect(200);
    let again = refresh("2001:db8::7", "Shop/1.1 (phone)").await.expect(200);
    for token in ["/session_token", "/refresh_token"] {
        assert_eq!(again.at(token), first.at(token));
    }
    ask(Person::asking(&ada.client, &first.at("/session_token"))).await.expect(200);
    refresh("192.0.2.1", "Shell/1.0").await.refused(401, "token_reused");
    ask(Person::asking(&ada.client, &first.at("/session_token"))).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn i_04_without_a_window_the_second_use_of_a_refresh_token_ends_its_session() {
    let service = Service::start_in(Home::new().with("KAYAN_REFRESH_REUSE_WINDOW", "0s")).await;
    let ada = Person::register(&service.client(), "ada").await;
    let fresh = ada.refresh().await.expect(200);
    ada.refresh().await.refused(401, "token_reused");
    ask(Person::asking(&ada.client, &fresh.at("/session_token"))).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn i_08_an_unknown_account_and_a_wrong_password_get_the_same_answer() {
    let service = Service::start().await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    let mut answers = Vec::new();
    for (identifier, password) in [
        (&*ada.email, "wrong horse battery staple 8"),
        ("nobody@example.com", PASSWORD),
        ("no address", PASSWORD),
        ("", ""),
    ] {
        let login = Person::login(&client, identifier, password).header("X-Request-Id", "the-same-for-all");
        let answer = ask(login).await.refused(401, "invalid_credentials");
        let headers: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
        answers.push((answer.text(), headers));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
}

#[tokio::test]
async fn sessions_are_listed_newest_first_and_one_of_them_is_current() {
    let service = Service::start().await;
    let first = Person::register(&service.client(), "ada").await;
    let second = first.log_in().await;
    Person::register(&service.client(), "eve").await;
    let list = ask(first.client.get("/api/v1/sessions").bearer_auth(&first.session_token)).await.expect(200).json();
    let current: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|session| &session["current"]).collect();
    assert_eq!(current, [false, true]);
    let newest = second.who_am_i().await.at("/session/id");
    assert_eq!(list["data"][0]["id"], newest);
}

#[tokio::test]
async fn one_of_ones_own_sessions_can_be_revoked_and_nobody_elses() {
    let service = Service::start().await;
    let first = Person::register(&service.client(), "ada").await;
    let second = first.log_in().await;
    let eve = Person::register(&service.client(), "eve").await;
    let id = second.who_am_i().await.at("/session/id");
    let path = format!("/api/v1/sessions/{id}");
    ask(eve.client.delete(&path).bearer_auth(&eve.session_token)).await.refused(404, "not_found");
    second.who_am_i().await.expect(200);
    ask(first.client.delete(&path).bearer_auth(&first.session_token)).await.expect(204);
    second.assert_out().await;
    ask(first.client.delete(&path).bearer_auth(&first.session_token)).await.refused(404, "not_found");
    first.who_am_i().await.expect(200);
}

#[tokio::test]
async fn all_other_sessions_can_be_revoked_at_once() {
    let service = Service::start().await;
    let first = Person::register(&service.client(), "ada").await;
    let (second, third) = (first.log_in().await, first.log_in().await);
    ask(first.client.delete("/api/v1/sessions").bearer_auth(&second.session_token)).await.expect(204);
    second.who_am_i().await.expect(200);
    first.assert_out().await;
    third.assert_out().await;
}

#[tokio::test]
async fn i_24_no_refresh_goes_past_the_sessions_absolute_end() {
    let home = kayan_journeys::Home::new()
        .with("KAYAN_SESSION_TTL", "1h")
        .with("KAYAN_REFRESH_TTL", "1h")
        .with("KAYAN_SESSION_MAX_TTL", "1h");
    let service = Service::start_in(home).await;
    let ada = Person::register(&service.client(), "ada").await;
    let database = service.home().database().await;
    let end = database.texts("SELECT ends_at FROM sessions").await;
    assert_eq!(end.len(), 1);
    ada.refresh().await.expect(200);
    assert_eq!(database.texts("SELECT ends_at FROM sessions").await, end);
    for sql in [
        "SELECT COUNT(*) FROM sessions WHERE expires_at > ends_at",
        "SELECT COUNT(*) FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE t.expires_at > s.ends_at",
    ] {
        assert_eq!(kayan_journeys::count(&database, sql).await, 0, "{sql}");
    }
}

#[tokio::test]
async fn a_login_that_lacks_a_factor_says_which_would_complete_it() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let strict = "admin tenant update --id default --settings {\"mfa_required\":true}";
    assert_eq!(service.home().run(strict).await.code, 0);
    let login = Person::login(&ada.client, &ada.email, PASSWORD);
    for request in [login, Person::registration(&ada.client, "bert@example.com")] {
        let refused = ask(request).await.refused(403, "mfa_required");
        let details = refused.json()["details"].clone();
        assert_eq!((&details["methods"], &details["enroll"]), (&json!([]), &json!(["totp", "webauthn"])));
    }
}
