//! Hands the caller all that is held on them (GDPR, article 15).

use kayan_ports::{AuditEvent, Credential, EventType, Identity, Session, Timestamp};

use crate::{AuthenticateError, Caller, Kayan, account::identity::path};

/// All that is held on a person.
#[derive(Debug)]
pub struct Export {
    /// When it was put together.
    pub exported_at: Timestamp,
    /// Who they are.
    pub identity: Identity,
    /// What proves them; whoever shows it leaves the secrets out.
    pub credentials: Vec<Credential>,
    /// Where they are logged in.
    pub sessions: Vec<Session>,
    /// What they did and what was done to them, oldest first.
    pub events: Vec<AuditEvent>,
}

impl Kayan {
    /// Everything the database holds on the caller. The export itself is audited first.
    pub async fn export_me(&self, caller: &Caller) -> Result<Export, AuthenticateError> {
        let now = self.clock.now();
        let me = self.authenticate(caller, now).await?;
        let event = self
            .event(caller, EventType::IdentityExported, now, "the owner exported their data")
            .by(me.identity.id)
            .session(me.session.id)
            .resource(path(&me.identity));
        self.record(event).await?;

        let (tenant, id) = (&caller.tenant, me.identity.id);
        let password = self.store.credentials.password(&tenant.into(), id).await?;
        let sessions = self.store.sessions.sessions(tenant, id, now).await?;
        let events = self.store.audit.events_about(tenant, id).await?;
        Ok(Export {
            exported_at: now,
            identity: me.identity.clone(),
            credentials: password.into_iter().collect(),
            sessions,
            events,
        })
    }
}

#[cfg(test)]
mod tests;
