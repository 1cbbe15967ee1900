//! Ends a login by an identity provider when the browser comes back from there.

use kayan_ports::{
    EventType, IdentityProvider, Method, OneTimePurpose, ProviderAssertion, ProviderError, Redemption, TokenHash,
};

use crate::{
    Caller, Failure, Kayan, Opened, Token,
    provider::{begin::Kept, log_in::ProviderLoginError},
};

/// What a provider sends a browser back with (RFC 6749, section 4.1.2).
#[derive(Debug)]
pub struct FinishProviderLogin {
    /// The provider in the path.
    pub provider: String,
    /// The state; `None` if it is none.
    pub state: Option<Token>,
    /// The authorization code.
    pub code: Option<String>,
    /// The issuer (RFC 9207).
    pub issuer: Option<String>,
    /// The hash of the browser's cookie, if it sent one.
    pub browser: Option<TokenHash>,
}

/// Where the browser is redirected to, and what came of it.
#[derive(Debug)]
pub struct ProviderReturn {
    /// The URL, without a fragment.
    pub return_to: String,
    /// The session that was opened; `None`: the account was linked to the caller's own.
    pub outcome: Result<Option<Opened>, ProviderLoginError>,
}

/// Why it is not known where to redirect the browser to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FinishProviderLoginError {
    /// The state is unknown, expired or used up, or of another browser, tenant or provider: the same for all of them.
    #[error("this login is unknown, expired or finished, or was begun elsewhere: begin again")]
    UnknownState,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// What users are told of a provider that does not answer.
const AWAY: &str = "the identity provider is not available: try again later";
/// What users are told of an answer that does not verify; the audit trail has the reason.
const NOT_VERIFIED: &str = "the identity provider did not confirm the login: begin again";

impl Kayan {
    /// Ends what the browser has begun: a login, or a link to the caller's own account.
    ///
    /// **Invariant**: a state is good once, for its browser, tenant and provider (I-26). It is used up before the provider is
    /// asked, so that only one of parallel requests succeeds.
    pub async fn finish_provider_login(
        &self,
        caller: &Caller,
        cmd: FinishProviderLogin,
    ) -> Result<ProviderReturn, FinishProviderLoginError> {
        let now = self.clock.now();
        let unknown = || FinishProviderLoginError::UnknownState;
        let (state, browser) = cmd.state.zip(cmd.browser).ok_or_else(unknown)?;
        let stored = self.stored_state::<Kept>(&caller.tenant, OneTimePurpose::Oidc, &state, now).await?;
        let is_own = |kept: &Kept| kept.browser == browser.0 && kept.provider.as_str() == cmd.provider;
        let (kept, finish) = stored.filter(|(kept, _)| is_own(kept)).ok_or_else(unknown)?;
        let provider = self.provider(&cmd.provider).map_err(|_| unknown())?;
        if !self.use_up(finish, None).await? {
            return Err(unknown());
        }
        let outcome = match self.asserted(caller, provider, cmd.code.as_deref(), (&kept, cmd.issuer.as_deref())).await?
        {
            Err(refused) => Err(refused),
            Ok(assertion) => match kept.link {
                Some(session) => self.link_account(caller, session, provider.rules(), assertion).await.map(|()| None),
                None => self.log_in_by_provider(caller, provider.rules(), &assertion).await.map(Some),
            },
        };
        match outcome {
            Err(ProviderLoginError::Failed(failure)) => Err(failure.into()),
            outcome => Ok(ProviderReturn { return_to: kept.return_to.clone(), outcome }),
        }
    }

    /// What the provider asserts for a code. The reason of a refusal is audited, and not told.
    async fn asserted(
        &self,
        caller: &Caller,
        provider: &dyn IdentityProvider,
        code: Option<&str>,
        (kept, issuer): (&Kept, Option<&str>),
    ) -> Result<Result<ProviderAssertion, ProviderLoginError>, Failure> {
        // Whose answer it is comes first: the code is sent to the provider that issued it, and to no other.
        let answer = match (provider.check_issuer(issuer).await, code) {
            (Err(why), _) => Err(why),
            (Ok(()), None) => Err(ProviderError::Refused("the provider sent no code".to_owned())),
            (Ok(()), Some(code)) => {
                let Kept { redirect_uri, code_verifier, nonce, .. } = kept;
                provider.redeem(Redemption { code, redirect_uri, code_verifier, nonce }).await
            }
        };
        match answer {
            Ok(assertion) => Ok(Ok(assertion)),
            Err(why) => self.not_asserted(caller, provider, why).await.map(Err),
        }
    }

    /// Audits why a provider asserted nothing.
    pub(crate) async fn not_asserted(
        &self,
        caller: &Caller,
        provider: &dyn IdentityProvider,
        why: ProviderError,
    ) -> Result<ProviderLoginError, Failure> {
        let (risk, told) = match &why {
            ProviderError::Unavailable(_) => (10, AWAY),
            ProviderError::Refused(_) => (40, NOT_VERIFIED),
        };
        let event = self
            .event(caller, EventType::LoginFailure, self.clock.now(), "a login by an identity provider failed")
            .failed(risk)
            .with("method", Method::Oidc.as_str())
            .with("provider", provider.rules().name.as_str())
            .with("reason", why.to_string());
        self.record(event).await?;
        Ok(ProviderLoginError::Refused(told))
    }
}
