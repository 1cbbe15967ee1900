//! SMS by a webhook, and phone numbers: verified by a code, and logged in with.

use futures_util::future::join_all;
use kayan_journeys::{Answer, Client, Home, Metrics, PASSWORD, Person, Service, ask};
use kayan_mail_server::{SECRETS, SmsWebhook};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::{
    doctor::doctor,
    mail_flows::{MANY, winners},
    messages::test_mail,
};

const ADA: &str = "+491701234567";
const SPACED: &str = "+49 170 123-4567";

/// A folder for a service whose users have a phone number or an e-mail address.
pub(crate) fn with_phones() -> Home {
    let identifier = |format: &str| json!({ "type": "string", "format": format, "x-kayan-identifier": true });
    let properties = json!({ "email": identifier("email"), "phone": identifier("tel") });
    let schema = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    Home::new().with("KAYAN_IDENTITY_SCHEMA", schema.to_string())
}

/// A folder for a service that hands its SMS to this path of a webhook.
fn home(server: &SmsWebhook, path: &str) -> Home {
    with_phones().with("KAYAN_SMS_WEBHOOK_URL", server.url(path)).with("KAYAN_SMS_WEBHOOK_SECRET", SECRETS[0])
}

async fn register(client: &Client, phone: &str) -> Answer {
    ask(client.tell("/api/v1/registration", &json!({ "traits": { "phone": phone }, "password": PASSWORD }))).await
}

fn request(client: &Client, flow: &str, phone: &str) -> RequestBuilder {
    let name = if flow == "otp" { "identifier" } else { "phone" };
    client.tell(&format!("/api/v1/{flow}/request"), &json!({ name: phone }))
}

fn complete(client: &Client, flow: &str, phone: &str, code: &str) -> RequestBuilder {
    let name = if flow == "otp" { "identifier" } else { "phone" };
    client.tell(&format!("/api/v1/{flow}/complete"), &json!({ name: phone, "code": code }))
}

/// What an operator sees of a message once it waits after an attempt.
async fn postponed(home: &Home, id: &str) -> Value {
    loop {
        let told = home.run(&format!("admin message show {id} --format json")).await.stdout;
        let told: Value = serde_json::from_str(&told).unwrap();
        if told["state"] == "due" && told["attempts"] != 0 {
            return told;
        }
    }
}

