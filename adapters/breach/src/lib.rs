//! Asks a range endpoint whether a password is known from a breach, without disclosing the password.
//!
//! The protocol is that of the Pwned Passwords range API: the request names the first five hexadecimal digits of the
//! password's SHA-1, and the answer lists the other 35 of all known hashes that begin with them, each with a count. The
//! endpoint pads its answers with lines that have a count of 0, so that their length discloses nothing either.

use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::digest;
use kayan_outbound::{ClientError, causes, client};
use kayan_ports::{BreachedPasswords, Failure, Password};
use reqwest::{Client, StatusCode};
use url::Url;
use zeroize::Zeroizing;

/// How long a check may take.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// The largest answer, in bytes; those of Pwned Passwords have about 40,000.
pub const LARGEST_ANSWER: usize = 256 * 1024;
/// How many hexadecimal digits of a hash are sent.
const SENT: usize = 5;
/// How many digits of a SHA-1 are left then.
const REST: usize = 35;
const CHECKS: &str = "kayan_password_breach_checks_total";

/// Why a check failed. Its text has no part of a hash.
#[derive(Debug, thiserror::Error)]
enum CheckError {
    #[error(transparent)]
    Http(reqwest::Error),
    #[error("the endpoint answered with status {0}")]
    Status(StatusCode),
    #[error("the answer is larger than {LARGEST_ANSWER} bytes")]
    TooLarge,
    #[error("the answer is not a list of hashes and counts")]
    Malformed,
}

impl From<reqwest::Error> for CheckError {
    fn from(error: reqwest::Error) -> Self {
        // The URL ends with the first digits of the hash.
        Self::Http(error.without_url())
    }
}

/// A range endpoint. Follows no redirects.
#[derive(Debug, Clone)]
pub struct RangeEndpoint {
    client: Client,
    base: String,
}

impl RangeEndpoint {
    /// The endpoint at `url`, to which `/` and the first digits of a hash are added. `patience` limits each check.
    ///
    /// # Errors
    /// What can't be set up. With `https:`, reads the system's certificate authorities.
    pub fn new(url: &Url, patience: Duration) -> Result<Self, ClientError> {
        Ok(Self { client: client(url, patience, None)?, base: url.as_str().trim_end_matches('/').to_owned() })
    }

    async fn check(&self, password: &Password) -> Result<bool, CheckError> {
        let hash = sha1(password);
        let (sent, rest) = hash.split_at(SENT);
        let request = self.client.get(format!("{}/{sent}", self.base)).header("Add-Padding", "true");
        let mut response = request.send().await?;
        if response.status() != StatusCode::OK {
            return Err(CheckError::Status(response.status()));
        }
        let mut answer = Vec::new();
        while let Some(part) = response.chunk().await? {
            if answer.len() + part.len() > LARGEST_ANSWER {
                return Err(CheckError::TooLarge);
            }
            answer.extend_from_slice(&part);
        }
        let answer = std::str::from_utf8(&answer).map_err(|_| CheckError::Malformed)?;
        // All lines are read: one that is damaged may hide a hash.
        let mut is_listed = false;
        for line in answer.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (other, count) = entry(line).ok_or(CheckError::Malformed)?;
            is_listed |= count > 0 && other.eq_ignore_ascii_case(rest);
        }
        Ok(is_listed)
    }
}

#[async_trait]
impl BreachedPasswords for RangeEndpoint {
    async fn is_breached(&self, password: &Password) -> Result<bool, Failure> {
        let checked = self.check(password).await;
        let status = match &checked {
            Ok(true) => "breached",
            Ok(false) => "clean",
            Err(_) => "failed",
        };
        metrics::counter!(CHECKS, "status" => status).increment(1);
        checked.map_err(|error| {
            let causes = causes(&error);
            tracing::warn!(error = causes, "could not find out whether a password is known from a breach");
            Failure::Unavailable(causes)
        })
    }
}

/// The SHA-1 of a password in upper-case hexadecimal digits, as the endpoint has it.
fn sha1(password: &Password) -> Zeroizing<String> {
    let hash = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.expose().as_bytes());
    let mut digits = Zeroizing::new(String::with_capacity(SENT + REST));
    for byte in hash.as_ref() {
        for half in [byte >> 4, byte & 15] {
            digits.extend(char::from_digit(half.into(), 16).map(|digit| digit.to_ascii_uppercase()));
        }
    }
    digits
}

/// The rest of a hash, and how often it is known.
fn entry(line: &str) -> Option<(&str, u64)> {
    let (rest, count) = line.split_once(':')?;
    let is_hash = rest.len() == REST && rest.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { Some((rest, count.trim().parse().ok()?)) } else { None }
}
