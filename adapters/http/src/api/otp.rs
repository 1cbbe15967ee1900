//! Codes that are sent by mail or SMS as a second factor.

use std::sync::Arc;

use kayan_core::{AuthenticateError, InvalidMfaToken, RequestOtp, RequestOtpError, VerifyOtp, VerifyTotpError};
use kayan_ports::{Channel, Timestamp};
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::{Deserialize, Serialize};

use crate::{
    Application, Tag,
    api::{
        factors::{NO_STEP_UP, mfa_token},
        sessions::SessionAnswer,
    },
    edge::{caller::MaybeMember, to_its_end::to_its_end},
    wire::{
        body::{Body, MaybeBody},
        channel::MessageChannel,
        device::WithDevice,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Otp {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// How to send a code.
#[derive(Object, Default, Deserialize)]
#[oai(rename = "MfaOtpRequest")]
#[serde(default)]
struct RequestBody {
    /// By mail or by SMS. Default: as the tenant prefers.
    channel: Option<MessageChannel>,
    /// The `mfa_token` of a login that lacks a factor, in place of a session.
    #[oai(validator(max_length = 64))]
    mfa_token: Option<String>,
}

/// A code that was sent.
#[derive(Object, Serialize)]
struct MfaOtpRequested {
    /// By mail or by SMS.
    channel: MessageChannel,
    /// The e-mail address or phone number, of which most characters are hidden.
    sent_to: String,
    /// When the code expires.
    #[serde(with = "kayan_ports::timestamp")]
    expires_at: Timestamp,
}

#[derive(ApiResponse)]
enum Requested {
    /// The code will be sent.
    #[oai(status = 202)]
    Accepted(Reply<MfaOtpRequested>),
}

/// A code that was sent.
#[derive(Object, Deserialize)]
#[oai(rename = "MfaOtpVerifyRequest")]
struct VerifyBody {
    /// The six digits; spaces are ignored.
    #[oai(validator(max_length = 64))]
    code: String,
    /// The `mfa_token` of a login that lacks a factor, in place of a session.
    #[oai(validator(max_length = 64))]
    mfa_token: Option<String>,
}

#[OpenApi(prefix_path = "/api/v1/mfa/otp", tag = "Tag::Factors")]
impl Otp {
    /// Request a code as a second factor
    ///
    /// Sends six digits to the user's verified e-mail address or phone number, where the tenant allows this (`mfa_code_channels`)
    /// to users who have neither an authenticator app nor a passkey, after a login by password. The code is good for ten
    /// minutes, or as long as the `mfa_token`, for this login or session only; it voids the one before. An address gets five
    /// messages an hour at most.
    #[oai(path = "/request", method = "post", operation_id = "mfaOtpRequest")]
    async fn request(
        &self,
        session: MaybeMember,
        MaybeBody(body): MaybeBody<RequestBody>,
    ) -> Result<Requested, Refused<RequestOtpError>> {
        let MaybeMember { caller, no_session } = session;
        let mfa_token = mfa_token(body.mfa_token.as_deref()).map_err(RequestOtpError::from)?;
        let cmd = RequestOtp { mfa_token, channel: body.channel.map(Channel::from) };
        let sent = self.app.kayan.request_otp(&caller, &cmd).await.map_err(|error| no_session.explain(error))?;
        Ok(Requested::Accepted(Reply::new(&MfaOtpRequested {
            channel: sent.channel.into(),
            sent_to: sent.sent_to,
            expires_at: sent.expires_at,
        })))
    }

    /// Verify a code that was sent
    ///
    /// With an `mfa_token`, completes the login. With a session, steps it up to `aal2`: the session gets new tokens, and those
    /// before are void. Each code is good once; five wrong ones void it.
    #[oai(path = "/verify", method = "post", operation_id = "mfaOtpVerify")]
    async fn verify(
        &self,
        session: MaybeMember,
        Body(body): Body<VerifyBody>,
    ) -> Result<WithDevice<SessionAnswer>, Refused<VerifyTotpError, NO_STEP_UP>> {
        let MaybeMember { caller, no_session } = session;
        let mfa_token = mfa_token(body.mfa_token.as_deref()).map_err(VerifyTotpError::from)?;
        let cmd = VerifyOtp { code: body.code.into(), mfa_token };
        // Runs to its end even if the client disconnects, so that a try that was counted is made.
        let kayan = self.app.kayan.clone();
        let verified = to_its_end(async move { kayan.verify_otp(&caller, &cmd).await }).await;
        let opened = verified.map_err(|error| no_session.explain(error))?;
        Ok(SessionAnswer::to_login(opened, &self.app))
    }
}

refusals! {
    RequestOtpError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::InvalidMfaToken(error) => (error: InvalidMfaToken),
        Self::NotAvailable => MethodDisabled.message("no code can be sent: use another second factor, or enroll one".to_owned()),
        Self::Limited(limited) => RateLimited.limited(limited),
    }
}
