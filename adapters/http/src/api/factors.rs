//! Second factors: authenticator apps and recovery codes of the current user, and the list of all factors.

use std::sync::Arc;

use kayan_core::{
    AuthenticateError, DisableTotpError, EnrollTotp, EnrollTotpError, InvalidMfaToken, NewRecoveryCodes, Opened,
    Purpose, RegenerateRecoveryCodesError, StepUpRequired, Token, VerifyRecoveryCode, VerifyTotp, VerifyTotpError,
};
use kayan_ports::{CredentialId, Timestamp};
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Application, Tag,
    api::sessions::SessionAnswer,
    edge::{
        caller::{MaybeMember, Member, TO_AAL2},
        to_its_end::to_its_end,
    },
    wire::{
        answers::{Identity, Session},
        body::{Body, MaybeBody},
        codes::Code,
        cookies,
        device::WithDevice,
        query::Query,
        refused::{Refused, never, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Factors {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// A new authenticator app.
#[derive(Object, Default, Deserialize)]
#[oai(rename = "TotpEnrollRequest")]
#[serde(default)]
struct EnrollBody {
    /// A name for the app, to tell several apart.
    #[oai(validator(max_length = 64))]
    name: Option<String>,
    /// The `mfa_token` of a login that lacks a factor, in place of a session.
    #[oai(validator(max_length = 64))]
    mfa_token: Option<String>,
}

/// What an authenticator app needs. It is shown only once.
#[derive(Object, Serialize)]
struct TotpEnrollment {
    /// The secret in Base32 (RFC 4648), to be typed into the app.
    secret: String,
    /// The `otpauth` URI, to be opened on the device that has the app.
    uri: String,
    /// The URI as a QR code, to be scanned with the app: a data URI of an SVG image.
    qr_code: String,
}

/// A code of an authenticator app.
#[derive(Object, Deserialize)]
#[oai(rename = "TotpVerifyRequest")]
struct VerifyBody {
    /// The six digits that the app shows; spaces are ignored.
    #[oai(validator(max_length = 64))]
    code: String,
    /// The `mfa_token` of a login that lacks a factor, in place of a session.
    #[oai(validator(max_length = 64))]
    mfa_token: Option<String>,
    /// With an `mfa_token`: whether later logins by password from this device ask for no second factor, for as many days as the
    /// tenant allows (`trusted_device_days`). Without effect where it allows none. Default: `false`.
    trust_device: Option<bool>,
}

/// A recovery code.
#[derive(Object, Deserialize)]
#[oai(rename = "RecoveryCodeVerifyRequest")]
struct RecoveryCodeBody {
    /// The code. Case, spaces and hyphens are ignored.
    #[oai(validator(max_length = 64))]
    code: String,
    /// The `mfa_token` of a login that lacks a factor, in place of a session.
    #[oai(validator(max_length = 64))]
    mfa_token: Option<String>,
}

/// What a code led to. With an `mfa_token`, or if the session was stepped up, all members of a session are there.
#[derive(Object, Default, Serialize)]
#[oai(skip_serializing_if_is_none)]
struct TotpVerified {
    /// Always `true`.
    success: bool,
    /// Recovery codes, when the first factor is confirmed. They are shown only once; each is good once.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
    /// The session token, for `Authorization: Bearer`: an opaque one, or a JWT (RFC 9068) if the service is set up for those.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[oai(validator(max_length = 8192))]
    session_token: Option<String>,
    /// The refresh token, which can be exchanged once for new tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    /// Always `Bearer`.
    #[serde(skip_serializing_if = "Option::is_none")]
    token_type: Option<String>,
    /// When the session token expires.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    /// When the refresh token expires.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    refresh_expires_at: Option<Timestamp>,
    /// The authenticator assurance level (NIST SP 800-63B).
    #[serde(skip_serializing_if = "Option::is_none")]
    aal: Option<String>,
    /// The authentication methods that were used (RFC 8176).
    #[serde(skip_serializing_if = "Option::is_none")]
    amr: Option<Vec<String>>,
    /// The identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<Identity>,
}

#[derive(ApiResponse)]
enum VerifyAnswer {
    /// The code was accepted.
    #[oai(status = 200)]
    Verified(
        Reply<TotpVerified>,
        /// The cookie of the session, if it has new tokens, and after a login that of the device (RFC 6265bis).
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

/// Recovery codes. They are shown only once; each is good once.
#[derive(Object, Serialize)]
struct RecoveryCodes {
    /// The codes.
    recovery_codes: Vec<String>,
}

/// A second factor, without its secret.
#[derive(Object, Serialize)]
#[oai(skip_serializing_if_is_none)]
struct FactorInfo {
    /// The id of the factor, a UUIDv7.
    id: Uuid,
    /// The method: `totp` or `webauthn`.
    method: String,
    /// Its name.
    name: String,
    /// Whether it was confirmed by a code. Before that it is not asked for.
    confirmed: bool,
    /// When it was enrolled.
    #[serde(with = "kayan_ports::timestamp")]
    created_at: Timestamp,
    /// When it was last used.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
}

/// The second factors of the current user.
#[derive(Object, Serialize)]
struct FactorList {
    /// The factors, in the order in which they were enrolled.
    data: Vec<FactorInfo>,
    /// The number of recovery codes that are left.
    recovery_codes_left: u32,
}

#[derive(ApiResponse)]
enum Removed {
    /// Removed.
    #[oai(status = 204)]
    Done,
}

impl TotpVerified {
    fn new(opened: Option<Opened>, codes: Option<NewRecoveryCodes>) -> Self {
        let recovery_codes = codes.map(plain);
        let without_session = Self { success: true, recovery_codes, ..Self::default() };
        let Some(session) = opened.map(Session::from) else { return without_session };
        Self {
            session_token: Some(session.session_token),
            refresh_token: Some(session.refresh_token),
            token_type: Some(session.token_type),
            expires_at: Some(session.expires_at),
            refresh_expires_at: Some(session.refresh_expires_at),
            aal: Some(session.aal),
            amr: Some(session.amr),
            identity: Some(session.identity),
            ..without_session
        }
    }
}

pub(crate) fn plain(codes: NewRecoveryCodes) -> Vec<String> {
    codes.0.iter().map(|code| code.to_string()).collect()
}

/// What is not an MFA token is an unknown one.
pub(crate) fn mfa_token(text: Option<&str>) -> Result<Option<Token>, InvalidMfaToken> {
    text.map(|text| Token::read(Purpose::Mfa, text).ok_or(InvalidMfaToken)).transpose()
}

fn data_uri(svg: &str) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    format!("data:image/svg+xml;base64,{}", STANDARD.encode(svg))
}

#[OpenApi(prefix_path = "/api/v1/mfa", tag = "Tag::Factors")]
impl Factors {
    /// List your second factors
    ///
    /// Returns the authenticator apps and passkeys of the current user, and how many recovery codes are left.
    #[oai(path = "/", method = "get", operation_id = "listMyFactors")]
    async fn list(
        &self,
        Member(caller): Member,
    ) -> Result<Reply<FactorList>, Refused<AuthenticateError, AT_ANY_LEVEL>> {
        let factors = self.app.kayan.list_my_factors(&caller).await?;
        let data = factors.factors.into_iter().map(|factor| FactorInfo {
            id: factor.id.0,
            method: factor.kind.as_str().to_owned(),
            confirmed: factor.kind.is_usable(),
            name: factor.name,
            created_at: factor.created_at,
            last_used_at: factor.last_used_at,
        });
        let recovery_codes_left = u32::try_from(factors.recovery_codes).unwrap_or(u32::MAX);
        Ok(Reply::new(&FactorList { data: data.collect(), recovery_codes_left }))
    }

    /// Enroll an authenticator app
    ///
    /// Returns a new secret for an app that makes time-based one-time passwords (TOTP, RFC 6238). The app becomes a second
    /// factor when one of its codes is verified, within ten minutes. Requires a login within the last five minutes, at `aal2`
    /// if you have a second factor already; or the `mfa_token` of a login for which a factor has to be enrolled.
    #[oai(path = "/totp/enroll", method = "post", operation_id = "totpEnroll")]
    async fn totp_enroll(
        &self,
        session: MaybeMember,
        MaybeBody(body): MaybeBody<EnrollBody>,
    ) -> Result<Reply<TotpEnrollment>, Refused<EnrollTotpError>> {
        let MaybeMember { caller, no_session } = session;
        let mfa_token = mfa_token(body.mfa_token.as_deref()).map_err(EnrollTotpError::from)?;
        let cmd = EnrollTotp { name: body.name.unwrap_or_default(), mfa_token };
        let setup = self.app.kayan.enroll_totp(&caller, cmd).await.map_err(|error| no_session.explain(error))?;
        Ok(Reply::new(&TotpEnrollment {
            secret: setup.secret.to_string(),
            uri: setup.uri.to_string(),
            qr_code: data_uri(&setup.qr_code),
        }))
    }

    /// Verify a code of an authenticator app
    ///
    /// With an `mfa_token`, completes the login. With a session, confirms an app that was enrolled, or steps the session up to
    /// `aal2`: the session gets new tokens, and those before are void. Confirming the first factor revokes all other sessions
    /// of the user. Each code is good once.
    #[oai(path = "/totp/verify", method = "post", operation_id = "totpVerify")]
    async fn totp_verify(
        &self,
        session: MaybeMember,
        Body(body): Body<VerifyBody>,
    ) -> Result<WithDevice<VerifyAnswer>, Refused<VerifyTotpError>> {
        let MaybeMember { caller, no_session } = session;
        let mfa_token = mfa_token(body.mfa_token.as_deref()).map_err(VerifyTotpError::from)?;
        let cmd = VerifyTotp { code: body.code, mfa_token, trust_device: body.trust_device.unwrap_or_default() };
        // Carried to its end even if the client hangs up: a code that was counted also gets its verdict (I-41).
        let kayan = self.app.kayan.clone();
        let verified = to_its_end(async move { kayan.verify_totp(&caller, cmd).await }).await;
        let verified = verified.map_err(|error| no_session.explain(error))?;
        let cookie =
            verified.opened.as_ref().map(|opened| cookies::issue(opened, self.app.clock.now(), &self.app.settings));
        let device = verified.opened.as_ref().and_then(|opened| cookies::remember(opened, &self.app.settings));
        let body = Reply::new(&TotpVerified::new(verified.opened, verified.recovery_codes));
        Ok(WithDevice::new(VerifyAnswer::Verified(body, cookie), device))
    }

    /// Remove authenticator apps
    ///
    /// Removes one app, or all. With the last second factor, the recovery codes are removed as well. Requires a session at `aal2` with a
    /// proof within the last five minutes.
    #[oai(path = "/totp", method = "delete", operation_id = "totpDisable")]
    async fn totp_disable(
        &self,
        Member(caller): Member,
        /// The id of the app; without it, all apps are removed.
        id: Query<Option<Uuid>>,
    ) -> Result<Removed, Refused<DisableTotpError>> {
        self.app.kayan.disable_totp(&caller, id.0.map(CredentialId)).await?;
        Ok(Removed::Done)
    }

    /// Regenerate your recovery codes
    ///
    /// Returns ten new recovery codes; those before are void. Requires a session at `aal2` with a proof within the last five
    /// minutes.
    #[oai(path = "/recovery-codes", method = "post", operation_id = "recoveryCodesRegenerate")]
    async fn recovery_codes(
        &self,
        Member(caller): Member,
    ) -> Result<Reply<RecoveryCodes>, Refused<RegenerateRecoveryCodesError>> {
        let codes = self.app.kayan.regenerate_recovery_codes(&caller).await?;
        Ok(Reply::new(&RecoveryCodes { recovery_codes: plain(codes) }))
    }

    /// Verify a recovery code
    ///
    /// With an `mfa_token`, completes the login. With a session, steps it up to `aal2` in place of a factor that was lost: the
    /// session gets new tokens, and those before are void. Each code is good once.
    #[oai(path = "/recovery-codes/verify", method = "post", operation_id = "recoveryCodeVerify")]
    async fn recovery_code_verify(
        &self,
        session: MaybeMember,
        Body(body): Body<RecoveryCodeBody>,
    ) -> Result<WithDevice<SessionAnswer>, Refused<VerifyTotpError, NO_STEP_UP>> {
        let MaybeMember { caller, no_session } = session;
        let mfa_token = mfa_token(body.mfa_token.as_deref()).map_err(VerifyTotpError::from)?;
        let cmd = VerifyRecoveryCode { code: body.code, mfa_token };
        let kayan = self.app.kayan.clone();
        let verified = to_its_end(async move { kayan.verify_recovery_code(&caller, cmd).await }).await;
        let verified = verified.map_err(|error| no_session.explain(error))?;
        let cookie = cookies::issue(&verified.opened, self.app.clock.now(), &self.app.settings);
        let device = cookies::remember(&verified.opened, &self.app.settings);
        let left = u32::try_from(verified.left).unwrap_or(u32::MAX);
        let session = Session { recovery_codes_left: Some(left), ..verified.opened.into() };
        Ok(WithDevice::new(SessionAnswer::Issued(Reply::new(&session), cookie), device))
    }
}

/// What a session is good for that lacks a second factor.
pub(super) const AT_ANY_LEVEL: u64 = never([Code::Aal2Required]);
/// A login that lacks a factor has no session to step up.
pub(super) const NO_STEP_UP: u64 = never([Code::Aal2Required, Code::ReauthenticationRequired]);

refusals! {
    InvalidMfaToken {
        Self => InvalidToken.message("the MFA token is unknown, expired or used up: log in again"),
    }
    StepUpRequired {
        Self::Aal2 => Aal2Required.challenge(TO_AAL2.to_owned()),
        Self::Recent(age) => ReauthenticationRequired.challenge(format!("max_age=\"{}\"", age.whole_seconds())),
    }
    EnrollTotpError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::InvalidMfaToken(error) => (error: InvalidMfaToken),
        Self::StepUp(error) => (error: StepUpRequired),
        Self::InvalidName(field) => InvalidInput.fields(vec![field]),
        Self::AlreadyEnrolled(why) => AlreadyEnrolled.message(why),
    }
    VerifyTotpError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::InvalidMfaToken(error) => (error: InvalidMfaToken),
        Self::InvalidCode => FactorRefused,
        Self::StepUp(error) => (error: StepUpRequired),
        Self::NotActive => IdentityInactive,
        Self::Locked(locked) => AccountLocked.locked(locked).message("too many wrong codes; try again after details.locked_until"),
    }
    DisableTotpError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::StepUp(error) => (error: StepUpRequired),
        Self::NotFound => NotFound.message("you have no such authenticator app"),
    }
    RegenerateRecoveryCodesError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::StepUp(error) => (error: StepUpRequired),
    }
}
