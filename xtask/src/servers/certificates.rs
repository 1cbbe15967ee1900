//! Certificates for servers that speak TLS.

use std::process::{Command, Stdio};

use super::Home;
use crate::run::Failure;

/// Makes an authority, `ca.pem`, and a certificate for `localhost` and 127.0.0.1, `server.pem` with `server.key`.
pub(super) fn make(home: &Home) -> Result<(), Failure> {
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    let openssl = |arguments: &[&str]| {
        let mut openssl = Command::new("openssl");
        let ran = openssl.args(arguments).current_dir(&home.path).stdin(Stdio::null()).output();
        let ran = ran.map_err(|source| Failure::Start { command: "openssl".to_owned(), source })?;
        let said = String::from_utf8_lossy(&ran.stderr);
        if ran.status.success() { Ok(()) } else { Err(Failure::Wrong(format!("openssl: {said}"))) }
    };
    let request = [&["req"], &key[..]].concat();
    let authority = ["-x509", "-days", "2", "-subj", "/CN=Kayan's tests", "-keyout", "ca.key", "-out", "ca.pem"];
    openssl(&[&request[..], &authority].concat())?;
    openssl(&[&request[..], &["-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr"]].concat())?;
    home.write("names", "subjectAltName=DNS:localhost,IP:127.0.0.1\n")?;
    let sign = ["x509", "-req", "-days", "2", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl(&[&sign[..], &["-extfile", "names", "-in", "server.csr", "-out", "server.pem"]].concat())?;
    for file in ["server.pem", "server.key", "ca.pem"] {
        home.protect(&home.file(file))?;
    }
    Ok(())
}
