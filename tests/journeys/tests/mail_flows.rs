//! Verification, recovery, and login by link or code, with a real mail server.

use futures_util::future::join_all;
use kayan_journeys::{Answer, Client, Home, PASSWORD, Person, Service, ask, count};
use kayan_mail_server::MailServer;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::second_factors::{App, verify};

pub(crate) const MANY: usize = 64;
pub(crate) const NEW: &str = "another horse battery staple 8";

/// A folder for a service that sends its mail to this server.
pub(crate) fn home(server: &MailServer) -> Home {
    Home::new()
        .with("KAYAN_SMTP_URL", format!("smtp://127.0.0.1:{}?tls=none", server.port()))
        .with("KAYAN_MAIL_FROM", "Kayan <no-reply@example.com>")
}

/// A mail server, a service that uses it, and ada, who has got the link of her registration.
pub(crate) async fn stage(settings: &[(&str, &str)]) -> (MailServer, Service, Person) {
    let mut server = MailServer::start(&[]).await;
    let home = settings.iter().fold(home(&server), |home, (name, value)| home.with(name, *value));
    let service = Service::start_in(home).await;
    let ada = Person::register(&service.client(), "ada").await;
    server.after(&ada.email, "/flow/verification#token=").await;
    (server, service, ada)
}

fn request(client: &Client, flow: &str, address: &str) -> RequestBuilder {
    let name = if flow == "otp" { "identifier" } else { "email" };
    client.tell(&format!("/api/v1/{flow}/request"), &json!({ name: address }))
}

pub(crate) fn complete(client: &Client, flow: &str, token: &str) -> RequestBuilder {
    client.tell(&format!("/api/v1/{flow}/complete"), &json!({ "token": token }))
}

pub(crate) fn recover(client: &Client, token: &str, password: &str) -> RequestBuilder {
    client.tell("/api/v1/recovery/complete", &json!({ "token": token, "password": password }))
}

fn by_code(client: &Client, address: &str, code: &str) -> RequestBuilder {
    client.tell("/api/v1/otp/complete", &json!({ "identifier": address, "code": code }))
}

/// Requests a link of this flow and returns its token.
pub(crate) async fn token(server: &mut MailServer, person: &Person, flow: &str) -> String {
    ask(request(&person.client, flow, &person.email)).await.expect(202);
    server.after(&person.email, &format!("/flow/{flow}#token=")).await
}

/// Requests a code and returns it.
async fn code(server: &mut MailServer, person: &Person) -> String {
    ask(request(&person.client, "otp", &person.email)).await.expect(202);
    code_to(server, &person.email).await
}

/// The code in the next mail to an address that has one.
pub(crate) async fn code_to(server: &mut MailServer, address: &str) -> String {
    loop {
        let text = server.mail_to(address).await;
        let is_code = |line: &&str| line.trim().len() == 6 && line.trim().bytes().all(|byte| byte.is_ascii_digit());
        if let Some(code) = text.lines().find(is_code) {
            return code.trim().to_owned();
        }
    }
}

pub(crate) fn winners(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 200).count()
}

#[tokio::test]
async fn i_15_a_password_is_recovered_by_mail_and_every_session_ends() {
    let (mut server, service, ada) = stage(&[]).await;
    let client = service.client();
    let (first, link) = (token(&mut server, &ada, "recovery").await, token(&mut server, &ada, "recovery").await);
    ask(recover(&client, &link, "password1234")).await.refused(400, "weak_password");
    ask(recover(&client, &link, NEW)).await.expect(200);
    ada.who_am_i().await.refused(401, "unauthorized");
    ada.refresh().await.refused(401, "invalid_token");
    for spent in [&link, &first] {
        ask(recover(&client, spent, PASSWORD)).await.refused(401, "invalid_token");
    }
    ask(Person::login(&client, &ada.email, PASSWORD)).await.refused(401, "invalid_credentials");
    let opened = ask(Person::login(&client, &ada.email, NEW)).await.expect(200);
    assert_eq!(opened.json()["identity"]["verified"], json!([ada.email]), "the mail was read");
    let notice = server.mail_to(&ada.email).await;
    assert!(notice.contains("password"), "{notice}");
    let recovered = "SELECT COUNT(*) FROM audit_events WHERE type = 'auth.password.recovered'";
    assert_eq!(count(&service.home().database().await, recovered).await, 1);
}

