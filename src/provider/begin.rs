//! Begins a login by an identity provider, or links an account there.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{AuthorizationRequest, Method, OneTimePurpose, ProviderError, ProviderName, SessionId, TokenHash};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::Duration;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    AuthenticateError, Caller, Failure, Kayan, Purpose, StepUpRequired, Token, policy::tenant,
    provider::UnknownProvider, session::step_up::require_step_up,
};

/// How long a user may take at the provider.
const LIFETIME: Duration = Duration::minutes(15);

/// Begins a login by an identity provider.
#[derive(Debug)]
pub struct BeginProviderLogin {
    /// The provider's name.
    pub provider: String,
    /// Where the browser is redirected to in the end; `None`: the first of the list.
    pub return_to: Option<String>,
    /// The hash of the browser's cookie.
    pub browser: TokenHash,
    /// Whether to link the account there to the caller's own, instead of a login.
    pub link: bool,
}

/// Why nothing was begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BeginProviderLoginError {
    /// There is no such provider.
    #[error(transparent)]
    UnknownProvider(#[from] UnknownProvider),
    /// The browser may not be redirected there (I-28).
    #[error("return_to is not in the list of allowed URLs")]
    InvalidReturnTo,
    /// The tenant does not allow login by providers.
    #[error("this tenant does not allow login by identity providers")]
    MethodDisabled,
    /// There is no valid session to link an account to, or no such tenant.
    #[error(transparent)]
    Authenticate(#[from] AuthenticateError),
    /// The session does not prove enough to link an account.
    #[error(transparent)]
    StepUp(#[from] StepUpRequired),
    /// The provider is not available; the text is for the log.
    #[error("the identity provider is not available: {0}")]
    Unavailable(String),
}

impl From<Failure> for BeginProviderLoginError {
    fn from(failure: Failure) -> Self {
        Self::Authenticate(failure.into())
    }
}

/// What is kept, sealed, until the browser comes back.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Kept {
    #[zeroize(skip)]
    pub(crate) provider: ProviderName,
    pub(crate) redirect_uri: String,
    pub(crate) nonce: String,
    pub(crate) code_verifier: String,
    pub(crate) return_to: String,
    /// The session that the account is linked to.
    #[zeroize(skip)]
    pub(crate) link: Option<SessionId>,
    pub(crate) browser: [u8; 32],
}

impl Kayan {
    /// The URL at the provider that the browser is redirected to.
    pub async fn begin_provider_login(
        &self,
        caller: &Caller,
        cmd: BeginProviderLogin,
    ) -> Result<String, BeginProviderLoginError> {
        let now = self.clock.now();
        let provider = self.provider(&cmd.provider)?;
        let return_to = self.settings.return_to.judge(cmd.return_to.as_deref());
        let return_to = return_to.ok_or(BeginProviderLoginError::InvalidReturnTo)?;
        let tenant = self.active_tenant(caller).await?.ok_or(AuthenticateError::NoTenant)?;
        if !tenant::allows(&tenant.settings, Method::Oidc) {
            return Err(BeginProviderLoginError::MethodDisabled);
        }
        let link = if cmd.link {
            let me = self.authenticate(caller, now).await?;
            require_step_up(&me.session, &self.my_usable_factors(&me).await?, now)?;
            Some(me.session.id)
        } else {
            None
        };
        let state = Token::random(Purpose::State, &*self.entropy);
        let kept = Kept {
            provider: provider.rules().name.clone(),
            redirect_uri: provider.redirect_uri(&tenant.id),
            nonce: self.random_text(),
            code_verifier: self.random_text(),
            return_to,
            link,
            browser: cmd.browser.0,
        };
        let request = AuthorizationRequest {
            redirect_uri: &kept.redirect_uri,
            state: &state.expose(),
            nonce: &kept.nonce,
            code_challenge: &URL_SAFE_NO_PAD.encode(Sha256::digest(&kept.code_verifier)),
        };
        let url = provider.authorization_url(request).await.map_err(|error| match error {
            ProviderError::Unavailable(why) | ProviderError::Refused(why) => BeginProviderLoginError::Unavailable(why),
        })?;
        self.store_state(&tenant.id, OneTimePurpose::Oidc, &state, &kept, (now, LIFETIME)).await?;
        Ok(url)
    }

    /// 256 random bits in base64url: 43 characters.
    fn random_text(&self) -> String {
        let mut random = Zeroizing::new([0; 32]);
        self.entropy.fill(random.as_mut_slice());
        URL_SAFE_NO_PAD.encode(random.as_slice())
    }
}
