//! Logs in by the code that was sent, by mail or by SMS.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac;
use kayan_ports::{
    Change, Channel, CommitError, Entropy, EventType, Guard, Identifier, Identity, IdentityId, KeyPurpose,
    LoginCandidate, Method, OneTimeChange, OneTimePurpose, OneTimeToken, TenantId, Timestamp, TokenHash,
};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::{
    AttemptError, Caller, Failure, Kayan, Limited, Locked, MfaChallenge, Opened,
    access::attempt,
    flow::{ByMail, OpenedLink},
    mac::hmac,
    message::content::Secret,
    policy::{identifier, tenant},
    session::open::EndLoginError,
};

/// How many wrong codes are heard before a new one is needed.
const TRIES: u32 = 5;

/// Logs in by a code.
#[derive(Debug)]
pub struct LogInByCode {
    /// The e-mail address or phone number that the code was sent to.
    pub identifier: String,
    /// The code: six digits, spaces are ignored.
    pub code: Zeroizing<String>,
}

/// Why no session was opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogInByCodeError {
    /// The code is wrong, expired or used up, or there was none.
    #[error("the code is wrong, expired or used up")]
    InvalidCode,
    /// The tenant does not allow this.
    #[error("login by code is not available here")]
    MethodDisabled,
    /// A second factor is required; the code is used up.
    #[error(transparent)]
    MfaRequired(#[from] MfaChallenge),
    /// Too many failed logins with this identifier, whether or not there is such an account.
    #[error(transparent)]
    Locked(#[from] Locked),
    /// Too many logins with this identifier.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// The tenant is unknown or inactive.
    #[error("unknown tenant")]
    NoTenant,
    /// The service failed.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl From<AttemptError> for LogInByCodeError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::Locked(locked) => locked.into(),
            AttemptError::Failed(failure) => failure.into(),
        }
    }
}

/// A code: six digits, each equally likely.
fn random(entropy: &dyn Entropy) -> Zeroizing<String> {
    const CODES: u32 = 1_000_000;
    loop {
        let mut bytes = [0; 4];
        entropy.fill(&mut bytes);
        let number = u32::from_le_bytes(bytes);
        // Without the incomplete last round, no code comes up more often than another.
        if number < u32::MAX - u32::MAX % CODES {
            return Zeroizing::new(format!("{:06}", number % CODES));
        }
    }
}

/// Where the code of this purpose for an address is kept: one at a time, so that a new one voids the last (I-03).
pub(crate) fn slot(purpose: OneTimePurpose, tenant: &TenantId, address: &Identifier) -> TokenHash {
    let hash = Sha256::new().chain_update("kayan code 1\0").chain_update(purpose.as_str());
    let hash = hash.chain_update("\0").chain_update(tenant.as_str());
    TokenHash(hash.chain_update("\0").chain_update(address.as_str()).finalize().into())
}

impl Kayan {
    /// What is kept in place of a code: without the service's key, its six digits can't be guessed from the database.
    async fn code_mac(&self, tenant: &TenantId, address: &Identifier, code: &str) -> Result<[u8; 32], Failure> {
        let key = self.keys.obtain(KeyPurpose::LoginCode).await?;
        let mut mac = hmac(&key.seed);
        for part in [tenant.as_str(), address.as_str(), code] {
            mac.update(part.as_bytes());
            mac.update(b"\0");
        }
        Ok(mac.finalize().into_bytes().into())
    }

    /// Logs in by a code. Each try is counted before the code is looked at, for the code and for the account (I-10).
    pub async fn log_in_by_code(&self, caller: &Caller, cmd: &LogInByCode) -> Result<Opened, LogInByCodeError> {
        // An invalid identifier is treated like an unknown one.
        let identifier =
            identifier::canonical(&cmd.identifier).unwrap_or_else(|_| Identifier::from_canonical(String::new()));
        let target = attempt::target(&caller.tenant, &identifier);
        let found = self.login_candidate(caller, &identifier).await?;
        let LoginCandidate { settings, known, .. } = found.ok_or(LogInByCodeError::NoTenant)?;
        let limit = tenant::limit("login", self.settings.limits.login, settings.login_limit);
        self.limit::<LogInByCodeError>(caller, limit, &target).await?;
        if !tenant::allows(&settings, Method::Code) || !self.sends_by(Channel::to(&identifier)) {
            return Err(LogInByCodeError::MethodDisabled);
        }
        let origin = attempt::origin(caller, known.as_ref());
        let attempt = self.attempt_login(caller, &identifier, origin).await?;
        let now = self.clock.now();
        let opened = match self.opened_by_code(caller, OneTimePurpose::LoginCode, (&identifier, &cmd.code), now).await {
            Ok(opened) => opened,
            Err(failure) => {
                self.release(attempt).await;
                return Err(failure.into());
            }
        };
        let Some(opened) = opened else {
            let about = known.map(|known| known.identity.id);
            return Err(self.refuse_code(caller, &identifier, about, now).await?);
        };
        let about = Some(opened.identity.id);
        let forgetting = self.forgetting(&attempt);
        let ended = self.end_login_by_mail(caller, opened, (Method::Code, forgetting), now).await;
        self.settle(attempt, matches!(ended, Ok(_) | Err(EndLoginError::MfaRequired(_)))).await;
        match ended {
            Ok(opened) => Ok(opened),
            Err(EndLoginError::MfaRequired(challenge)) => Err(challenge.into()),
            Err(EndLoginError::NotActive | EndLoginError::Outdated(_) | EndLoginError::Unverified) => {
                Err(self.refuse_code(caller, &identifier, about, now).await?)
            }
            Err(EndLoginError::Failed(failure)) => Err(failure.into()),
        }
    }

