//! What each refusal and each silence means.

use kayan_mail::Limits;
use kayan_ports::{MailError, MailFailure, Mailer as _};

use crate::{
    scripted::{Answer, Scripted},
    server::{MailServer, SHORT, mail, mailer, patient},
};

/// The error of a mail to this address, with limits that silence runs into.
async fn error(server: &MailServer, limits: Limits, to: &str) -> MailError {
    let url = format!("smtp://127.0.0.1:{}?tls=none", server.port());
    mailer(&url, limits).send(&mail(&format!("{to}@example.com"))).await.unwrap_err()
}

#[tokio::test]
async fn a_refusal_of_the_recipient_or_the_mail_is_told_as_what_it_is() {
    let server = MailServer::start(&[]).await;
    for (to, why, said) in [
        ("greylisted", MailFailure::Deferred, "RCPT TO: 451 4.7.1 Greylisted, try again later"),
        ("rejected", MailFailure::Rejected, "RCPT TO: 550 5.1.1 No such user here"),
        ("leaving", MailFailure::Unreachable, "RCPT TO: 421 4.3.2 Service shutting down"),
        ("gone", MailFailure::Unreachable, "RCPT TO: "),
        ("data-deferred", MailFailure::Deferred, "DATA: 452 4.3.1 Insufficient system storage"),
        ("data-rejected", MailFailure::Rejected, "DATA: 550 5.1.1 No such user here"),
        ("data-leaving", MailFailure::Unreachable, "DATA: 421 4.3.2 Service shutting down"),
        ("data-gone", MailFailure::Unreachable, "DATA: "),
    ] {
        let error = error(&server, patient(), to).await;
        assert_eq!(error.why, why, "{to}: {error}");
        assert!(error.detail.starts_with(said), "{to}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up_in_time() {
    let server = MailServer::start(&[]).await;
    let of_commands = Limits { command: SHORT, ..patient() };
    let of_content = Limits { content: SHORT, ..patient() };
    for (limits, to, stage) in [
        (of_commands, "mute", "RCPT TO: "),
        (of_content, "data-mute", "DATA: "),
        (Limits { whole: SHORT, ..patient() }, "mute", "not done"),
    ] {
        let error = error(&server, limits, to).await;
        assert_eq!(error.why, MailFailure::TimedOut, "{error}");
        assert!(error.detail.starts_with(stage), "{to}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let scripted = Scripted::start(vec![]).await;
    let url = format!("smtp://127.0.0.1:{}?tls=none", scripted.port());
    drop(scripted);
    for url in [url.as_str(), "smtp://nowhere.invalid:25?tls=none"] {
        let mailer = mailer(url, patient());
        for error in [mailer.check().await.unwrap_err(), mailer.send(&mail("ada@example.com")).await.unwrap_err()] {
            assert_eq!(error.why, MailFailure::Unreachable, "{error}");
        }
    }
}

#[tokio::test]
async fn what_is_no_fault_of_the_mail_is_not_for_good() {
    let ehlo = Answer::Says("250-mail\r\n250 8BITMIME\r\n");
    let bye = Answer::Says("221 bye\r\n");
    let hello = Answer::Says("220 mail\r\n");
    let long = Answer::Says("220 aaaaaaaaaa\u{7f}\u{8}bbbb\r\n");
    for (script, why, said) in [
        (
            vec![Answer::Says("554 5.7.1 Your network is blocked\r\n")],
            MailFailure::Unreachable,
            "554 5.7.1 Your network",
        ),
        (vec![Answer::Says("421 Too busy\r\n")], MailFailure::Unreachable, "421 Too busy"),
        (vec![Answer::Says("HTTP/1.1 400 Bad Request\r\n")], MailFailure::Unreachable, "the greeting: "),
        (vec![Answer::Closes], MailFailure::Unreachable, "the greeting: "),
        (vec![Answer::Silent], MailFailure::TimedOut, "the greeting: no answer"),
        (vec![hello, Answer::Silent], MailFailure::TimedOut, "the greeting: no answer"),
        (vec![hello, Answer::Says("502 What?\r\n"), bye], MailFailure::Unreachable, "502 What?"),
        (vec![long, Answer::Says("502 a\tb\r\n"), bye], MailFailure::Unreachable, "502 a b"),
        (vec![hello, ehlo, Answer::Says("553 5.7.1 Sender refused\r\n")], MailFailure::Deferred, "MAIL FROM: 553"),
        (vec![hello, ehlo, Answer::Says("530 5.7.0 Log in first\r\n")], MailFailure::Authentication, "530 5.7.0"),
        (vec![hello, ehlo, Answer::Closes], MailFailure::Unreachable, "MAIL FROM: "),
    ] {
        let server = Scripted::start(script.clone()).await;
        let limits = Limits { greeting: SHORT, ..patient() };
        let mailer = mailer(&format!("smtp://127.0.0.1:{}?tls=none", server.port()), limits);
        let error = mailer.send(&mail("ada@example.com")).await.unwrap_err();
        assert_eq!(error.why, why, "{script:?}: {error}");
        assert!(error.detail.contains(said) && !error.detail.contains(char::is_control), "{script:?}: {error}");
        assert!(!error.why.is_permanent());
    }
}

#[tokio::test]
async fn a_mail_counts_as_delivered_only_if_the_server_said_so() {
    let before = [Answer::Says("220 mail\r\n"), Answer::Says("250 mail\r\n"), Answer::Says("250 sender\r\n")];
    for after in [
        vec![Answer::Says("354 not yet\r\n")],
        vec![Answer::Says("250 recipient\r\n"), Answer::Says("250 no data\r\n")],
        vec![Answer::Says("250 recipient\r\n"), Answer::Says("354 go on\r\n"), Answer::Says("354 go on\r\n")],
    ] {
        let server = Scripted::start([&before[..], &after].concat()).await;
        let mailer = mailer(&format!("smtp://127.0.0.1:{}?tls=none", server.port()), patient());
        let error = mailer.send(&mail("ada@example.com")).await.unwrap_err();
        assert_eq!(error.why, MailFailure::Unreachable, "{error}");
        assert!(error.detail.contains("out of place"), "{error}");
    }
}

#[tokio::test]
async fn a_login_is_right_or_wrong_or_missing() {
    for mechanism in ["PLAIN", "LOGIN"] {
        let arguments = ["--user", "kayan", "--password", "p@:/?#%w", "--mechanism", mechanism];
        let mut server = MailServer::start(&arguments).await;
        let url = |login: &str| format!("smtp://{login}127.0.0.1:{}?tls=none", server.port());
        let (right, wrong) = (url("kayan:p%40%3A%2F%3F%23%25w@"), url("kayan:hunter2hunter2@"));
        let none = url("");
        let limits = patient();
        mailer(&right, limits).check().await.unwrap();
        mailer(&right, limits).send(&mail("ada@example.com")).await.unwrap();
        let error = mailer(&wrong, limits).check().await.unwrap_err();
        assert_eq!(error.why, MailFailure::Authentication, "{error}");
        assert!(error.detail.starts_with("AUTH: 535 5.7.8 "), "{error}");
        let error = mailer(&none, limits).send(&mail("ada@example.com")).await.unwrap_err();
        assert_eq!(error.why, MailFailure::Authentication, "{error}");
        assert_eq!(server.event("mail").await["user"], "kayan");
    }
    let open = MailServer::start(&[]).await;
    let url = format!("smtp://kayan:hunter2@127.0.0.1:{}?tls=none", open.port());
    let error = mailer(&url, patient()).check().await.unwrap_err();
    assert_eq!(error.why, MailFailure::Authentication, "{error}");
    assert!(error.detail.contains("neither PLAIN nor LOGIN"), "{error}");
}

#[tokio::test]
async fn a_server_that_repeats_what_it_was_sent_tells_no_password() {
    for said in ["535 no: hunter2\r\n", "535 no: AGtheWFuAGh1bnRlcjI=\r\n", "535 no: aHVudGVyMg==\r\n"] {
        let offer = Answer::Says("250-mail\r\n250 AUTH PLAIN\r\n");
        let server = Scripted::start(vec![Answer::Says("220 mail\r\n"), offer, Answer::Says(said)]).await;
        let url = format!("smtp://kayan:hunter2@127.0.0.1:{}?tls=none", server.port());
        let error = mailer(&url, patient()).check().await.unwrap_err();
        assert_eq!(error.detail, "AUTH: 535 no: [redacted]");
    }
}
