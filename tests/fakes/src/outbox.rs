//! The outbox.

use kayan_ports::{
    Backlog, Channel, CommitError, Failure, Guard, Message, MessageId, MessageQuery, MessageState, OutboxChange, Page,
    Scope, TenantId, Timestamp,
};
use uuid::Uuid;

use crate::rows::{Rows, takes_in};

const STALE: CommitError = CommitError::Stale(Guard::Message);

/// Waiting and dead messages are counted up to here.
const COUNTED: usize = 100_000;

/// A message, and the lease that it is under.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) message: Message,
    lease: Option<Uuid>,
}

impl Queued {
    fn end_lease(&mut self, state: MessageState) {
        self.lease = None;
        self.message.state = state;
    }
}

impl Rows {
    pub(crate) fn message(&self, scope: &Scope, id: MessageId) -> Option<&Message> {
        self.messages.get(&id).map(|queued| &queued.message).filter(|message| takes_in(scope, &message.tenant))
    }

    pub(crate) fn message_page(&self, query: &MessageQuery) -> Page<Message> {
        let wanted = |message: &&Message| {
            takes_in(&query.scope, &message.tenant) && query.state.is_none_or(|state| state == message.state)
        };
        let mut rows: Vec<_> = self.messages.values().map(|queued| &queued.message).filter(wanted).collect();
        rows.sort_by_key(|message| std::cmp::Reverse((message.created_at, message.id)));
        let total = u64::try_from(rows.len()).unwrap_or(u64::MAX);
        let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        Page { rows: rows.into_iter().skip(offset).take(limit).cloned().collect(), damaged: Vec::new(), total }
    }

    pub(crate) fn leased(&self, lease: Uuid) -> Vec<Message> {
        let leased = self.messages.values().filter(|queued| queued.lease == Some(lease));
        let mut messages: Vec<_> = leased.map(|queued| queued.message.clone()).collect();
        messages.sort_by_key(|message| (message.due_at, message.id));
        messages
    }

    pub(crate) fn backlog(&self) -> Backlog {
        let waiting: Vec<_> = self.messages.values().filter(|queued| waits(&queued.message)).collect();
        let dead = self.messages.values().filter(|queued| queued.message.state == MessageState::Dead);
        let count = |count: usize| u64::try_from(count.min(COUNTED)).unwrap_or(u64::MAX);
        Backlog {
            waiting: count(waiting.len()),
            oldest: waiting.iter().map(|queued| queued.message.created_at).min(),
            dead: count(dead.count()),
        }
    }

    pub(crate) fn apply_outbox(&mut self, change: OutboxChange) -> Result<(), CommitError> {
        match change {
            OutboxChange::Enqueue(message) => return self.enqueue(*message),
            OutboxChange::Lease { lease, channel, most, at, until } => {
                self.lease_messages(lease, (channel, most), (at, until));
            }
            OutboxChange::Prepare { tenant, message, lease, identity, data } => {
                self.identity(&(&tenant).into(), identity).ok_or(STALE)?;
                let queued = self.under_lease(&tenant, message, lease)?;
                queued.message.identity = Some(identity);
                queued.message.data = Some(data);
            }
            OutboxChange::Deliver { tenant, message, lease, at } => {
                let queued = self.under_lease(&tenant, message, lease)?;
                queued.end_lease(MessageState::Delivered);
                queued.message.data = None;
                queued.message.finished_at = Some(at);
            }
            OutboxChange::Postpone { tenant, message, lease, due_at, error } => {
                let queued = self.under_lease(&tenant, message, lease)?;
                queued.end_lease(MessageState::Due);
                queued.message.due_at = due_at;
                queued.message.error = Some(error);
            }
            OutboxChange::GiveUp { tenant, message, lease, at, error } => {
                let queued = self.under_lease(&tenant, message, lease)?;
                queued.end_lease(MessageState::Dead);
                queued.message.error = Some(error);
                queued.message.finished_at = Some(at);
            }
            OutboxChange::Retry { scope, message, at } => {
                self.message(&scope, message).filter(|message| can_be_retried(message)).ok_or(STALE)?;
                let message = &mut self.messages.get_mut(&message).ok_or(STALE)?.message;
                message.state = MessageState::Due;
                message.attempts = 0;
                message.due_at = at;
                message.finished_at = None;
            }
            OutboxChange::Discard { scope, message } => {
                let found = self.message(&scope, message).ok_or(STALE)?;
                if found.state == MessageState::Leased {
                    return Err(STALE);
                }
                self.messages.remove(&message);
            }
            OutboxChange::Drop { tenant, message, lease } => {
                self.under_lease(&tenant, message, lease)?;
                self.messages.remove(&message);
            }
        }
        Ok(())
    }

    fn enqueue(&mut self, message: Message) -> Result<(), CommitError> {
        let is_absent = |id| self.identity(&(&message.tenant).into(), id).is_none();
        if !self.is_open(&message.tenant) || message.identity.is_some_and(is_absent) {
            return Err(CommitError::Stale(Guard::Tenant));
        }
        let taken = |id| CommitError::Failed(Failure::Fault(format!("there is a message {id} already")));
        match self.messages.insert(message.id, Queued { message, lease: None }) {
            None => Ok(()),
            Some(queued) => Err(taken(queued.message.id)),
        }
    }

    fn lease_messages(&mut self, lease: Uuid, (channel, most): (Channel, u32), (at, until): (Timestamp, Timestamp)) {
        let due = |queued: &&mut Queued| {
            queued.message.channel() == channel && waits(&queued.message) && queued.message.due_at <= at
        };
        let mut due: Vec<_> = self.messages.values_mut().filter(due).collect();
        due.sort_by_key(|queued| (queued.message.due_at, queued.message.id));
        for queued in due.into_iter().take(usize::try_from(most).unwrap_or(usize::MAX)) {
            queued.lease = Some(lease);
            queued.message.state = MessageState::Leased;
            queued.message.due_at = until;
            queued.message.attempts += 1;
        }
    }

    fn under_lease(&mut self, tenant: &TenantId, id: MessageId, lease: Uuid) -> Result<&mut Queued, CommitError> {
        let theirs = |queued: &&mut Queued| queued.message.tenant == *tenant && queued.lease == Some(lease);
        self.messages.get_mut(&id).filter(theirs).ok_or(STALE)
    }
}

fn waits(message: &Message) -> bool {
    matches!(message.state, MessageState::Due | MessageState::Leased)
}

fn can_be_retried(message: &Message) -> bool {
    matches!(message.state, MessageState::Due | MessageState::Dead)
}
