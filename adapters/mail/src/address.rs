//! Addresses: what can be written in a mail.

use std::sync::Arc;

use idna::{AsciiDenyList, domain_to_ascii_cow};
use kayan_ports::{MailError, MailFailure};
use lettre::{Address, message::Mailbox};

use crate::dkim::Dkim;

/// The longest address (RFC 5321, section 4.5.3.1.3, without the angle brackets).
const LONGEST: usize = 254;

/// Why a text is not an address. It is for the operator, and quotes none of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// A line break or another control character.
    #[error("has a line break or another control character")]
    Control,
    /// Too long.
    #[error("has more than {LONGEST} bytes")]
    TooLong,
    /// No `@`.
    #[error("has no @")]
    NoAt,
    /// Not a domain name behind the `@`.
    #[error("has no domain name behind the @")]
    Domain,
    /// A local part that is neither a dot-string nor a quoted one.
    #[error("can't have what is before its @")]
    Local,
    /// A name and an address that can't be told apart.
    #[error("is not an address, or a name and an address in angle brackets")]
    Mailbox,
    /// A sender with letters beyond ASCII before the `@`, which few servers take.
    #[error("has letters beyond ASCII before the @")]
    SenderLocal,
}

impl From<AddressError> for MailError {
    fn from(why: AddressError) -> Self {
        Self { why: MailFailure::InvalidAddress, detail: format!("the address {why}") }
    }
}

/// An address, with its domain in ASCII (UTS #46). The part before the `@` may have letters of any alphabet.
pub(crate) fn address(text: &str) -> Result<Address, AddressError> {
    if text.chars().any(char::is_control) {
        return Err(AddressError::Control);
    }
    let (local, domain) = text.rsplit_once('@').ok_or(AddressError::NoAt)?;
    let ascii = host_name(domain).ok_or(AddressError::Domain)?;
    if local.len() + 1 + ascii.len() > LONGEST {
        return Err(AddressError::TooLong);
    }
    // the domain alone first, to tell which part is wrong
    let ascii = valid_domain(ascii).ok_or(AddressError::Domain)?;
    Address::new(local, &*ascii).map_err(|_| AddressError::Local)
}

/// A domain in ASCII (UTS #46); `None` if mail has no such domain.
pub(crate) fn domain_name(text: &str) -> Option<String> {
    valid_domain(host_name(text)?)
}

/// The name in ASCII. It is strict about which characters a host name has (STD 3), so that an address of the network is none.
fn host_name(domain: &str) -> Option<String> {
    let ascii = domain_to_ascii_cow(domain.as_bytes(), AsciiDenyList::URL).ok()?;
    let last = ascii.rsplit('.').next().unwrap_or_default();
    let is_name = last.bytes().any(|b| b.is_ascii_alphabetic()) && ascii.bytes().all(is_of_a_host_name);
    is_name.then(|| ascii.into_owned())
}

fn valid_domain(ascii: String) -> Option<String> {
    Address::new("postmaster", &*ascii).ok().map(|_| ascii)
}

fn is_of_a_host_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.'
}

/// The sender of every mail.
#[derive(Debug, Clone)]
pub struct Sender {
    pub(crate) mailbox: Mailbox,
    /// What signs its mails, if they are signed.
    pub(crate) dkim: Option<Arc<Dkim>>,
}

impl Sender {
    /// The domain of its address, in ASCII.
    pub fn domain(&self) -> &str {
        self.mailbox.email.domain()
    }

    /// The same sender, whose mails are signed.
    #[must_use]
    pub fn signing(self, dkim: Dkim) -> Self {
        Self { dkim: Some(Arc::new(dkim)), ..self }
    }
}

impl std::str::FromStr for Sender {
    type Err = AddressError;

