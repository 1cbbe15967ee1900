//! TLS as libpq's `sslmode` asks for it.

use std::{path::Path, sync::Arc};

use kayan_tls::{NoSystemAuthorities, authorities_in, system_authorities};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::dsn::{Dsn, Encryption, SslMode};

/// Why the encryption that the DSN asks for is not possible. No message names the setting that holds the DSN.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of trusted authorities can't be read.
    #[error("the file of sslrootcert can't be read ({0}); correct its path or its permissions")]
    Unreadable(String),
    /// There is no certificate in it.
    #[error("the file of sslrootcert holds no certificate in PEM form")]
    NoCertificate,
    /// The system trusts no certificate authority.
    #[error("{0}, or in sslrootcert")]
    NoSystemAuthorities(#[from] NoSystemAuthorities),
    /// The library refuses.
    #[error("TLS can't be set up: {0}")]
    Setup(Error),
}

impl Dsn {
    /// Reads the file of trusted authorities, if there is to be one.
    pub fn check_files(&self) -> Result<(), TlsError> {
        connector(&self.encryption).map(drop)
    }
}

/// A connector that verifies as much as the mode says.
pub(crate) fn connector(encryption: &Encryption) -> Result<MakeRustlsConnect, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
    let builder = builder.map_err(TlsError::Setup)?;
    let names = match encryption.mode {
        SslMode::Disable | SslMode::Allow | SslMode::Prefer | SslMode::Require => None,
        SslMode::VerifyCa => Some(false),
        SslMode::VerifyFull => Some(true),
    };
    let verifier = match names {
        None => Verifier { authorities: None, names: false, provider },
        Some(names) => {
            let roots = Arc::new(roots(encryption.root.as_deref())?);
            let made = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider)).build();
            let authorities = made.map_err(|error| TlsError::Setup(Error::General(error.to_string())))?;
            Verifier { authorities: Some(authorities), names, provider }
        }
    };
    let config = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let Some(file) = file else { return Ok(system_authorities()?) };
    let pem = std::fs::read(file).map_err(|error| TlsError::Unreadable(error.kind().to_string()))?;
    authorities_in(&pem).ok_or(TlsError::NoCertificate)
}

/// Asks the authorities, if there are any, and for the host's name only where that matters. In every mode the server
/// must prove that it has its certificate's key.
#[derive(Debug)]
struct Verifier {
    authorities: Option<Arc<WebPkiServerVerifier>>,
    names: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(authorities) = &self.authorities else { return Ok(ServerCertVerified::assertion()) };
        let verified = authorities.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            // The name is checked last, so here the certificate is signed and has not expired.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names => Ok(ServerCertVerified::assertion()),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
