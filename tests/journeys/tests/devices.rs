//! Devices: browsers that are known by a cookie.

use kayan_journeys::{Answer, Client, Home, PASSWORD, Person, Service, ask, count};
use kayan_mail_server::MailServer;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    mail_flows,
    second_factors::{App, verify},
};

/// The name and value of a device's cookie, if the response sets it.
fn device(answer: &Answer) -> Option<String> {
    let set = answer.cookies().into_iter().find(|set| set.contains("kayan_device="))?;
    Some(set.split(';').next()?.to_owned())
}

/// Logs ada in from the device that this response has given its cookie to.
fn log_in_again(client: &Client, answer: &Answer) -> RequestBuilder {
    Person::login(client, "ada@example.com", PASSWORD).header("Cookie", device(answer).unwrap())
}

fn list(client: &Client, token: &str) -> RequestBuilder {
    client.get("/api/v1/devices").bearer_auth(token)
}

fn forget(client: &Client, token: &str, device: &Value) -> RequestBuilder {
    client.delete(&format!("/api/v1/devices/{}", device.as_str().unwrap())).bearer_auth(token)
}

#[tokio::test]
async fn a_browser_is_known_by_its_cookie_until_its_user_forgets_it() {
    let service = Service::start().await;
    let client = service.client();
    let registered = ask(Person::registration(&client, "ada@example.com")).await.expect(201);
    let set = registered.cookies().into_iter().find(|set| set.starts_with("kayan_device=kyd_")).unwrap();
    let (value, attributes) = set.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax; Max-Age=34560000");
    let again = ask(log_in_again(&client, &registered)).await.expect(200);
    assert_eq!(device(&again).as_deref(), Some(value));
    let elsewhere = ask(Person::login(&client, "ada@example.com", PASSWORD).header("User-Agent", "Phone/1.0")).await;
    let elsewhere = elsewhere.expect(200);
    assert_ne!(device(&elsewhere).as_deref(), Some(value));

    let token = elsewhere.at("/session_token");
    let listed = ask(list(&client, &token).header("Cookie", value)).await.expect(200).json()["data"].clone();
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    assert_eq!((&listed[0]["user_agent"], &listed[0]["current"]), (&json!("Phone/1.0"), &json!(false)));
    assert_eq!((&listed[1]["ip_address"], &listed[1]["current"]), (&json!("127.0.0.1"), &json!(true)));
    assert!(listed[1]["last_seen_at"].as_str() > listed[1]["first_seen_at"].as_str(), "{listed}");
    assert!(listed[1].get("trusted_until").is_none(), "{listed}");
    let exported = ask(client.get("/api/v1/me/export").bearer_auth(&token)).await.expect(200);
    assert_eq!(exported.json()["devices"][1]["id"], listed[1]["id"]);

    let eve = Person::register(&client, "eve").await;
    ask(forget(&client, &eve.session_token, &listed[1]["id"])).await.refused(404, "not_found");
    ask(client.delete("/api/v1/devices/1").bearer_auth(&token)).await.refused(400, "invalid_input");
    ask(list(&client, "kys_x")).await.refused(401, "unauthorized");
    ask(forget(&client, &token, &listed[1]["id"])).await.expect(204);
    ask(forget(&client, &token, &listed[1]["id"])).await.refused(404, "not_found");
    ask(log_in_again(&client, &registered)).await.expect(200);
    let left = ask(list(&client, &token)).await.expect(200);
    assert_eq!(left.json()["data"].as_array().map(Vec::len), Some(2));
    assert_ne!(left.json()["data"][0]["id"], listed[1]["id"], "it is a new one");

    let events = |kind: &str| format!("SELECT COUNT(*) FROM audit_events WHERE type = '{kind}'");
    let database = service.home().database().await;
    assert_eq!(count(&database, &events("auth.device.added")).await, 4, "one of them eve's");
    assert_eq!(count(&database, &events("auth.device.forgotten")).await, 1);
    ask(client
        .request(reqwest::Method::DELETE, "/api/v1/me")
        .bearer_auth(&token)
        .json(&json!({ "password": PASSWORD })))
    .await
    .expect(204);
    assert_eq!(count(&database, "SELECT COUNT(*) FROM devices").await, 1, "eve's");
}

#[tokio::test]
async fn a_cookie_that_was_made_up_or_changed_is_none() {
    let service = Service::start().await;
    let client = service.client();
    let registered = ask(Person::registration(&client, "ada@example.com")).await.expect(201);
    let good = device(&registered).unwrap();
    let changed = good.replace("kyd_", "kyd_A");
    for wrong in ["kayan_device=", "kayan_device=kyd_x", &*changed, "other=1"] {
        let login = Person::login(&client, "ada@example.com", PASSWORD).header("Cookie", wrong);
        let given = device(&ask(login).await.expect(200)).unwrap();
        assert!(given != good && given != wrong, "{wrong}");
    }
    let both = format!("kayan_device=kyd_x; {good}");
    let login = Person::login(&client, "ada@example.com", PASSWORD).header("Cookie", both);
    assert_eq!(device(&ask(login).await.expect(200)), Some(good), "another host of the domain has set its own");
}

