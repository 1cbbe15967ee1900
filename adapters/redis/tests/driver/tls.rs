//! Tests that connections are encrypted, and only to the host in the URL.

use std::{fs, path::Path, process::Command, time::Duration};

use kayan_redis::{RedisCounters, RedisSettings};
use tempfile::TempDir;

use crate::{
    asking::{answers, number, unanswered},
    server::{Server, counters, free_port, ran, settings, shared},
};

fn openssl(folder: &Path, arguments: &str) {
    ran(Command::new("openssl").args(arguments.split(' ')).current_dir(folder));
}

/// An authority `ca.pem`, and a certificate `server.pem` with `server.key` for localhost, valid in this period.
fn certificates(folder: &Path, from: &str, to: &str) {
    let key = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(folder, &format!("{key} -x509 -days 2 -subj /CN=ours -keyout ca.key -out ca.pem"));
    openssl(folder, &format!("{key} -subj /CN=localhost -keyout server.key -out server.csr"));
    let policy = "[ca]\ndefault_ca = it\n[it]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\n";
    let rules = "default_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n";
    fs::write(folder.join("ca.conf"), format!("{policy}{rules}")).unwrap();
    fs::write(folder.join("names"), "subjectAltName=DNS:localhost\n").unwrap();
    fs::write(folder.join("index"), "").unwrap();
    let sign = "ca -batch -notext -config ca.conf -cert ca.pem -keyfile ca.key -extfile names -in server.csr";
    openssl(folder, &format!("{sign} -out server.pem -startdate {from}000000Z -enddate {to}000000Z"));
}

/// A server with a certificate valid in this period, and its TLS port.
async fn encrypted(folder: &Path, (from, to): (&str, &str), more: &[&str]) -> (Server, u16) {
    certificates(folder, from, to);
    let file = |name: &str| folder.join(name).display().to_string();
    let (port, certificate, key, authority) = (free_port(), file("server.pem"), file("server.key"), file("ca.pem"));
    let tls = ["--tls-port", &port.to_string(), "--tls-cert-file", &certificate, "--tls-key-file", &key];
    let trust = ["--tls-ca-cert-file", &authority, "--tls-auth-clients", "no"];
    (Server::start(&[&tls[..], &trust, more].concat()).await, port)
}

fn authority(folder: &TempDir) -> String {
    format!("?ssl_ca_certs={}", folder.path().join("ca.pem").display())
}

#[tokio::test]
async fn only_the_server_that_is_meant_is_asked() {
    let url = shared("KAYAN_TEST_REDIS_TLS_URL");
    answers(&counters(&url)).await;
    let (address, _) = url.split_once('?').unwrap();
    let why = unanswered(&counters(address)).await;
    assert!(why.contains("not trusted; name a file with its certificate with ssl_ca_certs"), "{why}");
    let other = TempDir::new().unwrap();
    certificates(other.path(), "20200101", "20990101");
    let why = unanswered(&counters(&format!("{address}{}", authority(&other)))).await;
    assert!(why.contains("not trusted"), "{why}");
    let why = unanswered(&counters(&url.replace("@localhost:", "@127.0.0.2:"))).await;
    assert!(why.contains("names another host"), "{why}");
    answers(&counters(&url.replace("@localhost:", "@127.0.0.1:"))).await;
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_refused() {
    let folder = TempDir::new().unwrap();
    let (server, port) = encrypted(folder.path(), ("20200101", "20200102"), &[]).await;
    let url = server.url_as("rediss://").replace(&format!("127.0.0.1:{}", server.port), &format!("localhost:{port}"));
    let why = unanswered(&counters(&format!("{url}{}", authority(&folder)))).await;
    assert!(why.contains("has expired"), "{why}");
}

#[tokio::test]
async fn a_cluster_is_encrypted_as_well() {
    let folder = TempDir::new().unwrap();
    let bus = free_port().to_string();
    let more = ["--cluster-enabled", "yes", "--tls-cluster", "yes", "--cluster-port", &bus];
    let (server, port) = encrypted(folder.path(), ("20200101", "20990101"), &more).await;
    server.ask(&["cluster", "addslotsrange", "0", "16383"]);
    crate::server::until("the cluster to be whole", || server.ask(&["cluster", "info"]).contains("cluster_state:ok"))
        .await;
    let url = server.url_as("rediss+cluster://");
    let url = url.replace(&format!("127.0.0.1:{}", server.port), &format!("localhost:{port}"));
    let known = patient(&format!("{url}{}", authority(&folder)));
    assert_eq!(number(&known, "client").await, Ok(1));
    answers(&known).await;
    let why = refused(&url).await;
    assert!(why.contains("not trusted"), "{why}");
    let why = refused(&format!("{}{}", url.replace("@localhost", "@127.0.0.1"), authority(&folder))).await;
    assert!(why.contains("names another host"), "{why}");
}

/// Each connection to a node reads the system's authorities, which takes a busy machine some time.
fn patient(url: &str) -> RedisCounters {
    let settings = RedisSettings { patience: Duration::from_secs(30), ..settings() };
    RedisCounters::connect(&url.parse().unwrap(), settings).unwrap()
}

/// The error of a request that is not answered.
async fn refused(url: &str) -> String {
    number(&patient(url), "somebody").await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_file_that_holds_no_authority_is_named() {
    let folder = TempDir::new().unwrap();
    fs::write(folder.path().join("empty.pem"), "nothing").unwrap();
    let damaged = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    fs::write(folder.path().join("damaged.pem"), damaged).unwrap();
    for (file, expected) in
        [("missing", "missing.pem: "), ("empty", "no valid certificate"), ("damaged", "no valid certificate")]
    {
        for scheme in ["rediss", "rediss+cluster"] {
            let path = folder.path().join(format!("{file}.pem"));
            let url = format!("{scheme}://:hunter2@localhost?ssl_ca_certs={}", path.display()).parse().unwrap();
            let why = RedisCounters::connect(&url, RedisSettings::default()).unwrap_err().to_string();
            assert!(why.starts_with("ssl_ca_certs: ") && why.contains(expected), "{why}");
            assert!(!why.contains("hunter2"), "{why}");
        }
    }
}
