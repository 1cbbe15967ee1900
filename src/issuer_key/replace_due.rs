//! Replaces issuer keys on schedule.

use kayan_ports::{Change, CommitError, Guard, IssuerKey, IssuerKeyState, Timestamp, Unique};

use super::make::{activate, add, retire};
use crate::{Failure, Kayan, policy::key_rotation};

/// The order matters: a key is made only after those that were published long enough have become active.
const ORDER: [IssuerKeyState; 3] = [IssuerKeyState::Retiring, IssuerKeyState::Next, IssuerKeyState::Active];

impl Kayan {
    /// Moves the keys that are due to their next states, and returns how many. Any number of replicas can do this at once: each
    /// change is made by one of them.
    pub async fn replace_due_keys(&self) -> Result<u64, Failure> {
        let (mut moved, mut failed) = (0, None);
        for state in ORDER {
            let Some(until) = key_rotation::cutoff(state, self.clock.now(), self.settings.key_rotation) else {
                continue;
            };
            for key in self.store.issuer_keys.due_issuer_keys(state, until).await? {
                // The keys of other tenants are replaced nevertheless.
                match self.replace_due_key(&key).await {
                    Ok(is_moved) => moved += u64::from(is_moved),
                    Err(failure) => failed = failed.or(Some(failure)),
                }
            }
        }
        failed.map_or(Ok(moved), Err)
    }

    async fn replace_due_key(&self, key: &IssuerKey) -> Result<bool, Failure> {
        let now = self.clock.now();
        let (mut changes, action) = self.next_step(key, now).await?;
        changes.push(self.issuer_key_event(key, action, now));
        match self.store.changes.commit(changes).await {
            Ok(()) => Ok(true),
            // Another replica or an operator was faster.
            Err(CommitError::Stale(Guard::IssuerKey | Guard::Tenant) | CommitError::Conflict(Unique::IssuerKey)) => {
                Ok(false)
            }
            Err(other) => Err(other.into()),
        }
    }

    async fn next_step(&self, key: &IssuerKey, now: Timestamp) -> Result<(Vec<Change>, &'static str), Failure> {
        let (tenant, usage, algorithm) = (&key.tenant, key.usage, key.algorithm);
        Ok(match key.state {
            IssuerKeyState::Active => {
                let next = self.make_issuer_key(tenant, (usage, algorithm), IssuerKeyState::Next, now).await?;
                (vec![add(&next)], "key.publish")
            }
            IssuerKeyState::Next => {
                let active =
                    self.store.issuer_keys.issuer_key(tenant, usage, algorithm, IssuerKeyState::Active).await?;
                let changes = active.map(|active| retire(&active, IssuerKeyState::Retiring, now));
                (changes.into_iter().chain([activate(key, now)]).collect(), "key.activate")
            }
            IssuerKeyState::Retiring | IssuerKeyState::Retired => {
                (vec![retire(key, IssuerKeyState::Retired, now)], "key.retire")
            }
        })
    }
}
