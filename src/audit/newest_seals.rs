//! Verifies the newest seals only: shows whether sealing works without reading the whole trail.

use kayan_ports::TenantId;

use crate::{
    Failure, Kayan,
    policy::seal::{BEGINNING, What, hash, inspect},
};

/// The newest seal of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewestSeal {
    /// The tenant.
    pub tenant: TenantId,
    /// Its number.
    pub number: i64,
    /// What is wrong with it.
    pub problem: Option<What>,
}

impl Kayan {
    /// The newest seals of the first `most` trails, by tenant. Each is verified by itself and against the one before
    /// it; the events that it covers are not read.
    pub async fn check_newest_seals(&self, most: usize) -> Result<Vec<NewestSeal>, Failure> {
        let keys = self.seal_public_keys().await?;
        let mut found = Vec::new();
        let mut next = self.store.seals.next_trail(None).await?;
        for _ in 0..most {
            let Some(tenant) = next else { break };
            if let Some(seal) = self.store.seals.last_seal(&tenant).await? {
                let before = self.store.seals.seals(&tenant, seal.number - 2, 1).await?.pop();
                let before = before.filter(|before| before.number == seal.number - 1);
                let previous = before.as_ref().map_or(BEGINNING, hash);
                let problem = if !keys.contains(&seal.public_key) {
                    Some(What::UnknownKey(seal.public_key))
                } else if before.is_none() && seal.number != 1 {
                    Some(What::BadNumber(seal.number - 1))
                } else if previous != seal.previous {
                    Some(What::Forked)
                } else {
                    inspect(&seal).problem
                };
                found.push(NewestSeal { tenant: tenant.clone(), number: seal.number, problem });
            }
            next = self.store.seals.next_trail(Some(&tenant)).await?;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
