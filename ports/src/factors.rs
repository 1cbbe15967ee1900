//! Factors: what an identity proves itself with besides its password.

use std::fmt;

use async_trait::async_trait;
use zeroize::Zeroizing;

use crate::{CredentialId, Failure, IdentityId, Passkey, Sealed, TenantId, Timestamp};

/// SHA-256 of a recovery code: all that is kept of it (I-01).
///
/// One round of a fast hash is enough, because a code has 80 random bits: it can't be guessed, only found.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecoveryHash(pub [u8; 32]);

impl fmt::Debug for RecoveryHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryHash([redacted])")
    }
}

/// What a factor is, and what is kept to verify it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FactorKind {
    /// An authenticator app (TOTP, RFC 6238).
    Totp {
        /// The shared secret, sealed for this row.
        secret: Sealed,
        /// Whether its owner has shown that the app works. Before that it is no factor.
        confirmed: bool,
        /// The last time step that a code was accepted for, counted in 30 s since 1970; 0: none.
        last_step: i64,
    },
    /// A code that is good once.
    RecoveryCode {
        /// Its hash.
        hash: RecoveryHash,
    },
    /// A passkey.
    Webauthn(Box<Passkey>),
}

impl FactorKind {
    /// The name used in JSON and in the database.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Totp { .. } => "totp",
            Self::RecoveryCode { .. } => "recovery_code",
            Self::Webauthn(_) => "webauthn",
        }
    }

    /// Whether a login can be completed with it.
    pub fn is_usable(&self) -> bool {
        !matches!(self, Self::Totp { confirmed: false, .. })
    }
}

/// A factor of one identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Factor {
    /// Its id.
    pub id: CredentialId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Whose it is.
    pub identity: IdentityId,
    /// What its owner calls it; may be empty.
    pub name: String,
    /// What it is.
    pub kind: FactorKind,
    /// When it was enrolled.
    pub created_at: Timestamp,
    /// When it last proved its owner.
    pub last_used_at: Option<Timestamp>,
}

/// What an authenticator app needs, in the three forms that apps take: scanned, opened as a link, or typed.
#[derive(Clone)]
pub struct TotpSetup {
    /// The secret in Base32 (RFC 4648, section 6).
    pub secret: Zeroizing<String>,
    /// The secret as an `otpauth` URI.
    pub uri: Zeroizing<String>,
    /// The URI as a QR code: an SVG document.
    pub qr_code: Zeroizing<String>,
}

impl fmt::Debug for TotpSetup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSetup([redacted])")
    }
}

/// Time-based one-time passwords (TOTP, RFC 6238) as every authenticator app knows them: SHA-1, six digits, 30 seconds.
///
/// An implementor must compare codes in constant time, and take no more than a millisecond.
pub trait TotpCodes: Send + Sync {
    /// What to show to the owner of a new secret, so that an app can hold it. `issuer` and `account` tell it apart from
    /// others in the app.
    fn setup(&self, secret: &[u8], issuer: &str, account: &str) -> Result<TotpSetup, Failure>;

    /// The time step that `code` belongs to, if it is that of `now`, the one before or the one after; spaces in the code
    /// don't matter.
    fn matching_step(&self, secret: &[u8], code: &str, now: Timestamp) -> Option<i64>;
}

/// Reads factors.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait Factors: Send + Sync {
    /// An identity's factors, confirmed or not, in the order in which they were enrolled.
    async fn factors(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<Factor>, Failure>;

    /// An identity's passkeys, in the order in which they were registered.
    async fn passkeys(&self, tenant: &TenantId, identity: IdentityId) -> Result<Vec<Factor>, Failure>;

    /// The passkey with this credential id: a tenant has at most one.
    async fn passkey(&self, tenant: &TenantId, credential_id: &[u8]) -> Result<Option<Factor>, Failure>;

    /// The authenticator apps among the newest `among` credentials of all tenants.
    async fn newest_apps(&self, among: u32) -> Result<Vec<Factor>, Failure>;
}

/// Which factors to remove.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// This one. Guard: it is there (`Guard::Factor`).
    One(CredentialId),
    /// Every recovery code; none is no error.
    RecoveryCodes,
    /// An authenticator app that was not confirmed and was enrolled before this; none is no error.
    UnconfirmedBefore(Timestamp),
    /// All; none is no error. Links to accounts at providers are none, and stay.
    All,
}

/// What a login can begin with in a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaysIn {
    /// A password.
    pub password: bool,
    /// A passkey that verifies its user.
    pub passkey: bool,
    /// This link to an account at a provider, if it is still there.
    pub link: Option<CredentialId>,
}

/// The second factors that an identity has, as far as a new one depends on them. Recovery codes and apps that were not confirmed
/// are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KnownFactors {
    /// No app and no passkey.
    Nothing,
    /// No app. Passkeys are not looked at, because none can be used.
    NoApp,
    /// An app, and no passkey.
    Apps,
    /// This passkey, and fewer than `most`.
    Passkey {
        /// One of them.
        one: CredentialId,
        /// How many are too many.
        most: u32,
    },
}

/// A write to factors.
#[derive(Debug, Clone)]
pub enum FactorChange {
    /// Changes nothing. Guards: the identity is there (`Guard::Identity`), and its second factors are still these
    /// (`Guard::Factors`). It locks the identity, so that of lists at once each sees what those before it have added.
    Pin {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// What was read.
        known: KnownFactors,
    },
    /// Adds a factor. Guards: the identity is there (`Guard::Identity`), and has no other unconfirmed app if this is one,
    /// nor this recovery code; nobody in the tenant has this passkey (`Unique::Credential`).
    Add(Box<Factor>),
    /// Confirms an authenticator app by a code of `step`. Guard: it is there and unconfirmed (`Guard::Factor`).
    Confirm {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// Which.
        factor: CredentialId,
        /// The code's time step, which is used up.
        step: i64,
        /// When.
        at: Timestamp,
    },
    /// Accepts a code of a confirmed authenticator app. Guard: no code of `step` or a later one was accepted before
    /// (`Guard::Factor`, I-05).
    UseTotp {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// Which.
        factor: CredentialId,
        /// The code's time step.
        step: i64,
        /// When.
        at: Timestamp,
    },
    /// Uses up a recovery code. Guard: it is there (`Guard::Factor`, I-06).
    UseRecoveryCode {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// Which.
        hash: RecoveryHash,
    },
    /// Accepts a signature of a passkey. Guard: it is there, and its counter is below this one, or both are 0
    /// (`Guard::Factor`, I-20).
    UsePasskey {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// Which.
        factor: CredentialId,
        /// The signature counter.
        counter: u32,
        /// Whether it is backed up now.
        backed_up: bool,
        /// When.
        at: Timestamp,
    },
    /// Renames a passkey or an app. Guard: it is there (`Guard::Factor`).
    Rename {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// Which.
        factor: CredentialId,
        /// The new name.
        name: String,
        /// When.
        at: Timestamp,
    },
    /// Changes nothing. Guard: the identity can log in without this passkey or link, by a password, by another passkey that
    /// verifies its user or by a link, as its tenant allows (`Guard::LastCredential`, I-21). The list must pin the identity
    /// before, so that two credentials that are removed at once can't each count on the other.
    KeepWayIn {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// The passkey or link that is removed.
        without: CredentialId,
        /// What a login can begin with.
        ways_in: WaysIn,
    },
    /// Removes factors.
    Remove {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// Which.
        which: Removed,
    },
}
