//! Signs mail, so that recipients can tell that the domain has sent it (DKIM, RFC 6376 and RFC 8463).

use std::{
    fmt, fs, io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::{AsDer as _, PublicKeyX509Der},
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use kayan_ports::{MailError, MailFailure};
use rustls::pki_types::{PrivateKeyDer, pem::PemObject as _};

use crate::address::domain_name;

/// The header fields that are signed, of those that a mail has (RFC 6376, section 5.4.1).
const SIGNED: [&str; 9] = [
    "from",
    "to",
    "subject",
    "date",
    "message-id",
    "mime-version",
    "content-type",
    "content-language",
    "auto-submitted",
];
/// Signed once more than they occur: so nobody can add another one.
const ONCE_ONLY: [&str; 3] = ["from", "to", "subject"];
/// How long the lines of the signature are.
const LINE: usize = 72;

/// Why mail can't be signed. It does not name the setting.
#[derive(Debug, thiserror::Error)]
pub enum DkimError {
    /// The file can't be read.
    #[error("{}: {why}; let the service's user read it, or correct the path", path.display())]
    Unread {
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        why: io::Error,
    },
    /// All users of the machine can read the file.
    #[error("{} is accessible to all users of this machine (mode {mode:04o}); change that with chmod o-rwx", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds no private key.
    #[error("{} holds no private key in PEM without a passphrase; make one with openssl genrsa 2048", .0.display())]
    NoKey(PathBuf),
    /// The key is of another kind, too short or damaged.
    #[error("{} holds neither an RSA key of 2048 to 8192 bits nor an Ed25519 key; make one with openssl genrsa 2048", .0.display())]
    Unusable(PathBuf),
    /// The domain is none.
    #[error("{0:?} is not a domain; use one such as example.com")]
    Domain(String),
    /// The selector is none.
    #[error("{0:?} is not a selector; use letters, digits and hyphens, as in kayan-2026")]
    Selector(String),
}

/// A key, and the name under which its public half is published.
pub struct Dkim {
    domain: String,
    selector: String,
    key: Key,
    /// The public half, in base64.
    public: String,
}

enum Key {
    Rsa(Box<RsaKeyPair>),
    Ed25519(Box<Ed25519KeyPair>),
}

impl fmt::Debug for Dkim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dkim({}, {}, [redacted])", self.domain, self.selector)
    }
}

impl Dkim {
    /// Reads the private key from a PEM file: RSA of 2048 bits or more, or Ed25519.
    pub fn read(path: &Path, domain: &str, selector: &str) -> Result<Self, DkimError> {
        let domain = domain_name(domain).ok_or_else(|| DkimError::Domain(domain.to_owned()))?;
        if !selector.split('.').all(is_label) {
            return Err(DkimError::Selector(selector.to_owned()));
        }
        let unread = |why| DkimError::Unread { path: path.to_owned(), why };
        let mode = fs::metadata(path).map_err(unread)?.permissions().mode() & 0o7777;
        if mode & 0o007 != 0 {
            return Err(DkimError::Exposed { path: path.to_owned(), mode });
        }
        let pem = fs::read(path).map_err(unread)?;
        let der = PrivateKeyDer::from_pem_slice(&pem).map_err(|_| DkimError::NoKey(path.to_owned()))?;
        let key = Key::of(&der).and_then(|key| Some((key.public()?, key)));
        let (public, key) = key.ok_or_else(|| DkimError::Unusable(path.to_owned()))?;
        Ok(Self { domain, selector: selector.to_owned(), key, public })
    }

    /// The name and the text of the TXT record that publishes the key (RFC 6376, section 3.6).
    pub fn record(&self) -> (String, String) {
        let kind = match self.key {
            Key::Rsa(_) => "rsa",
            Key::Ed25519(_) => "ed25519",
        };
        (format!("{}._domainkey.{}", self.selector, self.domain), format!("v=DKIM1; k={kind}; p={}", self.public))
    }

