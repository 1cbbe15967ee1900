//! HMAC-SHA256 (RFC 2104) under keys of any length.

use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;

/// A MAC under this key, of nothing yet.
pub(crate) fn hmac(key: impl AsRef<[u8]>) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104, section 2)")]
    Hmac::new_from_slice(key.as_ref()).expect("a key of any length")
}
