//! The outbox: messages to users, stored with the change that causes them and delivered afterwards.

use async_trait::async_trait;
use uuid::Uuid;

use crate::{Channel, Failure, Identifier, IdentityId, MessageId, Page, Scope, Sealed, TenantId, Timestamp};

/// What a message says. Each kind has a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// A link that verifies an address.
    Verification,
    /// A link that sets a new password.
    Recovery,
    /// A link that logs in.
    MagicLink,
    /// A code that logs in.
    LoginCode,
    /// A code that is a second factor.
    MfaCode,
    /// A link that puts a new address in the place of the old one, to the new one.
    EmailChange,
    /// Notice to the old address: it was changed. With a link that puts it back.
    EmailRevert,
    /// A link that opens the first session of a user who was invited.
    Invitation,
    /// A link that deletes an account without a password.
    AccountDeletion,
    /// Notice: the password was changed.
    PasswordChanged,
    /// Notice: a second factor was added.
    FactorAdded,
    /// Notice: a second factor was removed, by its owner or an administrator.
    FactorRemoved,
    /// Notice: few recovery codes are left.
    RecoveryCodesLow,
    /// Notice: the account was locked after failed attempts.
    AccountLocked,
    /// Notice: the user logged in from a browser that is new to the account.
    NewDevice,
    /// An operator tries the delivery.
    Test,
}

impl MessageKind {
    /// Every kind.
    pub const ALL: [Self; 16] = [
        Self::Verification,
        Self::Recovery,
        Self::MagicLink,
        Self::LoginCode,
        Self::MfaCode,
        Self::EmailChange,
        Self::EmailRevert,
        Self::Invitation,
        Self::AccountDeletion,
        Self::PasswordChanged,
        Self::FactorAdded,
        Self::FactorRemoved,
        Self::RecoveryCodesLow,
        Self::AccountLocked,
        Self::NewDevice,
        Self::Test,
    ];

    /// The name in the database, in the API and of the template.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Verification => "verification",
            Self::Recovery => "recovery",
            Self::MagicLink => "magic_link",
            Self::LoginCode => "login_code",
            Self::MfaCode => "mfa_code",
            Self::EmailChange => "email_change",
            Self::EmailRevert => "email_revert",
            Self::Invitation => "invitation",
            Self::AccountDeletion => "account_deletion",
            Self::PasswordChanged => "password_changed",
            Self::FactorAdded => "factor_added",
            Self::FactorRemoved => "factor_removed",
            Self::RecoveryCodesLow => "recovery_codes_low",
            Self::AccountLocked => "account_locked",
            Self::NewDevice => "new_device",
            Self::Test => "test",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MessageState {
    /// To be delivered when it is due.
    Due,
    /// A worker delivers it.
    Leased,
    /// The mail server has accepted it.
    Delivered,
    /// It could not be delivered, and is not tried again by itself.
    Dead,
}

impl MessageState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Due, Self::Leased, Self::Delivered, Self::Dead];

    /// The name in the database and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Due => "due",
            Self::Leased => "leased",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    /// The state of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A message to one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its id, which is part of the mail's Message-ID, so that one that is sent twice can be recognised.
    pub id: MessageId,
    /// The tenant that it is sent for.
    pub tenant: TenantId,
    /// The user that it is for; `None` where that is not known, or not to be seen in the database. It is deleted with its
    /// user.
    pub identity: Option<IdentityId>,
    /// What it says.
    pub kind: MessageKind,
    /// The address, at most 320 characters.
    pub recipient: String,
    /// The languages that its reader prefers, as an `Accept-Language` header has them, at most 128 bytes; may be empty.
    pub languages: String,
    /// What its use-case needs to render it, sealed; `None` once it was delivered.
    pub data: Option<Sealed>,
    /// What becomes of it.
    pub state: MessageState,
    /// How often its delivery was begun.
    pub attempts: u32,
    /// When it is to be delivered; while it is leased, when the lease ends.
    pub due_at: Timestamp,
    /// Why the last attempt failed, at most 512 bytes.
    pub error: Option<String>,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When it was delivered, or given up.
    pub finished_at: Option<Timestamp>,
}

impl Message {
    /// How it is delivered.
    pub fn channel(&self) -> Channel {
        Channel::to(&Identifier::from_canonical(self.recipient.clone()))
    }
}

