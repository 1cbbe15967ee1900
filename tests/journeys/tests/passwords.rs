//! The rules for passwords, and how a refusal names the broken one.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use kayan_journeys::{Answer, Client, Home, Metrics, PASSWORD, Person, Service, ask};
use kayan_mail_server::MailServer;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinHandle,
};

use crate::{administration::Office, mail_flows};

/// Its SHA-1 is BF785E486F16E70E792370AE054AD11A3FBCD155.
const BREACHED: &str = "mauve otter 717 sings";

/// The range endpoint of a list in which one password is.
struct Endpoint {
    url: String,
    asked: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
}

impl Endpoint {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/range", listener.local_addr().unwrap());
        let asked = Arc::new(AtomicUsize::new(0));
        let counting = asked.clone();
        let serving = tokio::spawn(async move {
            while let Ok((mut connection, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(connection.read_u8().await.unwrap());
                }
                counting.fetch_add(1, SeqCst);
                let is_its = head.starts_with(b"GET /range/BF785 HTTP/1.1");
                let body = if is_its { "E486F16E70E792370AE054AD11A3FBCD155:12\r\n" } else { "" };
                let length = body.len();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
                connection.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        Self { url, asked, serving }
    }
}

async fn register(client: &Client, email: &str, password: &str, language: &str) -> Answer {
    let body = json!({ "traits": { "email": email, "name": "Grace Murray Hopper" }, "password": password });
    ask(client.tell("/api/v1/registration", &body).header("Accept-Language", language)).await
}

/// The broken rule, and the message about it.
fn rule(answer: Answer) -> (String, String) {
    let answer = answer.refused(400, "weak_password");
    assert_eq!(answer.json()["details"]["fields"].as_array().map(Vec::len), Some(1));
    assert_eq!(answer.at("/message"), answer.at("/details/fields/0/message"));
    (answer.at("/details/fields/0/code"), answer.at("/message"))
}

async fn set(office: &Office, settings: Value) {
    office.tell(Method::PATCH, "/admin/tenants/default", &json!({ "settings": settings })).await.expect(200);
}

#[tokio::test]
async fn a_refusal_names_the_broken_rule_in_english_or_german() {
    let service = Service::start().await;
    let client = service.client();
    for (password, code, english, german) in [
        ("short", "too_short", "at least 8 characters", "mindestens 8 Zeichen"),
        (&"k9Zq".repeat(19), "too_long", "at most 72 bytes", "höchstens 72 Bytes"),
        ("TrustNo1", "common", "most common", "häufigsten"),
        ("aaaaaaaaaaaaaaab", "guessable", "too easy to guess", "zu leicht zu erraten"),
        ("hopper@navy.example", "contains_context", "your address", "eigene Adresse"),
    ] {
        let found = rule(register(&client, "hopper@navy.example", password, "fr, en;q=0.5").await);
        assert!(found.0 == code && found.1.contains(english), "{password}: {found:?}");
        let answer = register(&client, "hopper@navy.example", password, "de-CH, en;q=0.5").await;
        assert_eq!(answer.header("content-language"), "de");
        let found = rule(answer);
        assert!(found.0 == code && found.1.contains(german), "{password}: {found:?}");
    }
    register(&client, "hopper@navy.example", PASSWORD, "de").await.expect(201);
}

#[tokio::test]
async fn a_tenant_says_how_many_of_the_last_passwords_are_not_taken_again() {
    let office = Office::open().await;
    set(&office, json!({ "password_history": 3 })).await;
    let ada = Person::register(&office.client, "ada").await;
    let change = async |current: &str, new: &str| {
        let body = json!({ "current_password": current, "new_password": new });
        ask(ada.client.tell("/api/v1/password", &body).bearer_auth(&ada.session_token)).await
    };
    let phrases = ["the first of the otters", "the second of the otters", "the third of the otters"];
    assert_eq!(rule(change(PASSWORD, PASSWORD).await).0, "reused");
    change("wrong otters altogether", PASSWORD).await.refused(403, "invalid_credentials");
    change(PASSWORD, phrases[0]).await.expect(204);
    change(phrases[0], phrases[1]).await.expect(204);
    for used in [PASSWORD, phrases[0], phrases[1]] {
        assert_eq!(rule(change(phrases[1], used).await).0, "reused", "{used}");
    }
    change(phrases[1], phrases[2]).await.expect(204);
    change(phrases[2], PASSWORD).await.expect(204);
    ask(Person::login(&ada.client, &ada.email, PASSWORD)).await.expect(200);

    // An operator's password counts, and is compared, like any other.
    let path = format!("/admin/users/{}/password", ada.id);
    let found = office.tell(Method::PUT, &path, &json!({ "password": phrases[2] })).await;
    assert_eq!(rule(found).0, "reused");
    office.tell(Method::PUT, &path, &json!({ "password": phrases[0] })).await.expect(204);
    let login = ask(Person::login(&ada.client, &ada.email, phrases[0])).await.expect(200);
    let exported = ask(ada.client.get("/api/v1/me/export").bearer_auth(login.at("/session_token"))).await;
    assert!(!exported.expect(200).text().contains("$2b$"), "no hash leaves with an export");
    let kept = "SELECT kind FROM credentials WHERE kind = 'password' AND data IS NOT NULL";
    let database = office.service.home().database().await;
    assert_eq!(database.texts(kept).await.len(), 1);
    ask(office.request(Method::DELETE, &format!("/admin/users/{}", ada.id))).await.expect(204);
    assert_eq!(database.texts(kept).await.len(), 0, "deleted with the account");
}

/// A mail server, a service that uses it with these settings of its tenant, and ada, who is registered.
async fn by_mail(settings: &Value) -> (MailServer, Service, Person) {
    let server = MailServer::start(&[]).await;
    let home = mail_flows::home(&server);
    let ran = home.run(&format!("admin tenant update --id default --settings {settings}")).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let service = Service::start_in(home).await;
    let ada = Person::register(&service.client(), "ada").await;
    (server, service, ada)
}

#[tokio::test]
async fn a_recovery_keeps_the_rules_and_names_the_one_that_refuses() {
    let (mut server, service, ada) = by_mail(&json!({ "password_min_length": 12, "password_history": 2 })).await;
    let client = service.client();
    let link = mail_flows::token(&mut server, &ada, "recovery").await;
    let german = async |password: &str| {
        rule(ask(mail_flows::recover(&client, &link, password).header("Accept-Language", "de")).await)
    };
    let (code, message) = german("mauve otter").await;
    assert!(code == "too_short" && message.contains("mindestens 12 Zeichen"), "{message}");
    let (code, message) = german(PASSWORD).await;
    assert!(code == "reused" && message.contains("eines der letzten 2"), "{message}");
    let new = "the first of the otters";
    ask(mail_flows::recover(&client, &link, new)).await.expect(200);
    let link = mail_flows::token(&mut server, &ada, "recovery").await;
    for former in [PASSWORD, new] {
        assert_eq!(rule(ask(mail_flows::recover(&client, &link, former)).await).0, "reused", "{former}");
    }
}

#[tokio::test]
async fn a_password_that_is_too_old_is_replaced_by_mail() {
    let (mut server, service, ada) = by_mail(&json!({ "password_max_age_days": 30 })).await;
    let client = service.client();
    let database = service.home().database().await;
    let age = async |seconds: u32| {
        let earlier = database.earlier("updated_at", seconds);
        database.execute(&format!("UPDATE credentials SET updated_at = {earlier}")).await
    };
    age(29 * 86_400).await;
    ask(Person::login(&client, &ada.email, PASSWORD)).await.expect(200);
    age(86_400).await;
    ask(Person::login(&client, &ada.email, PASSWORD)).await.refused(403, "password_expired");
    ask(Person::login(&client, &ada.email, "wrong otters altogether")).await.refused(401, "invalid_credentials");
    ada.who_am_i().await.expect(200);
    let link = mail_flows::token(&mut server, &ada, "recovery").await;
    assert_eq!(rule(ask(mail_flows::recover(&client, &link, PASSWORD)).await).0, "reused");
    let new = "the first of the otters";
    ask(mail_flows::recover(&client, &link, new)).await.expect(200);
    ask(Person::login(&client, &ada.email, new)).await.expect(200);
}

#[tokio::test]
async fn a_tenant_may_ask_more_than_the_service_and_not_less() {
    let office = Office::open_in(Home::new().with("KAYAN_PASSWORD_MIN_LENGTH", "12")).await;
    let less =
        json!({ "settings": { "password_min_length": 11, "password_min_score": 1, "password_breach_check": true } });
    let refused = office.tell(Method::PATCH, "/admin/tenants/default", &less).await.refused(400, "invalid_input");
    let fields = refused.json()["details"]["fields"].clone();
    let pointers: Vec<_> = fields.as_array().unwrap().iter().map(|field| field["pointer"].as_str().unwrap()).collect();
    let expected = ["/settings/password_min_length", "/settings/password_min_score", "/settings/password_breach_check"];
    assert_eq!(pointers, expected, "{fields}");
    set(&office, json!({ "password_min_length": 20, "password_max_length": 64 })).await;
    let length = async |length: usize| {
        let text = "mauve otters, seventeen of them, drink green tea by the old stone bridge, twice";
        register(&office.client, "ada@example.com", &text[..length], "en").await
    };
    assert_eq!(rule(length(19).await).0, "too_short");
    assert_eq!(
        rule(length(65).await),
        ("too_long".to_owned(), "the password must have at most 64 characters".to_owned())
    );
    length(64).await.expect(201);
}

#[tokio::test]
async fn a_password_is_as_hard_to_guess_as_is_set_or_refused() {
    for (score, expected) in [("0", 201), ("4", 400)] {
        let service = Service::start_in(Home::new().with("KAYAN_PASSWORD_MIN_SCORE", score)).await;
        register(&service.client(), "ada@example.com", "river otter", "en").await.expect(expected);
    }
}

#[tokio::test]
async fn a_breached_password_is_refused_and_one_is_taken_while_nobody_can_tell() {
    let endpoint = Endpoint::start().await;
    let home = Home::new().with("KAYAN_PASSWORD_BREACH_URL", &endpoint.url).with("KAYAN_PASSWORD_BREACH_CHECK", "true");
    let service = Service::start_in(home).await;
    let client = service.client();
    assert_eq!(rule(register(&client, "ada@example.com", BREACHED, "en").await).0, "breached");
    register(&client, "ada@example.com", PASSWORD, "en").await.expect(201);
    assert_eq!(endpoint.asked.load(SeqCst), 2);
    endpoint.serving.abort();
    assert!(endpoint.serving.await.unwrap_err().is_cancelled(), "the endpoint is away");
    register(&client, "eve@example.com", BREACHED, "en").await.expect(201);
    let metrics = Metrics::of(&client).await;
    for status in ["breached", "clean", "failed"] {
        let series = format!(r#"kayan_password_breach_checks_total{{status="{status}"}}"#);
        assert_eq!(metrics.count(&series), Some(1), "{series}");
    }
}

#[tokio::test]
async fn breached_passwords_are_refused_where_the_tenant_asks_for_it() {
    let endpoint = Endpoint::start().await;
    let office = Office::open_in(Home::new().with("KAYAN_PASSWORD_BREACH_URL", &endpoint.url)).await;
    register(&office.client, "ada@example.com", BREACHED, "en").await.expect(201);
    assert_eq!(endpoint.asked.load(SeqCst), 0);
    set(&office, json!({ "password_breach_check": true })).await;
    assert_eq!(rule(register(&office.client, "eve@example.com", BREACHED, "en").await).0, "breached");
}
