//! Login, logout and the sessions of the current user.

use std::sync::Arc;

use kayan_core::{
    AuthenticateError, Failure, LogIn, LogInError, Opened, Purpose, RefreshSession, RefreshSessionError,
    RevokeMySessionError, StepUpRequired, Token, WhoAmIError,
};
use kayan_ports::{Aal, SessionId};
use poem_openapi::{ApiResponse, Enum, Object, OpenApi, param::Path};
use serde::{Deserialize, Serialize};
use time::Duration;
use uuid::Uuid;

use crate::{
    Application, Tag,
    api::{factors::AT_ANY_LEVEL, who_am_i_cache::WhoAmICache},
    edge::{
        caller::{Anyone, Member},
        to_its_end::to_its_end,
    },
    wire::{
        answers::{Session, SessionInfo, WhoAmI},
        body::Body,
        cookies,
        device::WithDevice,
        query::Query,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Sessions {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
    /// Cached responses to `whoami`.
    pub(crate) who_am_i: WhoAmICache,
}

/// The credentials to log in with.
#[derive(Object, Deserialize)]
#[oai(rename = "LoginRequest")]
struct LoginBody {
    /// One of the user's identifiers, such as an e-mail address.
    #[oai(validator(max_length = 4096))]
    identifier: String,
    /// The user's password.
    #[oai(validator(max_length = 4096))]
    password: String,
    /// A solved challenge of `proofOfWork` or of `proof_of_work_required`, if the tenant requires one: the base64 of
    /// `{"algorithm", "challenge", "number", "salt", "signature"}`.
    #[oai(validator(max_length = 2048))]
    proof_of_work: Option<String>,
}

/// The refresh token to exchange.
#[derive(Object, Deserialize)]
#[oai(rename = "RefreshRequest")]
struct RefreshBody {
    /// The refresh token. It can be used once.
    #[oai(validator(max_length = 64))]
    refresh_token: String,
}

#[derive(ApiResponse)]
pub(crate) enum SessionAnswer {
    /// The session and its tokens.
    #[oai(status = 200)]
    Issued(
        Reply<Session>,
        /// The cookie of the session and, after a login, that of the device in a header of its own (RFC 6265bis).
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

impl SessionAnswer {
    /// The response to a login: the session, with its cookie and that of the device.
    pub(crate) fn to_login(opened: Opened, app: &Application) -> WithDevice<Self> {
        let device = cookies::remember(&opened, &app.settings);
        WithDevice::new(Self::issued(opened, app), device)
    }

    fn issued(opened: Opened, app: &Application) -> Self {
        let cookie = cookies::issue(&opened, app.clock.now(), &app.settings);
        Self::Issued(Reply::new(&opened.into()), cookie)
    }
}

/// An authenticator assurance level (NIST SP 800-63B).
#[derive(Enum)]
#[oai(rename_all = "snake_case")]
pub(crate) enum MinAal {
    /// One factor.
    Aal1,
    /// Two different factors.
    Aal2,
}

impl From<MinAal> for Aal {
    fn from(least: MinAal) -> Self {
        match least {
            MinAal::Aal1 => Self::Aal1,
            MinAal::Aal2 => Self::Aal2,
        }
    }
}

#[derive(ApiResponse)]
enum LoggedOut {
    /// The session was revoked.
    #[oai(status = 204)]
    Done(
        /// Clears the session cookie.
        #[oai(header = "Set-Cookie")]
        String,
    ),
}

#[derive(ApiResponse)]
enum Revoked {
    /// Revoked.
    #[oai(status = 204)]
    Done,
}

/// Sessions, newest first.
#[derive(Object, Serialize)]
struct SessionList {
    /// The sessions.
    data: Vec<SessionInfo>,
}

#[OpenApi(prefix_path = "/api/v1", tag = "Tag::Sessions")]
impl Sessions {
    /// Log in
    ///
    /// Authenticates a user by identifier and password and opens a session. The response is the same for a wrong password
    /// and an unknown account.
    #[oai(path = "/login", method = "post", operation_id = "login")]
    async fn login(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<LoginBody>,
    ) -> Result<WithDevice<SessionAnswer>, Refused<LogInError>> {
        let LoginBody { identifier, password, proof_of_work } = body;
        let cmd = LogIn { identifier, password: password.into(), proof_of_work };
        // Runs to its end even if the client disconnects, so that every counted attempt gets a verdict (I-41).
        let kayan = self.app.kayan.clone();
        let opened = to_its_end(async move { kayan.log_in(&caller, cmd).await }).await?;
        Ok(SessionAnswer::to_login(opened, &self.app))
    }

    /// Get the current session
    ///
    /// Returns the session that the token belongs to, and its identity.
    #[oai(path = "/whoami", method = "get", operation_id = "whoami")]
    async fn whoami(
        &self,
        Member(caller): Member,
        /// The least assurance level; below it the response is 403 `aal2_required`.
        min_aal: Query<Option<MinAal>>,
        /// How long ago the last proof may be, in seconds; beyond it the response is 403 `reauthentication_required`.
        #[oai(validator(minimum(value = "1"), maximum(value = "31536000")))]
        max_age: Query<Option<u32>>,
    ) -> Result<Reply<WhoAmI>, Refused<WhoAmIError>> {
        let min_aal = min_aal.0.map(Aal::from);
        let max_age = max_age.0.map(|seconds| Duration::seconds(seconds.into()));
        let cmd = kayan_core::WhoAmI { min_aal, max_age };
        Ok(self.who_am_i.reply(&self.app.kayan.who_am_i_with(&caller, cmd).await?))
    }

    /// Log out
    ///
    /// Revokes the session that the token belongs to.
    #[oai(path = "/logout", method = "post", operation_id = "logout")]
    async fn logout(&self, Member(caller): Member) -> Result<LoggedOut, Refused<AuthenticateError, AT_ANY_LEVEL>> {
        self.app.kayan.log_out(&caller).await?;
        Ok(LoggedOut::Done(cookies::revoke(&self.app.settings)))
    }

    /// Refresh a session
    ///
    /// Exchanges a refresh token for a new session token and a new refresh token. A refresh token can be used once. Within
    /// `KAYAN_REFRESH_REUSE_WINDOW` (10 s by default), the same user agent can repeat the request, from any address, and gets
    /// the same new tokens. Any other reuse revokes the session.
    #[oai(path = "/sessions/refresh", method = "post", operation_id = "refreshSession")]
    async fn refresh_session(
        &self,
        Anyone(caller): Anyone,
        Body(body): Body<RefreshBody>,
    ) -> Result<SessionAnswer, Refused<RefreshSessionError>> {
        let cmd = RefreshSession { refresh_token: Token::read(Purpose::Refresh, &body.refresh_token) };
        let opened = self.app.kayan.refresh_session(&caller, cmd).await?;
        Ok(SessionAnswer::issued(opened, &self.app))
    }

    /// List your sessions
    ///
    /// Returns the active sessions of the current user, newest first.
    #[oai(path = "/sessions", method = "get", operation_id = "listMySessions")]
    async fn list_my_sessions(&self, Member(caller): Member) -> Result<Reply<SessionList>, Refused<AuthenticateError>> {
        let (sessions, me) = self.app.kayan.list_my_sessions(&caller).await?;
        let data = sessions.into_iter().map(|session| {
            let current = session.id == me.session.id;
            SessionInfo::new(session, current)
        });
        Ok(Reply::new(&SessionList { data: data.collect() }))
    }

    /// Revoke one of your sessions
    ///
    /// Can also revoke the current session.
    #[oai(path = "/sessions/:id", method = "delete", operation_id = "revokeMySession")]
    async fn revoke_my_session(
        &self,
        Member(caller): Member,
        /// The session's id.
        id: Path<Uuid>,
    ) -> Result<Revoked, Refused<RevokeMySessionError>> {
        self.app.kayan.revoke_my_session(&caller, SessionId(id.0)).await?;
        Ok(Revoked::Done)
    }

    /// Revoke your other sessions
    ///
    /// Revokes all sessions of the current user except the current one.
    #[oai(path = "/sessions", method = "delete", operation_id = "revokeMyOtherSessions")]
    async fn revoke_my_other_sessions(&self, Member(caller): Member) -> Result<Revoked, Refused<AuthenticateError>> {
        self.app.kayan.revoke_my_other_sessions(&caller).await?;
        Ok(Revoked::Done)
    }
}

refusals! {
    LogInError {
        Self::InvalidCredentials => InvalidCredentials,
        Self::NotActive => IdentityInactive,
        Self::PasswordExpired => PasswordExpired,
        Self::Unverified => VerificationRequired,
        Self::WorkRequired(work) => ProofOfWorkRequired.work(work),
        Self::MethodDisabled => MethodDisabled,
        Self::MfaRequired(challenge) => MfaRequired.mfa(challenge),
        Self::Locked(locked) => AccountLocked.locked(locked),
        Self::Limited(limited) => RateLimited.limited(limited),
        Self::NoTenant => TenantNotFound,
        Self::Failed(Failure::Overloaded) => Overloaded,
        Self::Failed(failure) => (failure: Failure),
    }
    RefreshSessionError {
        Self::InvalidToken => InvalidToken,
        Self::TokenReused => TokenReused,
        Self::NoTenant => TenantNotFound,
        Self::Failed(failure) => (failure: Failure),
    }
    WhoAmIError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::StepUp(error) => (error: StepUpRequired),
    }
    RevokeMySessionError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::NotFound => NotFound.message("you have no such session"),
    }
}
