//! The certificate authorities that TLS connections trust.

use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The system trusts no certificate authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this system has no trusted certificates; install its ca-certificates, or name a PEM file in SSL_CERT_FILE")]
pub struct NoSystemAuthorities;

/// The authorities that the system trusts, or those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name. Reads files: call it only
/// when a connection uses TLS.
pub fn system_authorities() -> Result<RootCertStore, NoSystemAuthorities> {
    let mut roots = RootCertStore::empty();
    let (known, _) = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if known == 0 { Err(NoSystemAuthorities) } else { Ok(roots) }
}

/// The authorities in the content of a PEM file; `None` if it holds no certificate, or a damaged one.
pub fn authorities_in(pem: &[u8]) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        roots.add(certificate.ok()?).ok()?;
    }
    (!roots.is_empty()).then_some(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_whole_certificate_holds_no_authority() {
        let damaged = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for pem in [&b""[..], b"no PEM at all", damaged] {
            assert!(authorities_in(pem).is_none(), "{}", String::from_utf8_lossy(pem));
        }
    }
}