    /// Reads `ADDRESS` or `NAME <ADDRESS>`. The name may be in double quotes.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.chars().any(char::is_control) {
            return Err(AddressError::Control);
        }
        let text = text.trim();
        let (name, bare) = match text.strip_suffix('>') {
            Some(rest) => rest.rsplit_once('<').ok_or(AddressError::Mailbox)?,
            None => ("", text),
        };
        let name = name.trim();
        let name = name.strip_prefix('"').and_then(|name| name.strip_suffix('"')).unwrap_or(name);
        if name.contains(['<', '>', '"']) {
            return Err(AddressError::Mailbox);
        }
        let address = address(bare.trim())?;
        if !address.user().is_ascii() {
            return Err(AddressError::SenderLocal);
        }
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        Ok(Self { mailbox: Mailbox::new(name, address), dkim: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> Result<String, AddressError> {
        address(text).map(|address| address.to_string())
    }

    #[test]
    fn an_address_is_written_with_its_domain_in_ascii() {
        for (text, ascii) in [
            ("ada@example.com", "ada@example.com"),
            ("ada+kayan@bücher.example", "ada+kayan@xn--bcher-kva.example"),
            ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
            ("ädä@example.com", "ädä@example.com"),
            ("o'hara.x@example.com", "o'hara.x@example.com"),
            ("\"a b\"@example.com", "\"a b\"@example.com"),
        ] {
            assert_eq!(written(text), Ok(ascii.to_owned()));
        }
    }

    #[test]
    fn what_could_be_another_header_or_command_or_place_is_no_address() {
        for (text, why) in [
            ("ada@example.com\r\nBcc: eve@example.com", AddressError::Control),
            ("ada@example.com\nRCPT TO:<eve@example.com>", AddressError::Control),
            ("\"a\r\nb\"@example.com", AddressError::Control),
            ("ada\0@example.com", AddressError::Control),
            ("ada", AddressError::NoAt),
            ("", AddressError::NoAt),
            ("@example.com", AddressError::Local),
            ("ada@", AddressError::Domain),
            ("ada lovelace@example.com", AddressError::Local),
            ("ada@example.com, eve@example.com", AddressError::Local),
            ("ada>@example.com", AddressError::Local),
            ("\"a\"b\"@example.com", AddressError::Local),
            ("ada@example.com>", AddressError::Domain),
            ("ada@exa mple.com", AddressError::Domain),
            ("ada@[127.0.0.1]", AddressError::Domain),
            ("ada@127.0.0.1", AddressError::Domain),
            ("ada@[IPv6:::1]", AddressError::Domain),
            ("ada@-example-.com", AddressError::Domain),
            ("ada@example..com", AddressError::Domain),
        ] {
            assert_eq!(written(text), Err(why), "{text:?}");
        }
        let long = format!("ada@{}", "a.".repeat(200));
        assert!(written(&long).is_err());
        assert_eq!(written(&format!("{}@example.com", "a".repeat(320))), Err(AddressError::TooLong));
        assert_eq!(written(&format!("{}@example.com", "a".repeat(65))), Err(AddressError::Local));
    }

    #[test]
    fn a_sender_may_have_a_name() {
        let sender = |text: &str| text.parse::<Sender>().map(|sender| (sender.mailbox.name, sender.mailbox.email));
        let no_reply = || address("no-reply@example.com").unwrap();
        let named = |name: &str| Ok((Some(name.to_owned()), no_reply()));
        assert_eq!(sender("no-reply@example.com"), Ok((None, no_reply())));
        assert_eq!(sender("<no-reply@example.com>"), Ok((None, no_reply())));
        assert_eq!(sender("Kayan <no-reply@example.com>"), named("Kayan"));
        assert_eq!(sender("\"Kayan, Inc.\" <no-reply@example.com>"), named("Kayan, Inc."));
        assert_eq!(sender("Größe & Co. <no-reply@example.com>"), named("Größe & Co."));
        for (text, why) in [
            ("Kayan", AddressError::NoAt),
            ("Kayan no-reply@example.com>", AddressError::Mailbox),
            ("A <a@example.com> <b@example.com>", AddressError::Mailbox),
            ("Kayan\r\nBcc: x <a@b.example>", AddressError::Control),
            ("nö@example.com", AddressError::SenderLocal),
        ] {
            assert_eq!(sender(text), Err(why), "{text:?}");
        }
    }
}
