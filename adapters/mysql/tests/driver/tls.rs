//! The connection is encrypted, to whom and when the DSN says.

use kayan_sql::DriverError;
use std::{fs, process::Command};

use kayan_mysql::{MysqlDriver, Settings};

use crate::{
    database::read,
    server::{Server, ran},
};

const CIPHER: &str = "SELECT variable_value <> ''
FROM /*M! information_schema.session_status */ /*!80000 performance_schema.session_status */
WHERE variable_name = 'Ssl_cipher'";

fn openssl(server: &Server, arguments: &str) {
    ran(Command::new("openssl").args(arguments.split(' ')).current_dir(server.file("")));
}

/// Has the server show a certificate for this name, valid from and to these days.
fn show(server: &Server, name: &str, from: &str, to: &str) {
    fs::write(server.file("names"), format!("subjectAltName={name}\n")).unwrap();
    fs::write(server.file("index"), "").unwrap();
    let life = format!("-startdate {from}000000Z -enddate {to}000000Z");
    openssl(
        server,
        &format!(
            "ca -batch -notext -config ca.conf -cert ca.pem -keyfile ca.key {life} -extfile names -in server.csr -out server.pem"
        ),
    );
    server.hand_over();
}

fn authority(server: &Server) {
    let key = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(server, &format!("{key} -x509 -days 2 -subj /CN=ours -keyout ca.key -out ca.pem"));
    openssl(server, &format!("{key} -x509 -days 2 -subj /CN=other -keyout other.key -out other.pem"));
    openssl(server, &format!("{key} -subj /CN=localhost -keyout server.key -out server.csr"));
    let policy = "[ca]\ndefault_ca = it\n[it]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\n";
    let rules = "default_md = sha256\nunique_subject = no\npolicy = any\n[any]\ncommonName = supplied\n";
    fs::write(server.file("ca.conf"), format!("{policy}{rules}")).unwrap();
}

/// Whether the connection is encrypted, or why there is none.
async fn encrypted(dsn: &str) -> Result<bool, DriverError> {
    let driver = MysqlDriver::connect(dsn, Settings::default()).unwrap();
    read(&driver, CIPHER, vec![]).await.map(|mut rows| rows.pop().unwrap().boolean().unwrap())
}

async fn refused(dsn: &str, because: &str) {
    let Err(DriverError::Unavailable(why)) = encrypted(dsn).await else { panic!("{because}: let in") };
    assert!(why.starts_with("KAYAN_DB_DSN: ") && why.contains(because), "{why}");
    assert!(!why.contains("p@") && !why.contains("127.0.0.1") && !why.contains("localhost"), "{why}");
}

#[tokio::test]
async fn every_kind_of_tls_is_what_its_name_says() {
    let mut server = Server::start().await;
    refused(&server.dsn("tls=true"), "the server has no TLS").await;
    refused(&server.dsn("tls=skip-verify"), "the server has no TLS").await;
    assert_eq!(encrypted(&server.dsn("tls=preferred")).await, Ok(false));
    authority(&server);
    show(&server, "DNS:localhost,IP:127.0.0.1", "20200101", "20990101");
    server.kill();
    server.revive().await;

    let ours = format!("tls=true&tls-ca={}", server.file("ca.pem").display());
    for (options, expected) in
        [("", false), ("tls=false", false), ("tls=preferred", true), ("tls=skip-verify", true), (&*ours, true)]
    {
        assert_eq!(encrypted(&server.dsn(options)).await, Ok(expected), "{options}");
    }
    let named = server.dsn(&ours).replace("tcp(127.0.0.1:", "tcp(localhost:");
    assert_eq!(encrypted(&named).await, Ok(true));
    refused(&server.dsn("tls=true"), "not trusted").await;
    let other = format!("tls=true&tls-ca={}", server.file("other.pem").display());
    refused(&server.dsn(&other), "not trusted").await;
    for (file, why) in [("missing.pem", "missing.pem: "), ("names", "holds no certificate")] {
        let options = format!("tls=true&tls-ca={}", server.file(file).display());
        let error = MysqlDriver::connect(&server.dsn(&options), Settings::default()).map(drop).unwrap_err().to_string();
        assert!(error.starts_with("tls-ca: ") && error.contains(why), "{error}");
    }

    // A running MySQL takes no certificate that has expired; one that begins does.
    show(&server, "DNS:elsewhere.example", "20200101", "20990101");
    server.kill();
    server.revive().await;
    refused(&server.dsn(&ours), "names another host").await;
    show(&server, "DNS:localhost,IP:127.0.0.1", "20200101", "20200102");
    server.kill();
    server.revive().await;
    refused(&server.dsn(&ours), "has expired").await;
    assert_eq!(encrypted(&server.dsn("tls=skip-verify")).await, Ok(true));
}

#[tokio::test]
async fn a_login_that_is_refused_names_the_setting_and_no_secret() {
    let server = crate::database::server();
    let with = |from: &str, to: &str| server.replacen(from, to, 1);
    let colon = server.find(':').unwrap();
    let at = server.rfind('@').unwrap();
    let wrong = format!("{}:hunter2{}", &server[..colon], &server[at..]);
    refused(&wrong, "user or password").await;
    refused(&with("/mysql", "/kayan_nowhere"), "no such database").await;
}
