//! Codes by mail or SMS as a second factor.

use futures_util::future::join_all;
use kayan_journeys::{Answer, PASSWORD, Person, Service, ask};
use kayan_mail_server::{MailServer, SECRETS, SmsWebhook};
use serde_json::{Value, json};

use crate::mail_flows::{MANY, code_to, complete, home, stage, winners};

/// Allows codes. Requiring a second factor ends the sessions that lack it.
async fn allow(service: &Service, channels: &str, mfa_required: bool) {
    let settings = format!(r#"{{"mfa_required":{mfa_required},"mfa_code_channels":{channels}}}"#);
    let done = service.home().run(&format!("admin tenant update --id default --settings {settings}")).await;
    assert_eq!(done.code, 0, "{done:?}");
}

async fn challenged(person: &Person) -> Value {
    let refused = ask(Person::login(&person.client, &person.email, PASSWORD)).await.refused(403, "mfa_required");
    refused.json()["details"].clone()
}

async fn request(person: &Person, mfa_token: &Value) -> Answer {
    ask(person.client.tell("/api/v1/mfa/otp/request", &json!({ "mfa_token": mfa_token }))).await
}

async fn verify(person: &Person, mfa_token: &Value, code: &str) -> Answer {
    ask(person.client.tell("/api/v1/mfa/otp/verify", &json!({ "mfa_token": mfa_token, "code": code }))).await
}

#[tokio::test]
async fn i_01_of_64_uses_of_a_code_by_mail_one_completes_the_login_at_aal2() {
    let mut server = MailServer::start(&[]).await;
    let patient = home(&server).with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_LOCKOUT_MAX_FAILURES", "1000");
    let service = Service::start_in(patient).await;
    let ada = Person::register(&service.client(), "ada").await;
    let link = server.after(&ada.email, "/flow/verification#token=").await;
    allow(&service, r#"["mail"]"#, true).await;
    assert_eq!(challenged(&ada).await["methods"], json!([]), "the address is not verified");
    ask(complete(&ada.client, "verification", &link)).await.expect(200);
    let details = challenged(&ada).await;
    assert_eq!((&details["methods"], &details["enroll"]), (&json!(["otp"]), &json!([])));
    let token = &details["mfa_token"];
    let requested = request(&ada, token).await.expect(202).json();
    assert_eq!((&requested["channel"], &requested["sent_to"]), (&json!("mail"), &json!("a***@example.com")));
    assert_eq!(requested["expires_at"], details["expires_at"]);
    let code = code_to(&mut server, &ada.email).await;
    let answers = join_all((0..MANY).map(|_| verify(&ada, token, &code))).await;
    assert_eq!(winners(&answers), 1);
    let opened = answers.iter().find(|answer| answer.status == 200).unwrap();
    assert_eq!((opened.at("/aal"), opened.json()["amr"].clone()), ("aal2".to_owned(), json!(["pwd", "otp", "mfa"])));
    assert_eq!(opened.cookies().len(), 2, "of the session and the device");
    let events = service.home().run("audit export --start 2020-01-01 --format ndjson").await.stdout;
    assert!(events.contains("\"mfa_code\"") && events.contains("a***@example.com"), "{events}");
    for told in [events, service.log()] {
        assert!(!told.contains(&code), "{told}");
    }
}

#[tokio::test]
async fn a_session_is_stepped_up_by_a_code_by_sms_where_the_tenant_allows_it() {
    let mut sms = SmsWebhook::start().await;
    let service = Service::start_in(
        crate::sms::with_phones()
            .with("KAYAN_SMS_WEBHOOK_URL", sms.url("204"))
            .with("KAYAN_SMS_WEBHOOK_SECRET", SECRETS[0]),
    )
    .await;
    let client = service.client();
    let phone = "+491701234567";
    let registration = json!({ "traits": { "phone": phone }, "password": PASSWORD });
    ask(client.tell("/api/v1/registration", &registration)).await.expect(201);
    ask(client.tell("/api/v1/phone-verification/request", &json!({ "phone": phone }))).await.expect(202);
    let proof = json!({ "phone": phone, "code": sms.code_to(phone).await });
    ask(client.tell("/api/v1/phone-verification/complete", &proof)).await.expect(200);
    allow(&service, r#"["sms"]"#, false).await;
    let token = ask(Person::login(&client, phone, PASSWORD)).await.expect(200).at("/session_token");
    let request = |body: Value| client.tell("/api/v1/mfa/otp/request", &body).bearer_auth(&token);
    ask(request(json!({ "channel": "mail" }))).await.refused(403, "method_disabled");
    ask(client.tell("/api/v1/mfa/otp/request", &json!({}))).await.refused(401, "unauthorized");
    let requested = ask(request(json!({}))).await.expect(202).json();
    assert_eq!((&requested["channel"], &requested["sent_to"]), (&json!("sms"), &json!("+49***67")));
    let code = sms.code_to(phone).await;
    let verify = |token: &str, code: &str| {
        client.tell("/api/v1/mfa/otp/verify", &json!({ "code": code })).bearer_auth(token.to_owned())
    };
    ask(verify(&token, if code == "000000" { "000001" } else { "000000" })).await.refused(401, "invalid_code");
    let stepped = ask(verify(&token, &code)).await.expect(200);
    assert_eq!(stepped.at("/aal"), "aal2");
    ask(verify(&token, &code)).await.refused(401, "unauthorized");
    ask(verify(&stepped.at("/session_token"), &code)).await.refused(401, "invalid_code");
}

#[tokio::test]
async fn i_08_a_code_needs_a_password_first() {
    let (_server, service, ada) = stage(&[]).await;
    allow(&service, r#"["mail","sms"]"#, true).await;
    for token in [json!("kym_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), json!("nonsense")] {
        request(&ada, &token).await.refused(401, "invalid_token");
        verify(&ada, &token, "123456").await.refused(401, "invalid_token");
    }
}
