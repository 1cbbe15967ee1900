//! Certificates for servers that speak TLS.

use std::process::{Command, Stdio};

use super::Home;
use crate::run::Failure;

/// Makes an authority, `ca.pem`, and a certificate for `localhost` and 127.0.0.1, `server.pem` with `server.key`.
pub(super) fn make(home: &Home) -> Result<(), Failure> {
    let request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let authority = ["-x509", "-days", "2", "-subj", "/CN=Kayan's tests", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(home, &[&request[..], &authority].concat())?;
    let server = ["-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"];
    openssl(home, &[&request[..], &server].concat())?;
    home.write("names", "subjectAltName=DNS:localhost,IP:127.0.0.1\n")?;
    let sign = ["x509", "-req", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl(home, &[&sign[..], &["-extfile", "names", "-in", "server.csr", "-out", "server.pem"]].concat())?;
    ["server.pem", "server.key", "ca.pem"].into_iter().try_for_each(|file| home.protect(&home.file(file)))
}

/// Makes another certificate of the same authority and key that was good long ago, `expired.pem`.
pub(super) fn make_expired(home: &Home) -> Result<(), Failure> {
    home.write("index", "")?;
    let policy = "[ca]\ndefault_ca = it\n[it]\ndatabase = index\nnew_certs_dir = .\nrand_serial = yes\n";
    home.write(
        "ca.conf",
        &format!("{policy}default_md = sha256\nunique_subject = no\npolicy = any\n[any]\ncommonName = supplied\n"),
    )?;
    let sign = ["ca", "-batch", "-notext", "-config", "ca.conf", "-cert", "ca.pem", "-keyfile", "ca.key"];
    let long_ago = ["-startdate", "20200101000000Z", "-enddate", "20200102000000Z"];
    let names = ["-extfile", "names", "-in", "server.csr", "-out", "expired.pem"];
    openssl(home, &[&sign[..], &names, &long_ago].concat())?;
    home.protect(&home.file("expired.pem"))
}

fn openssl(home: &Home, arguments: &[&str]) -> Result<(), Failure> {
    let ran = Command::new("openssl").args(arguments).current_dir(&home.path).stdin(Stdio::null()).output();
    let ran = ran.map_err(|source| Failure::Start { command: "openssl".to_owned(), source })?;
    let said = String::from_utf8_lossy(&ran.stderr);
    if ran.status.success() { Ok(()) } else { Err(Failure::Wrong(format!("openssl: {said}"))) }
}
