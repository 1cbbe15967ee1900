//! TLS by rustls: the server must have a certificate for its host.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use kayan_tls::{NoSystemAuthorities, authorities_in, system_authorities};
use rustls::{ClientConfig, crypto::aws_lc_rs};
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
    /// The system trusts no certificate authority.
    #[error("{0}, or in ssl_ca_certs")]
    NoSystemAuthorities(#[from] NoSystemAuthorities),
    /// The library refuses.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The Redis library refuses the settings.
    #[error("connections can't be set up: {0}")]
    Setup(String),
}

/// A connector that trusts the authorities in this file (PEM), or else the system's.
pub(crate) fn connector(authorities: Option<&Path>) -> Result<TlsConnector, ConnectError> {
    let roots = match authorities {
        Some(path) => authorities_in(&read(path)?).ok_or_else(|| ConnectError::NoAuthorities(path.to_owned()))?,
        None => system_authorities()?,
    };
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = builder.with_safe_default_protocol_versions()?.with_root_certificates(roots).with_no_client_auth();
    Ok(Arc::new(config).into())
}

/// The file's content.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ConnectError> {
    fs::read(path).map_err(|why| ConnectError::AuthoritiesUnread { path: path.to_owned(), why })
}
