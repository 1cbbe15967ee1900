//! Tests that mail is encrypted where it should be, and only for the server that is meant.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use kayan_mail::SmtpMailer;
use kayan_ports::{MailFailure, Mailer as _};
use tempfile::TempDir;

use crate::{
    scripted::{Answer, Scripted},
    server::{MailServer, mail, mailer, patient},
};

fn openssl(folder: &Path, arguments: &str) {
    let mut command = Command::new("openssl");
    let ran = command.args(arguments.split(' ')).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(ran.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&ran.stderr));
}

/// An authority `ca.pem`, and a certificate `server.pem` with `server.key` for localhost.
fn certificates() -> TempDir {
    let home = TempDir::new().unwrap();
    let folder = home.path();
    let key = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(folder, &format!("{key} -x509 -days 2 -subj /CN=ours -keyout ca.key -out ca.pem"));
    openssl(folder, &format!("{key} -subj /CN=localhost -keyout server.key -out server.csr"));
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    let sign =
        "x509 -req -days 2 -CA ca.pem -CAkey ca.key -CAcreateserial -extfile names -in server.csr -out server.pem";
    openssl(folder, sign);
    home
}

async fn encrypted(folder: &TempDir, tls: &str, more: &[&str]) -> MailServer {
    let file = |name: &str| folder.path().join(name).display().to_string();
    let (certificate, key) = (file("server.pem"), file("server.key"));
    MailServer::start(&[&["--tls", tls, "--certificate", &certificate, "--key", &key], more].concat()).await
}

fn over(url: &str) -> SmtpMailer {
    mailer(url, patient())
}

fn trusting(folder: &TempDir) -> String {
    format!("ca={}", folder.path().join("ca.pem").display())
}

#[tokio::test]
async fn mail_is_encrypted_from_the_beginning_or_by_starttls() {
    let folder = certificates();
    for (tls, scheme, query) in [
        ("implicit", "smtps", ""),
        ("starttls", "smtp", ""),
        ("starttls", "smtp", "&tls=required"),
        ("starttls", "smtp", "&tls=opportunistic"),
    ] {
        let mut server = encrypted(&folder, tls, &["--user", "kayan", "--password", "secret"]).await;
        let url = format!("{scheme}://kayan:secret@localhost:{}?{}{query}", server.port(), trusting(&folder));
        let mailer = over(&url);
        mailer.check().await.unwrap();
        mailer.send(&mail("ada@example.com")).await.unwrap_or_else(|why| panic!("{url}: {why}"));
        mailer.send(&mail("ada@example.com")).await.unwrap_or_else(|why| panic!("{url}: {why}"));
        let arrived = server.event("mail").await;
        assert_eq!((&arrived["encrypted"], &arrived["user"]), (&true.into(), &"kayan".into()), "{url}");
    }
}

#[tokio::test]
async fn only_the_server_that_is_meant_is_trusted() {
    let (folder, other) = (certificates(), certificates());
    for (tls, scheme) in [("implicit", "smtps"), ("starttls", "smtp")] {
        let server = encrypted(&folder, tls, &[]).await;
        let (port, ours) = (server.port(), trusting(&folder));
        for url in [
            format!("{scheme}://localhost:{port}"),
            format!("{scheme}://localhost:{port}?{}", trusting(&other)),
            format!("{scheme}://127.0.0.1:{port}?{ours}"),
        ] {
            let error = over(&url).send(&mail("ada@example.com")).await.unwrap_err();
            assert_eq!(error.why, MailFailure::Tls, "{url}: {error}");
            assert!(error.detail.contains("certificate"), "{url}: {error}");
        }
    }
}

#[tokio::test]
async fn a_server_without_tls_gets_nothing_unless_that_is_allowed() {
    let mut plain = MailServer::start(&["--user", "kayan", "--password", "secret"]).await;
    let url = |query: &str| format!("smtp://kayan:secret@127.0.0.1:{}?{query}", plain.port());
    let (required, opportunistic, none) = (url("tls=required"), url("tls=opportunistic"), url("tls=none"));
    let implicit = format!("smtps://kayan:secret@127.0.0.1:{}", plain.port());
    for (url, words) in [(&required, "does not offer STARTTLS"), (&implicit, "TLS: ")] {
        let error = over(url).send(&mail("ada@example.com")).await.unwrap_err();
        assert_eq!(error.why, MailFailure::Tls, "{url}: {error}");
        assert!(error.detail.contains(words), "{url}: {error}");
    }
    for url in [&opportunistic, &none] {
        over(url).send(&mail("ada@example.com")).await.unwrap();
        assert_eq!(plain.event("mail").await["encrypted"], false);
    }
}

#[tokio::test]
async fn nothing_that_was_said_before_tls_counts_after_it() {
    let early = Answer::Says("220 go on\r\n250-mail\r\n250 AUTH PLAIN\r\n");
    let server =
        Scripted::start(vec![Answer::Says("220 mail\r\n"), Answer::Says("250-mail\r\n250 STARTTLS\r\n"), early]).await;
    let error = over(&format!("smtp://u:hunter2@localhost:{}", server.port())).check().await.unwrap_err();
    assert_eq!(error.why, MailFailure::Tls, "{error}");
    assert!(error.detail.contains("ahead of TLS"), "{error}");
}

#[tokio::test]
async fn what_is_said_before_starttls_is_understood_or_refused() {
    let (hello, ehlo) = (Answer::Says("220-mail\r\n220 here\r\n"), Answer::Says("250-mail\r\n250 STARTTLS\r\n"));
    for (script, why, words) in [
        (vec![hello, ehlo, Answer::Says("454 4.7.0 TLS not available\r\n")], MailFailure::Deferred, "454 4.7.0"),
        (vec![hello, Answer::Says("550 no\r\n")], MailFailure::Unreachable, "550 no"),
        (vec![Answer::Says("421 busy\r\n")], MailFailure::Unreachable, "421 busy"),
        (vec![hello, Answer::Closes], MailFailure::Unreachable, "closed the connection"),
        (vec![Answer::Says("HTTP/1.1 400 Bad Request\r\n")], MailFailure::Unreachable, "not one of SMTP"),
    ] {
        let server = Scripted::start(script.clone()).await;
        let error = over(&format!("smtp://localhost:{}", server.port())).check().await.unwrap_err();
        assert_eq!(error.why, why, "{script:?}: {error}");
        assert!(error.detail.contains(words), "{script:?}: {error}");
    }
}

#[test]
fn a_file_that_holds_no_authority_is_named() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("empty.pem"), "nothing").unwrap();
    for (file, expected) in [("missing", "missing.pem: "), ("empty", "no valid certificate")] {
        let path = folder.path().join(format!("{file}.pem"));
        let url: kayan_mail::SmtpUrl = format!("smtps://u:hunter2@localhost?ca={}", path.display()).parse().unwrap();
        let sender = "no-reply@example.com".parse().unwrap();
        let made = SmtpMailer::new(url.clone(), sender, patient()).err().unwrap();
        for why in [url.check_files().unwrap_err(), made].map(|why| why.to_string()) {
            assert!(why.starts_with("ca: ") && why.contains(expected) && !why.contains("hunter2"), "{why}");
        }
    }
}
