//! What a proof of work is for, and its challenge as the widget and the libraries of ALTCHA read it.

use kayan_core::WorkChallenge;
use kayan_ports::WorkPurpose;
use poem_openapi::{Enum, Object};
use serde::{Deserialize, Serialize};

/// What a proof of work is for.
#[derive(Debug, Clone, Copy, Enum, Serialize, Deserialize)]
#[oai(rename = "ProofOfWorkPurpose", rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub(crate) enum Purpose {
    /// `register`.
    Registration,
    /// `verificationRequest`.
    Verification,
    /// `recoveryRequest`.
    Recovery,
    /// `magicLinkRequest`.
    MagicLink,
    /// `otpRequest`.
    Code,
    /// `login`.
    Login,
}

impl From<Purpose> for WorkPurpose {
    fn from(purpose: Purpose) -> Self {
        match purpose {
            Purpose::Registration => Self::Registration,
            Purpose::Verification => Self::Verification,
            Purpose::Recovery => Self::Recovery,
            Purpose::MagicLink => Self::MagicLink,
            Purpose::Code => Self::Code,
            Purpose::Login => Self::Login,
        }
    }
}

impl From<WorkPurpose> for Purpose {
    fn from(purpose: WorkPurpose) -> Self {
        match purpose {
            WorkPurpose::Registration => Self::Registration,
            WorkPurpose::Verification => Self::Verification,
            WorkPurpose::Recovery => Self::Recovery,
            WorkPurpose::MagicLink => Self::MagicLink,
            WorkPurpose::Code => Self::Code,
            WorkPurpose::Login => Self::Login,
        }
    }
}

/// A challenge to prove work: find the number which, appended to the salt in decimal, has this hash. The proof is the base64 of
/// the JSON object `{"algorithm", "challenge", "number", "salt", "signature"}`.
#[derive(Debug, Clone, Object, Serialize)]
#[oai(rename = "ProofOfWorkChallenge")]
pub(crate) struct Challenge {
    /// The hash function: `SHA-256`.
    algorithm: String,
    /// The hash of the salt and the number, in hexadecimal.
    challenge: String,
    /// The largest possible number; the smallest is 0.
    maxnumber: u32,
    /// What the number is appended to. It tells after `expires=` until when the challenge can be solved, in seconds since 1970.
    salt: String,
    /// Proves that the challenge is from this service.
    signature: String,
}

impl From<WorkChallenge> for Challenge {
    fn from(work: WorkChallenge) -> Self {
        let WorkChallenge { algorithm, challenge, max_number, salt, signature } = work;
        Self { algorithm: algorithm.to_owned(), challenge, maxnumber: max_number, salt, signature }
    }
}
