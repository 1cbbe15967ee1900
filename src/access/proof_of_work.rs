//! Requires a proof of work, after the scheme of ALTCHA, where a tenant asks for one.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::Mac;
use kayan_ports::{
    AttemptKey, Identifier, KeyPurpose, Lockout, Reservation, Target, TenantId, TenantSettings, Timestamp, WorkPurpose,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    Caller, Failure, Kayan, LogInError,
    access::attempt::{self, Attempt},
    mac::hmac,
};

/// The only algorithm.
const ALGORITHM: &str = "SHA-256";
/// How long a challenge can be solved.
const LIFETIME: std::time::Duration = std::time::Duration::from_mins(10);
/// For how long one that was solved is not accepted again: until it has expired, even by a clock that is wrong.
const KEPT: std::time::Duration = std::time::Duration::from_mins(30);
/// The largest number, where the tenant sets none.
const DIFFICULTY: u32 = 100_000;
/// How long a failed login counts.
const FAILURES: std::time::Duration = std::time::Duration::from_mins(15);
/// Under which origin failed logins are counted here: apart from those of the lockout, and reset with them.
const APART: &str = "proof-of-work";

/// A challenge: find the number which, appended to the salt in decimal, has this hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkChallenge {
    /// The hash function: `SHA-256`.
    pub algorithm: &'static str,
    /// The hash, in hexadecimal.
    pub challenge: String,
    /// The largest possible number; 0 is the smallest.
    pub max_number: u32,
    /// The salt. It tells after `expires=` until when the challenge can be solved, in seconds since 1970.
    pub salt: String,
    /// The HMAC of the hash, in hexadecimal.
    pub signature: String,
}

/// A proof of work is required.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a proof of work is required")]
pub struct WorkRequired {
    /// What to solve.
    pub challenge: WorkChallenge,
    /// Whether a proof was given, and is wrong, for something else, expired or used before.
    pub was_given: bool,
}

/// Why there is no challenge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChallengeError {
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// A proof, as the widget of ALTCHA sends it.
#[derive(Deserialize)]
struct Proof {
    algorithm: String,
    challenge: String,
    number: u64,
    salt: String,
    signature: String,
}

impl Proof {
    fn read(text: &str) -> Option<Self> {
        serde_json::from_slice(&STANDARD.decode(text).ok()?).ok()
    }

    /// Whether it solves a challenge that was signed with this key, in time.
    fn solves(&self, key: &[u8; 32], now: Timestamp) -> bool {
        let is_ours: bool = sign(key, &self.challenge).as_bytes().ct_eq(self.signature.as_bytes()).into();
        let is_open = expiry(&self.salt).is_some_and(|expires| now.unix_timestamp() < expires);
        is_ours && is_open && self.algorithm == ALGORITHM && hash(&self.salt, self.number) == self.challenge
    }
}

/// Until when a challenge with this salt can be solved. The salt ends with `&`: otherwise its last digits could be taken for the
/// first of the number.
fn expiry(salt: &str) -> Option<i64> {
    salt.split_once("?expires=")?.1.strip_suffix('&')?.parse().ok()
}

fn hash(salt: &str, number: u64) -> String {
    hex(&Sha256::digest(format!("{salt}{number}")))
}

fn sign(key: &[u8; 32], challenge: &str) -> String {
    hex(&hmac(key).chain_update(challenge).finalize().into_bytes())
}

/// In hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// What is counted of this kind under this name.
fn target(tenant: &TenantId, kind: &str, name: &str) -> Target {
    Target { tenant: tenant.clone(), identifier: Sha256::digest(format!("proof-of-work {kind} {name}")).into() }
}

impl Kayan {
    /// A new challenge in the tenant of the caller. It is kept nowhere.
    pub async fn work_challenge(&self, caller: &Caller, purpose: WorkPurpose) -> Result<WorkChallenge, ChallengeError> {
        let tenant = self.active_tenant(caller).await?.ok_or(ChallengeError::NoTenant)?;
        let key = self.work_key(&tenant.id, purpose).await?;
        Ok(self.challenge_under(&key, &tenant.settings, self.clock.now()))
    }

    /// Takes the proof, if the tenant always requires one for this.
    pub(crate) async fn require_work<E: From<WorkRequired> + From<Failure>>(
        &self,
        caller: &Caller,
        settings: &TenantSettings,
        purpose: WorkPurpose,
        proof: Option<&str>,
    ) -> Result<(), E> {
        if always(settings, purpose) { self.take_proof(caller, settings, purpose, proof).await } else { Ok(()) }
    }

