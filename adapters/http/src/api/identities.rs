//! Registration, and the current user's own account.

use std::sync::Arc;

use kayan_core::{
    AuthenticateError, ChangePassword, ChangePasswordError, DeleteMe, DeleteMeError, Failure, Register, RegisterError,
    RequestLinkError, UpdateMe, UpdateMeError,
};
use kayan_ports::Traits;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::{Deserialize, Serialize};

use crate::{
    Application, Tag,
    edge::caller::{Anyone, Member},
    wire::{
        answers::{Identity, Session, TraitsBody},
        body::Body,
        cookies,
        device::WithDevice,
        export::ExportBody,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Identities {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// A new identity and its password.
#[derive(Object, Deserialize)]
#[oai(rename = "RegisterRequest")]
struct RegisterBody {
    /// The traits of the identity.
    traits: TraitsBody,
    /// The password: at least 8 characters unless the tenant or the service asks for more, no common one, and not easy to guess.
    #[oai(validator(min_length = 1, max_length = 4096))]
    password: String,
    /// A solved challenge of `proofOfWork` or of `proof_of_work_required`, if the tenant requires one: the base64 of
    /// `{"algorithm", "challenge", "number", "salt", "signature"}`.
    #[oai(validator(max_length = 2048))]
    proof_of_work: Option<String>,
}

/// The new identity and its first session.
#[derive(Object, Serialize)]
struct Registered {
    /// The new identity.
    identity: Identity,
    /// Its first session.
    session: Session,
}

#[derive(ApiResponse)]
enum RegisterAnswer {
    /// Registered and logged in.
    #[oai(status = 201)]
    Created(
        Reply<Registered>,
        /// The cookies of the session and of the device, each in a header of its own (RFC 6265bis).
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

/// The current and the new password.
#[derive(Object, Deserialize)]
#[oai(rename = "ChangePasswordRequest")]
struct ChangePasswordBody {
    /// The current password.
    #[oai(validator(max_length = 4096))]
    current_password: String,
    /// The new password: at least 8 characters unless the tenant or the service asks for more, no common one, not easy to guess,
    /// and none of the last ones if the tenant asks for that.
    #[oai(validator(min_length = 1, max_length = 4096))]
    new_password: String,
}

#[derive(ApiResponse)]
enum Changed {
    /// The password was changed.
    #[oai(status = 204)]
    Done,
}

/// The traits to change.
#[derive(Object, Deserialize)]
#[oai(rename = "UpdateMeRequest")]
struct UpdateMeBody {
    /// A JSON Merge Patch (RFC 7396): given members are replaced, `null` removes a member, all others stay.
    traits: TraitsBody,
}

/// Confirms the deletion of the account.
#[derive(Object, Deserialize)]
#[oai(rename = "DeleteMeRequest")]
struct DeleteMeBody {
    /// The current password, so that a stolen session is not enough to delete the account.
    #[oai(validator(max_length = 4096))]
    password: String,
}

#[derive(ApiResponse)]
pub(super) enum Deleted {
    /// The account was deleted.
    #[oai(status = 204)]
    Gone(
        /// Clears the session cookie.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Identities")]
impl Identities {
    /// Register
    ///
    /// Creates an identity with a password and opens its first session.
    #[oai(path = "/registration", method = "post", operation_id = "register")]
    async fn register(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<RegisterBody>,
    ) -> Result<WithDevice<RegisterAnswer>, Refused<RegisterError>> {
        let RegisterBody { traits, password, proof_of_work } = body;
        let cmd = Register { traits: Traits(traits.0), password: password.into(), proof_of_work };
        let opened = self.app.kayan.register(&caller, cmd).await?;
        let cookie = cookies::issue(&opened, self.app.clock.now(), &self.app.settings);
        let device = cookies::remember(&opened, &self.app.settings);
        let identity = opened.identity.clone().into();
        let answer = RegisterAnswer::Created(Reply::new(&Registered { identity, session: opened.into() }), cookie);
        Ok(WithDevice::new(answer, device))
    }

    /// Change your password
    ///
    /// Revokes all other sessions of the current user. Requires a session at `aal2` if you have a second factor.
    #[oai(path = "/password", method = "post", operation_id = "changePassword")]
    async fn change_password(
        &self,
        Member(caller): Member,
        Body(body): Body<ChangePasswordBody>,
    ) -> Result<Changed, Refused<ChangePasswordError>> {
        let cmd =
            ChangePassword { current_password: body.current_password.into(), new_password: body.new_password.into() };
        self.app.kayan.change_password(&caller, cmd).await?;
        Ok(Changed::Done)
    }

    /// Update your traits
    ///
    /// An e-mail address in the place of another one is not set: it is mailed a link, as by `emailChangeRequest`, and the old one
    /// stays until that is opened. This requires a proof of the last five minutes, at `aal2` if you have a second factor; one
    /// address can be changed at a time. The response is the same if another account has the address.
    #[oai(path = "/me", method = "patch", operation_id = "updateMe")]
    async fn update_me(
        &self,
        Member(caller): Member,
        Body(body): Body<UpdateMeBody>,
    ) -> Result<Reply<Identity>, Refused<UpdateMeError>> {
        let identity = self.app.kayan.update_me(&caller, UpdateMe { traits: Traits(body.traits.0) }).await?;
        Ok(Reply::new(&identity.into()))
    }

    /// Delete your account
    ///
    /// Deletes the identity, its credentials and its sessions. This can't be undone. Requires a session at `aal2` if you have a
    /// second factor.
    #[oai(path = "/me", method = "delete", operation_id = "deleteMe")]
    async fn delete_me(
        &self,
        Member(caller): Member,
        Body(body): Body<DeleteMeBody>,
    ) -> Result<Deleted, Refused<DeleteMeError>> {
        self.app.kayan.delete_me(&caller, DeleteMe { password: body.password.into() }).await?;
        Ok(Deleted::Gone(cookies::revoke(&self.app.settings)))
    }

    /// Export your data
    ///
    /// Returns all data that is stored about the current user (GDPR, article 15).
    #[oai(path = "/me/export", method = "get", operation_id = "exportMe")]
    async fn export_me(&self, Member(caller): Member) -> Result<Reply<ExportBody>, Refused<AuthenticateError>> {
        Ok(Reply::new(&self.app.kayan.export_me(&caller).await?.into()))
    }
}

const WRONG_PASSWORD: &str = "the current password is wrong";

// A wrong password in a valid session is 403, not 401, so that clients keep the session.
refusals! {
    RegisterError {
        Self::InvalidTraits(fields) => InvalidInput.fields(fields),
        Self::WeakPassword(weakness) => WeakPassword.weak("/password", weakness),
        Self::AlreadyExists => AlreadyExists,
        Self::WorkRequired(work) => ProofOfWorkRequired.work(work),
        Self::MethodDisabled => MethodDisabled,
        Self::MfaRequired(challenge) => MfaRequired.mfa(challenge),
        Self::Unverified => VerificationRequired,
        Self::Limited(limited) => RateLimited.limited(limited),
        Self::NoTenant => TenantNotFound,
        Self::Failed(Failure::Overloaded) => Overloaded,
        Self::Failed(failure) => (failure: Failure),
    }
    ChangePasswordError {
        Self::InvalidCredentials => InvalidCredentials as FORBIDDEN.message(WRONG_PASSWORD),
        Self::Locked(locked) => AccountLocked.locked(locked),
        Self::WeakPassword(weakness) => WeakPassword.weak("/new_password", weakness),
        Self::Authenticate(AuthenticateError::Failed(Failure::Overloaded)) => Overloaded,
        Self::Authenticate(error) => (error: AuthenticateError),
    }
    UpdateMeError {
        Self::InvalidTraits(fields) => InvalidInput.fields(fields),
        Self::LastIdentifier => LastIdentifier,
        Self::AlreadyExists => AlreadyExists,
        Self::Link(error) => (error: RequestLinkError),
    }
    DeleteMeError {
        Self::InvalidCredentials => InvalidCredentials as FORBIDDEN.message(WRONG_PASSWORD),
        Self::LastAdmin => LastAdmin,
        Self::Locked(locked) => AccountLocked.locked(locked),
        Self::Authenticate(AuthenticateError::Failed(Failure::Overloaded)) => Overloaded,
        Self::Authenticate(error) => (error: AuthenticateError),
    }
}
