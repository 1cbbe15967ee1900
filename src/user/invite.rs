//! Invites a user without a password, for an operator.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use kayan_ports::{
    Change, CommitError, EventType, Guard, Identity, MessageKind, OneTimePurpose, Sealed, SecretOf, State, TenantId,
    Timestamp, TokenHash,
};
use serde::{Deserialize, Serialize};
use time::Duration;
use zeroize::Zeroizing;

use crate::{
    ChangeUserError, DeniedError, Failure, Kayan, Messaging, Operator, UserRef,
    access::{grants::hold, idempotency::Once},
    account::identity::path,
    flow::{ByMail, void},
    message::{
        content::{Content, Secret},
        enqueue::Outgoing,
    },
    policy::permission::Permission,
    user::change::{Changeable, Changing, ROUNDS, is_outdated, keeps_changing},
};

/// How long the link is good.
const LIFETIME: Duration = Duration::days(7);
/// The name of the action in the audit trail.
const ACTION: &str = "user.invite";
/// The name of the page that the link opens.
const FLOW: &str = "invitation";

/// Invites a user.
#[derive(Debug)]
pub struct InviteUser {
    /// The user.
    pub user: UserRef,
    /// Whether the link is mailed; otherwise it is returned.
    pub deliver: bool,
}

/// A link that its operator hands out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvitationLink {
    /// The link, with its token.
    pub link: Zeroizing<String>,
    /// From then on it is refused.
    pub expires_at: Timestamp,
}

/// Why the user was not invited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InviteUserError {
    /// The user was not found, or may not be changed by this operator.
    #[error(transparent)]
    Change(#[from] ChangeUserError),
    /// The user has a password.
    #[error("the user has a password already: an invitation is for users without one")]
    HasPassword,
    /// The user may not log in.
    #[error("the user is {}: activate them first", .0.as_str())]
    NotActive(State),
    /// There is no address to invite the user at.
    #[error("the user has no e-mail address: set one first")]
    NoAddress,
    /// The service delivers no mail, and has no pages for links.
    #[error("this service sends no mail: set KAYAN_SMTP_URL and KAYAN_MAIL_FROM")]
    NoMail,
    /// The tenant is not active.
    #[error("there is no active tenant `{0}`")]
    NoTenant(TenantId),
}

impl From<Failure> for InviteUserError {
    fn from(failure: Failure) -> Self {
        Self::Change(failure.into())
    }
}

impl From<DeniedError> for InviteUserError {
    fn from(error: DeniedError) -> Self {
        Self::Change(error.into())
    }
}

/// What is stored for a repeated request: the token of the link is sealed, if the link was returned.
#[derive(Serialize, Deserialize)]
struct Invited {
    tenant: TenantId,
    hash: Option<String>,
    sealed: Option<String>,
    #[serde(with = "kayan_ports::timestamp")]
    expires_at: Timestamp,
}

impl Kayan {
    /// Sends a user who has no password a link that opens a session and sets the first password, or returns it. A new invitation
    /// voids the link of the one before.
    pub async fn invite_user(
        &self,
        operator: &Operator,
        cmd: InviteUser,
    ) -> Result<Option<InvitationLink>, InviteUserError> {
        self.permit(operator, &Permission::USERS_WRITE, ACTION).await?;
        let messaging = self.messaging.as_ref().filter(|_| self.sends_mail()).ok_or(InviteUserError::NoMail)?;
        let invited: Invited = self.once(operator, |once| self.invite(once, operator, cmd)).await?;
        Ok(self.opened_invitation(messaging, invited).await?)
    }

    async fn invite(&self, once: Once<'_>, operator: &Operator, cmd: InviteUser) -> Result<Invited, InviteUserError> {
        let (user, expected) = (&cmd.user, None);
        let changing = Changing { operator, user, expected, required: &Permission::USERS_WRITE, action: ACTION };
        for _ in 0..ROUNDS {
            let Changeable { before, holds: mut changes, .. } = self.changeable(&changing).await?;
            let (invited, own) = self.invitation(operator, &before, cmd.deliver).await?;
            changes.extend(own);
            match once.commit(changes, Some(before.id), &invited).await {
                Ok(()) => return Ok(invited),
                Err(error) if is_outdated(&error) => {}
                Err(CommitError::Stale(Guard::Tenant)) => return Err(InviteUserError::NoTenant(before.tenant)),
                Err(other) => return Err(Failure::from(other).into()),
            }
        }
        Err(keeps_changing().into())
    }

