//! Phone numbers that users verify by a code sent by SMS.

use std::sync::Arc;

use kayan_core::{Failure, Flow, RequestByMailError, VerifyPhone, VerifyPhoneError};
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use crate::{
    Application, Tag,
    api::mail_flows::{Requested, Verified, VerifiedAddress, request},
    edge::{caller::Anyone, even_times::at_even_times, to_its_end::to_its_end},
    wire::{
        body::Body,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct PhoneVerifications {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// The phone number to send a code to.
#[derive(Object, Deserialize)]
#[oai(rename = "PhoneVerificationRequest")]
struct RequestBody {
    /// The phone number with its country code, as in `+49 170 1234567`.
    #[oai(validator(max_length = 4096))]
    phone: String,
    /// A solved challenge of `proofOfWork` or of `proof_of_work_required`, if the tenant requires one: the base64 of
    /// `{"algorithm", "challenge", "number", "salt", "signature"}`.
    #[oai(validator(max_length = 2048))]
    proof_of_work: Option<String>,
}

/// A code, and the phone number that it was sent to.
#[derive(Object, Deserialize)]
#[oai(rename = "PhoneVerificationCompleteRequest")]
struct CodeBody {
    /// The phone number that the code was requested for.
    #[oai(validator(max_length = 4096))]
    phone: String,
    /// The six digits; spaces are ignored.
    #[oai(validator(max_length = 64))]
    code: String,
}

#[OpenApi(prefix_path = "/api/v1/phone-verification", tag = "Tag::Mail")]
impl PhoneVerifications {
    /// Request a code that verifies a phone number
    ///
    /// The code has six digits and is good for ten minutes; it voids the one before. Nothing is sent to a phone number that is
    /// verified already. A phone number gets five SMS an hour at most.
    #[oai(path = "/request", method = "post", operation_id = "phoneVerificationRequest")]
    async fn request(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<RequestBody>,
    ) -> Result<Requested, Refused<RequestByMailError>> {
        Ok(request(&self.app, &caller, Flow::PhoneVerification, (body.phone, body.proof_of_work)).await?)
    }

    /// Verify a phone number
    ///
    /// Needs no session: the code proves that the SMS was read. Five wrong codes void the code. The response is the same for a
    /// wrong code and an unknown phone number.
    #[oai(path = "/complete", method = "post", operation_id = "phoneVerificationComplete")]
    async fn complete(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<CodeBody>,
    ) -> Result<Verified, Refused<VerifyPhoneError>> {
        let cmd = VerifyPhone { phone: body.phone, code: body.code.into() };
        // Runs to its end even if the client disconnects, so that a try that was counted is made.
        let kayan = self.app.kayan.clone();
        let address = at_even_times(to_its_end(async move { kayan.verify_phone(&caller, &cmd).await })).await?;
        Ok(Verified::Address(Reply::new(&VerifiedAddress { address })))
    }
}

refusals! {
    VerifyPhoneError {
        Self::InvalidCode => FactorRefused.message("the code is wrong, expired or used up: request a new one".to_owned()),
        Self::NoTenant => TenantNotFound,
        Self::Failed(failure) => (failure: Failure),
    }
}
