//! Mail: sent to the configured server, in the operator's texts, and reported where the server can't be used.

use kayan_journeys::{Home, PASSWORD, Person, Service, ask};
use kayan_mail_server::MailServer;
use serde_json::json;

use crate::{doctor::doctor, mail_flows::home};

#[tokio::test]
async fn mail_is_sent_to_the_server_that_is_set() {
    let mut server = MailServer::start(&[]).await;
    let home = home(&server).with("KAYAN_MAIL_FROM", "Example <no-reply@example.com>");
    let home = home.with("KAYAN_MAIL_TEMPLATES", "mails");
    let home = home.with("KAYAN_LINK_URL", "https://app.example.com/account/{flow}");
    std::fs::create_dir_all(home.path("mails/en")).unwrap();
    let text = "Is {{ address }} yours?\n\nThen open {{ link }}\n";
    std::fs::write(home.path("mails/en/verification.txt"), text).unwrap();
    let service = Service::start_in(home).await;
    Person::register(&service.client(), "ada").await;
    let mail = server.event("mail").await;
    assert_eq!(mail["headers"]["from"], "Example <no-reply@example.com>");
    assert_eq!(mail["headers"]["subject"], "Is ada@example.com yours?");
    let link = "Then open https://app.example.com/account/verification#token=";
    let token =
        mail["text"].as_str().and_then(|text| text.trim().strip_prefix(link)).unwrap_or_else(|| panic!("{mail}"));
    assert!(token.len() > 20 && !service.log().contains(token), "{mail}");
}

#[tokio::test]
async fn notices_are_sent_unless_they_are_switched_off() {
    for (notices, subjects) in
        [("true", &["Confirm your", "Your password for", "Set a new"][..]), ("false", &["Confirm your", "Set a new"])]
    {
        let mut server = MailServer::start(&[]).await;
        let service = Service::start_in(home(&server).with("KAYAN_MAIL_NOTICES", notices)).await;
        let client = service.client();
        let ada = Person::register(&client, "ada").await;
        let mut found = vec![server.event("mail").await];
        let change = json!({ "current_password": PASSWORD, "new_password": "a quite different one 8" });
        ask(client.tell("/api/v1/password", &change).bearer_auth(&ada.session_token)).await;
        if notices == "true" {
            found.push(server.event("mail").await);
        }
        ask(client.tell("/api/v1/recovery/request", &json!({ "email": ada.email }))).await;
        found.push(server.event("mail").await);
        let found: Vec<_> = found.iter().map(|mail| mail["headers"]["subject"].as_str().unwrap()).collect();
        assert!(found.iter().zip(subjects).all(|(found, begins)| found.starts_with(begins)), "{notices}: {found:?}");
    }
}

#[tokio::test]
async fn in_development_without_a_server_mail_is_in_the_log() {
    let service = Service::start().await;
    Person::register(&service.client(), "ada").await;
    let log = service.log_with("#token=").await;
    assert!(log.contains("kayan::mail") && log.contains("ada@example.com"), "{log}");
}

#[tokio::test]
async fn a_mail_server_that_can_not_be_used_is_told_and_the_service_stays_ready() {
    let server = MailServer::start(&[]).await;
    let home = home(&server);
    let found = doctor(&home, "").await;
    found.is("mail.smtp", "ok");
    let service = Service::start_in(home).await;
    let health = ask(service.client().get("/health")).await.expect(200);
    assert!(health.text().contains("\"mail\""), "{health:?}");
    let home = service.kill().await;
    drop(server);
    let told = doctor(&home, "").await.is("mail.smtp", "failed");
    assert!(told.contains("unreachable") && told.contains("right host and port"), "{told}");
    let service = Service::start_in(home).await;
    let health = ask(service.client().get("/health")).await.expect(200);
    assert_eq!(health.at("/status"), "degraded", "{health:?}");
    ask(service.client().get("/health/ready")).await.expect(200);
    assert!(doctor(&Home::new(), "").await.is("mail.smtp", "skipped").contains("KAYAN_SMTP_URL"));
}
