//! Tests that an unavailable server delays no request, and is used again as soon as it is back.

use std::{sync::Arc, time::Duration};

use futures_util::future::join_all;
use kayan_redis::{RedisCounters, RedisSettings};
use tokio::time::timeout;

use crate::{
    asking::{answers, number, reserve, unanswered},
    server::{Server, counters, free_port, until},
};

#[tokio::test]
async fn a_server_that_is_down_is_no_error_until_it_is_asked() {
    let port = free_port();
    for url in [
        format!("redis://:hunter2@127.0.0.1:{port}"),
        format!("rediss://:hunter2@127.0.0.1:{port}"),
        format!("redis+cluster://:hunter2@127.0.0.1:{port},127.0.0.1:{port}"),
        format!("redis+sentinel://:hunter2@127.0.0.1:{port},127.0.0.1:{port}/kayan"),
        "unix:///nowhere/redis.sock?password=hunter2".to_owned(),
    ] {
        assert_eq!(unanswered(&counters(&url)).await, "the server can't be reached", "{url}");
    }
}

#[tokio::test]
async fn a_host_that_accepts_and_says_nothing_is_given_up_in_time() {
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = silent.local_addr().unwrap().port();
    let asked = ["redis", "rediss", "redis+cluster", "redis+sentinel"].map(|scheme| async move {
        let master = if scheme == "redis+sentinel" { "/kayan" } else { "" };
        let why = unanswered(&counters(&format!("{scheme}://:hunter2@127.0.0.1:{port}{master}"))).await;
        let expected = ["the server does not answer in time", "the server can't be reached"];
        assert!(expected.contains(&&*why), "{scheme}: {why}");
    });
    join_all(asked).await;
}

#[tokio::test]
async fn a_host_that_speaks_something_else_is_an_error() {
    let other = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = other.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = other.accept().await {
            let answer = b"HTTP/1.1 400 Bad Request\r\n\r\n";
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
        }
    });
    let why = unanswered(&counters(&format!("redis://127.0.0.1:{port}"))).await;
    assert!(why.contains("does not speak the Redis protocol"), "{why}");
    let why = unanswered(&counters(&format!("rediss://127.0.0.1:{port}"))).await;
    assert!(why.contains("does not speak TLS"), "{why}");
}