#[tokio::test]
async fn a_login_from_a_new_device_sends_a_notice_in_the_readers_language() {
    let mut server = MailServer::start(&[]).await;
    let service = Service::start_in(mail_flows::home(&server)).await;
    let client = service.client();
    let registered = ask(Person::registration(&client, "ada@example.com")).await.expect(201);
    server.after("ada@example.com", "/flow/verification#token=").await;
    ask(log_in_again(&client, &registered)).await.expect(200);
    let login = || Person::login(&client, "ada@example.com", PASSWORD).header("User-Agent", "Phone/1.0");
    ask(login()).await.expect(200);
    let notice = server.mail_to("ada@example.com").await;
    assert!(notice.contains("a browser that was not used for it before"), "{notice}");
    assert!(notice.contains("IP address: 127.0.0.1") && notice.contains("Device: Phone/1.0"), "{notice}");
    ask(login().header("Accept-Language", "de-AT")).await.expect(200);
    let notice = server.mail_to("ada@example.com").await;
    assert!(notice.contains("bisher nicht"), "{notice}");
    let sent = "SELECT COUNT(*) FROM messages WHERE kind = 'new_device'";
    assert_eq!(count(&service.home().database().await, sent).await, 2, "none for the known one");
}

#[tokio::test]
async fn strangers_who_guess_do_not_lock_the_owner_out_of_a_known_device() {
    let home = Home::new().with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_LOCKOUT_MAX_FAILURES", "3");
    let service = Service::start_in(home.with("KAYAN_TRUSTED_PROXIES", "127.0.0.0/8")).await;
    let client = service.client();
    let from = |request: RequestBuilder, ip: &str| ask(request.header("x-forwarded-for", ip));
    let registered = from(Person::registration(&client, "ada@example.com"), "192.0.2.1").await.expect(201);
    let cookie = device(&registered).unwrap();
    let guess = || Person::login(&client, "ada@example.com", "wrong");
    for _ in 0..3 {
        from(guess(), "198.51.100.7").await.refused(401, "invalid_credentials");
    }
    from(Person::login(&client, "ada@example.com", PASSWORD), "198.51.100.7").await.refused(423, "account_locked");
    from(log_in_again(&client, &registered), "198.51.100.7").await.expect(200);
    for _ in 0..3 {
        from(guess().header("Cookie", &cookie), "198.51.100.7").await.refused(401, "invalid_credentials");
    }
    from(log_in_again(&client, &registered), "203.0.113.9").await.refused(423, "account_locked");
}

#[tokio::test]
async fn a_trusted_device_asks_for_no_code_until_the_password_changes() {
    let service = Service::start().await;
    let ran = service.home().run(r#"admin tenant update --id default --settings {"trusted_device_days":30}"#).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ada = Person::register(&service.client(), "ada").await;
    let client = &ada.client;
    let (app, _) = App::of(&ada).await;
    let refused = ask(Person::login(client, &ada.email, PASSWORD)).await.refused(403, "mfa_required");
    let body = json!({
        "code": app.code(0), "mfa_token": refused.json()["details"]["mfa_token"], "trust_device": true,
    });
    let trusted = ask(client.tell("/api/v1/mfa/totp/verify", &body)).await.expect(200);
    let opened = ask(log_in_again(client, &trusted)).await.expect(200);
    assert_eq!((opened.at("/aal"), &opened.json()["amr"]), ("aal1".to_owned(), &json!(["pwd"])));
    let at_aal2 = client.get("/api/v1/whoami?min_aal=aal2").bearer_auth(opened.at("/session_token"));
    ask(at_aal2).await.refused(403, "aal2_required");
    let listed = ask(list(client, &opened.at("/session_token"))).await.expect(200);
    assert!(listed.json()["data"][0]["trusted_until"].is_string(), "{listed:?}");
    ask(Person::login(client, &ada.email, PASSWORD)).await.refused(403, "mfa_required");

    let stepped = ask(verify(client, &app.code(1), &Value::Null).bearer_auth(opened.at("/session_token"))).await;
    let token = stepped.expect(200).at("/session_token");
    let change = json!({ "current_password": PASSWORD, "new_password": PASSWORD });
    ask(client.tell("/api/v1/password", &change).bearer_auth(token)).await.expect(204);
    ask(log_in_again(client, &trusted)).await.refused(403, "mfa_required");
}
