//! Makes issuer keys, and the changes that add and move them.

use kayan_ports::{
    Change, EventType, IssuerKey, IssuerKeyChange, IssuerKeyState, JwsAlgorithm, KeyId, KeyUse, SecretOf, TenantId,
    Timestamp,
};

use crate::{Failure, Kayan};

/// How often another process can be faster.
pub(super) const ROUNDS: usize = 3;

impl Kayan {
    /// A new key in this state. It is not stored yet.
    pub(super) async fn make_issuer_key(
        &self,
        tenant: &TenantId,
        (usage, algorithm): (KeyUse, JwsAlgorithm),
        state: IssuerKeyState,
        now: Timestamp,
    ) -> Result<IssuerKey, Failure> {
        let id = KeyId(self.new_id(now));
        let private = self.jws.generate(algorithm).await?;
        let public = self.jws.load(algorithm, &private)?.public(id);
        let of = SecretOf::IssuerKey { tenant, usage, algorithm, key: id };
        let sealed = self.keys.seal(of, &private).await?;
        let (tenant, private) = (tenant.clone(), Some(sealed));
        Ok(IssuerKey { id, tenant, usage, algorithm, state, private, public, created_at: now, since: now })
    }

    /// The event of a change that the service made by itself.
    pub(super) fn issuer_key_event(&self, key: &IssuerKey, action: &'static str, now: Timestamp) -> Change {
        self.bare_event(key.tenant.clone(), EventType::AdminAction, now, "a signing key was replaced on schedule")
            .resource(path(key.id))
            .with("action", action)
            .with("use", key.usage.as_str())
            .with("algorithm", key.algorithm.as_str())
            .record()
    }
}

/// What the audit trail calls a key.
pub(super) fn path(key: KeyId) -> String {
    format!("key/{key}")
}

pub(super) fn add(key: &IssuerKey) -> Change {
    Change::IssuerKey(IssuerKeyChange::Add(Box::new(key.clone())))
}

pub(super) fn activate(key: &IssuerKey, at: Timestamp) -> Change {
    Change::IssuerKey(IssuerKeyChange::Activate { tenant: key.tenant.clone(), key: key.id, at })
}

pub(super) fn retire(key: &IssuerKey, to: IssuerKeyState, at: Timestamp) -> Change {
    let (tenant, from) = (key.tenant.clone(), key.state);
    Change::IssuerKey(IssuerKeyChange::Retire { tenant, key: key.id, from, to, at })
}

/// Another process was faster each time.
pub(super) fn keep_changing() -> Failure {
    Failure::Unavailable("the signing keys keep changing".to_owned())
}
