//! Registering, and what belongs to the person who did.

use std::sync::Arc;

use kayan_core::{
    AuthenticateError, ChangePassword, ChangePasswordError, DeleteMe, DeleteMeError, Failure, Register, RegisterError,
    UpdateMe, UpdateMeError,
};
use kayan_ports::Traits;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::{Deserialize, Serialize};

use crate::{
    Application, Tag,
    edge::caller::{Anyone, Member},
    wire::{
        answers::{ExportBody, Identity, Session, TraitsBody},
        body::Body,
        cookies,
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

/// The wish to register.
#[derive(Object, Deserialize)]
#[oai(rename = "RegisterRequest")]
struct RegisterBody {
    /// What the person says about themself.
    traits: TraitsBody,
    /// The password they want: at least 8 characters, unless set otherwise, and not easy to guess.
    #[oai(validator(min_length = 1, max_length = 4096))]
    password: String,
}

/// Who has registered, logged in already.
#[derive(Object, Serialize)]
struct Registered {
    /// Who.
    identity: Identity,
    /// Their first session.
    session: Session,
}

#[derive(ApiResponse)]
enum RegisterAnswer {
    /// Registered and logged in.
    #[oai(status = 201)]
    Created(
        Reply<Registered>,
        /// The session cookie (RFC 6265bis).
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

/// The wish for another password.
#[derive(Object, Deserialize)]
#[oai(rename = "ChangePasswordRequest")]
struct ChangePasswordBody {
    /// The present one.
    #[oai(validator(max_length = 4096))]
    current_password: String,
    /// The one wanted.
    #[oai(validator(min_length = 1, max_length = 4096))]
    new_password: String,
}

#[derive(ApiResponse)]
enum Changed {
    /// Done.
    #[oai(status = 204)]
    Done,
}

/// The wish for other traits.
#[derive(Object, Deserialize)]
#[oai(rename = "UpdateMeRequest")]
struct UpdateMeBody {
    /// A merge patch (RFC 7396): members given replace, `null` removes, the others stay.
    traits: TraitsBody,
}

/// The wish to be forgotten.
#[derive(Object, Deserialize)]
#[oai(rename = "DeleteMeRequest")]
struct DeleteMeBody {
    /// The password, so that a stolen session is not enough.
    #[oai(validator(max_length = 4096))]
    password: String,
}

#[derive(ApiResponse)]
enum Deleted {
    /// Gone.
    #[oai(status = 204)]
    Gone(
        /// Takes the session cookie away.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Identities")]
impl Identities {
    /// Register
    ///
    /// Makes an identity with a password and logs it in.
    #[oai(path = "/registration", method = "post", operation_id = "register")]
    async fn register(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<RegisterBody>,
    ) -> Result<RegisterAnswer, Refused<RegisterError>> {
        let cmd = Register { traits: Traits(body.traits.0), password: body.password.into() };
        let opened = self.app.kayan.register(&caller, cmd).await?;
        let cookie = cookies::issue(&opened, self.app.clock.now(), &self.app.settings);
        let identity = opened.identity.clone().into();
        Ok(RegisterAnswer::Created(Reply::new(&Registered { identity, session: opened.into() }), cookie))
    }

    /// Change the password
    ///
    /// Ends every other session.
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

    /// Change one's own traits
    ///
    /// An address that is changed is no longer verified.
    #[oai(path = "/me", method = "patch", operation_id = "updateMe")]
    async fn update_me(
        &self,
        Member(caller): Member,
        Body(body): Body<UpdateMeBody>,
    ) -> Result<Reply<Identity>, Refused<UpdateMeError>> {
        let identity = self.app.kayan.update_me(&caller, UpdateMe { traits: Traits(body.traits.0) }).await?;
        Ok(Reply::new(&identity.into()))
    }

    /// Delete one's own account
    ///
    /// Removes the identity, its credentials and its sessions. There is no way back.
    #[oai(path = "/me", method = "delete", operation_id = "deleteMe")]
    async fn delete_me(
        &self,
        Member(caller): Member,
        Body(body): Body<DeleteMeBody>,
    ) -> Result<Deleted, Refused<DeleteMeError>> {
        self.app.kayan.delete_me(&caller, DeleteMe { password: body.password.into() }).await?;
        Ok(Deleted::Gone(cookies::revoke(&self.app.settings)))
    }

    /// Export one's own data
    ///
    /// All that is held on the person (GDPR, article 15).
    #[oai(path = "/me/export", method = "get", operation_id = "exportMe")]
    async fn export_me(&self, Member(caller): Member) -> Result<Reply<ExportBody>, Refused<AuthenticateError>> {
        Ok(Reply::new(&self.app.kayan.export_me(&caller).await?.into()))
    }
}

const WRONG_PASSWORD: &str = "the current password is wrong";

// A wrong password by somebody who is logged in is no failed authentication: 403, so that clients keep the session.
refusals! {
    RegisterError {
        Self::InvalidTraits(fields) => InvalidInput.fields(fields),
        Self::WeakPassword(weakness) => WeakPassword.weak("/password", &weakness),
        Self::AlreadyExists => AlreadyExists,
        Self::MethodDisabled => MethodDisabled,
        Self::MfaRequired => MfaRequired,
        Self::Limited(limited) => RateLimited.limited(limited),
        Self::NoTenant => TenantNotFound,
        Self::Failed(Failure::Overloaded) => Overloaded,
        Self::Failed(failure) => (failure: Failure),
    }
    ChangePasswordError {
        Self::InvalidCredentials => InvalidCredentials as FORBIDDEN.message(WRONG_PASSWORD),
        Self::Locked(locked) => AccountLocked.locked(locked),
        Self::WeakPassword(weakness) => WeakPassword.weak("/new_password", &weakness),
        Self::Authenticate(AuthenticateError::Failed(Failure::Overloaded)) => Overloaded,
        Self::Authenticate(error) => (error: AuthenticateError),
    }
    UpdateMeError {
        Self::InvalidTraits(fields) => InvalidInput.fields(fields),
        Self::LastIdentifier => LastIdentifier,
        Self::AlreadyExists => AlreadyExists,
        Self::Authenticate(error) => (error: AuthenticateError),
    }
    DeleteMeError {
        Self::InvalidCredentials => InvalidCredentials as FORBIDDEN.message(WRONG_PASSWORD),
        Self::LastAdmin => LastAdmin,
        Self::Locked(locked) => AccountLocked.locked(locked),
        Self::Authenticate(AuthenticateError::Failed(Failure::Overloaded)) => Overloaded,
        Self::Authenticate(error) => (error: AuthenticateError),
    }
}
