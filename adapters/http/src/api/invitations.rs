//! The first session of a user who was invited.

use std::sync::Arc;

use kayan_core::{AcceptInvitation, AcceptInvitationError, Failure, FieldError, InvalidLink};
use poem_openapi::{Object, OpenApi};
use serde::Deserialize;

use crate::{
    Application, Tag,
    api::{mail_flows::link, sessions::SessionAnswer},
    edge::caller::Anyone,
    wire::{
        body::Body,
        device::WithDevice,
        refused::{Refused, refusals},
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Invitations {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// The token of an invitation, and the first password.
#[derive(Object, Deserialize)]
#[oai(rename = "InvitationRequest")]
struct InvitationBody {
    /// The token from the fragment of the link, as in `kyl_…`. It can be used once.
    #[oai(validator(max_length = 64))]
    token: String,
    /// The first password. It can be left out where the tenant allows another login method, such as passkeys: register one next.
    #[oai(validator(min_length = 1, max_length = 4096))]
    password: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Mail")]
impl Invitations {
    /// Accept an invitation
    ///
    /// Opens a session at `aal1`, sets the first password if one is given, and marks the address as verified if the link was
    /// mailed to it. A password that is refused leaves the link as it was.
    #[oai(path = "/invitation/complete", method = "post", operation_id = "invitationComplete")]
    async fn complete(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<InvitationBody>,
    ) -> Result<WithDevice<SessionAnswer>, Refused<AcceptInvitationError>> {
        let cmd = AcceptInvitation { token: link(&body.token), password: body.password.map(Into::into) };
        let opened = self.app.kayan.accept_invitation(&caller, &cmd).await?;
        Ok(SessionAnswer::to_login(opened, &self.app))
    }
}

fn missing(why: String) -> Vec<FieldError> {
    vec![FieldError::new("/password", "required", why)]
}

refusals! {
    AcceptInvitationError {
        Self::InvalidLink(error) => (error: InvalidLink),
        Self::WeakPassword(weakness) => WeakPassword.weak("/password", weakness),
        error @ Self::PasswordRequired => InvalidInput.fields(missing(error.to_string())),
        error @ Self::MethodDisabled => MethodDisabled.message(error.to_string()),
        Self::MfaRequired(challenge) => MfaRequired.mfa(challenge),
        Self::Unverified => VerificationRequired,
        Self::NoTenant => TenantNotFound,
        Self::Failed(Failure::Overloaded) => Overloaded,
        Self::Failed(failure) => (failure: Failure),
    }
}
