//! Passkeys (Web Authentication Level 3).

pub(crate) mod begin_login;
pub(crate) mod begin_registration;
pub(crate) mod ceremony;
pub(crate) mod decoy;
pub(crate) mod finish_login;
pub(crate) mod finish_registration;
pub(crate) mod models;
pub(crate) mod remove;
pub(crate) mod rename;

use kayan_ports::{
    AllowedPasskey, Factor, FactorKind, KnownFactors, Method, MethodUse, Passkey, PasskeyProof, Timestamp,
};
use uuid::Uuid;

use crate::factor::find::has_second_factor;

/// The most passkeys that a user can have.
const MOST: u8 = 20;

/// Why a user registers no passkey beside these factors.
enum NoRoom {
    /// The user has as many as one can have.
    Full,
    /// There are passkeys, under another user handle.
    OtherHandle,
}

/// What a new passkey under this user handle is registered beside. All passkeys of a user have one handle.
fn beside(factors: &[Factor], user_handle: Uuid) -> Result<KnownFactors, NoRoom> {
    let passkeys = || passkeys(factors);
    if passkeys().count() >= usize::from(MOST) {
        return Err(NoRoom::Full);
    }
    let is_of_it =
        |factor: &&Factor| matches!(&factor.kind, FactorKind::Webauthn(passkey) if passkey.user_handle == user_handle);
    match factors.iter().find(is_of_it) {
        Some(one) => Ok(KnownFactors::Passkey { one: one.id, most: MOST.into() }),
        None if passkeys().next().is_some() => Err(NoRoom::OtherHandle),
        None if has_second_factor(factors) => Ok(KnownFactors::Apps),
        None => Ok(KnownFactors::Nothing),
    }
}

/// The passkeys among these factors.
pub(crate) fn passkeys(factors: &[Factor]) -> impl Iterator<Item = &Passkey> {
    factors.iter().filter_map(|factor| match &factor.kind {
        FactorKind::Webauthn(passkey) => Some(&**passkey),
        _ => None,
    })
}

/// The passkeys among these factors, as a browser is asked for them.
pub(crate) fn allowed(factors: &[Factor]) -> Vec<AllowedPasskey> {
    let ask = |passkey: &Passkey| AllowedPasskey {
        credential_id: passkey.credential_id.clone(),
        transports: passkey.transports.clone(),
    };
    passkeys(factors).map(ask).collect()
}

/// What a passkey proves when it is used.
pub(crate) fn proof(passkey: &Passkey, user_verified: bool, now: Timestamp) -> MethodUse {
    let proof = PasskeyProof { user_verified, hardware_bound: !passkey.backup_eligible };
    MethodUse { passkey: Some(proof), ..MethodUse::new(Method::Webauthn, now) }
}

#[cfg(test)]
mod tests;