#[tokio::test]
async fn who_is_not_let_in_is_told_why_and_no_secret() {
    let server = Server::start(&[]).await;
    server.ask(&["acl", "setuser", "reader", "on", ">hunter2", "+get", "~*"]);
    let watching = Server::sentinel(&server).await;
    let (port, sentinel) = (server.port, watching.port);
    for (url, expected) in [
        (format!("redis://:hunter2@127.0.0.1:{port}"), "refuses this user or password"),
        (format!("redis://nobody:hunter2@127.0.0.1:{port}"), "refuses this user or password"),
        (format!("redis://127.0.0.1:{port}"), "asks for a password"),
        (format!("redis+cluster://:hunter2@127.0.0.1:{port}"), "refuses this user or password"),
        (format!("redis+sentinel://127.0.0.1:{port}/kayan"), "is no sentinel"),
        (format!("redis+sentinel://127.0.0.1:{sentinel}/kayan"), "asks for a password"),
        (
            format!("redis+sentinel://127.0.0.1:{sentinel}/kayan?sentinel_password=hunter2"),
            "refuses this user or password",
        ),
        (watching.sentinel_url().replace("/kayan?", "/hunter2?"), "no master of this name"),
        (format!("redis://reader:hunter2@127.0.0.1:{port}"), "let it run scripts on keys kayan:*"),
        (format!("{}/99", server.url()), "no database of this number"),
    ] {
        let why = unanswered(&counters(&url)).await;
        assert!(why.contains(expected), "{url}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_killed_or_hangs_is_used_again_when_it_is_back() {
    let mut server = Server::start(&[]).await;
    for url in [server.url(), server.socket_url()] {
        let counters = Arc::new(counters(&url));
        // Several idle connections, all of which will be dead.
        together(&counters, 8).await;
        server.kill();
        // The first may be used before it is known that the connections are dead.
        unanswered(&counters).await;
        assert_eq!(unanswered(&counters).await, "the server can't be reached");
        server.revive().await;
        answers(&counters).await;

        together(&counters, 8).await;
        server.kill();
        server.revive().await;
        answers(&counters).await;

        together(&counters, 8).await;
        server.signal("STOP");
        assert_eq!(unanswered(&counters).await, "the server does not answer in time");
        server.signal("CONT");
        answers(&counters).await;
    }
}

async fn together(counters: &Arc<RedisCounters>, many: u8) {
    let asked = (0..many).map(|number| {
        let counters = Arc::clone(counters);
        tokio::spawn(async move { reserve(&counters, number).await.unwrap() })
    });
    for asked in asked.collect::<Vec<_>>() {
        asked.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn there_are_never_more_connections_than_the_pool_is_large() {
    let server = Server::start(&[]).await;
    let settings = RedisSettings { pool_size: 3, patience: Duration::from_secs(10) };
    let counters = Arc::new(RedisCounters::connect(&server.url().parse().unwrap(), settings).unwrap());
    let before = connections(&server);
    for _ in 0..5 {
        together(&counters, 64).await;
    }
    let made = connections(&server) - before;
    // The connection that asks is counted as well.
    assert!((1..=3 + 5).contains(&made), "{made} connections were made");
    assert_eq!(clients(&server).len(), 3);
}

/// How many connections were made so far.
fn connections(server: &Server) -> u32 {
    let told = server.ask(&["info", "stats"]);
    let line = told.lines().find_map(|line| line.strip_prefix("total_connections_received:"));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn an_asker_who_leaves_takes_no_answer_from_the_next() {
    let server = Server::start(&[]).await;
    let settings = RedisSettings { pool_size: 1, patience: Duration::from_secs(10) };
    let counters = RedisCounters::connect(&server.url().parse().unwrap(), settings).unwrap();
    assert_eq!(number(&counters, "a").await, Ok(1));
    let before = clients(&server);
    server.signal("STOP");
    for _ in 0..3 {
        assert!(timeout(Duration::from_millis(20), number(&counters, "a")).await.is_err());
    }
    server.signal("CONT");
    // With the answer to one of those, the number would differ.
    assert_eq!(number(&counters, "b").await, Ok(1));
    assert_eq!(number(&counters, "b").await, Ok(2));
    until("what was left to be closed", || clients(&server).iter().all(|client| !before.contains(client))).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn connections_to_a_server_that_was_silent_are_not_kept() {
    let server = Server::start(&[]).await;
    let counters = Arc::new(counters(&server.url()));
    let before = loop {
        together(&counters, 16).await;
        let clients = clients(&server);
        if clients.len() > 1 {
            break clients;
        }
    };
    server.signal("STOP");
    number(&counters, "client").await.unwrap_err();
    server.signal("CONT");
    until("the idle ones to be closed", || clients(&server).iter().all(|client| !before.contains(client))).await;
}

#[tokio::test]
async fn a_connection_that_nobody_waits_for_any_more_is_closed() {
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let counters = counters(&format!("redis://127.0.0.1:{}", silent.local_addr().unwrap().port()));
    number(&counters, "client").await.unwrap_err();
    let (mut stream, _) = silent.accept().await.unwrap();
    let mut said = Vec::new();
    let ended = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut said);
    timeout(Duration::from_secs(10), ended).await.unwrap().unwrap();
}

/// The open connections, without the one that asks.
fn clients(server: &Server) -> Vec<String> {
    let told = server.ask(&["client", "list", "type", "normal"]);
    let others = told.lines().filter(|line| !line.contains("cmd=client|list"));
    others.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_is_told_them_again() {
    let server = Server::start(&[]).await;
    let counters = counters(&server.url());
    answers(&counters).await;
    server.ask(&["script", "flush"]);
    answers(&counters).await;
}
