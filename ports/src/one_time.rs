//! One-time tokens: secrets that are good once, for one purpose, for minutes.

use async_trait::async_trait;

use crate::{Failure, IdentityId, Locked, TenantId, Timestamp, TokenHash};

/// What a one-time token is for: a token of one purpose is refused for every other (I-02).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OneTimePurpose {
    /// Completes a login that lacks a factor.
    Mfa,
    /// Finishes a passkey ceremony.
    Webauthn,
    /// Verifies an address.
    Verification,
    /// Sets a new password.
    Recovery,
    /// Logs in, by a link.
    MagicLink,
    /// Logs in, by a code.
    LoginCode,
    /// Is a second factor: a code that was sent to its owner.
    MfaCode,
    /// Puts a new address in the place of the old one.
    EmailChange,
    /// Puts the old address back. Unlike all others, it is not voided with its owner's sessions: who took the account over could
    /// void it otherwise.
    EmailRevert,
    /// Opens the first session of a user who was invited.
    Invitation,
    /// Deletes an account without a password.
    AccountDeletion,
    /// Ends a login that an identity provider was asked for: the `state`.
    Oidc,
}

impl OneTimePurpose {
    /// Every purpose there is.
    pub const ALL: [Self; 12] = [
        Self::Mfa,
        Self::Webauthn,
        Self::Verification,
        Self::Recovery,
        Self::MagicLink,
        Self::LoginCode,
        Self::MfaCode,
        Self::EmailChange,
        Self::EmailRevert,
        Self::Invitation,
        Self::AccountDeletion,
        Self::Oidc,
    ];

    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Mfa => "mfa",
            Self::Webauthn => "webauthn",
            Self::Verification => "verification",
            Self::Recovery => "recovery",
            Self::MagicLink => "magic_link",
            Self::LoginCode => "login_code",
            Self::MfaCode => "mfa_code",
            Self::EmailChange => "email_change",
            Self::EmailRevert => "email_revert",
            Self::Invitation => "invitation",
            Self::AccountDeletion => "account_deletion",
            Self::Oidc => "oidc",
        }
    }

    /// The purpose of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == name)
    }
}

/// A one-time token as it is kept: the token itself is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneTimeToken {
    /// The token's hash.
    pub hash: TokenHash,
    /// The tenant it is good in.
    pub tenant: TenantId,
    /// What it is for.
    pub purpose: OneTimePurpose,
    /// Whom it is for; `None` where that is not known, or not to be seen in the database.
    pub identity: Option<IdentityId>,
    /// What its use-case has to remember. It holds no secret that is not sealed.
    pub data: String,
    /// How many wrong tries are left, 0 at least.
    pub tries: u32,
    /// When it was issued.
    pub created_at: Timestamp,
    /// From then on it is refused.
    pub expires_at: Timestamp,
}

/// Reads one-time tokens.
///
/// An implementor keeps what [`Store`](crate::Store) promises.
#[async_trait]
pub trait OneTimeTokens: Send + Sync {
    /// The token of this purpose, if it is there and not expired at `now`, however many tries are left.
    async fn one_time(
        &self,
        tenant: &TenantId,
        purpose: OneTimePurpose,
        hash: &TokenHash,
        now: Timestamp,
    ) -> Result<Option<OneTimeToken>, Failure>;
}

/// A write to one-time tokens.
#[derive(Debug, Clone)]
pub enum OneTimeChange {
    /// Issues a token. Guard: its identity is there and active (`Guard::Identity`); without one, the tenant is
    /// (`Guard::Tenant`).
    Issue(Box<OneTimeToken>),
    /// Issues a token in place of one with the same hash, if there is one; of parallel ones, the last is kept. Guard: as for
    /// `Issue`; another tenant's token is not replaced.
    Replace(Box<OneTimeToken>),
    /// Counts a try, before it is made, so that parallel ones can't exceed what is left. Guard: the token is there, not
    /// expired at `at`, and has a try left (`Guard::OneTime`).
    Try {
        /// The tenant.
        tenant: TenantId,
        /// What it is for.
        purpose: OneTimePurpose,
        /// Which.
        hash: TokenHash,
        /// When.
        at: Timestamp,
    },
    /// Uses a token up. Guard: it is there and not expired at `at` (`Guard::OneTime`, I-01).
    Use {
        /// The tenant.
        tenant: TenantId,
        /// What it is for.
        purpose: OneTimePurpose,
        /// Which.
        hash: TokenHash,
        /// When.
        at: Timestamp,
    },
    /// Voids an identity's tokens of one purpose that were issued at `since` or later; none is no error. It locks the identity,
    /// so that of parallel lists that void tokens and issue one, the last leaves its own alone.
    Void {
        /// The tenant.
        tenant: TenantId,
        /// Whose.
        identity: IdentityId,
        /// What they are for.
        purpose: OneTimePurpose,
        /// The earliest issue; the epoch: all of them.
        since: Timestamp,
    },
}

impl OneTimeChange {
    pub(crate) fn locks(&self) -> Locked {
        match self {
            Self::Void { .. } => Locked::Identity,
            Self::Issue(_) | Self::Replace(_) | Self::Try { .. } | Self::Use { .. } => Locked::Belonging,
        }
    }
}
