//! Exports all data stored about the caller (GDPR, article 15).

use kayan_ports::{AuditEvent, Credential, EventType, Factor, Identity, ProviderLink, Session, Timestamp};

use crate::{AuthenticateError, Caller, Kayan, MyDevice, account::identity::path};

/// All data stored about a user.
#[derive(Debug)]
pub struct Export {
    /// When it was exported.
    pub exported_at: Timestamp,
    /// The identity.
    pub identity: Identity,
    /// Its credentials; the caller of this use-case must leave the secrets out.
    pub credentials: Vec<Credential>,
    /// Its second factors; the same goes for them.
    pub factors: Vec<Factor>,
    /// The accounts at identity providers that it logs in with.
    pub links: Vec<ProviderLink>,
    /// Its usable sessions.
    pub sessions: Vec<Session>,
    /// The devices that it has logged in from.
    pub devices: Vec<MyDevice>,
    /// The events by or about it, oldest first.
    pub events: Vec<AuditEvent>,
}

impl Kayan {
    /// Exports everything the database holds about the caller. The export itself is audited first.
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
        let factors = self.store.factors.factors(tenant, id).await?;
        let links = self.store.credentials.links(tenant, id).await?;
        let sessions = self.store.sessions.sessions(tenant, id, now).await?;
        let devices = self.devices_of(caller, &me, now).await?;
        let events = self.store.audit.events_about(tenant, id).await?;
        Ok(Export {
            exported_at: now,
            identity: me.identity.clone(),
            credentials: password.into_iter().collect(),
            factors,
            links,
            sessions,
            devices,
            events,
        })
    }
}

#[cfg(test)]
mod tests;
