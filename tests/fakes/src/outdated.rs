//! What is out of date, and its end.

use kayan_ports::Outdated;

use crate::rows::Rows;

impl Rows {
    pub(crate) fn has_outdated(&self, outdated: &Outdated) -> bool {
        self.sessions.values().any(|session| session.ends_at < outdated.sessions)
            || self.attempts.values().any(|attempts| attempts.last_at < outdated.attempts)
            || self.networks.values().any(|at| *at < outdated.networks)
            || self.revocations.iter().any(|end| end.expires_at < outdated.revocations)
            || self.kept_answers.iter().any(|kept| kept.at < outdated.answers)
    }

    pub(crate) fn remove_outdated(&mut self, outdated: &Outdated) {
        self.sessions.retain(|_, session| session.ends_at >= outdated.sessions);
        self.refresh_tokens.retain(|_, token| self.sessions.contains_key(&token.session));
        self.attempts.retain(|_, attempts| attempts.last_at >= outdated.attempts);
        self.networks.retain(|_, at| *at >= outdated.networks);
        self.revocations.retain(|end| end.expires_at >= outdated.revocations);
        self.kept_answers.retain(|kept| kept.at >= outdated.answers);
    }
}
