//! Delivers the messages that are due.

use futures_util::{StreamExt as _, stream};
use kayan_ports::{
    Change, Channel, CommitError, Guard, Identifier, Identity, Mail, MailError, MailFailure, Message, MessageId,
    MessageKind, OutboxChange, Tenant, Timestamp,
};
use serde_json::{Map, Value, json};
use time::Duration;
use uuid::Uuid;

use crate::{
    Failure, Kayan, Messaging,
    message::{
        content::{Content, Secret},
        prepare::is_code,
    },
    policy::{language, redelivery},
};

/// How many messages a worker leases at once.
pub const BATCH: u32 = 32;
/// How long a lease lasts.
const LEASE: Duration = Duration::minutes(5);
/// Delivery takes less: later than this before the end of its lease, a message is left to the next one.
const SPARE: Duration = Duration::minutes(1);

/// What became of a message that was leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was delivered.
    Delivered,
    /// There is nobody to deliver it to: an address that no user has, or that is verified already.
    Dropped,
    /// It is tried again later.
    Postponed(MailFailure),
    /// It was given up.
    GivenUp(MailFailure),
    /// It was given up, because it is damaged or its template can't be rendered.
    Broken,
}

/// A message that was worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worked {
    /// Which.
    pub id: MessageId,
    /// What it says.
    pub kind: MessageKind,
    /// What became of it.
    pub outcome: Outcome,
}

