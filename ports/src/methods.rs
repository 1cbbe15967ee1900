//! Authentication methods, and what was proven with them.

use serde::{Deserialize, Serialize};

use crate::{ProviderName, Timestamp};

/// An authentication method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Something known: a password.
    Password,
    /// A code of an authenticator app (RFC 6238).
    Totp,
    /// A code from a list of which each is good once.
    RecoveryCode,
    /// A passkey.
    Webauthn,
    /// A link in a mail.
    MagicLink,
    /// A code in a mail or an SMS.
    Code,
    /// A code in a mail or an SMS, as a second factor.
    Otp,
    /// An account at an identity provider (OpenID Connect).
    Oidc,
}

impl Method {
    /// Every method there is.
    pub const ALL: &[Self] = &[
        Self::Password,
        Self::Totp,
        Self::RecoveryCode,
        Self::Webauthn,
        Self::MagicLink,
        Self::Code,
        Self::Otp,
        Self::Oidc,
    ];

    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::Webauthn => "webauthn",
            Self::MagicLink => "magic_link",
            Self::Code => "code",
            Self::Otp => "otp",
            Self::Oidc => "oidc",
        }
    }
}

/// A method and when it was used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodUse {
    /// The method.
    pub method: Method,
    /// When it was completed.
    #[serde(with = "crate::timestamp")]
    pub completed_at: Timestamp,
    /// What the authenticator proved, if the method is a passkey.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passkey: Option<PasskeyProof>,
    /// What the provider asserted, if the method is an account there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<ProviderProof>,
}

impl MethodUse {
    /// A method without a passkey or a provider.
    pub fn new(method: Method, completed_at: Timestamp) -> Self {
        Self { method, completed_at, passkey: None, provider: None }
    }
}

/// What an authenticator proved with a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasskeyProof {
    /// Whether it verified its user, by a PIN or a fingerprint.
    pub user_verified: bool,
    /// Whether the private key can't leave it.
    pub hardware_bound: bool,
}

/// What an identity provider asserted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderProof {
    /// The provider.
    pub name: ProviderName,
    /// Whether two factors were verified there, as the configuration reads `amr` and `acr`.
    pub two_factors: bool,
}