    /// Takes the proof of a login by password, if one is required: always, or after failed logins of the account or from the
    /// client, whether or not there is such an account (I-08). Returns the attempt as it is counted for the next ones.
    pub(crate) async fn require_work_of_login(
        &self,
        caller: &Caller,
        settings: &TenantSettings,
        identifier: &Identifier,
        proof: Option<&str>,
    ) -> Result<Attempt, LogInError> {
        let mut counted = Attempt::default();
        match self.count_towards_work(caller, settings, identifier, &mut counted).await {
            Ok(false) => return Ok(counted),
            Ok(true) => {}
            Err(failure) => {
                self.release(counted).await;
                return Err(failure.into());
            }
        }
        match self.take_proof(caller, settings, WorkPurpose::Login, proof).await {
            Ok(()) => Ok(counted),
            Err(refused) => {
                self.release(counted).await;
                Err(refused)
            }
        }
    }

    /// Counts a login as failed before it is tried, and says whether it requires a proof.
    async fn count_towards_work(
        &self,
        caller: &Caller,
        settings: &TenantSettings,
        identifier: &Identifier,
        counted: &mut Attempt,
    ) -> Result<bool, Failure> {
        let mut is_required = always(settings, WorkPurpose::Login);
        let Some(most) = settings.proof_of_work_after_failures else { return Ok(is_required) };
        let account = attempt::target(&caller.tenant, identifier);
        let client = caller.client.network().map(|network| target(&caller.tenant, "client", &network));
        // A login that succeeds clears the count of its account only: an attacker may have an account as well.
        for (target, clears) in [(account, true)].into_iter().chain(client.map(|client| (client, false))) {
            let key = AttemptKey { target, known_origin: Some(APART.to_owned()) };
            let is_counted = self.counts(&key, most.into(), FAILURES).await?;
            is_required |= !is_counted;
            counted.count(key, is_counted, clears);
        }
        Ok(is_required)
    }

    /// Verifies a proof and uses it up: one hash, and one write once it is right.
    async fn take_proof<E: From<WorkRequired> + From<Failure>>(
        &self,
        caller: &Caller,
        settings: &TenantSettings,
        purpose: WorkPurpose,
        proof: Option<&str>,
    ) -> Result<(), E> {
        let now = self.clock.now();
        let key = self.work_key(&caller.tenant, purpose).await?;
        if let Some(proof) = proof.and_then(Proof::read)
            && proof.solves(&key, now)
        {
            let used = AttemptKey { target: target(&caller.tenant, "used", &proof.challenge), known_origin: None };
            if self.counts(&used, 1, KEPT).await? {
                return Ok(());
            }
        }
        let challenge = self.challenge_under(&key, settings, now);
        Err(WorkRequired { challenge, was_given: proof.is_some() }.into())
    }

    /// Counts this under a key, on all replicas together, unless `most` have been counted; returns whether it was counted.
    async fn counts(&self, key: &AttemptKey, most: u32, within: std::time::Duration) -> Result<bool, Failure> {
        let lockout = Lockout { name: Lockout::PROOF_OF_WORK, max_failures: most, duration: within };
        Ok(self.attempts.reserve(key, &lockout, self.clock.now()).await? == Reservation::Reserved)
    }

    /// The key that challenges of a tenant for one purpose are signed with, derived from that of the service.
    async fn work_key(&self, tenant: &TenantId, purpose: WorkPurpose) -> Result<Zeroizing<[u8; 32]>, Failure> {
        let key = self.keys.obtain(KeyPurpose::ProofOfWork).await?;
        let mac = hmac(&key.seed).chain_update("kayan proof of work 1\0").chain_update(tenant.as_str());
        Ok(Zeroizing::new(mac.chain_update("\0").chain_update(purpose.as_str()).finalize().into_bytes().into()))
    }

    fn challenge_under(&self, key: &[u8; 32], settings: &TenantSettings, now: Timestamp) -> WorkChallenge {
        let max_number = settings.proof_of_work_difficulty.unwrap_or(DIFFICULTY);
        let (mut random, mut number) = ([0; 16], [0; 8]);
        self.entropy.fill(&mut random);
        self.entropy.fill(&mut number);
        let expires = (now + LIFETIME).unix_timestamp();
        let salt = format!("{}?expires={expires}&", hex(&random));
        let challenge = hash(&salt, u64::from_le_bytes(number) % (u64::from(max_number) + 1));
        let signature = sign(key, &challenge);
        WorkChallenge { algorithm: ALGORITHM, challenge, max_number, salt, signature }
    }
}

fn always(settings: &TenantSettings, purpose: WorkPurpose) -> bool {
    settings.proof_of_work.as_ref().is_some_and(|purposes| purposes.contains(&purpose))
}

#[cfg(test)]
pub(crate) mod tests;
