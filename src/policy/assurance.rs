//! The authenticator assurance level of a login (AAL, NIST SP 800-63B, section 4), and whether it is enough.

use kayan_ports::{Aal, Method, MethodUse, PasskeyProof, Session, Timestamp};
use time::Duration;

use crate::StepUpRequired;

/// A kind of authentication factor (NIST SP 800-63-3, section 4.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Factor {
    /// Something the user knows, such as a password.
    Knowledge,
    /// Something the user has, such as a passkey, or a list of recovery codes (look-up secrets).
    Possession,
    /// Something the user is, such as the fingerprint that unlocks a passkey.
    Inherence,
}

/// What a method proves once it is completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The authentication method references (RFC 8176).
    pub amr: &'static [&'static str],
    /// The kinds of factor; a method that proves two of them is enough for AAL2 by itself.
    pub factors: &'static [Factor],
}

/// The second factors that a login lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq, thiserror::Error)]
#[error("a second factor is required")]
pub struct MissingFactor {
    /// The user's methods that would complete the login; any one of them is enough.
    pub methods: Vec<Method>,
    /// The methods that the user may enroll in order to log in, if none of theirs would do.
    pub enroll: Vec<Method>,
}

/// The methods that a user can enroll during a login that lacks a factor.
const ENROLLABLE: &[Method] = &[Method::Totp, Method::Webauthn];

/// Whether a user can enroll this method during a login that lacks a factor.
pub fn is_enrollable(method: Method) -> bool {
    ENROLLABLE.contains(&method)
}

/// What this method proves whenever it is used; a passkey may prove more.
pub fn proof(method: Method) -> Proof {
    match method {
        Method::Password => Proof { amr: &["pwd"], factors: &[Factor::Knowledge] },
        // The tenant that sends codes vouches for phones and mailboxes (NIST SP 800-63B, section 5.1.3.3, restricts the former).
        Method::Totp | Method::RecoveryCode | Method::Otp => Proof { amr: &["otp"], factors: &[Factor::Possession] },
        Method::Webauthn => Proof { amr: &["swk", "user"], factors: &[Factor::Possession] },
        // A mailbox is no authenticator (NIST SP 800-63B, section 5.1.3.1), and most are protected by a password alone: with
        // another password it is still one factor.
        Method::MagicLink | Method::Code => Proof { amr: &["otp"], factors: &[Factor::Knowledge] },
        // What the provider asked for is not known: at least a password.
        Method::Oidc => Proof { amr: &["fed"], factors: &[Factor::Knowledge] },
    }
}

/// What was proven: of a passkey, also whether its user was verified, and whether its key can't leave the hardware; of an account
/// at a provider, whether two factors were verified there.
pub fn proof_of(used: &MethodUse) -> Proof {
    let least = proof(used.method);
    if used.provider.as_ref().is_some_and(|provider| provider.two_factors) {
        return Proof { factors: &[Factor::Knowledge, Factor::Possession], ..least };
    }
    let Some(PasskeyProof { user_verified, hardware_bound }) = used.passkey else { return least };
    Proof {
        amr: if hardware_bound { &["hwk", "user"] } else { least.amr },
        factors: if user_verified { &[Factor::Possession, Factor::Inherence] } else { least.factors },
    }
}

/// The level that these proofs reach together; `None` if there is none.
///
/// AAL3 is never claimed: it needs a hardware authenticator that can be told from a synced passkey (section 4.3.1).
pub fn level(proofs: &[Proof]) -> Option<Aal> {
    let mut factors = proofs.iter().flat_map(|proof| proof.factors);
    let first = factors.next()?;
    Some(if factors.any(|factor| factor != first) { Aal::Aal2 } else { Aal::Aal1 })
}

/// The level that these methods reach together.
pub fn level_of(methods: &[MethodUse]) -> Option<Aal> {
    level(&methods.iter().map(proof_of).collect::<Vec<_>>())
}

/// The method references of these methods.
pub fn amr_of(methods: &[MethodUse]) -> Vec<&'static str> {
    amr(&methods.iter().map(proof_of).collect::<Vec<_>>())
}

/// When the last of a session's methods was completed.
pub fn last_proof(session: &Session) -> Option<Timestamp> {
    session.methods.iter().map(|used| used.completed_at).max()
}

/// Whether a session is at this level at least, and its last proof not older than that (RFC 9470, section 4).
pub fn require(
    session: &Session,
    least: Option<Aal>,
    oldest: Option<Duration>,
    now: Timestamp,
) -> Result<(), StepUpRequired> {
    if least.is_some_and(|least| session.aal < least) {
        return Err(StepUpRequired::Aal2);
    }
    let last = last_proof(session);
    match oldest {
        Some(oldest) if last.is_none_or(|last| now - last > oldest) => Err(StepUpRequired::Recent(oldest)),
        _ => Ok(()),
    }
}

/// The authentication method references of these proofs, with `mfa` from AAL2 on (RFC 8176, section 2).
pub fn amr(proofs: &[Proof]) -> Vec<&'static str> {
    let mfa = (level(proofs) >= Some(Aal::Aal2)).then_some("mfa");
    let mut all: Vec<_> = proofs.iter().flat_map(|proof| proof.amr).copied().chain(mfa).collect();
    all.dedup();
    all
}

