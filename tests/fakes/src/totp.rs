//! Codes of an authenticator app that anybody can work out.

use kayan_ports::{Failure, Timestamp, TotpCodes, TotpSetup};
use zeroize::Zeroizing;

const STEP: i64 = 30;

/// Codes that follow from the secret's first bytes and the time step. No secret is safe with it.
#[derive(Debug, Clone, Copy)]
pub struct PlainCodes;

impl PlainCodes {
    /// The code that an app with the secret of this setup shows at that moment.
    pub fn code(setup: &TotpSetup, at: Timestamp) -> String {
        let bytes: Vec<u8> = setup.secret.split(' ').filter_map(|byte| byte.parse().ok()).collect();
        code(&bytes, at.unix_timestamp().div_euclid(STEP))
    }
}

fn code(secret: &[u8], step: i64) -> String {
    let seed = secret.iter().take(4).fold(0, |sum, byte| sum * 256 + i64::from(*byte));
    format!("{:06}", (seed + step * 7_919).rem_euclid(1_000_000))
}

impl TotpCodes for PlainCodes {
    fn setup(&self, secret: &[u8], issuer: &str, account: &str) -> Result<TotpSetup, Failure> {
        let bytes: Vec<String> = secret.iter().map(ToString::to_string).collect();
        Ok(TotpSetup {
            secret: Zeroizing::new(bytes.join(" ")),
            uri: Zeroizing::new(format!("otpauth://totp/{issuer}:{account}")),
            qr_code: Zeroizing::new("<svg/>".to_owned()),
        })
    }

    fn matching_step(&self, secret: &[u8], shown: &str, now: Timestamp) -> Option<i64> {
        let present = now.unix_timestamp().div_euclid(STEP);
        let shown: String = shown.chars().filter(|c| !c.is_whitespace()).collect();
        (present - 1..=present + 1).find(|step| code(secret, *step) == shown)
    }
}
