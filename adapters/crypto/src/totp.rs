//! Time-based one-time passwords (RFC 6238).

use kayan_ports::{Failure, Timestamp, TotpCodes, TotpSetup};
use qrcode::{EcLevel, QrCode, render::svg};
use totp_rs::{Builder, Totp};
use zeroize::Zeroizing;

/// Longer names make a picture that phones can't read.
const LONGEST: usize = 64;

/// Codes as every authenticator app makes them: SHA-1, six digits, 30 seconds, one step of tolerance either way.
#[derive(Debug, Clone, Copy)]
pub struct AppCodes;

fn failed(what: impl std::fmt::Display) -> Failure {
    Failure::Fault(format!("an authenticator app can't be set up: {what}"))
}

/// A colon parts issuer and account in the URI, so neither may contain one.
fn label(text: &str, unnamed: &str) -> String {
    let text: String = text.chars().map(|c| if c == ':' || c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    if text.trim().is_empty() { unnamed.to_owned() } else { text.trim().to_owned() }
}

fn totp(secret: &[u8], issuer: &str, account: &str) -> Result<Totp, Failure> {
    let builder = Builder::new().with_secret(secret).with_account_name(account);
    builder.with_issuer(Some(issuer).filter(|issuer| !issuer.is_empty())).build().map_err(failed)
}

impl TotpCodes for AppCodes {
    fn setup(&self, secret: &[u8], issuer: &str, account: &str) -> Result<TotpSetup, Failure> {
        let totp = totp(secret, &label(issuer, ""), &label(account, "account"))?;
        let uri = Zeroizing::new(totp.to_url().map_err(failed)?);
        let picture = QrCode::with_error_correction_level(uri.as_bytes(), EcLevel::L).map_err(failed)?;
        let qr_code = Zeroizing::new(picture.render::<svg::Color<'_>>().min_dimensions(200, 200).build());
        Ok(TotpSetup { secret: Zeroizing::new(totp.secret().to_base32()), uri, qr_code })
    }

    fn matching_step(&self, secret: &[u8], code: &str, now: Timestamp) -> Option<i64> {
        let code: Zeroizing<String> = Zeroizing::new(code.chars().filter(|c| !c.is_whitespace()).take(7).collect());
        let totp = totp(secret, "", "").ok()?;
        let step = totp.check(&code, u64::try_from(now.unix_timestamp()).ok()?)?;
        i64::try_from(step).ok()
    }
}

#[cfg(test)]
mod tests {
    use time::{Duration, macros::datetime};

    use super::*;

    /// Seconds in a time step.
    const STEP: i64 = 30;
    /// The test vectors' secret (RFC 6238, appendix B).
    const SECRET: &[u8] = b"12345678901234567890";

    fn step(code: &str, now: Timestamp) -> Option<i64> {
        AppCodes.matching_step(SECRET, code, now)
    }

    #[test]
    fn the_test_vectors_of_rfc_6238_match() {
        // Of the eight digits there, an app shows the last six.
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            let now = Timestamp::from_unix_timestamp(second).unwrap();
            assert_eq!(step(code, now), Some(second / STEP), "{second}");
        }
    }

    #[test]
    fn i_05_a_code_is_good_one_step_early_and_late_and_no_more() {
        let middle = Timestamp::from_unix_timestamp(1_111_111_109).unwrap();
        let begin = middle - Duration::seconds(1_111_111_109 % STEP);
        let expected = Some(1_111_111_109 / STEP);
        for offset in [-30, -1, 0, 29, 30, 59] {
            assert_eq!(step("081804", begin + Duration::seconds(offset)), expected, "{offset} s");
        }
        for offset in [-31, 60, 300] {
            assert_eq!(step("081804", begin + Duration::seconds(offset)), None, "{offset} s");
        }
    }

    #[test]
    fn spaces_in_a_code_do_not_matter_and_anything_else_does() {
        let now = Timestamp::from_unix_timestamp(1_111_111_109).unwrap();
        for code in ["081 804", " 081804\n", "0 8 1 8 0 4"] {
            assert!(step(code, now).is_some(), "{code:?}");
        }
        for code in ["", "81804", "+81804", "0818040", "08180４", "081804 0", "O81804", "-81804"] {
            assert_eq!(step(code, now), None, "{code:?}");
        }
        assert_eq!(step("081804", datetime!(1960-01-01 0:00 UTC)), None);
    }

    #[test]
    fn an_app_is_set_up_by_a_picture_a_link_or_by_typing() {
        let setup = AppCodes.setup(SECRET, "Acme: Ltd", "ada:1@example.org").unwrap();
        assert_eq!(*setup.secret, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(
            *setup.uri,
            "otpauth://totp/Acme%20%20Ltd:ada%201%40example.org?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Acme%20%20Ltd"
        );
        assert!(setup.qr_code.contains("<svg") && setup.qr_code.len() < 64 * 1024);
        assert_eq!(format!("{setup:?}"), "TotpSetup([redacted])", "I-36");
    }

    #[test]
    fn any_name_makes_a_picture() {
        for name in ["", ":", "x\r\ny", &"ü".repeat(10_000), &"😀".repeat(64)] {
            assert!(AppCodes.setup(SECRET, name, name).is_ok(), "{name:?}");
        }
    }
}