/// Decides whether these methods open a session, and at which level. `mfa_required`: whether the tenant requires a second
/// factor of the user. One who has an authenticator app logs in with it anyway. A method that is not `usable` at present is
/// none: it is neither asked for nor enrolled.
///
/// **Invariant**: AAL2 needs two distinct kinds of factor, and nothing proven opens nothing (I-19).
pub fn judge(
    proven: &[MethodUse],
    enrolled: &[Method],
    usable: impl Fn(Method) -> bool,
    mfa_required: bool,
) -> Result<Aal, MissingFactor> {
    let proofs: Vec<Proof> = proven.iter().map(proof_of).collect();
    let required = if mfa_required || enrolled.contains(&Method::Totp) { Aal::Aal2 } else { Aal::Aal1 };
    match level(&proofs) {
        Some(level) if level >= required => Ok(level),
        _ => {
            let completing = |methods: &[Method]| -> Vec<Method> {
                let completes = |method: &Method| completes(&proofs, proof(*method), required) && usable(*method);
                methods.iter().copied().filter(completes).collect()
            };
            let methods = completing(enrolled);
            let enroll = if methods.is_empty() { completing(ENROLLABLE) } else { Vec::new() };
            Err(MissingFactor { methods, enroll })
        }
    }
}

fn completes(proven: &[Proof], another: Proof, required: Aal) -> bool {
    level(&[proven, &[another]].concat()) >= Some(required)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const PASSWORD: Proof = Proof { amr: &["pwd"], factors: &[Factor::Knowledge] };
    const PIN: Proof = Proof { amr: &["pin"], factors: &[Factor::Knowledge] };
    const ONE_TIME_CODE: Proof = Proof { amr: &["otp"], factors: &[Factor::Possession] };
    const RECOVERY_CODE: Proof = Proof { amr: &["kba"], factors: &[Factor::Possession] };
    const PASSKEY: Proof = Proof { amr: &["swk"], factors: &[Factor::Possession] };
    /// Unlocked by a PIN or a fingerprint, as the authenticator says (user verification).
    const VERIFIED_PASSKEY: Proof = Proof { amr: &["swk"], factors: &[Factor::Possession, Factor::Inherence] };

    fn all(_: Method) -> bool {
        true
    }

    fn password() -> MethodUse {
        MethodUse::new(Method::Password, datetime!(2026-01-01 12:00 UTC))
    }

    #[test]
    fn i_19_one_kind_of_factor_is_aal1_however_often_it_is_proven() {
        for proofs in [&[PASSWORD][..], &[PASSWORD, PIN], &[PASSKEY], &[PASSKEY, ONE_TIME_CODE, RECOVERY_CODE]] {
            assert_eq!(level(proofs), Some(Aal::Aal1), "{proofs:?}");
        }
        assert_eq!(level(&[]), None);
    }

    #[test]
    fn i_19_two_kinds_of_factor_are_aal2_and_never_more() {
        for second in [ONE_TIME_CODE, RECOVERY_CODE, PASSKEY, VERIFIED_PASSKEY] {
            assert_eq!(level(&[PASSWORD, second]), Some(Aal::Aal2), "{second:?}");
            assert_eq!(level(&[second, PASSWORD]), Some(Aal::Aal2), "{second:?}");
        }
        assert_eq!(level(&[VERIFIED_PASSKEY]), Some(Aal::Aal2), "a passkey with user verification needs nothing else");
        assert_eq!(level(&[PASSWORD, VERIFIED_PASSKEY, ONE_TIME_CODE]), Some(Aal::Aal2));
    }

    #[test]
    fn the_method_references_name_each_method_and_say_when_there_were_two_factors() {
        assert_eq!(amr(&[PASSWORD]), ["pwd"]);
        assert_eq!(amr(&[PASSWORD, ONE_TIME_CODE]), ["pwd", "otp", "mfa"]);
        assert_eq!(amr(&[VERIFIED_PASSKEY]), ["swk", "mfa"]);
    }

    #[test]
    fn what_completes_a_login_is_another_kind_of_factor() {
        for (proven, another, completed) in [
            (PASSWORD, ONE_TIME_CODE, true),
            (PASSWORD, RECOVERY_CODE, true),
            (PASSWORD, PIN, false),
            (PASSKEY, PASSWORD, true),
            (PASSKEY, ONE_TIME_CODE, false),
        ] {
            assert_eq!(completes(&[proven], another, Aal::Aal2), completed, "{proven:?} {another:?}");
        }
    }

    #[test]
    fn i_19_a_password_opens_a_session_only_where_one_factor_is_enough() {
        let enrolled = [Method::Password];
        assert_eq!(judge(&[password()], &enrolled, all, false), Ok(Aal::Aal1));
        assert_eq!(
            judge(&[password()], &enrolled, all, true),
            Err(MissingFactor { methods: Vec::new(), enroll: vec![Method::Totp, Method::Webauthn] }),
            "a factor may be enrolled"
        );
    }

    #[test]
    fn i_19_nothing_proven_opens_nothing() {
        let own = MissingFactor { methods: vec![Method::Password], enroll: Vec::new() };
        assert_eq!(judge(&[], &[Method::Password], all, false), Err(own));
        assert!(judge(&[], &[], all, true).is_err());
    }

    #[test]
    fn a_login_that_lacks_a_factor_is_told_of_one_to_use_or_of_one_to_enroll() {
        let no_passkeys = |method| method != Method::Webauthn;
        let missing = |enrolled: &[Method]| {
            let MissingFactor { methods, enroll } = judge(&[password()], enrolled, no_passkeys, true).unwrap_err();
            (methods, enroll)
        };
        assert_eq!(missing(&[Method::Password, Method::Webauthn]), (vec![], vec![Method::Totp]));
        let with_codes = [Method::Password, Method::Webauthn, Method::RecoveryCode];
        assert_eq!(missing(&with_codes), (vec![Method::RecoveryCode], vec![]));
    }
}
