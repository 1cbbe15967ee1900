//! Challenges for clients to prove work.

use std::sync::Arc;

use kayan_core::{ChallengeError, Failure};
use poem_openapi::OpenApi;

use crate::{
    Application, Tag,
    edge::caller::Anyone,
    wire::{
        query::Query,
        refused::{Refused, refusals},
        reply::Reply,
        work::{Challenge, Purpose},
    },
};

/// The endpoint of this family.
#[derive(Clone)]
pub(crate) struct ProofOfWork {
    /// The application that it serves.
    pub(crate) app: Arc<Application>,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Sessions")]
impl ProofOfWork {
    /// Get a challenge to prove work
    ///
    /// A tenant can require a proof of work to register, to request mail, and to log in after failed logins. The request is then
    /// refused with `proof_of_work_required` and a challenge; with this operation a client can get one before. It is the
    /// challenge of ALTCHA: its widget can be given this URL. A challenge can be solved once, within ten minutes, for this purpose.
    #[oai(path = "/proof-of-work", method = "get", operation_id = "proofOfWork")]
    async fn challenge(
        &self,
        Anyone(caller): Anyone,
        /// What the proof is for.
        purpose: Query<Purpose>,
    ) -> Result<Reply<Challenge>, Refused<ChallengeError>> {
        Ok(Reply::new(&self.app.kayan.work_challenge(&caller, purpose.0.into()).await?.into()))
    }
}

refusals! {
    ChallengeError {
        Self::NoTenant => TenantNotFound,
        Self::Failed(failure) => (failure: Failure),
    }
}