/// Which messages to list.
#[derive(Debug, Clone)]
pub struct MessageQuery {
    /// The tenant to read, or all of them.
    pub scope: Scope,
    /// Only those in this state.
    pub state: Option<MessageState>,
    /// The most rows to return, 1 to 100.
    pub limit: u32,
    /// The number of rows to skip.
    pub offset: u64,
}

/// What waits in the outbox, of all tenants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How many messages are due or leased; counted up to 100,000.
    pub waiting: u64,
    /// When the message that waits longest was due first: its creation.
    pub oldest: Option<Timestamp>,
    /// How many are dead; counted up to 100,000.
    pub dead: u64,
}

/// Reads messages.
///
/// An implementation must keep the guarantees of [`Store`](crate::Store).
#[async_trait]
pub trait Outbox: Send + Sync {
    /// The message with this id.
    async fn message(&self, scope: &Scope, id: MessageId) -> Result<Option<Message>, Failure>;

    /// The messages that the query selects, newest first.
    async fn messages(&self, query: &MessageQuery) -> Result<Page<Message>, Failure>;

    /// The messages of this lease, of all tenants, the earliest due first. The cost does not depend on how many others
    /// there are.
    async fn leased(&self, lease: Uuid) -> Result<Vec<Message>, Failure>;

    /// What waits.
    async fn backlog(&self) -> Result<Backlog, Failure>;
}

/// A write to the outbox.
///
/// Every change to a leased message names the lease: of a worker that was too slow, nothing is taken (`Guard::Message`).
#[derive(Debug, Clone)]
pub enum OutboxChange {
    /// Adds a message. Guard: its tenant exists and is active, and its user, if it names one, is there (`Guard::Tenant`).
    Enqueue(Box<Message>),
    /// Leases up to `most` messages of all tenants and of one channel that are due at `at`, or whose lease has ended by then, the earliest due
    /// first, and counts the attempt. Parallel leases share no message. None is no error.
    Lease {
        /// The name of the lease: a new random id.
        lease: Uuid,
        /// How they are delivered.
        channel: Channel,
        /// The most messages.
        most: u32,
        /// The present time.
        at: Timestamp,
        /// When the lease ends.
        until: Timestamp,
    },
    /// Says for whom a leased message is, and what renders it. Guard: it has this lease, and the user is there
    /// (`Guard::Message`).
    Prepare {
        /// The tenant.
        tenant: TenantId,
        /// The message.
        message: MessageId,
        /// The lease.
        lease: Uuid,
        /// The user.
        identity: IdentityId,
        /// What renders it.
        data: Sealed,
    },
    /// Ends the lease of a message that was delivered, and erases its data. Guard: it has this lease (`Guard::Message`).
    Deliver {
        /// The tenant.
        tenant: TenantId,
        /// The message.
        message: MessageId,
        /// The lease.
        lease: Uuid,
        /// The present time.
        at: Timestamp,
    },
    /// Ends the lease of a message that could not be delivered, and makes it due again. Guard: it has this lease
    /// (`Guard::Message`).
    Postpone {
        /// The tenant.
        tenant: TenantId,
        /// The message.
        message: MessageId,
        /// The lease.
        lease: Uuid,
        /// When it is due again.
        due_at: Timestamp,
        /// Why it failed.
        error: String,
    },
    /// Ends the lease of a message that is given up; its data stays, so that it can be retried. Guard: it has this lease
    /// (`Guard::Message`).
    GiveUp {
        /// The tenant.
        tenant: TenantId,
        /// The message.
        message: MessageId,
        /// The lease.
        lease: Uuid,
        /// The present time.
        at: Timestamp,
        /// Why it failed.
        error: String,
    },
    /// Makes a message that is due or dead due at once, with attempts counted anew. Guard: it is there, and due or dead
    /// (`Guard::Message`).
    Retry {
        /// The tenant to change, or all of them.
        scope: Scope,
        /// The message.
        message: MessageId,
        /// The present time.
        at: Timestamp,
    },
    /// Deletes a message that is not leased. Guard: it is there, and not leased (`Guard::Message`).
    Discard {
        /// The tenant to change, or all of them.
        scope: Scope,
        /// The message.
        message: MessageId,
    },
    /// Deletes a message that is leased: it turned out to be for nobody. Guard: it has this lease (`Guard::Message`).
    Drop {
        /// The tenant.
        tenant: TenantId,
        /// The message.
        message: MessageId,
        /// The lease.
        lease: Uuid,
    },
}