    /// The user of a code, if it is right.
    pub(crate) async fn opened_by_code(
        &self,
        caller: &Caller,
        purpose: OneTimePurpose,
        (identifier, code): (&Identifier, &str),
        now: Timestamp,
    ) -> Result<Option<OpenedLink>, Failure> {
        let slot = slot(purpose, &caller.tenant, identifier);
        let Some((token, _)) = self.right_code(&caller.tenant, (purpose, slot), code, now).await? else {
            return Ok(None);
        };
        match self.active_tenant(caller).await? {
            Some(tenant) => self.opened(tenant, &token, now).await,
            None => Ok(None),
        }
    }

    /// The token of a code, and the address that it was sent to, if the code is right. A try is counted before it is looked at.
    pub(crate) async fn right_code(
        &self,
        tenant: &TenantId,
        (purpose, hash): (OneTimePurpose, TokenHash),
        code: &str,
        now: Timestamp,
    ) -> Result<Option<(OneTimeToken, Identifier)>, Failure> {
        let try_it = Change::OneTime(OneTimeChange::Try { tenant: tenant.clone(), purpose, hash, at: now });
        match self.store.changes.commit(vec![try_it]).await {
            Ok(()) => {}
            Err(CommitError::Stale(Guard::OneTime)) => return Ok(None),
            Err(other) => return Err(other.into()),
        }
        let Some(token) = self.store.one_time.one_time(tenant, purpose, &hash, now).await? else {
            return Ok(None);
        };
        let ByMail { address, mac, .. } = ByMail::of(&token)?;
        let address = Identifier::from_canonical(address);
        let typed: String = code.chars().filter(|sign| !sign.is_whitespace()).collect();
        let shown = self.code_mac(tenant, &address, &Zeroizing::new(typed)).await?;
        let kept = mac.and_then(|mac| URL_SAFE_NO_PAD.decode(mac).ok()).unwrap_or_default();
        Ok(bool::from(kept.as_slice().ct_eq(&shown)).then_some((token, address)))
    }

    /// A new code for a user at this address, and the change that issues it in place of the one before.
    pub(crate) async fn new_code(
        &self,
        identity: &Identity,
        address: &Identifier,
        (purpose, hash): (OneTimePurpose, TokenHash),
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<(Secret, Change), Failure> {
        let code = random(&*self.entropy);
        let mac = URL_SAFE_NO_PAD.encode(self.code_mac(&identity.tenant, address, &code).await?);
        let kept = ByMail { address: address.as_str().to_owned(), mac: Some(mac), ..ByMail::default() };
        let token = OneTimeToken {
            hash,
            tenant: identity.tenant.clone(),
            purpose,
            identity: Some(identity.id),
            data: kept.to_json()?,
            tries: TRIES,
            created_at: now,
            expires_at,
        };
        let secret = Secret { text: code.to_string(), expires_at };
        Ok((secret, Change::OneTime(OneTimeChange::Replace(Box::new(token)))))
    }

    async fn refuse_code(
        &self,
        caller: &Caller,
        identifier: &Identifier,
        about: Option<IdentityId>,
        now: Timestamp,
    ) -> Result<LogInByCodeError, Failure> {
        let event = self
            .event(caller, EventType::LoginFailure, now, "the code is wrong, expired or used up")
            .failed(20)
            .with("method", Method::Code.as_str())
            .with("identifier", identifier.masked());
        let event = match about {
            Some(identity) => event.about(identity),
            None => event,
        };
        self.record(event).await?;
        Ok(LogInByCodeError::InvalidCode)
    }
}
