//! Administration of users' second factors.

use std::sync::Arc;

use kayan_core::{ChangeUserError, ResetMfa, UserRef};
use poem_openapi::{OpenApi, param::Path};
use uuid::Uuid;

use crate::{
    Application, Tag,
    admin::{Done, operator::Admin, users::errors::DOES_NOT_LOCK},
    wire::{etag::IfMatch, refused::Refused},
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct SecondFactors {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

#[OpenApi(prefix_path = "/admin/users", tag = "Tag::Administration")]
impl SecondFactors {
    /// Reset a user's second factors
    ///
    /// Removes all authenticator apps and recovery codes of the user and revokes all of the user's sessions. Requires
    /// `users:write` and every permission that the user's roles grant.
    #[oai(path = "/:id/mfa", method = "delete", operation_id = "resetUserMfa")]
    async fn reset(
        &self,
        Admin(operator): Admin,
        /// The user's id.
        id: Path<Uuid>,
        /// The ETag of the user as you last read it. If the user has changed since, the request fails with 412.
        #[oai(name = "If-Match")]
        if_match: IfMatch,
    ) -> Result<Done, Refused<ChangeUserError, DOES_NOT_LOCK>> {
        let cmd = ResetMfa { user: UserRef(id.0.to_string()), expected: if_match.0 };
        self.app.kayan.reset_mfa(&operator, &cmd).await?;
        Ok(Done::Done)
    }
}