    /// The header field that signs a mail, with its line break. `at`: seconds since 1970.
    pub(crate) fn signature(&self, mail: &str, at: i64) -> Result<String, MailError> {
        let (head, body) = mail.split_once("\r\n\r\n").ok_or_else(failed)?;
        let fields = fields(head);
        let present = SIGNED.into_iter().filter_map(|name| fields.iter().find(|field| name_of(field) == name));
        let mut signed = String::new();
        let mut names = Vec::new();
        for field in present {
            signed += &relaxed_field(field);
            names.push(name_of(field));
        }
        names.extend(ONCE_ONLY.map(str::to_owned));
        let hash = BASE64.encode(digest(&SHA256, relaxed_body(body).as_bytes()));
        let field = format!(
            "DKIM-Signature: v=1; a={}; c=relaxed/relaxed;\r\n d={}; s={}; t={at};\r\n h={};\r\n bh={hash};\r\n b=",
            self.key.algorithm(),
            self.domain,
            self.selector,
            names.join(":"),
        );
        signed += relaxed_field(&field).trim_end();
        Ok(field + &folded(&BASE64.encode(self.key.sign(signed.as_bytes())?)) + "\r\n")
    }
}

impl Key {
    fn of(der: &PrivateKeyDer<'_>) -> Option<Self> {
        match der {
            PrivateKeyDer::Pkcs1(key) => {
                RsaKeyPair::from_der(key.secret_pkcs1_der()).ok().map(|key| Self::Rsa(Box::new(key)))
            }
            PrivateKeyDer::Pkcs8(key) => {
                let der = key.secret_pkcs8_der();
                let rsa = RsaKeyPair::from_pkcs8(der).ok().map(|key| Self::Rsa(Box::new(key)));
                rsa.or_else(|| Ed25519KeyPair::from_pkcs8(der).ok().map(|key| Self::Ed25519(Box::new(key))))
            }
            _ => None,
        }
    }

    fn public(&self) -> Option<String> {
        match self {
            Self::Rsa(key) => {
                let der: PublicKeyX509Der<'_> = key.public_key().as_der().ok()?;
                Some(BASE64.encode(der.as_ref()))
            }
            Self::Ed25519(key) => Some(BASE64.encode(key.public_key())),
        }
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "rsa-sha256",
            Self::Ed25519(_) => "ed25519-sha256",
        }
    }

    fn sign(&self, signed: &[u8]) -> Result<Vec<u8>, MailError> {
        match self {
            Self::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), signed, &mut signature).map_err(|_| failed())?;
                Ok(signature)
            }
            // The hash is signed and not the text (RFC 8463, section 3).
            Self::Ed25519(key) => {
                let signature = key.try_sign(digest(&SHA256, signed).as_ref()).map_err(|_| failed())?;
                Ok(signature.as_ref().to_vec())
            }
        }
    }
}

/// A mail that this crate writes has a header and a body, and a key that was read can sign.
fn failed() -> MailError {
    MailError { why: MailFailure::InvalidAddress, detail: "the mail can't be signed".to_owned() }
}

fn is_label(label: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=63).contains(&label.len()) && label.bytes().all(is_inner) && !label.starts_with('-') && !label.ends_with('-')
}

/// The header fields, each with its line breaks.
fn fields(head: &str) -> Vec<String> {
    let mut fields: Vec<String> = Vec::new();
    for line in head.split("\r\n") {
        match fields.last_mut() {
            Some(last) if line.starts_with([' ', '\t']) => *last += line,
            _ => fields.push(line.to_owned()),
        }
    }
    fields
}

fn name_of(field: &str) -> String {
    field.split(':').next().unwrap_or_default().trim_end().to_ascii_lowercase()
}

/// A header field as it is signed (RFC 6376, section 3.4.2).
fn relaxed_field(field: &str) -> String {
    let value = field.split_once(':').map_or("", |(_, value)| value).replace("\r\n", "");
    format!("{}:{}\r\n", name_of(field), single_blanks(&value).trim_start())
}

/// The body as it is signed (RFC 6376, section 3.4.4).
fn relaxed_body(body: &str) -> String {
    let mut lines: Vec<String> = body.split("\r\n").map(single_blanks).collect();
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.into_iter().fold(String::new(), |body, line| body + &line + "\r\n")
}