    async fn invitation(
        &self,
        operator: &Operator,
        user: &Identity,
        deliver: bool,
    ) -> Result<(Invited, Vec<Change>), InviteUserError> {
        let (tenant, now) = (&user.tenant, self.clock.now());
        if user.state != State::Active {
            return Err(InviteUserError::NotActive(user.state));
        }
        if !self.store.tenants.tenant(tenant).await?.is_some_and(|tenant| tenant.active) {
            return Err(InviteUserError::NoTenant(tenant.clone()));
        }
        if self.store.credentials.password(&tenant.into(), user.id).await?.is_some() {
            return Err(InviteUserError::HasPassword);
        }
        let address = self.main_address(user).ok_or(InviteUserError::NoAddress)?.value;
        let kept = ByMail { address: address.as_str().to_owned(), by_hand: !deliver, ..ByMail::default() };
        let (hash, secret, issue) = self.new_link(user, OneTimePurpose::Invitation, &kept, (now, LIFETIME))?;
        let expires_at = secret.expires_at;
        let mut invited = Invited { tenant: tenant.clone(), hash: None, sealed: None, expires_at };
        let mut changes = vec![hold(user), void(user, OneTimePurpose::Invitation), issue];
        if deliver {
            changes.push(self.enqueue(mail(user, address.as_str(), secret)).await?);
        } else {
            let sealed =
                self.keys.seal(secret_of(tenant, &hash), secret.text.as_bytes()).await.map_err(Failure::from)?;
            invited.hash = Some(URL_SAFE_NO_PAD.encode(hash.0));
            invited.sealed = Some(URL_SAFE_NO_PAD.encode(sealed.0));
        }
        let event = self
            .operator_event(operator, tenant, EventType::AdminAction, now, "a user was invited")
            .about(user.id)
            .resource(path(user))
            .with("action", ACTION)
            .with("address", address.masked())
            .with("delivered", deliver);
        changes.push(event.record());
        Ok((invited, changes))
    }

    /// The link of an invitation that was not mailed.
    async fn opened_invitation(
        &self,
        messaging: &Messaging,
        invited: Invited,
    ) -> Result<Option<InvitationLink>, Failure> {
        let Some((hash, sealed)) = invited.hash.zip(invited.sealed) else { return Ok(None) };
        let damaged = || Failure::Fault("a stored invitation is damaged".to_owned());
        let hash = URL_SAFE_NO_PAD.decode(hash).ok().and_then(|hash| hash.try_into().ok()).map(TokenHash);
        let sealed = URL_SAFE_NO_PAD.decode(sealed).map(Sealed).map_err(|_| damaged())?;
        let opened = self.keys.open(secret_of(&invited.tenant, &hash.ok_or_else(damaged)?), &sealed).await?;
        let token = std::str::from_utf8(&opened).map_err(|_| damaged())?;
        let link = Zeroizing::new(messaging.link(FLOW, token, &invited.tenant));
        Ok(Some(InvitationLink { link, expires_at: invited.expires_at }))
    }
}

fn secret_of<'a>(tenant: &'a TenantId, hash: &'a TokenHash) -> SecretOf<'a> {
    SecretOf::OneTime { tenant, purpose: OneTimePurpose::Invitation, hash }
}

/// The mail. It is in the language of the user or of the tenant: that of the operator's request says nothing about the user.
fn mail(user: &Identity, address: &str, secret: Secret) -> Outgoing {
    Outgoing {
        tenant: user.tenant.clone(),
        identity: Some(user.id),
        kind: MessageKind::Invitation,
        recipient: address.to_owned(),
        languages: String::new(),
        content: Content { secret: Some(secret), ..Content::default() },
    }
}
