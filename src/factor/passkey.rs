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

use kayan_ports::{AllowedPasskey, Factor, FactorKind, Method, MethodUse, Passkey, PasskeyProof, Timestamp};

/// The most passkeys that a user can have.
const MOST: usize = 20;

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
