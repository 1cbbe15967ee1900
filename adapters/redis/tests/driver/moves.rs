//! Tests that counts survive a move to another server.

use std::time::Duration;

use kayan_redis::{Announcement, Announcements, RedisCounters};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc::unbounded_channel,
    time::Instant,
};

use crate::{
    asking::{answers, number, unanswered},
    server::{ENOUGH, Server, counters, free_port, settings, until},
};

#[tokio::test]
async fn a_replica_that_the_sentinels_make_master_is_used() {
    let mut master = Server::start(&["--repl-diskless-sync-delay", "0"]).await;
    let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]).await;
    until("the replica", || master.ask(&["info", "replication"]).contains("state=online")).await;
    let sentinel = Server::sentinel(&master).await;
    let known = || sentinel.ask(&["sentinel", "replicas", "kayan"]).contains(&replica.port.to_string());
    until("the sentinel to know it", known).await;

    let counters = counters(&sentinel.sentinel_url());
    let (hear, mut heard) = unbounded_channel();
    let told = move |what| drop(hear.send(what));
    let url = sentinel.sentinel_url().parse().unwrap();
    let announcements = Announcements::start(&url, settings(), told).unwrap();
    assert_eq!(heard.recv().await, Some(Announcement::Gap));
    assert_eq!(number(&counters, "client").await, Ok(1));
    until("it to be copied", || replica.ask(&["dbsize"]) == "1").await;
    assert_eq!(master.ask(&["dbsize"]), "1");

    master.kill();
    number(&counters, "client").await.unwrap_err();
    until("the replica to be the master", || replica.ask(&["role"]).starts_with("master")).await;
    // The sentinel reports it a moment later than the replica.
    let again = loop {
        if let Ok(number) = number(&counters, "client").await {
            break number;
        }
    };
    assert_eq!(again, 2);
    answers(&counters).await;
    assert_eq!(heard.recv().await, Some(Announcement::Gap));
    announcements.announce(&["a line".to_owned()]).await;
    assert_eq!(heard.recv().await, Some(Announcement::Line("a line".to_owned())));
}

/// Two nodes of one cluster, each with its share of the slots.
async fn cluster(shares: [&[&str]; 2]) -> [Server; 2] {
    let (bus, other_bus) = (free_port().to_string(), free_port().to_string());
    let enabled = ["--cluster-enabled", "yes", "--cluster-node-timeout", "5000", "--cluster-port"];
    let one = Server::start(&[&enabled[..], &[&bus]].concat()).await;
    let other = Server::start(&[&enabled[..], &[&other_bus]].concat()).await;
    for (server, share) in [&one, &other].into_iter().zip(shares) {
        if !share.is_empty() {
            server.ask(&[&["cluster", "addslotsrange"], share].concat());
        }
    }
    other.ask(&["cluster", "set-config-epoch", "2"]);
    one.ask(&["cluster", "meet", "127.0.0.1", &other.port.to_string(), &other_bus]);
    until("the cluster to be whole", || is_whole(&one) && is_whole(&other)).await;
    [one, other]
}

fn is_whole(server: &Server) -> bool {
    let told = server.ask(&["cluster", "info"]);
    told.contains("cluster_state:ok") && told.contains("cluster_known_nodes:2")
}

#[tokio::test]
async fn a_slot_that_moves_to_another_node_is_followed() {
    let [from, to] = cluster([&["0", "16383"], &[]]).await;
    let counters = counters(&from.url_as("redis+cluster://"));
    assert_eq!(number(&counters, "client").await, Ok(1));

    let slot = from.ask(&["cluster", "keyslot", "kayan:limit:4:test:client"]);
    let (from_id, to_id) = (from.ask(&["cluster", "myid"]), to.ask(&["cluster", "myid"]));
    to.ask(&["cluster", "setslot", &slot, "importing", &from_id]);
    from.ask(&["cluster", "setslot", &slot, "migrating", &to_id]);
    assert_eq!(number(&counters, "client").await, Ok(2));
    let key = "kayan:limit:4:test:client";
    from.ask(&["migrate", "127.0.0.1", &to.port.to_string(), key, "0", "5000", "auth", "p@:/?#%w"]);
    assert_eq!(number(&counters, "client").await, Ok(3));
    for server in [&to, &from] {
        server.ask(&["cluster", "setslot", &slot, "node", &to_id]);
    }
    assert_eq!(number(&counters, "client").await, Ok(4));
    assert_eq!(to.ask(&["dbsize"]), "1");
    answers(&counters).await;
}

/// A client whose key is in the half of the slots that begins there.
fn client_in(server: &Server, first: u32) -> String {
    let slot = |who: &str| server.ask(&["cluster", "keyslot", &format!("kayan:limit:4:test:{who}")]);
    let all = (0..).map(|number: u32| format!("client {number}"));
    let half = first..first + 8_192;
    all.take(100).find(|who| slot(who).parse().is_ok_and(|slot: u32| half.contains(&slot))).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_away_is_used_again_when_it_is_back_and_the_others_meanwhile() {
    let [mut one, mut other] = cluster([&["0", "8191"], &["8192", "16383"]]).await;
    let (here, there) = (client_in(&one, 0), client_in(&one, 8_192));
    let url = format!("{},127.0.0.1:{}", one.url_as("redis+cluster://"), other.port);
    let counters = counters(&url);
    assert_eq!(number(&counters, &here).await, Ok(1));
    assert_eq!(number(&counters, &there).await, Ok(1));

    other.signal("STOP");
    for expected in 2..5 {
        let began = Instant::now();
        number(&counters, &there).await.unwrap_err();
        assert!(began.elapsed() < ENOUGH, "{:?}", began.elapsed());
        assert_eq!(number(&counters, &here).await, Ok(expected));
    }
    // A new client is not delayed either.
    let fresh = self::counters(&url);
    assert_eq!(number(&fresh, &here).await, Ok(5));
    other.signal("CONT");
    until("the cluster to be whole", || is_whole(&one) && is_whole(&other)).await;
    is_answered(&counters, &there).await;
    is_answered(&counters, &here).await;

    one.kill();
    other.kill();
    number(&counters, &here).await.unwrap_err();
    number(&counters, &there).await.unwrap_err();
    one.revive().await;
    other.revive().await;
    until("the cluster to be whole", || is_whole(&one) && is_whole(&other)).await;
    is_answered(&counters, &here).await;
    is_answered(&counters, &there).await;
    answers(&counters).await;
}

/// Asserts an answer within a second of the server's return.
async fn is_answered(counters: &RedisCounters, who: &str) {
    let back = Instant::now();
    while number(counters, who).await.is_err() {
        assert!(back.elapsed() < Duration::from_secs(1), "{who} is not answered");
    }
}

#[tokio::test]
async fn a_server_that_the_sentinels_take_for_the_master_and_that_is_none_is_not_asked() {
    let master = Server::start(&[]).await;
    let replica = Server::start(&["--replicaof", "127.0.0.1", &master.port.to_string()]).await;
    // A sentinel that has not heard of a change yet.
    let sentinel = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = replica.url_as("redis+sentinel://");
    let url = url.replace(&replica.port.to_string(), &sentinel.local_addr().unwrap().port().to_string());
    let port = replica.port.to_string();
    let answer = format!("*2\r\n$9\r\n127.0.0.1\r\n${}\r\n{port}\r\n", port.len());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = sentinel.accept().await {
            stream.write_all(answer.as_bytes()).await.unwrap();
            tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
        }
    });
    let why = unanswered(&counters(&format!("{url}/kayan"))).await;
    assert_eq!(why, "the server that the sentinels name is not the master, or not yet");
}
