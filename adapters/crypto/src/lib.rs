//! Password hashing on its own threads, sealed keys, admin tokens, and the operating system's randomness.

mod argon2;
mod bcrypt;
mod biscuit;
mod cost;
mod formats;
mod jws;
mod keys;
#[cfg(test)]
mod ledger;
mod os;
mod pbkdf2;
mod phc;
mod pool;
mod scrypt;
mod sealing;
mod session_jwts;
mod totp;

use std::sync::Arc;

use async_trait::async_trait;
use kayan_ports::{
    AdoptError, HashCost, HashError, HashFormat, Password, PasswordHash, PasswordHasher, TenantId, Verdict, Work,
};

pub use crate::{
    biscuit::Biscuits,
    jws::SystemJwsKeys,
    keys::{SealedKeys, WrappingSecrets},
    os::{OsEntropy, SystemClock},
    totp::AppCodes,
};
use crate::{
    formats::Formats,
    pool::{Bounds, Load, Pool},
};

/// The memory for all concurrent hashes together, in bytes; more only if each thread needs it for hashes of today's
/// format.
const MEMORY: u64 = 256 << 20;

/// The format of hashes, and how many run at once.
#[derive(Debug, Clone, Copy)]
pub struct HasherSettings {
    /// The format of new hashes.
    pub format: HashFormat,
    /// Threads that hash; each uses one core while there is work. 0 counts as 1.
    pub threads: usize,
    /// Hashes that may wait for a thread; beyond that callers get `Overloaded`; 0: none waits.
    pub queue: usize,
}

/// Hashes and verifies passwords on its own threads, at a lower priority than the rest of the process.
///
/// Verifies bcrypt (`$2a$`, `$2b$`, `$2y$`), every argon2, scrypt and PBKDF2 (PHC, passlib and Django) within the cost
/// limits. Tenants take turns: however much one of them asks for, the others wait only for the running work and one job
/// of each. Dropping the hasher ends its threads after their current hash.
pub struct Hasher {
    formats: Arc<Formats>,
    pool: Pool,
}

impl Hasher {
    /// Starts the threads. `Fault` if bcrypt's cost is not between 4 and 31 or a thread can't be started.
    pub fn new(settings: HasherSettings) -> Result<Self, HashError> {
        let HasherSettings { format, threads, queue } = settings;
        if let HashFormat::Bcrypt { cost } = format
            && !bcrypt::COSTS.contains(&cost)
        {
            return Err(HashError::Fault(format!("bcrypt cost {cost} is out of range: use 4 to 31")));
        }
        let formats = Formats::new(format);
        let threads = threads.max(1);
        let memory = formats.load().memory.saturating_mul(threads as u64).max(MEMORY);
        let pool = Pool::new(Bounds { threads, waiting: queue, memory })
            .map_err(|error| HashError::Fault(format!("could not start {threads} hashing threads: {error}")))?;
        Ok(Self { formats: Arc::new(formats), pool })
    }

    /// How many hashes wait for a thread; running ones are not counted.
    pub fn waiting(&self) -> usize {
        self.pool.waiting()
    }
}

#[async_trait]
impl PasswordHasher for Hasher {
    async fn hash(&self, tenant: &TenantId, password: &Password) -> Result<PasswordHash, HashError> {
        self.formats.check(password.expose().as_bytes())?;
        let (formats, password) = (Arc::clone(&self.formats), password.clone());
        let work = move || formats.hash(password.expose().as_bytes());
        self.pool.run(tenant, self.formats.load(), work).await?.map(PasswordHash::new)
    }

    async fn verify(
        &self,
        tenant: &TenantId,
        against: Option<&PasswordHash>,
        password: &Password,
    ) -> Result<Verdict, HashError> {
        let load = self.formats.load_of(against);
        let (formats, against, password) = (Arc::clone(&self.formats), against.cloned(), password.clone());
        let work = move || formats.verify(against.as_ref(), password.expose().as_bytes());
        self.pool.run(tenant, load, work).await?
    }

    async fn compute(&self, tenant: &TenantId, work: Work) -> Result<(), HashError> {
        self.pool.run(tenant, Load::default(), work).await
    }

    fn adopt(&self, hash: &PasswordHash, most: HashCost) -> Result<PasswordHash, AdoptError> {
        self.formats.adopt(hash, most)
    }

    fn max_bytes(&self) -> usize {
        self.formats.max_bytes()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::{Pin, pin},
        sync::mpsc,
        task::{Context, Poll, Waker},
    };

    use super::*;

    fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(Waker::noop()))
    }

    #[tokio::test]
    async fn i_40_logins_beyond_the_queue_are_told_overloaded_at_once() {
        let settings = HasherSettings { format: HashFormat::Bcrypt { cost: 4 }, threads: 1, queue: 2 };
        let hasher = Hasher::new(settings).unwrap();
        let (tenant, (open, opened)) = (TenantId::default(), mpsc::channel());
        let mut blocking = pin!(hasher.pool.run(&tenant, Load::default(), move || opened.recv()));
        assert!(poll(blocking.as_mut()).is_pending());
        // The blocking job may not have started yet, which makes no difference here.
        let password = "guess".into();
        let (mut login, mut registration) = (hasher.verify(&tenant, None, &password), hasher.hash(&tenant, &password));
        assert!(poll(login.as_mut()).is_pending());
        assert!(poll(registration.as_mut()).is_pending());
        assert_eq!(poll(hasher.verify(&tenant, None, &password).as_mut()), Poll::Ready(Err(HashError::Overloaded)));
        assert_eq!(poll(hasher.hash(&tenant, &password).as_mut()), Poll::Ready(Err(HashError::Overloaded)));
        open.send(()).unwrap();
        assert_eq!(blocking.await, Ok(Ok(())));
        assert_eq!(login.await, Ok(Verdict::Mismatch));
        assert!(registration.await.is_ok());
        assert_eq!(hasher.waiting(), 0);
    }

    #[tokio::test]
    async fn a_panic_is_a_fault_and_the_next_hash_works() {
        let settings = HasherSettings { format: HashFormat::Argon2id, threads: 1, queue: 1 };
        let hasher = Hasher::new(settings).unwrap();
        let outcome: Result<(), _> =
            hasher.pool.run(&TenantId::default(), Load::default(), || panic!("on purpose")).await;
        assert!(matches!(outcome, Err(HashError::Fault(_))));
        assert!(hasher.hash(&TenantId::default(), &"secret".into()).await.is_ok());
    }
}