#[tokio::test]
async fn i_01_of_64_uses_of_one_link_or_code_one_counts() {
    let (mut server, service, ada) = stage(&[]).await;
    let client = service.client();
    let link = token(&mut server, &ada, "magic-link").await;
    let answers = join_all((0..MANY).map(|_| ask(complete(&client, "magic-link", &link)))).await;
    assert_eq!(winners(&answers), 1);
    let right = code(&mut server, &ada).await;
    let answers = join_all((0..MANY).map(|_| ask(by_code(&client, &ada.email, &right)))).await;
    assert_eq!(winners(&answers), 1);
    let link = token(&mut server, &ada, "recovery").await;
    // Hashing is slow, so fewer.
    let answers = join_all((0..8).map(|n| {
        let (client, link) = (client.clone(), link.clone());
        async move { ask(recover(&client, &link, &format!("{NEW} {n}"))).await }
    }));
    assert_eq!(winners(&answers.await), 1);
}

#[tokio::test]
async fn i_07_a_get_of_a_link_consumes_nothing() {
    let (mut server, service, ada) = stage(&[]).await;
    let client = service.client();
    let link = token(&mut server, &ada, "magic-link").await;
    for path in ["/flow/magic-link".to_owned(), format!("/flow/magic-link?token={link}")] {
        let page = ask(client.get(&path)).await.expect(200);
        assert!(page.text().contains("page.js"), "{page:?}");
    }
    ask(client.get(&format!("/api/v1/magic-link/complete?token={link}"))).await.refused(405, "method_not_allowed");
    let opened = ask(complete(&client, "magic-link", &link)).await.expect(200);
    assert_eq!((opened.at("/aal"), opened.cookies().len()), ("aal1".to_owned(), 2), "of the session and the device");
}

#[tokio::test]
async fn i_08_a_request_for_an_unknown_address_gets_the_same_bytes_and_no_mail() {
    let (mut server, service, ada) = stage(&[]).await;
    let client = service.client();
    for flow in ["verification", "recovery", "magic-link", "otp"] {
        let unknown = ask(request(&client, flow, "nobody@example.com")).await.expect(202);
        let known = ask(request(&client, flow, &ada.email)).await.expect(202);
        assert_eq!(unknown.text(), known.text(), "{flow}");
    }
    // Each of the known one's comes; what belongs to nobody is gone by then.
    for _ in 0..4 {
        assert_eq!(server.event("mail").await["recipients"][0], ada.email.as_str());
    }
    let left = "SELECT COUNT(*) FROM messages WHERE recipient = 'nobody@example.com'";
    let database = service.home().database().await;
    while count(&database, left).await > 0 {
        tokio::task::yield_now().await;
    }
    let wrong = ask(by_code(&client, &ada.email, "12345")).await.refused(401, "invalid_code");
    let unknown = ask(by_code(&client, "nobody@example.com", "12345")).await.refused(401, "invalid_code");
    let without_id = |answer: &Answer| {
        let mut body = answer.json();
        body["request_id"] = Value::Null;
        body
    };
    assert_eq!(without_id(&wrong), without_id(&unknown));
}

#[tokio::test]
async fn i_10_of_64_wrong_codes_five_are_looked_at_and_then_the_code_is_void() {
    let lockout = [("KAYAN_LOCKOUT_ENABLED", "true"), ("KAYAN_LOCKOUT_MAX_FAILURES", "1000")];
    let (mut server, service, ada) = stage(&lockout).await;
    let client = service.client();
    let right = code(&mut server, &ada).await;
    let wrong = if right == "000000" { "000001" } else { "000000" };
    join_all((0..MANY).map(|_| ask(by_code(&client, &ada.email, wrong)))).await;
    ask(by_code(&client, &ada.email, &right)).await.refused(401, "invalid_code");
    let again = code(&mut server, &ada).await;
    ask(by_code(&client, &ada.email, &again)).await.expect(200);
}

