//! The change of an e-mail address: the new one is proven by a link, and the old one gets one that puts it back.

use std::sync::Arc;

use kayan_core::{
    AuthenticateError, ChangeEmailError, Failure, FieldError, InvalidLink, RequestEmailChangeError, RequestLinkError,
    StepUpRequired,
};
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Deserialize;

use crate::{
    Application, Tag,
    api::mail_flows::{LinkBody, NO_MAIL, Told, VerifiedAddress, link, told},
    edge::caller::{Anyone, Member},
    wire::{
        body::Body,
        codes::Code,
        refused::{Refused, never, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct EmailChanges {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// The new address.
#[derive(Object, Deserialize)]
#[oai(rename = "EmailChangeRequest")]
struct RequestBody {
    /// The e-mail address.
    #[oai(validator(max_length = 4096))]
    email: String,
}

#[derive(ApiResponse)]
enum Requested {
    /// If no user has the address, a mail will be sent to it. The response is the same if another account has it.
    #[oai(status = 202)]
    Accepted(Reply<Told>),
}

#[derive(ApiResponse)]
enum Changed {
    /// The address is changed.
    #[oai(status = 200)]
    Address(Reply<VerifiedAddress>),
}

#[derive(ApiResponse)]
enum Reverted {
    /// The old address is back, and all sessions are revoked.
    #[oai(status = 200)]
    Address(Reply<VerifiedAddress>),
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Mail")]
impl EmailChanges {
    /// Request a change of your e-mail address
    ///
    /// Sends a link to the new address, which is good for 24 hours and voids the one before. The old address stays until the link
    /// is used. Requires a proof of the last five minutes, at `aal2` if you have a second factor. An address gets five mails an
    /// hour at most.
    #[oai(path = "/email-change/request", method = "post", operation_id = "emailChangeRequest")]
    async fn request(
        &self,
        Member(caller): Member,
        Body(body): Body<RequestBody>,
    ) -> Result<Requested, Refused<RequestEmailChangeError>> {
        self.app.kayan.request_email_change(&caller, &body.email).await?;
        Ok(Requested::Accepted(told("if no account has this address, a mail is on its way")))
    }

    /// Change an e-mail address by a link
    ///
    /// The new address is verified, and all links to the old one are void. If the old one was verified, or was the only one, it
    /// gets a link that puts it back, good for seven days. Needs no session: the token proves that the mail was read.
    #[oai(path = "/email-change/complete", method = "post", operation_id = "emailChangeComplete")]
    async fn complete(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<LinkBody>,
    ) -> Result<Changed, Refused<ChangeEmailError, HASHES_NOTHING>> {
        let address = self.app.kayan.change_email(&caller, link(&body.token).as_ref()).await?;
        Ok(Changed::Address(Reply::new(&VerifiedAddress { address })))
    }

    /// Put an old e-mail address back by a link
    ///
    /// Undoes this change and all later ones. Revokes every session, makes the password unusable, removes second factors that were
    /// enrolled since, voids every other link, and sends a link to set a new password. Another account that has the address and
    /// has not verified it loses it.
    #[oai(path = "/email-change/revert", method = "post", operation_id = "emailChangeRevert")]
    async fn revert(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<LinkBody>,
    ) -> Result<Reverted, Refused<ChangeEmailError>> {
        let address = self.app.kayan.revert_email(&caller, link(&body.token).as_ref()).await?;
        Ok(Reverted::Address(Reply::new(&VerifiedAddress { address })))
    }
}

const HASHES_NOTHING: u64 = never([Code::Overloaded]);

fn unchanged() -> Vec<FieldError> {
    vec![FieldError::new("/email", "unchanged", "is your address already; to verify it, use verificationRequest")]
}

refusals! {
    RequestLinkError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::StepUp(error) => (error: StepUpRequired),
        Self::NoMail => MethodDisabled.message(NO_MAIL.to_owned()),
        Self::Limited(limited) => RateLimited.limited(limited),
    }
    RequestEmailChangeError {
        Self::Link(error) => (error: RequestLinkError),
        Self::Invalid(fields) => InvalidInput.fields(fields),
        Self::Unchanged => InvalidInput.fields(unchanged()),
        error @ Self::NoAddress => WrongState.message(error.to_string()),
    }
    ChangeEmailError {
        Self::InvalidLink(error) => (error: InvalidLink),
        Self::AlreadyExists => AlreadyExists,
        Self::NoTenant => TenantNotFound,
        Self::Failed(Failure::Overloaded) => Overloaded,
        Self::Failed(failure) => (failure: Failure),
    }
}
