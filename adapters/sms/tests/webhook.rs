//! Calls of a real webhook, whose signatures the library of Standard Webhooks verifies.
#![expect(clippy::unwrap_used, reason = "what cannot be set up breaks the test")]

use std::{sync::Arc, time::Duration};

use kayan_crypto::SystemClock;
use kayan_mail_server::{PATIENCE, SECRETS, SmsWebhook};
use kayan_ports::{Mail, MailError, MailFailure, Mailer as _, MessageId, MessageKind, Rendered, TenantId, timestamp};
use kayan_sms::{Guard, Webhook};
use serde_json::json;

const ID: &str = "0190b6a0-0000-7000-8000-000000000001";
/// How soon the tests of time limits want an answer.
const SHORT: Duration = Duration::from_millis(300);

fn sms() -> Mail {
    let text = "123456 is your code.\n\n@id.example.com #123456".to_owned();
    let rendered = Rendered { subject: String::new(), text, html: String::new(), language: "en".to_owned() };
    let tenant: TenantId = "acme".parse().unwrap();
    let created_at = timestamp::parse("2026-01-02T03:04:05Z").unwrap();
    let (id, to) = (MessageId(ID.parse().unwrap()), "+491701234567".to_owned());
    Mail { id, tenant, kind: MessageKind::LoginCode, created_at, to, rendered }
}

fn webhook(url: &str, secrets: &[&str], allowed: &[&str], patience: Duration) -> Webhook {
    let secrets = secrets.iter().map(|secret| secret.parse().unwrap()).collect();
    let allowed: Vec<_> = allowed.iter().map(|network| network.parse().unwrap()).collect();
    Webhook::new(url.parse().unwrap(), secrets, Guard::new(&allowed), patience, Arc::new(SystemClock)).unwrap()
}

/// Sends one to a webhook on this machine.
async fn send(url: &str, secrets: &[&str]) -> Result<(), MailError> {
    webhook(url, secrets, &["127.0.0.0/8"], PATIENCE).send(&sms()).await
}

#[tokio::test]
async fn a_call_carries_the_sms_and_is_signed_with_both_secrets_during_rotation() {
    let mut server = SmsWebhook::start().await;
    let [new, old] = SECRETS;
    for (secrets, verified) in [(&[new][..], json!([0])), (&[old], json!([1])), (&[old, new], json!([0, 1]))] {
        send(&server.url("204"), secrets).await.unwrap();
        let call = server.call().await;
        assert_eq!(call["verified"], verified, "{call}");
        assert_eq!(
            (&call["headers"]["webhook-id"], &call["headers"]["content-type"]),
            (&json!(ID), &json!("application/json"))
        );
        let data = json!({
            "to": "+491701234567",
            "text": "123456 is your code.\n\n@id.example.com #123456",
            "language": "en",
            "tenant": "acme",
            "kind": "login_code",
        });
        assert_eq!(
            call["body"],
            json!({ "type": "message.sms", "timestamp": "2026-01-02T03:04:05.000000Z", "data": data })
        );
    }
}

#[tokio::test]
async fn a_status_decides_whether_an_sms_is_tried_again() {
    let mut server = SmsWebhook::start().await;
    for (status, why) in [
        (400, MailFailure::Rejected),
        (401, MailFailure::Authentication),
        (403, MailFailure::Authentication),
        (404, MailFailure::Rejected),
        (408, MailFailure::Deferred),
        (410, MailFailure::Rejected),
        (429, MailFailure::Deferred),
        (500, MailFailure::Deferred),
        (503, MailFailure::Deferred),
    ] {
        let error = send(&server.url(&status.to_string()), &SECRETS).await.unwrap_err();
        assert_eq!((error.why, error.detail), (why, format!("the webhook answered with status {status}")));
        server.call().await;
    }
    for accepted in ["200", "202", "204"] {
        send(&server.url(accepted), &SECRETS).await.unwrap();
    }
}

#[tokio::test]
async fn a_redirect_is_refused_and_not_followed() {
    let mut server = SmsWebhook::start().await;
    let error = send(&server.url("redirect"), &SECRETS).await.unwrap_err();
    assert_eq!((error.why, error.detail.as_str()), (MailFailure::Rejected, "the webhook answered with status 302"));
    assert_eq!(server.call().await["path"], "/redirect");
    send(&server.url("200"), &SECRETS).await.unwrap();
    assert_eq!(server.call().await["path"], "/200", "nothing was sent to the other place");
}

#[tokio::test]
async fn an_address_that_is_not_public_is_connected_to_only_if_it_is_allowed() {
    let mut server = SmsWebhook::start().await;
    let (literal, name) = (server.url("204"), server.url("204").replace("127.0.0.1", "localhost"));
    for url in [&literal, &name] {
        for allowed in [&[][..], &["10.0.0.0/8"]] {
            let webhook = webhook(url, &SECRETS, allowed, PATIENCE);
            for error in [webhook.send(&sms()).await.unwrap_err(), webhook.check().await.unwrap_err()] {
                assert_eq!(error.why, MailFailure::Unreachable, "{url} {error}");
                assert!(error.detail.contains("KAYAN_OUTBOUND_ALLOW"), "{url} {error}");
            }
        }
        let webhook = webhook(url, &SECRETS, &["127.0.0.1/32"], PATIENCE);
        webhook.check().await.unwrap();
        webhook.send(&sms()).await.unwrap();
        assert_eq!(server.call().await["path"], "/204", "{url}: the first call of it");
    }
}

#[tokio::test]
async fn a_webhook_that_never_answers_is_given_up_and_one_that_never_ends_is_not_read() {
    let server = SmsWebhook::start().await;
    let mute = webhook(&server.url("mute"), &SECRETS, &["127.0.0.0/8"], SHORT);
    let error = mute.send(&sms()).await.unwrap_err();
    assert_eq!(error.why, MailFailure::TimedOut, "{error}");
    assert!(!error.detail.contains("127.0.0.1"), "{error}");
    webhook(&server.url("endless"), &SECRETS, &["127.0.0.0/8"], PATIENCE).send(&sms()).await.unwrap();
}

#[tokio::test]
async fn a_webhook_that_is_away_or_has_no_tls_is_told_from_one_that_refuses() {
    let server = SmsWebhook::start().await;
    let plain = server.url("204").replace("http:", "https:");
    assert_eq!(send(&plain, &SECRETS).await.unwrap_err().why, MailFailure::Tls);
    let away = server.url("204");
    drop(server);
    let error = send(&away, &SECRETS).await.unwrap_err();
    assert!(error.why == MailFailure::Unreachable && !error.detail.contains("/204"), "{error}");
    let unknown = webhook("https://nowhere.invalid/x", &SECRETS, &[], PATIENCE);
    for error in [unknown.send(&sms()).await.unwrap_err(), unknown.check().await.unwrap_err()] {
        assert_eq!(error.why, MailFailure::Unreachable, "{error}");
        assert!(error.detail.contains("nowhere.invalid has no address"), "{error}");
    }
}