/// A line with one blank for each run of them, and none at its end.
fn single_blanks(line: &str) -> String {
    let (mut text, mut is_blank) = (String::with_capacity(line.len()), false);
    for c in line.chars() {
        if matches!(c, ' ' | '\t') {
            is_blank = true;
        } else {
            if std::mem::take(&mut is_blank) {
                text.push(' ');
            }
            text.push(c);
        }
    }
    text
}

fn folded(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + text.len() / LINE * 3);
    for (place, c) in text.chars().enumerate() {
        if place > 0 && place % LINE == 0 {
            lines += "\r\n ";
        }
        lines.push(c);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str, mode: u32, pem: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        fs::write(&path, pem).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    /// An Ed25519 key, whose public half is that of RFC 8463, appendix A.2.
    const ED25519: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
        -----END PRIVATE KEY-----\n";

    #[test]
    fn text_is_signed_as_rfc_6376_says_in_its_example() {
        let fields = fields("A: X\r\nB : Y\t\r\n\tZ  ");
        let relaxed: String = fields.iter().map(|field| relaxed_field(field)).collect();
        assert_eq!(relaxed, "a:X\r\nb:Y Z\r\n");
        assert_eq!(relaxed_body(" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
        assert_eq!(
            (relaxed_body(""), relaxed_body("\r\n\r\n"), relaxed_body("a")),
            (String::new(), String::new(), "a\r\n".to_owned())
        );
    }

    #[test]
    fn the_record_has_the_public_key() {
        let (_folder, path) = key("dkim.pem", 0o600, ED25519);
        let (name, text) = Dkim::read(&path, "Bücher.example", "brisbane").unwrap().record();
        assert_eq!(name, "brisbane._domainkey.xn--bcher-kva.example");
        assert_eq!(text, "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
    }

    #[test]
    fn a_signature_names_what_is_signed_and_has_no_long_line() {
        let (_folder, path) = key("dkim.pem", 0o640, ED25519);
        let dkim = Dkim::read(&path, "example.com", "kayan").unwrap();
        let mail = "Subject: x\r\nReceived: y\r\nFrom: a@example.com\r\n\r\nHello\r\n";
        let signature = dkim.signature(mail, 7).unwrap();
        assert!(signature.starts_with("DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n d=example.com; s=kayan; t=7;\r\n h=from:subject:from:to:subject;\r\n"), "{signature}");
        assert!(signature.ends_with("\r\n") && signature.split("\r\n").all(|line| line.len() < 100), "{signature}");
        assert_eq!(signature, dkim.signature(mail, 7).unwrap());
    }

    #[test]
    fn a_key_that_can_not_be_used_is_refused_with_its_file_and_the_reason() {
        let refused = |mode, pem: &str| {
            let (_folder, path) = key("dkim.pem", mode, pem);
            Dkim::read(&path, "example.com", "kayan").unwrap_err().to_string()
        };
        for (mode, pem, words) in [
            (0o604, ED25519, "mode 0604"),
            (0o600, "", "holds no private key"),
            (
                0o600,
                "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
                "holds no private key",
            ),
            (0o600, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "RSA key of 2048 to 8192 bits"),
            (
                0o600,
                "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
                "RSA key of 2048 to 8192 bits",
            ),
            (
                0o600,
                "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
                "RSA key of 2048 to 8192 bits",
            ),
        ] {
            let why = refused(mode, pem);
            assert!(why.contains("dkim.pem") && why.contains(words), "{why}");
        }
        let (_folder, path) = key("dkim.pem", 0o600, ED25519);
        let read = |domain: &str, selector: &str| Dkim::read(&path, domain, selector).map(drop);
        for domain in ["", "example com", "a@example.com", "-", "192.0.2.1"] {
            assert!(matches!(read(domain, "kayan"), Err(DkimError::Domain(_))), "{domain:?}");
        }
        for selector in ["", "a b", "a;b", "-a", "a..b", "ä"] {
            assert!(matches!(read("example.com", selector), Err(DkimError::Selector(_))), "{selector:?}");
        }
        read("example.com", "a.b-2").unwrap();
        let gone = Dkim::read(Path::new("/nowhere/dkim.pem"), "example.com", "kayan").unwrap_err().to_string();
        assert!(gone.contains("/nowhere/dkim.pem"), "{gone}");
    }
}
