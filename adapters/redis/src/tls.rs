//! TLS by rustls: the server must have a certificate for its host.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio_rustls::TlsConnector;

/// Why connections can't be set up; it names the parameter of the URL, not the setting that holds the URL.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file of authorities can't be read.
    #[error("ssl_ca_certs: {}: {why}; let the service's user read it, or correct the path", path.display())]
    AuthoritiesUnread {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        why: io::Error,
    },
    /// The file of authorities holds no certificate, or a damaged one.
    #[error("ssl_ca_certs: {} contains no valid certificate; name a PEM file", .0.display())]
    NoAuthorities(PathBuf),
    /// The system has no trusted certificates.
    #[error("this system has no trusted certificates; name a file with ssl_ca_certs")]
    NoSystemAuthorities,
    /// The TLS library refuses the settings.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The Redis library refuses the settings.
    #[error("connections can't be set up: {0}")]
    Setup(String),
}

/// A connector that trusts the authorities in this file (PEM), or else the system's.
pub(crate) fn connector(authorities: Option<&Path>) -> Result<TlsConnector, ConnectError> {
    let roots = match authorities {
        Some(path) => from_file(path)?,
        None => from_system()?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(config).into())
}

/// The file's content.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ConnectError> {
    fs::read(path).map_err(|why| ConnectError::AuthoritiesUnread { path: path.to_owned(), why })
}

fn from_file(path: &Path) -> Result<RootCertStore, ConnectError> {
    let none = || ConnectError::NoAuthorities(path.to_owned());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&read(path)?) {
        roots.add(certificate.map_err(|_| none())?).map_err(|_| none())?;
    }
    if roots.is_empty() { Err(none()) } else { Ok(roots) }
}

fn from_system() -> Result<RootCertStore, ConnectError> {
    let mut roots = RootCertStore::empty();
    match roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs) {
        (0, _) => Err(ConnectError::NoSystemAuthorities),
        _ => Ok(roots),
    }
}
