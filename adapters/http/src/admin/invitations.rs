//! Invitations of users who have no password.

use std::sync::Arc;

use kayan_core::{ChangeUserError, InviteUser, InviteUserError, UserRef};
use kayan_ports::Timestamp;
use poem_openapi::{ApiResponse, Object, OpenApi, param::Path};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Application, Tag,
    admin::{operator::Admin, users::errors::DOES_NOT_LOCK},
    api::mail_flows::{Told, told},
    wire::{
        body::MaybeBody,
        idempotency::IdempotencyKey,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Invitations {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// How the user gets the link.
#[derive(Object, Deserialize, Default)]
#[oai(rename = "InviteUserRequest")]
struct InviteBody {
    /// Whether the link is mailed to the user; otherwise it is in the response. Default: `true`.
    deliver: Option<bool>,
}

/// A link to hand out.
#[derive(Object, Serialize)]
struct Invitation {
    /// The link. It can be used once, and logs anyone in as the user: hand it out over a safe channel.
    link: String,
    /// From then on the link is refused.
    #[serde(with = "kayan_ports::timestamp")]
    expires_at: Timestamp,
}

#[derive(ApiResponse)]
enum Invited {
    /// The link. It does not verify the address, as no mail was read.
    #[oai(status = 200)]
    Link(Reply<Invitation>),
    /// The link will be mailed to the user.
    #[oai(status = 202)]
    Accepted(Reply<Told>),
}

#[OpenApi(prefix_path = "/admin/users", tag = "Tag::Administration")]
impl Invitations {
    /// Invite a user
    ///
    /// Sends a user who has no password a link that opens a session and sets the first password. The link is good for seven days;
    /// a new invitation voids the one before. Requires `users:write` and every permission that the user's roles grant.
    #[oai(path = "/:id/invite", method = "post", operation_id = "inviteUser")]
    async fn invite(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// A unique key of your choice. For a day, the same request with the same key gets the first response again and is not
        /// carried out twice.
        #[oai(name = "Idempotency-Key")]
        key: IdempotencyKey,
        MaybeBody(body): MaybeBody<InviteBody>,
    ) -> Result<Invited, Refused<InviteUserError, DOES_NOT_LOCK>> {
        let cmd = InviteUser { user: UserRef(id.0.to_string()), deliver: body.deliver.unwrap_or(true) };
        Ok(match self.app.kayan.invite_user(&key.with(operator), cmd).await? {
            Some(invitation) => Invited::Link(Reply::new(&Invitation {
                link: invitation.link.to_string(),
                expires_at: invitation.expires_at,
            })),
            None => Invited::Accepted(told("the invitation is on its way")),
        })
    }
}

refusals! {
    InviteUserError {
        Self::Change(error) => (error: ChangeUserError),
        error @ (Self::HasPassword | Self::NotActive(_) | Self::NoAddress) => WrongState.message(error.to_string()),
        error @ Self::NoMail => MethodDisabled.message(error.to_string()),
        Self::NoTenant(_) => TenantNotFound,
    }
}
