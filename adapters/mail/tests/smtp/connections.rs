//! How connections are used.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use kayan_mail::Limits;
use kayan_ports::{MailFailure, Mailer as _};

use crate::{
    scripted::{Answer, Scripted},
    server::{MailServer, SHORT, mail, mailer, mailer_of, patient},
};

#[tokio::test]
async fn a_connection_is_used_again_after_a_reset() {
    let mut server = MailServer::start(&[]).await;
    let mailer = mailer_of(&server);
    let mut peers = BTreeSet::new();
    for number in 0..3 {
        mailer.send(&mail("ada@example.com")).await.unwrap();
        if number > 0 {
            peers.insert(server.event("reset").await["peer"].as_u64());
        }
        peers.insert(server.event("mail").await["peer"].as_u64());
    }
    assert_eq!(peers.len(), 1);
}

#[tokio::test]
async fn no_more_connections_are_open_than_the_url_says() {
    let mut server = MailServer::start(&[]).await;
    let mailer = mailer(&format!("smtp://127.0.0.1:{}?tls=none&connections=2", server.port()), patient());
    let mails: Vec<_> = (0..20).map(|_| mail("ada@example.com")).collect();
    for sent in join_all(mails.iter().map(|mail| mailer.send(mail))).await {
        sent.unwrap();
    }
    let mut peers = BTreeSet::new();
    for _ in 0..mails.len() {
        peers.insert(server.event("mail").await["peer"].as_u64());
    }
    assert_eq!(peers.len(), 2);
}

#[tokio::test]
async fn a_connection_is_closed_once_it_was_idle_for_long() {
    let mut server = MailServer::start(&[]).await;
    let url = format!("smtp://127.0.0.1:{}?tls=none", server.port());
    let mailer = mailer(&url, Limits { idle: SHORT, ..patient() });
    mailer.send(&mail("ada@example.com")).await.unwrap();
    let peer = server.event("mail").await["peer"].clone();
    assert_eq!(server.event("quit").await["peer"], peer);
    mailer.send(&mail("ada@example.com")).await.unwrap();
    assert_ne!(server.event("mail").await["peer"], peer);
}

#[tokio::test]
async fn after_an_error_a_connection_is_not_used_again() {
    let mut server = MailServer::start(&[]).await;
    let mailer = mailer_of(&server);
    for to in ["rejected", "greylisted", "data-rejected", "gone"] {
        mailer.send(&mail(&format!("{to}@example.com"))).await.unwrap_err();
        let before = server.event("connected").await["peer"].clone();
        mailer.send(&mail("ada@example.com")).await.unwrap();
        let used = server.event("mail").await["peer"].clone();
        assert_ne!(used, before, "{to}");
        // the next one fails on the connection that was just used, and a new one is opened after it
        mailer.send(&mail(&format!("{to}@example.com"))).await.unwrap_err();
        mailer.send(&mail("ada@example.com")).await.unwrap();
        assert_ne!(server.event("mail").await["peer"], used, "{to}");
        // leave none that is idle
        mailer.send(&mail("gone@example.com")).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_connection_that_the_server_has_closed_meanwhile_is_replaced() {
    let accepts = [
        Answer::Says("220 mail\r\n"),
        Answer::Says("250 mail\r\n"),
        Answer::Says("250 sender\r\n"),
        Answer::Says("250 recipient\r\n"),
    ];
    // after the mail it reads a line of it for each answer; the last one closes the connection
    let server = Scripted::start(
        [&accepts[..], &[Answer::Says("354 go on\r\n"), Answer::Says("250 done\r\n"), Answer::Closes]].concat(),
    )
    .await;
    let mailer = mailer(&format!("smtp://127.0.0.1:{}?tls=none", server.port()), patient());
    for _ in 0..3 {
        mailer.send(&mail("ada@example.com")).await.unwrap();
    }
}

#[tokio::test]
async fn a_mail_waits_for_a_connection_no_longer_than_for_anything_else() {
    let server = MailServer::start(&[]).await;
    let limits = Limits { whole: SHORT, ..patient() };
    let mailer = mailer(&format!("smtp://127.0.0.1:{}?tls=none&connections=1", server.port()), limits);
    let (stuck, waits) = (mail("mute@example.com"), mail("ada@example.com"));
    let (one, other) = tokio::join!(mailer.send(&stuck), mailer.send(&waits));
    assert_eq!([one.unwrap_err().why, other.unwrap_err().why], [MailFailure::TimedOut; 2]);
}
