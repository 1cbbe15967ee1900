//! Biscuits without signatures.

use kayan_ports::{BiscuitFacts, Failure, UserBiscuits};
use zeroize::Zeroizing;

/// Biscuits that are the text of their facts, without a signature.
#[derive(Debug, Clone, Copy)]
pub struct PlainBiscuits;

impl PlainBiscuits {
    /// The biscuit with these facts.
    pub fn text(root_key_id: u32, facts: &BiscuitFacts) -> String {
        format!("{root_key_id} {facts:?}")
    }
}

impl UserBiscuits for PlainBiscuits {
    fn sign(&self, private: &[u8], root_key_id: u32, facts: &BiscuitFacts) -> Result<Zeroizing<String>, Failure> {
        if private.is_empty() {
            return Err(Failure::Fault("there is no private key".to_owned()));
        }
        Ok(Zeroizing::new(Self::text(root_key_id, facts)))
    }
}
