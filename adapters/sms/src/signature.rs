//! Signs requests as Standard Webhooks specifies.

use std::{fmt, str::FromStr};

use aws_lc_rs::hmac;
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose},
};
use zeroize::Zeroizing;

const PREFIX: &str = "whsec_";
/// The fewest and the most bytes of a secret (Standard Webhooks, "Signature scheme").
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;
/// Base64 with or without its padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A text that is no secret of a webhook. It quotes nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not {PREFIX} with {} to {} bytes in base64 behind it", BYTES.start(), BYTES.end())]
pub struct WebhookSecretError;

/// A secret that requests are signed with: `whsec_` and 24 to 64 bytes in base64.
#[derive(Clone)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl FromStr for WebhookSecret {
    type Err = WebhookSecretError;

    fn from_str(text: &str) -> Result<Self, WebhookSecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(WebhookSecretError)?;
        let bytes = Zeroizing::new(LENIENT.decode(encoded).map_err(|_| WebhookSecretError)?);
        if BYTES.contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(WebhookSecretError) }
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl WebhookSecret {
    /// The signature of a request: `v1,` and the HMAC-SHA256 of its id, its time in seconds and its body, in base64.
    pub(crate) fn sign(&self, id: &str, timestamp: i64, body: &[u8]) -> String {
        let mut signed = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &self.0));
        signed.update(format!("{id}.{timestamp}.").as_bytes());
        signed.update(body);
        format!("v1,{}", general_purpose::STANDARD.encode(signed.sign()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_of_the_reference_implementations() {
        // The example that the libraries of Standard Webhooks test with.
        let secret: WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signature = secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_quoted() {
        let long = format!("whsec_{}", general_purpose::STANDARD.encode([7; 65]));
        for bad in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_hunter2!", "whsec_c2hvcnQ=", &long] {
            let why = bad.parse::<WebhookSecret>().unwrap_err().to_string();
            assert_eq!(why, "is not whsec_ with 24 to 64 bytes in base64 behind it", "{bad}");
        }
        let padded = format!("whsec_{}", general_purpose::STANDARD.encode([7; 32]));
        for good in [&*padded, padded.trim_end_matches('=')] {
            let secret: WebhookSecret = good.parse().unwrap();
            assert_eq!(format!("{secret:?}"), "[redacted]");
        }
    }
}
