//! Mail: sent to the configured server, in the operator's texts, and reported where the server can't be used.

use std::{fs, os::unix::fs::PermissionsExt as _};

use kayan_journeys::{Home, PASSWORD, Person, Service, ask};
use kayan_mail_server::MailServer;
use serde_json::json;
use tokio::process::Command;

use crate::{doctor::doctor, mail_flows::home};

#[tokio::test]
async fn mail_is_sent_to_the_server_that_is_set() {
    let mut server = MailServer::start(&[]).await;
    let home = home(&server).with("KAYAN_MAIL_FROM", "Example <no-reply@example.com>");
    let home = home.with("KAYAN_MAIL_TEMPLATES", "mails");
    let home = home.with("KAYAN_LINK_URL", "https://app.example.com/account/{flow}");
    fs::create_dir_all(home.path("mails/en")).unwrap();
    let text = "Is {{ address }} yours?\n\nThen open {{ link }}\n";
    fs::write(home.path("mails/en/verification.txt"), text).unwrap();
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

/// Verifies a mail with the record that `kayan doctor` prints, and that what is changed or added shows.
const VERIFY: &str = "
import base64, sys, dkim
name, record = sys.argv[2:]
def dns(asked, timeout=5):
    assert asked == name.encode() + b'.', asked
    return record.encode()
mail = base64.b64decode(sys.argv[1])
assert dkim.verify(mail, dnsfunc=dns), 'not signed'
for altered in [
    mail.replace(b'Subject: ', b'Subject: An ', 1),
    b'From: eve@example.org\\r\\n' + mail,
    mail.rstrip() + b'\\r\\nP.S.\\r\\n',
]:
    assert altered != mail and not dkim.verify(altered, dnsfunc=dns), 'signed as well'
";

#[tokio::test]
async fn mail_is_signed_by_the_key_whose_record_doctor_prints() {
    let python = std::env::var_os("KAYAN_TEST_MAIL_PYTHON").expect("`cargo xtask test` sets it");
    for (algorithm, selector, name) in [
        (&["RSA", "-pkeyopt", "rsa_keygen_bits:2048"][..], "", "kayan._domainkey.example.com"),
        (&["ED25519"], "autumn.2026", "autumn.2026._domainkey.example.com"),
    ] {
        let mut server = MailServer::start(&[]).await;
        let home = home(&server).with("KAYAN_MAIL_DKIM_KEY", "dkim.pem");
        let home = if selector.is_empty() { home } else { home.with("KAYAN_MAIL_DKIM_SELECTOR", selector) };
        let key = home.path("dkim.pem");
        let mut openssl = Command::new("openssl");
        openssl.args(["genpkey", "-out"]).arg(&key).arg("-algorithm").args(algorithm);
        assert!(openssl.output().await.unwrap().status.success());
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        let found = doctor(&home, "").await.is("mail.dkim", "ok");
        let record =
            found.split_once('"').and_then(|(_, rest)| rest.split_once('"')).unwrap_or_else(|| panic!("{found}"));
        assert!(found.contains(name), "{found}");
        let service = Service::start_in(home).await;
        Person::register(&service.client(), "ada").await;
        let mail = server.event("mail").await;
        let arguments = [mail["raw"].as_str().unwrap(), name, record.0];
        let ran = Command::new(&python).args(["-c", VERIFY]).args(arguments).output().await.unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
        let home = service.kill().await;
        let refused = home.run("serve").await;
        assert_eq!(refused.code, 78, "{refused:?}");
        assert!(refused.stderr.contains("KAYAN_MAIL_DKIM_KEY") && refused.stderr.contains("0644"), "{refused:?}");
    }
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
