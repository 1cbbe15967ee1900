//! The ids of requests: what the log, the audit trail and the answer call them.

use std::sync::atomic::{AtomicU64, Ordering};

use kayan_ports::Entropy;
use poem::http::{HeaderMap, HeaderName};

/// The header that a request's id stands in.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Digits of either half of an id.
const ID_DIGITS: u32 = 12;

/// Gives each request an id. Unique, not secret: nothing is opened by a request id.
pub(crate) struct RequestIds {
    /// What this process's ids begin with.
    prefix: String,
    /// How many it has given.
    count: AtomicU64,
}

impl RequestIds {
    /// Begins with something that no other process begins with.
    pub(crate) fn new(entropy: &dyn Entropy) -> Self {
        let mut random = [0; 8];
        entropy.fill(&mut random);
        Self { prefix: hexadecimal(u64::from_be_bytes(random)).collect(), count: AtomicU64::new(0) }
    }

    /// The id that a request brings, if it is sane; else a new one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> String {
        let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_sane(id));
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

/// The last digits, which is quicker than a format.
fn hexadecimal(number: u64) -> impl Iterator<Item = char> {
    let digit = move |place| char::from_digit(u32::try_from(number >> (4 * place) & 15).unwrap_or_default(), 16);
    (0..ID_DIGITS).rev().filter_map(digit)
}

/// A request id that may be taken over: short and without surprises in a log.
fn is_sane(id: &str) -> bool {
    (8..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}