impl Kayan {
    /// Delivers messages of a channel that are due, [`BATCH`] at most. Any number of workers may do this at once. Returns what
    /// became of those that it worked on.
    ///
    /// A message is marked as delivered before its connection takes the next one: after a crash, as many are sent again as
    /// there are connections, at most.
    pub async fn deliver_messages(&self, channel: Channel) -> Result<Vec<Worked>, Failure> {
        let Some(messaging) = &self.messaging else { return Ok(Vec::new()) };
        let (lease, now) = (self.random_id(), self.clock.now());
        let until = now + LEASE;
        self.commit(vec![Change::Outbox(OutboxChange::Lease { lease, channel, most: BATCH, at: now, until })]).await?;
        let leased = self.store.outbox.leased(lease).await?;
        let at_once = messaging.deliverer(channel).map_or(1, |mailer| mailer.connections().max(1));
        let work = leased.into_iter().map(|message| self.work_on(messaging, message, lease));
        let worked = stream::iter(work).buffer_unordered(at_once).collect::<Vec<_>>().await;
        Ok(worked.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
    }

    /// Delivers a message, or says when to try again; `None`: its lease was over.
    async fn work_on(&self, messaging: &Messaging, message: Message, lease: Uuid) -> Result<Option<Worked>, Failure> {
        let (id, kind) = (message.id, message.kind);
        let (change, outcome) = match self.try_to_deliver(messaging, &message, lease).await {
            Ok(Some(done)) => done,
            Ok(None) => return Ok(None),
            // It is damaged, or its template is: it must not hold up the others.
            Err(Failure::Fault(why)) => (give_up(&message, lease, self.clock.now(), &why), Outcome::Broken),
            Err(other) => return Err(other),
        };
        let is_told = self.under_lease(change).await?;
        Ok(is_told.then_some(Worked { id, kind, outcome }))
    }

    /// What became of a message, and the change that says so.
    async fn try_to_deliver(
        &self,
        messaging: &Messaging,
        message: &Message,
        lease: Uuid,
    ) -> Result<Option<(OutboxChange, Outcome)>, Failure> {
        let (tenant, id) = (message.tenant.clone(), message.id);
        let content = self.open_content(message).await?;
        let sender = self.store.tenants.tenant(&tenant).await?;
        let Some((content, identity)) = self.prepared(message, lease, content, sender.as_ref()).await? else {
            return Ok(Some((OutboxChange::Drop { tenant, message: id, lease }, Outcome::Dropped)));
        };
        let mail = mail(messaging, message, &content, (sender.as_ref(), identity.as_ref()), self.clock.now())?;
        if self.clock.now() > message.due_at - SPARE {
            return Ok(None);
        }
        let channel = message.channel();
        let sent = match messaging.deliverer(channel) {
            Some(mailer) => mailer.send(&mail).await,
            None => Err(no_deliverer(channel)),
        };
        let now = self.clock.now();
        Ok(Some(match sent {
            Ok(()) => (OutboxChange::Deliver { tenant, message: id, lease, at: now }, Outcome::Delivered),
            Err(error) => {
                let next = redelivery::next_attempt(message.attempts, now, self.random_number());
                match next.filter(|_| !error.why.is_permanent()) {
                    Some(due_at) => {
                        let told = cut(&error.to_string());
                        let change = OutboxChange::Postpone { tenant, message: id, lease, due_at, error: told };
                        (change, Outcome::Postponed(error.why))
                    }
                    None => (give_up(message, lease, now, &error.to_string()), Outcome::GivenUp(error.why)),
                }
            }
        }))
    }

    /// Commits a change to a leased message; false: the lease was over.
    async fn under_lease(&self, change: OutboxChange) -> Result<bool, Failure> {
        match self.store.changes.commit(vec![Change::Outbox(change)]).await {
            Ok(()) => Ok(true),
            Err(CommitError::Stale(Guard::Message)) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    fn random_number(&self) -> u32 {
        let mut random = [0; 4];
        self.entropy.fill(&mut random);
        u32::from_le_bytes(random)
    }
}

/// The service was set up anew since the message was enqueued.
fn no_deliverer(channel: Channel) -> MailError {
    let setting = match channel {
        Channel::Mail => "mail: set KAYAN_SMTP_URL",
        Channel::Sms => "SMS: set KAYAN_SMS_WEBHOOK_URL",
    };
    MailError { why: MailFailure::Unreachable, detail: format!("the service sends no {setting}") }
}

fn mail(
    messaging: &Messaging,
    message: &Message,
    content: &Content,
    (tenant, identity): (Option<&Tenant>, Option<&Identity>),
    now: Timestamp,
) -> Result<Mail, Failure> {
    let service = tenant.map(|tenant| tenant.name.as_str()).filter(|name| !name.is_empty());
    let own = identity.and_then(|identity| identity.traits.0.get("locale")).and_then(Value::as_str);
    let asked = language::wanted(&message.languages);
    let last = tenant.and_then(|tenant| tenant.settings.language.as_deref());
    let languages: Vec<&str> = own.into_iter().chain(asked).chain(last).collect();
    let mut values = content.values.clone();
    let mut set = |name: &str, value: Value| values.insert(name.to_owned(), value);
    set("service", json!(service.unwrap_or("Kayan")));
    set("address", json!(message.recipient));
    set("at", json!(readable(message.created_at)));
    content.ip.as_ref().map(|ip| set("ip", json!(ip)));
    content.user_agent.as_ref().map(|device| set("device", json!(device)));
    if let Some(secret) = &content.secret {
        tell_secret(&mut values, messaging, message, (secret, now));
    }
    let Message { id, tenant, kind, created_at, recipient, .. } = message;
    let rendered = messaging.templates.render(tenant, *kind, message.channel(), &languages, &values)?;
    Ok(Mail { id: *id, tenant: tenant.clone(), kind: *kind, created_at: *created_at, to: recipient.clone(), rendered })
}

/// Adds the link or the code, and for how long it is good.
fn tell_secret(
    values: &mut Map<String, Value>,
    messaging: &Messaging,
    message: &Message,
    (secret, now): (&Secret, Timestamp),
) {
    // Rounded up: it was issued a moment ago.
    let minutes = (secret.expires_at + Duration::seconds(59) - now).whole_minutes();
    values.insert("minutes".to_owned(), json!(minutes));
    if let Some(host) = messaging.code_host.as_ref().filter(|_| message.channel() == Channel::Sms) {
        values.insert("host".to_owned(), json!(host));
    }
    let (name, value) = if is_code(message.kind, &Identifier::from_canonical(message.recipient.clone())) {
        ("code", secret.text.clone())
    } else {
        let flow = message.kind.as_str().replace('_', "-");
        ("link", messaging.link(&flow, &secret.text, &message.tenant))
    };
    values.insert(name.to_owned(), json!(value));
}

/// As in `2026-01-31 09:30 UTC`.
fn readable(at: Timestamp) -> String {
    let (date, hour, minute) = (at.date(), at.hour(), at.minute());
    format!("{date} {hour:02}:{minute:02} UTC")
}

fn give_up(message: &Message, lease: Uuid, at: Timestamp, why: &str) -> OutboxChange {
    OutboxChange::GiveUp { tenant: message.tenant.clone(), message: message.id, lease, at, error: cut(why) }
}

/// The most bytes of an error that are kept.
const MOST_ERROR: usize = 512;

fn cut(error: &str) -> String {
    error.get(..error.floor_char_boundary(MOST_ERROR)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests;
