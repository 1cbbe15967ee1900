//! The first session of a new account.

use kayan_ports::{Change, Timestamp};

use crate::{Caller, Failure, Kayan, MfaChallenge, Opened, session::open::Login};

/// Why a new account has no session yet.
pub(crate) enum NoFirstSession {
    /// The tenant requires a verified address.
    Unverified,
    /// The tenant requires a second factor, which is enrolled with this.
    MfaRequired(MfaChallenge),
}

impl Kayan {
    /// The first session of an account that is being created, or why there is none, and the changes for either.
    pub(crate) async fn first_session(
        &self,
        caller: &Caller,
        login: &Login<'_>,
        now: Timestamp,
    ) -> Result<(Result<Opened, NoFirstSession>, Vec<Change>), Failure> {
        if self.lacks_verified_address(&login.identity, login.settings) {
            return Ok((Err(NoFirstSession::Unverified), Vec::new()));
        }
        let mfa_required = self.requires_factor(&login.identity, login.settings, now).await?;
        match self.open_session(caller, login, mfa_required, now) {
            Ok((opened, mut session)) => {
                let mut opened = self.with_jwt(opened, login.settings).await?;
                let (token, noted) = self.note_device(caller, login, now).await?;
                session.extend(noted);
                opened.device = Some(token);
                Ok((Ok(opened), session))
            }
            Err(missing) => {
                let (challenge, issue) = self.challenge(login, missing, now)?;
                Ok((Err(NoFirstSession::MfaRequired(challenge)), vec![issue]))
            }
        }
    }
}
