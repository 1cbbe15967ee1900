//! What has expired, and its removal.

use kayan_ports::{Expired, Timestamp};

use crate::{outbox::Queued, rows::Rows};

impl Rows {
    pub(crate) fn has_expired(&self, expired: &Expired) -> bool {
        self.sessions.values().any(|session| session.ends_at < expired.sessions)
            || self.attempts.values().any(|attempts| attempts.last_at < expired.attempts)
            || self.networks.values().any(|at| *at < expired.networks)
            || self.devices.iter().any(|device| device.last_seen_at < expired.devices)
            || self.revocations.iter().any(|end| end.expires_at < expired.revocations)
            || self.responses.iter().any(|stored| stored.at < expired.responses)
            || self.one_time.values().any(|token| token.expires_at < expired.one_time)
            || self.messages.values().any(|queued| is_over(queued, expired.messages))
    }

    pub(crate) fn remove_expired(&mut self, expired: &Expired) {
        self.sessions.retain(|_, session| session.ends_at >= expired.sessions);
        self.refresh_tokens.retain(|_, token| self.sessions.contains_key(&token.session));
        self.attempts.retain(|_, attempts| attempts.last_at >= expired.attempts);
        self.networks.retain(|_, at| *at >= expired.networks);
        self.devices.retain(|device| device.last_seen_at >= expired.devices);
        self.revocations.retain(|end| end.expires_at >= expired.revocations);
        self.responses.retain(|stored| stored.at >= expired.responses);
        self.one_time.retain(|_, token| token.expires_at >= expired.one_time);
        self.messages.retain(|_, queued| !is_over(queued, expired.messages));
    }
}

fn is_over(queued: &Queued, before: Timestamp) -> bool {
    queued.message.finished_at.is_some_and(|at| at < before)
}
