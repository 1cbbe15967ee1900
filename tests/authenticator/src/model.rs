//! What an authenticator is, and what it lies about.

use uuid::Uuid;

/// The algorithm of an authenticator's keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// RSA (2048 bits) with PKCS #1 v1.5 and SHA-256.
    Rs256,
}

impl Algorithm {
    /// Its number in the registry of COSE algorithms.
    pub fn number(self) -> i64 {
        match self {
            Self::Es256 => -7,
            Self::Es384 => -35,
            Self::Rs256 => -257,
        }
    }
}

/// How an authenticator attests a new passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Attestation {
    /// Not at all.
    #[default]
    None,
    /// By a signature of the new key.
    PackedSelf,
}

/// What an authenticator is.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "these are independent of each other")]
pub struct Model {
    /// The algorithm of its keys.
    pub algorithm: Algorithm,
    /// Whether it can keep passkeys that are offered without an identifier.
    pub discoverable: bool,
    /// Whether it can verify its user, by a PIN or a fingerprint.
    pub verifies_user: bool,
    /// Whether its passkeys may be backed up.
    pub backup_eligible: bool,
    /// Whether they are.
    pub backed_up: bool,
    /// The first signature counter of a passkey.
    pub counter: u32,
    /// What is added with each login; 0 if it has no counter.
    pub counter_step: u32,
    /// How it attests a new passkey.
    pub attestation: Attestation,
    /// What its makers call the model.
    pub aaguid: Uuid,
    /// How a browser reaches it.
    pub transports: Vec<String>,
}

impl Model {
    /// A phone, or a computer with a password manager: passkeys are discoverable, verified and backed up, without a counter.
    pub fn phone() -> Self {
        Self {
            algorithm: Algorithm::default(),
            discoverable: true,
            verifies_user: true,
            backup_eligible: true,
            backed_up: true,
            counter: 0,
            counter_step: 0,
            attestation: Attestation::default(),
            aaguid: Uuid::nil(),
            transports: ["hybrid", "internal"].map(str::to_owned).to_vec(),
        }
    }

    /// A security key without a PIN: it counts, and verifies nobody.
    pub fn security_key() -> Self {
        Self {
            discoverable: false,
            verifies_user: false,
            backup_eligible: false,
            backed_up: false,
            counter: 1,
            counter_step: 1,
            transports: ["nfc", "usb"].map(str::to_owned).to_vec(),
            ..Self::phone()
        }
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::phone()
    }
}

/// What an authenticator and its browser say that is not true. Everything is signed as it is said.
#[derive(Debug, Clone, Default)]
pub struct Lies {
    /// The type of the ceremony.
    pub client_type: Option<String>,
    /// The challenge, as in the client data.
    pub challenge: Option<String>,
    /// Whether the page was in a frame of another site.
    pub cross_origin: bool,
    /// The origin of the page around the frame.
    pub top_origin: Option<String>,
    /// The RP id.
    pub rp_id: Option<String>,
    /// Flags that are set.
    pub flags_set: u8,
    /// Flags that are cleared.
    pub flags_cleared: u8,
    /// The signature counter.
    pub counter: Option<u32>,
    /// The algorithm of a new key.
    pub algorithm: Option<i64>,
    /// The credential id.
    pub credential_id: Option<Vec<u8>>,
    /// The user handle.
    pub user_handle: Option<Vec<u8>>,
    /// Registers again what it has already.
    pub ignores_excluded: bool,
    /// Answers without verifying its user, although that is required.
    pub ignores_user_verification: bool,
}