#[tokio::test]
async fn a_phone_number_is_verified_and_logged_in_with_by_codes_that_a_signed_webhook_gets() {
    let mut server = SmsWebhook::start().await;
    let service = Service::start_in(home(&server, "204").with("KAYAN_PUBLIC_URL", "https://id.example.com")).await;
    let client = service.client();
    register(&client, SPACED).await.expect(201);
    register(&client, ADA).await.refused(409, "already_exists");

    ask(request(&client, "phone-verification", ADA).header("Accept-Language", "de")).await.expect(202);
    let call = server.call().await;
    assert_eq!(call["verified"], json!([0]), "{call}");
    let data = &call["body"]["data"];
    let told = ["to", "language", "tenant", "kind"].map(|name| data[name].as_str().unwrap());
    assert_eq!((&call["body"]["type"], told), (&json!("message.sms"), [ADA, "de", "default", "verification"]));
    let code = data["text"].as_str().unwrap()[..6].to_owned();
    let text = data["text"].as_str().unwrap();
    assert!(text.contains("Nummer") && text.ends_with(&format!("\n@id.example.com #{code}")), "{text}");
    ask(complete(&client, "otp", ADA, &code)).await.refused(401, "invalid_code");
    let verified = ask(complete(&client, "phone-verification", SPACED, &code)).await.expect(200);
    assert_eq!(verified.at("/address"), ADA);
    ask(complete(&client, "phone-verification", ADA, &code)).await.refused(401, "invalid_code");

    let opened = ask(Person::login(&client, "+49 (170) 1234567", PASSWORD)).await.expect(200);
    assert_eq!(opened.json()["identity"]["verified"], json!([ADA]));
    ask(request(&client, "otp", SPACED)).await.expect(202);
    let code = server.code_to(ADA).await;
    let opened = ask(complete(&client, "otp", ADA, &code)).await.expect(200);
    assert_eq!((opened.at("/aal"), opened.json()["amr"].clone()), ("aal1".to_owned(), json!(["otp"])));

    let metrics = Metrics::until(&client, |it| it.count(r#"kayan_sms_total{status="delivered"}"#) == Some(2)).await;
    assert_eq!(metrics.count(r#"kayan_sms_total{status="failed"}"#), Some(0));
    let listed = service.home().run("admin message list --format json").await.stdout;
    let events = service.home().run("audit export --start 2020-01-01 --format ndjson").await.stdout;
    assert!(listed.contains("+49***67") && events.contains("+49***67"), "{listed} {events}");
    for told in [listed, events, service.log()] {
        assert!(!told.contains("1701234567") && !told.contains("123-4567") && !told.contains(&code), "{told}");
    }
}

#[tokio::test]
async fn i_01_of_64_uses_of_one_code_one_counts() {
    let mut server = SmsWebhook::start().await;
    let service = Service::start_in(home(&server, "204")).await;
    let client = service.client();
    register(&client, ADA).await.expect(201);
    for flow in ["phone-verification", "otp"] {
        ask(request(&client, flow, ADA)).await.expect(202);
        let code = server.code_to(ADA).await;
        let answers = join_all((0..MANY).map(|_| ask(complete(&client, flow, ADA, &code)))).await;
        let refused: Vec<_> = answers.iter().filter(|it| it.status != 401).map(Answer::text).collect();
        assert_eq!(winners(&answers), 1, "{flow}: {refused:?}");
    }
}

#[tokio::test]
async fn i_08_a_request_for_an_unknown_number_gets_the_same_bytes_and_no_sms() {
    let mut server = SmsWebhook::start().await;
    let service = Service::start_in(home(&server, "204")).await;
    let client = service.client();
    register(&client, ADA).await.expect(201);
    for flow in ["phone-verification", "otp"] {
        let unknown = ask(request(&client, flow, "+14155550123")).await.expect(202);
        let known = ask(request(&client, flow, ADA)).await.expect(202);
        assert_eq!(unknown.text(), known.text(), "{flow}");
        assert_eq!(server.call().await["body"]["data"]["to"], ADA);
        let without_id = |answer: Answer| {
            let mut body = answer.refused(401, "invalid_code").json();
            body["request_id"] = Value::Null;
            body
        };
        let wrong = ask(complete(&client, flow, ADA, "12345")).await;
        let stranger = ask(complete(&client, flow, "+14155550123", "12345")).await;
        assert_eq!(without_id(wrong), without_id(stranger), "{flow}");
    }
    // The next one is to ada again: nothing came for the other.
    ask(request(&client, "otp", ADA)).await.expect(202);
    assert_eq!(server.call().await["body"]["data"]["to"], ADA);
}

#[tokio::test]
async fn an_sms_that_is_refused_for_now_is_sent_again_with_its_id_signed_with_both_secrets() {
    let mut server = SmsWebhook::start().await;
    let home = home(&server, "flaky").with("KAYAN_SMS_WEBHOOK_SECRET_PREVIOUS", SECRETS[1]);
    let service = Service::start_in(home).await;
    let id = test_mail(service.home(), "+491701234567").await;
    let first = server.call().await;
    let told = postponed(service.home(), &id).await;
    assert_eq!(
        (&told["error"], &told["recipient"]),
        (&json!("deferred: the webhook answered with status 503"), &json!("+49***67"))
    );
    assert_eq!(service.home().run(&format!("admin message retry {id}")).await.code, 0);
    let second = server.call().await;
    for call in [&first, &second] {
        assert_eq!((&call["headers"]["webhook-id"], &call["verified"]), (&json!(id), &json!([0, 1])), "{call}");
        assert_eq!(call["body"], first["body"]);
    }
    Metrics::until(&service.client(), |it| it.count(r#"kayan_sms_total{status="delivered"}"#) == Some(1)).await;
}

#[tokio::test]
async fn a_webhook_in_a_network_that_is_not_allowed_is_not_called_and_reported() {
    let mut server = SmsWebhook::start().await;
    let home = home(&server, "204").with("KAYAN_OUTBOUND_ALLOW", "10.0.0.0/8");
    let told = doctor(&home, "").await.is("sms.webhook", "failed");
    assert!(told.contains("127.0.0.1, which is not a public one") && told.contains("KAYAN_OUTBOUND_ALLOW"), "{told}");
    let service = Service::start_in(home).await;
    let id = test_mail(service.home(), ADA).await;
    let error = postponed(service.home(), &id).await["error"].take();
    assert!(error.as_str().unwrap().starts_with("unreachable: "), "{error}");
    let health = ask(service.client().get("/health")).await.expect(200);
    assert!(health.at("/status") == "degraded" && health.text().contains("\"sms\""), "{health:?}");
    let home = service.kill().await.with("KAYAN_OUTBOUND_ALLOW", "127.0.0.1");
    doctor(&home, "").await.is("sms.webhook", "ok");
    let service = Service::start_in(home).await;
    assert_eq!(service.home().run(&format!("admin message retry {id}")).await.code, 0);
    assert_eq!(server.call().await["headers"]["webhook-id"], id.as_str(), "the first call of it");
}

#[tokio::test]
async fn in_development_without_a_webhook_an_sms_is_in_the_log() {
    let service = Service::start_in(with_phones()).await;
    let client = service.client();
    register(&client, ADA).await.expect(201);
    ask(request(&client, "otp", ADA)).await.expect(202);
    let log = service.log_with("an SMS says: ").await;
    let code: String = log.split_once("an SMS says: ").unwrap().1.chars().take(6).collect();
    ask(complete(&client, "otp", ADA, &code)).await.expect(200);
    let found = doctor(service.home(), "").await.is("sms.webhook", "skipped");
    assert!(found.contains("KAYAN_SMS_WEBHOOK_URL"), "{found}");
}

#[tokio::test]
async fn what_is_no_phone_number_is_refused_and_a_number_gets_five_sms_an_hour() {
    let service = Service::start_in(with_phones()).await;
    let client = service.client();
    for bad in ["", "0170 1234567", "+49 (0)170 1234567", "+49 170", "++491701234567", "+4917012345678901"] {
        let refused = register(&client, bad).await.refused(400, "invalid_input");
        assert_eq!(refused.at("/details/fields/0/pointer"), "/traits/phone", "{refused:?}");
        let refused = ask(request(&client, "phone-verification", bad)).await.refused(400, "invalid_input");
        assert!(refused.text().contains("+49 170 1234567"), "{refused:?}");
    }
    ask(request(&client, "otp", "+49 170")).await.refused(400, "invalid_input");
    for _ in 0..5 {
        ask(request(&client, "otp", ADA)).await.expect(202);
    }
    ask(request(&client, "phone-verification", SPACED)).await.refused(429, "rate_limited");
}
