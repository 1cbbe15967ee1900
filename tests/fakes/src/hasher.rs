//! A password hasher that costs nothing and counts its calls.

use std::{
    future::poll_fn,
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    task::Poll,
};

use async_trait::async_trait;
use kayan_ports::{AdoptError, HashCost, HashError, Password, PasswordHash, PasswordHasher, TenantId, Verdict, Work};
use parking_lot::Mutex;

const TODAY: &str = "plain";
const MAX_BYTES: usize = 72;
/// The name of a known format whose hashes are costly.
const COSTLY: &str = "costly";

/// A fake hasher: a hash is `plain$<number>$<the password backwards>`, the number being its salt. It takes 72 bytes, as
/// bcrypt does. **Not secure**; for tests only.
#[derive(Debug, Default)]
pub struct PlainHasher {
    salt: AtomicU64,
    hashes: AtomicUsize,
    verifications: AtomicUsize,
    overloaded: AtomicBool,
    outdated: Mutex<Vec<String>>,
}

impl PlainHasher {
    /// A hasher that knows today's format only.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many passwords it has hashed; refused calls do not count.
    pub fn hashes(&self) -> usize {
        self.hashes.load(SeqCst)
    }

    /// How many passwords it has compared, with a hash or with none; refused calls do not count.
    pub fn verifications(&self) -> usize {
        self.verifications.load(SeqCst)
    }

    /// While `true`, every call is answered with `Overloaded`.
    pub fn overload(&self, overloaded: bool) {
        self.overloaded.store(overloaded, SeqCst);
    }

    /// Makes a format of old known, and a hash of `password` in it (`<format>$<number>$…`): it matches as outdated.
    pub fn outdated_hash(&self, format: &str, password: &str) -> PasswordHash {
        let mut outdated = self.outdated.lock();
        if !outdated.iter().any(|known| known == format) {
            outdated.push(format.to_owned());
        }
        self.encode(format, password)
    }

    fn encode(&self, format: &str, password: &str) -> PasswordHash {
        let salt = self.salt.fetch_add(1, SeqCst);
        PasswordHash::new(format!("{format}${salt}${}", backwards(password)))
    }

    /// Gives way once, as a hasher with threads of its own does, and then says whether there is room.
    async fn admit(&self) -> Result<(), HashError> {
        let mut gave_way = false;
        poll_fn(|context| {
            if std::mem::replace(&mut gave_way, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        if self.overloaded.load(SeqCst) { Err(HashError::Overloaded) } else { Ok(()) }
    }

    fn compare(&self, encoded: &str, password: &str) -> Verdict {
        let mut parts = encoded.splitn(3, '$');
        let (Some(format), Some(_salt), Some(reversed)) = (parts.next(), parts.next(), parts.next()) else {
            return Verdict::Mismatch;
        };
        if password.len() > MAX_BYTES || reversed != backwards(password) {
            Verdict::Mismatch
        } else if format == TODAY {
            Verdict::Match
        } else if self.outdated.lock().iter().any(|known| known == format) {
            Verdict::MatchOutdated
        } else {
            Verdict::Mismatch
        }
    }
}

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, _: &TenantId, password: &Password) -> Result<PasswordHash, HashError> {
        if password.expose().len() > MAX_BYTES {
            return Err(HashError::TooLong { max_bytes: MAX_BYTES });
        }
        self.admit().await?;
        self.hashes.fetch_add(1, SeqCst);
        Ok(self.encode(TODAY, password.expose()))
    }

    async fn verify(
        &self,
        _: &TenantId,
        against: Option<&PasswordHash>,
        password: &Password,
    ) -> Result<Verdict, HashError> {
        self.admit().await?;
        self.verifications.fetch_add(1, SeqCst);
        Ok(against.map_or(Verdict::Mismatch, |hash| self.compare(hash.expose(), password.expose())))
    }

    async fn compute(&self, _: &TenantId, work: Work) -> Result<(), HashError> {
        self.admit().await?;
        work();
        Ok(())
    }

    fn adopt(&self, hash: &PasswordHash, most: HashCost) -> Result<PasswordHash, AdoptError> {
        let mut parts = hash.expose().splitn(3, '$');
        let (Some(format), Some(_), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(AdoptError::Unknown);
        };
        if format == COSTLY && most < HashCost::Costly {
            return Err(AdoptError::Costly);
        }
        let known = [TODAY, COSTLY].contains(&format) || self.outdated.lock().iter().any(|known| known == format);
        if known { Ok(hash.clone()) } else { Err(AdoptError::Unknown) }
    }

    fn max_bytes(&self) -> usize {
        MAX_BYTES
    }
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_counts_what_it_did_and_not_what_it_refused() {
        let hasher = PlainHasher::new();
        let password = Password::from("correct horse");
        let hash = hasher.hash(&TenantId::default(), &password).await.unwrap();
        assert_eq!(hasher.verify(&TenantId::default(), Some(&hash), &password).await, Ok(Verdict::Match));
        assert_eq!(hasher.verify(&TenantId::default(), None, &password).await, Ok(Verdict::Mismatch));
        hasher.overload(true);
        assert_eq!(hasher.verify(&TenantId::default(), Some(&hash), &password).await, Err(HashError::Overloaded));
        assert_eq!(hasher.hash(&TenantId::default(), &password).await, Err(HashError::Overloaded));
        hasher.overload(false);
        assert_eq!(hasher.verify(&TenantId::default(), Some(&hash), &password).await, Ok(Verdict::Match));
        assert_eq!((hasher.hashes(), hasher.verifications()), (1, 3));
    }

    #[tokio::test]
    async fn a_format_it_was_not_told_of_never_matches() {
        let (hasher, password) = (PlainHasher::new(), Password::from("abc"));
        let strange = PasswordHash::new("old$0$cba".to_owned());
        assert_eq!(hasher.verify(&TenantId::default(), Some(&strange), &password).await, Ok(Verdict::Mismatch));
        let told = hasher.outdated_hash("old", "abc");
        assert_eq!(hasher.verify(&TenantId::default(), Some(&told), &password).await, Ok(Verdict::MatchOutdated));
    }
}
