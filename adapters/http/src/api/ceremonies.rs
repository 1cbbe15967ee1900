//! Ceremonies of passkeys (Web Authentication Level 3): registration and login.

use std::sync::Arc;

use kayan_core::{
    AuthenticateError, BeginPasskeyLogin, BeginPasskeyLoginError, BeginPasskeyRegistration,
    BeginPasskeyRegistrationError, BegunCeremony, FieldError, FinishPasskeyLogin, FinishPasskeyLoginError,
    FinishPasskeyRegistration, FinishPasskeyRegistrationError, InvalidMfaToken, PasskeyLogin, Purpose, StepUpRequired,
    Token,
};
use kayan_ports::ResidentKey;
use poem_openapi::{ApiResponse, Enum, Object, OpenApi};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Application, Tag,
    api::{
        factors::{AT_ANY_LEVEL, mfa_token, plain},
        sessions::SessionAnswer,
    },
    edge::{browser::Browser, caller::MaybeMember, even_times::at_even_times},
    wire::{
        answers::{JsonObject, Session},
        body::{Body, MaybeBody},
        cookies,
        credentials::{LoginCredential, RegistrationCredential},
        device::WithDevice,
        problem::Problem,
        refused::{Refused, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct Ceremonies {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

/// Whether a passkey is discoverable: offered by the browser without an identifier.
#[derive(Debug, Clone, Copy, Default, Enum, Deserialize)]
#[oai(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
enum ResidentKeyRequirement {
    /// If the authenticator can store it.
    #[default]
    Preferred,
    /// An authenticator that can't store it makes none.
    Required,
}

/// A new passkey.
#[derive(Object, Default, Deserialize)]
#[oai(rename = "WebauthnRegisterBeginRequest")]
#[serde(default)]
struct RegisterBeginBody {
    /// A name for the passkey. By default it is called after the model of the authenticator, if that is known.
    #[oai(validator(max_length = 64))]
    name: Option<String>,
    /// Whether the passkey must be discoverable. Default: `preferred`.
    resident_key: Option<ResidentKeyRequirement>,
    /// The `mfa_token` of a login that lacks a factor, in place of a session.
    #[oai(validator(max_length = 64))]
    mfa_token: Option<String>,
}

/// The response of an authenticator to a registration.
#[derive(Object, Deserialize)]
#[oai(rename = "WebauthnRegisterFinishRequest")]
struct RegisterFinishBody {
    /// The `session_id` from `webauthnRegisterBegin`.
    #[oai(validator(max_length = 64))]
    session_id: String,
    /// What `navigator.credentials.create()` returned, by its `toJSON()`.
    credential: RegistrationCredential,
    /// The `mfa_token`, if the registration was begun with one.
    #[oai(validator(max_length = 64))]
    mfa_token: Option<String>,
}

/// What to log in for by a passkey. Without any member: a login by any discoverable passkey.
#[derive(Object, Default, Deserialize)]
#[oai(rename = "WebauthnLoginBeginRequest")]
#[serde(default)]
struct LoginBeginBody {
    /// One of the user's identifiers, such as an e-mail address: only passkeys of this user are asked for.
    #[oai(validator(max_length = 4096))]
    identifier: Option<String>,
    /// The `mfa_token` of a login that lacks a factor, which the passkey completes.
    #[oai(validator(max_length = 64))]
    mfa_token: Option<String>,
    /// Whether to step the current session up. Default: `false`.
    step_up: Option<bool>,
}

/// The response of an authenticator to a login.
#[derive(Object, Deserialize)]
#[oai(rename = "WebauthnLoginFinishRequest")]
struct LoginFinishBody {
    /// The `session_id` from `webauthnLoginBegin`.
    #[oai(validator(max_length = 64))]
    session_id: String,
    /// What `navigator.credentials.get()` returned, by its `toJSON()`.
    credential: LoginCredential,
    /// The `mfa_token`, if the login was begun with one.
    #[oai(validator(max_length = 64))]
    mfa_token: Option<String>,
    /// With an `mfa_token`: whether later logins by password from this device ask for no second factor, for as many days as the
    /// tenant allows (`trusted_device_days`). Without effect where it allows none. Default: `false`.
    trust_device: Option<bool>,
}

/// A ceremony that was begun: finish it within five minutes.
#[derive(Object, Serialize)]
struct WebauthnCeremony {
    /// What finishes the ceremony. It can be used once.
    session_id: String,
    /// The options: pass them to `PublicKeyCredential.parseCreationOptionsFromJSON()` or `parseRequestOptionsFromJSON()`, and
    /// the result as `publicKey` to `navigator.credentials`.
    #[oai(rename = "publicKey")]
    #[serde(rename = "publicKey")]
    public_key: JsonObject,
}

#[derive(ApiResponse)]
enum Begun {
    /// The ceremony.
    #[oai(status = 200)]
    Ceremony(
        Reply<WebauthnCeremony>,
        /// A cookie by which the browser is recognised when it finishes the ceremony.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

/// A passkey that was registered. With an `mfa_token`, all members of a session are there.
#[derive(Object, Default, Serialize)]
#[oai(skip_serializing_if_is_none)]
struct WebauthnRegistered {
    /// The id of the passkey, a UUIDv7.
    credential_id: Uuid,
    /// What happened, for people.
    message: String,
    /// Recovery codes, when the passkey is the first factor. They are shown only once; each is good once.
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
    /// The session, if the passkey completed a login.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Session>,
}

#[derive(ApiResponse)]
enum Registered {
    /// Registered.
    #[oai(status = 200)]
    Done(
        Reply<WebauthnRegistered>,
        /// The cookies of the session and of the device (RFC 6265bis), if the passkey completed a login.
        #[oai(header = "Set-Cookie")]
        Option<String>,
    ),
}

impl Ceremonies {
    fn begun(&self, begun: BegunCeremony, browser: Option<&Token>) -> Begun {
        let cookie = browser.map(|browser| cookies::recognise(browser, &self.app.settings));
        let session_id = begun.session_id.expose().to_string();
        let public_key = JsonObject(serde_json::from_str(&begun.options).unwrap_or_default());
        Begun::Ceremony(Reply::new(&WebauthnCeremony { session_id, public_key }), cookie)
    }
}

#[OpenApi(prefix_path = "/api/v1/webauthn", tag = "Tag::Factors")]
impl Ceremonies {
    /// Begin to register a passkey
    ///
    /// Returns the options for `navigator.credentials.create()` (WebAuthn, section 5.1.3). Requires a login within the last
    /// five minutes, at `aal2` if you have a second factor already; or the `mfa_token` of a login for which a factor has to be
    /// enrolled. A user can have 20 passkeys.
    #[oai(path = "/registration/begin", method = "post", operation_id = "webauthnRegisterBegin")]
    async fn register_begin(
        &self,
        session: MaybeMember,
        browser: Browser,
        MaybeBody(body): MaybeBody<RegisterBeginBody>,
    ) -> Result<Begun, Refused<BeginPasskeyRegistrationError>> {
        let MaybeMember { caller, no_session } = session;
        let mfa_token = mfa_token(body.mfa_token.as_deref()).map_err(BeginPasskeyRegistrationError::from)?;
        let browser = browser.token(|| self.app.kayan.new_browser());
        let cmd = BeginPasskeyRegistration {
            name: body.name.unwrap_or_default(),
            resident_key: match body.resident_key.unwrap_or_default() {
                ResidentKeyRequirement::Preferred => ResidentKey::Preferred,
                ResidentKeyRequirement::Required => ResidentKey::Required,
            },
            mfa_token,
            browser: browser.as_ref().map(Token::hash),
        };
        let begun =
            self.app.kayan.begin_passkey_registration(&caller, cmd).await.map_err(|error| no_session.explain(error))?;
        Ok(self.begun(begun, browser.as_ref()))
    }

    /// Finish to register a passkey
    ///
    /// Verifies what the authenticator made and stores the passkey. With an `mfa_token`, this completes the login.
    #[oai(path = "/registration/finish", method = "post", operation_id = "webauthnRegisterFinish")]
    async fn register_finish(
        &self,
        session: MaybeMember,
        browser: Browser,
        Body(body): Body<RegisterFinishBody>,
    ) -> Result<WithDevice<Registered>, Refused<FinishPasskeyRegistrationError>> {
        let MaybeMember { caller, no_session } = session;
        let mfa_token = mfa_token(body.mfa_token.as_deref()).map_err(FinishPasskeyRegistrationError::from)?;
        let cmd = FinishPasskeyRegistration {
            session_id: Token::read(Purpose::Ceremony, &body.session_id),
            response: body.credential.decoded().map_err(invalid)?,
            mfa_token,
            browser: browser.hash(),
        };
        let registered = self
            .app
            .kayan
            .finish_passkey_registration(&caller, cmd)
            .await
            .map_err(|error| no_session.explain(error))?;
        let opened = registered.opened.as_ref();
        let cookie = opened.map(|opened| cookies::issue(opened, self.app.clock.now(), &self.app.settings));
        let device = opened.and_then(|opened| cookies::remember(opened, &self.app.settings));
        let answer = WebauthnRegistered {
            credential_id: registered.id.0,
            message: format!("the passkey \"{}\" was registered", registered.name),
            recovery_codes: registered.recovery_codes.map(plain),
            session: registered.opened.map(Session::from),
        };
        Ok(WithDevice::new(Registered::Done(Reply::new(&answer), cookie), device))
    }

    /// Begin to log in by a passkey
    ///
    /// Returns the options for `navigator.credentials.get()` (WebAuthn, section 5.1.4). Without members, any discoverable
    /// passkey logs in, by a button or from the autofill of a form (conditional mediation). With an `identifier`, a passkey of
    /// that user; the response tells nothing of whether there is one. As a whole login, the passkey verifies its user, and the
    /// session is at `aal2`. With an `mfa_token`, the passkey is the second factor of that login; with `step_up`, a new proof
    /// for the current session.
    #[oai(path = "/login/begin", method = "post", operation_id = "webauthnLoginBegin")]
    async fn login_begin(
        &self,
        session: MaybeMember,
        browser: Browser,
        MaybeBody(body): MaybeBody<LoginBeginBody>,
    ) -> Result<Begun, Refused<BeginPasskeyLoginError, AT_ANY_LEVEL>> {
        let MaybeMember { caller, no_session } = session;
        let login = match (body.identifier, body.mfa_token, body.step_up.unwrap_or_default()) {
            (None, None, false) => PasskeyLogin::Discoverable,
            (Some(identifier), None, false) => PasskeyLogin::Identifier(identifier),
            (None, Some(token), false) => PasskeyLogin::SecondFactor(Token::read(Purpose::Mfa, &token)),
            (None, None, true) => PasskeyLogin::StepUp,
            _ => {
                let message = "send one of `identifier`, `mfa_token` and `step_up`, or none";
                return Err(invalid(FieldError::new("", "oneOf", message)).into());
            }
        };
        let browser = browser.token(|| self.app.kayan.new_browser());
        let is_named = matches!(login, PasskeyLogin::Identifier(_));
        let cmd = BeginPasskeyLogin { login, browser: browser.as_ref().map(Token::hash) };
        let beginning = self.app.kayan.begin_passkey_login(&caller, cmd);
        let begun = if is_named { at_even_times(beginning).await } else { beginning.await };
        let begun = begun.map_err(|error| no_session.explain(error))?;
        Ok(self.begun(begun, browser.as_ref()))
    }

    /// Finish to log in by a passkey
    ///
    /// Verifies what the authenticator signed, and returns the session: a new one, or the current one stepped up, with new
    /// tokens.
    #[oai(path = "/login/finish", method = "post", operation_id = "webauthnLoginFinish")]
    async fn login_finish(
        &self,
        session: MaybeMember,
        browser: Browser,
        Body(body): Body<LoginFinishBody>,
    ) -> Result<WithDevice<SessionAnswer>, Refused<FinishPasskeyLoginError, AT_ANY_LEVEL>> {
        let MaybeMember { caller, no_session } = session;
        let mfa_token = mfa_token(body.mfa_token.as_deref()).map_err(FinishPasskeyLoginError::from)?;
        let cmd = FinishPasskeyLogin {
            session_id: Token::read(Purpose::Ceremony, &body.session_id),
            response: body.credential.decoded().map_err(invalid)?,
            mfa_token,
            browser: browser.hash(),
            trust_device: body.trust_device.unwrap_or_default(),
        };
        let opened =
            self.app.kayan.finish_passkey_login(&caller, cmd).await.map_err(|error| no_session.explain(error))?;
        Ok(SessionAnswer::to_login(opened, &self.app))
    }
}

fn invalid(field: FieldError) -> Problem {
    Problem::new(crate::wire::codes::Code::InvalidInput).fields(vec![field])
}

const DISABLED: &str =
    "this tenant does not allow passkeys, or the service has no domain for them (KAYAN_WEBAUTHN_RP_ID)";

refusals! {
    BeginPasskeyRegistrationError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::InvalidMfaToken(error) => (error: InvalidMfaToken),
        Self::StepUp(error) => (error: StepUpRequired),
        Self::InvalidName(field) => InvalidInput.fields(vec![field]),
        error @ Self::TooMany => AlreadyEnrolled.message(error.to_string()),
        Self::MethodDisabled => MethodDisabled.message(DISABLED),
    }
    FinishPasskeyRegistrationError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::InvalidMfaToken(error) => (error: InvalidMfaToken),
        Self::StepUp(error) => (error: StepUpRequired),
        Self::CeremonyFailed(why) => CeremonyFailed.message(why),
        Self::NotActive => IdentityInactive,
    }
    BeginPasskeyLoginError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::InvalidMfaToken(error) => (error: InvalidMfaToken),
        Self::NoPasskey => CeremonyFailed.message("you have no passkey: use another factor"),
        Self::MethodDisabled => MethodDisabled.message(DISABLED),
        Self::Locked(locked) => AccountLocked.locked(locked),
        Self::Limited(limited) => RateLimited.limited(limited),
    }
    FinishPasskeyLoginError {
        Self::Authenticate(error) => (error: AuthenticateError),
        Self::InvalidMfaToken(error) => (error: InvalidMfaToken),
        error @ Self::UnknownCeremony => InvalidToken.message(error.to_string()),
        Self::Refused(why) => InvalidCredentials.message(why),
        Self::NotActive => IdentityInactive,
        Self::Unverified => VerificationRequired,
    }
}
