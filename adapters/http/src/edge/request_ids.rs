//! The ids of requests, as in the log, the audit trail and the response.

use std::sync::atomic::{AtomicU64, Ordering};

use kayan_ports::Entropy;
use poem::http::{HeaderMap, HeaderName};

/// The header with a request's id.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The number of digits in each half of an id.
const ID_DIGITS: u32 = 12;

/// Makes the ids of requests. They are unique, but not secret: a request id grants no access.
pub(crate) struct RequestIds {
    /// The first half of the ids of this process.
    prefix: String,
    /// How many were made.
    count: AtomicU64,
}

impl RequestIds {
    /// Chooses a random prefix for this process.
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        let mut random = [0; 8];
        entropy.fill(&mut random);
        Self { prefix: hexadecimal(u64::from_be_bytes(random)).collect(), count: AtomicU64::new(0) }
    }

    /// The id that a request brings, if it is acceptable; else a new one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> String {
        let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_acceptable(id));
        given.map_or_else(|| self.make(), str::to_owned)
    }

    /// A new one.
    pub(crate) fn make(&self) -> String {
        let mut id = String::with_capacity(2 * ID_DIGITS as usize);
        id.push_str(&self.prefix);
        id.extend(hexadecimal(self.count.fetch_add(1, Ordering::Relaxed)));
        id
    }
}

/// The last digits, which is faster than `format!`.
fn hexadecimal(number: u64) -> impl Iterator<Item = char> {
    let digit = move |place| char::from_digit(u32::try_from(number >> (4 * place) & 15).unwrap_or_default(), 16);
    (0..ID_DIGITS).rev().filter_map(digit)
}

/// Whether a request id can be accepted: not too long, and harmless in a log.
fn is_acceptable(id: &str) -> bool {
    (8..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