#[tokio::test]
async fn where_it_is_required_an_address_is_verified_before_the_first_login() {
    let mut server = MailServer::start(&[]).await;
    let home = home(&server);
    let settings = r#"admin tenant update --id default --settings {"verification_required":true,"language":"de"}"#;
    let ran = home.run(settings).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let service = Service::start_in(home).await;
    let client = service.client();
    ask(Person::registration(&client, "ada@example.com")).await.refused(403, "verification_required");
    let mail = server.event("mail").await;
    assert_eq!(mail["headers"]["content-language"], "de");
    let text = mail["text"].as_str().unwrap_or_default();
    let link = text.split_once("#token=").expect("a link").1.split_whitespace().next().unwrap_or_default();
    ask(Person::login(&client, "ada@example.com", PASSWORD)).await.refused(403, "verification_required");
    ask(Person::login(&client, "ada@example.com", NEW)).await.refused(401, "invalid_credentials");
    let verified = ask(complete(&client, "verification", link)).await.expect(200);
    assert_eq!(verified.at("/address"), "ada@example.com");
    ask(Person::login(&client, "ada@example.com", PASSWORD)).await.expect(200);
    ask(complete(&client, "verification", link)).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn after_a_link_the_second_factor_is_still_asked_for() {
    let (mut server, service, ada) = stage(&[]).await;
    let (app, _) = App::of(&ada).await;
    let link = token(&mut server, &ada, "magic-link").await;
    let refused = ask(complete(&service.client(), "magic-link", &link)).await.refused(403, "mfa_required");
    let mfa_token = refused.json()["details"]["mfa_token"].clone();
    let opened = ask(verify(&service.client(), &app.code(0), &mfa_token)).await.expect(200);
    assert_eq!((opened.at("/aal"), &opened.json()["amr"]), ("aal2".to_owned(), &json!(["otp", "mfa"])));
}

#[tokio::test]
async fn i_16_a_recovery_does_not_skip_the_second_factor() {
    let (mut server, service, ada) = stage(&[]).await;
    let client = service.client();
    let (app, _) = App::of(&ada).await;
    let link = token(&mut server, &ada, "recovery").await;
    let recovered = ask(recover(&client, &link, NEW)).await.expect(200);
    assert!(recovered.cookies().is_empty() && !recovered.text().contains("kys_"), "no session: {recovered:?}");
    let refused = ask(Person::login(&client, &ada.email, NEW)).await.refused(403, "mfa_required");
    let mfa_token = refused.json()["details"]["mfa_token"].clone();
    assert_eq!(ask(verify(&client, &app.code(0), &mfa_token)).await.expect(200).at("/aal"), "aal2");
}

#[tokio::test]
async fn i_02_tokens_of_other_kinds_are_refused_by_each_flow() {
    let (mut server, service, ada) = stage(&[]).await;
    let client = service.client();
    let recovery = token(&mut server, &ada, "recovery").await;
    for strange in ["", "kyl_", "kyl_x", &ada.session_token, &ada.refresh_token, &recovery.replace("kyl_", "kys_")] {
        for flow in ["verification", "magic-link"] {
            ask(complete(&client, flow, strange)).await.refused(401, "invalid_token");
            ask(complete(&client, flow, &recovery)).await.refused(401, "invalid_token");
        }
        ask(recover(&client, strange, NEW)).await.refused(401, "invalid_token");
    }
    ask(Person::asking(&client, &recovery)).await.refused(401, "unauthorized");
    ask(recover(&client, &recovery, NEW)).await.expect(200);
}

#[tokio::test]
async fn strange_addresses_are_refused_and_write_no_mail() {
    let (_server, service, _) = stage(&[]).await;
    let client = service.client();
    let long = format!("{}@example.com", "a".repeat(320));
    for address in ["", "ada", "ada@", "a\r\nBcc: eve@example.com", "ada@example.com\n", "\"a b\"@example.com", &long] {
        ask(request(&client, "recovery", address)).await.refused(400, "invalid_input");
    }
    let left = "SELECT COUNT(*) FROM messages";
    assert_eq!(count(&service.home().database().await, left).await, 1, "that of the registration");
}

#[tokio::test]
async fn an_address_gets_five_mails_an_hour_even_without_rate_limits() {
    let (_server, service, ada) = stage(&[]).await;
    let client = service.client();
    for flow in ["recovery", "magic-link", "verification", "otp", "recovery"] {
        ask(request(&client, flow, &ada.email)).await.expect(202);
    }
    let limited = ask(request(&client, "otp", "ADA@example.com")).await.refused(429, "rate_limited");
    assert!(!limited.header("retry-after").is_empty());
}

#[tokio::test]
async fn i_44_a_mail_server_that_is_away_loses_no_mail() {
    let (mut server, service, ada) = stage(&[]).await;
    let link = token(&mut server, &ada, "recovery").await;
    drop(server);
    ask(recover(&service.client(), &link, NEW)).await.expect(200);
    let waits = "SELECT COUNT(*) FROM messages WHERE kind = 'password_changed' AND state = 'due' AND attempts = 1";
    let database = service.home().database().await;
    while count(&database, waits).await == 0 {
        tokio::task::yield_now().await;
    }
}
