//! What arrives.

use kayan_ports::{MailFailure, Mailer as _};
use serde_json::Value;

use crate::server::{MailServer, mail, mailer, mailer_of, patient};

#[tokio::test]
async fn a_mail_arrives_as_it_was_written() {
    let mut server = MailServer::start(&[]).await;
    let sent = mail("ada+x@bücher.example");
    mailer_of(&server).send(&sent).await.unwrap();
    let mail = server.event("mail").await;
    assert_eq!(mail["sender"], "no-reply@xn--bcher-kva.example");
    assert_eq!(mail["recipients"][0], "ada+x@xn--bcher-kva.example");
    let headers = &mail["headers"];
    for (name, value) in [
        ("from", "Größe & Co. <no-reply@xn--bcher-kva.example>"),
        ("to", "ada+x@xn--bcher-kva.example"),
        ("subject", "Grüße"),
        ("date", "Fri, 02 Jan 2026 03:04:05 +0000"),
        ("message-id", "<0190b6a0-0000-7000-8000-000000000001@xn--bcher-kva.example>"),
        ("auto-submitted", "auto-generated"),
        ("content-language", "de"),
        ("mime-version", "1.0"),
    ] {
        assert_eq!(headers[name].as_str().unwrap_or_default().replace('"', ""), value, "{headers}");
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().replace("\r\n", "\n").trim().to_owned();
    assert_eq!(
        (text(&mail["text"]), text(&mail["html"])),
        (sent.rendered.text.trim().into(), sent.rendered.html.trim().into())
    );
    assert_eq!(
        (&mail["kind"], &mail["ascii"], &mail["defects"]),
        (&"multipart/alternative".into(), &true.into(), &Value::Array(vec![]))
    );
}

#[tokio::test]
async fn letters_beyond_ascii_before_the_at_need_a_server_that_takes_them() {
    let mut server = MailServer::start(&[]).await;
    mailer_of(&server).send(&mail("ädä@bücher.example")).await.unwrap();
    let arrived = server.event("mail").await;
    assert_eq!(arrived["recipients"][0], "ädä@xn--bcher-kva.example");
    assert!(arrived["options"].to_string().contains("SMTPUTF8"), "{arrived}");
    let old = MailServer::start(&["--ascii"]).await;
    let error = mailer_of(&old).send(&mail("ädä@bücher.example")).await.unwrap_err();
    assert_eq!(error.why, MailFailure::InvalidAddress);
    assert!(error.detail.contains("SMTPUTF8"), "{error}");
}

#[tokio::test]
async fn what_can_not_be_an_address_is_not_sent_to_a_server() {
    // nothing listens there
    let mailer = mailer("smtp://127.0.0.1:1?tls=none", patient());
    for address in [
        "ada@example.com\r\nBcc: eve@example.com",
        "ada@example.com>\r\nRCPT TO:<eve@example.com",
        "\"a\r\nb\"@example.com",
        "ada",
        "ada@[127.0.0.1]",
        "ada@127.0.0.1",
        "a b@example.com",
        &format!("{}@example.com", "a".repeat(320)),
        &format!("ada@{}.com", "a".repeat(64)),
    ] {
        let error = mailer.send(&mail(address)).await.unwrap_err();
        assert_eq!(error.why, MailFailure::InvalidAddress, "{address:?}: {error}");
        assert!(!error.detail.contains("eve"), "{error}");
    }
}

#[tokio::test]
async fn a_quoted_address_arrives() {
    let mut server = MailServer::start(&[]).await;
    mailer_of(&server).send(&mail("\"a,b\"@example.com")).await.unwrap();
    assert_eq!(server.event("mail").await["recipients"][0], "\"a,b\"@example.com");
}
