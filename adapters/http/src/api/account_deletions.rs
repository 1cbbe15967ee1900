//! The deletion of an account that has no password, confirmed by a link.

use std::sync::Arc;

use kayan_core::{DeleteByLinkError, Failure, InvalidLink, RequestDeletionError, RequestLinkError};
use poem_openapi::{ApiResponse, OpenApi};

use crate::{
    Application, Tag,
    api::{
        identities::Deleted,
        mail_flows::{LinkBody, Told, link, told},
    },
    edge::caller::{Anyone, Member},
    wire::{
        body::Body,
        cookies,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct AccountDeletions {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

#[derive(ApiResponse)]
enum Requested {
    /// The link will be sent to your address.
    #[oai(status = 202)]
    Accepted(Reply<Told>),
}

#[OpenApi(prefix_path = "/api/v1/account/deletion", tag = "Tag::Mail")]
impl AccountDeletions {
    /// Request a link that deletes your account
    ///
    /// For an account without a password; with one, use `deleteMe`. The link is good for an hour and voids the one before. Requires
    /// a proof of the last five minutes, at `aal2` if you have a second factor.
    #[oai(path = "/request", method = "post", operation_id = "accountDeletionRequest")]
    async fn request(&self, Member(caller): Member) -> Result<Requested, Refused<RequestDeletionError>> {
        self.app.kayan.request_account_deletion(&caller).await?;
        Ok(Requested::Accepted(told("a mail is on its way")))
    }

    /// Delete an account by a link
    ///
    /// Deletes the identity, its credentials and its sessions. This can't be undone. Needs no session: the token proves that the
    /// mail was read.
    #[oai(path = "/complete", method = "post", operation_id = "accountDeletionComplete")]
    async fn complete(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<LinkBody>,
    ) -> Result<Deleted, Refused<DeleteByLinkError>> {
        self.app.kayan.delete_by_link(&caller, link(&body.token).as_ref()).await?;
        Ok(Deleted::Gone(cookies::revoke(&self.app.settings)))
    }
}

refusals! {
    RequestDeletionError {
        Self::Link(error) => (error: RequestLinkError),
        error @ (Self::HasPassword | Self::NoAddress) => WrongState.message(error.to_string()),
    }
    DeleteByLinkError {
        Self::InvalidLink(error) => (error: InvalidLink),
        Self::LastAdmin => LastAdmin,
        Self::NoTenant => TenantNotFound,
        Self::Failed(failure) => (failure: Failure),
    }
}
