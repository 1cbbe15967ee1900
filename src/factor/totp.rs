//! Authenticator apps (TOTP, RFC 6238).

pub(crate) mod disable;
pub(crate) mod enroll;
pub(crate) mod verify;

use kayan_ports::{Factor, FactorKind, Failure, Timestamp};

use crate::{Kayan, factor::find::secret_of};

/// An app of the user, and the time step of the code that was shown.
#[derive(Debug)]
pub(crate) struct Match {
    pub(crate) app: Factor,
    pub(crate) confirmed: bool,
    pub(crate) step: i64,
}

impl Kayan {
    /// The app that `code` is of, if no code of that step or a later one was used before (I-05). A confirmed app comes
    /// before one that is being enrolled.
    pub(crate) async fn matching_app(
        &self,
        factors: &[Factor],
        code: &str,
        now: Timestamp,
    ) -> Result<Option<Match>, Failure> {
        let mut found = None;
        for app in factors {
            let FactorKind::Totp { secret, confirmed, last_step } = &app.kind else { continue };
            let secret = self.keys.open(secret_of(app), secret).await?;
            let step = self.totp.matching_step(&secret, code, now).filter(|step| step > last_step);
            if let Some(step) = step
                && found.as_ref().is_none_or(|found: &Match| !found.confirmed)
            {
                found = Some(Match { app: app.clone(), confirmed: *confirmed, step });
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
