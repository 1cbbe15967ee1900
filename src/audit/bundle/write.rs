//! Writes a bundle.

use std::{borrow::Cow, io::Write};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use kayan_ports::{Position, Seal, TenantId, TrailEvent, timestamp};

use super::{EventRecord, FORMAT, Record, SealRecord, Text};
use crate::{Failure, Kayan, audit::verify::FOREVER, policy::seal::to_text};

/// How many seals are read at once.
const SEALS: u32 = 4;

/// Why the bundle was not written completely.
#[derive(Debug, thiserror::Error)]
pub enum ExportBundleError {
    /// It could not be written.
    #[error("the bundle can't be written: {0}")]
    Write(#[from] std::io::Error),
    /// The trail could not be read.
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// The contents of a bundle.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Exported {
    /// Tenants with a trail.
    pub tenants: u64,
    /// Their seals.
    pub seals: u64,
    /// Their events.
    pub events: u64,
}

impl Kayan {
    /// Writes a bundle of one tenant's trail or of all; `keys` are the public keys to name in it. Reads and writes a
    /// page at a time.
    pub async fn export_bundle(
        &self,
        tenant: Option<&TenantId>,
        keys: &[[u8; 32]],
        out: &mut (dyn Write + Send),
    ) -> Result<Exported, ExportBundleError> {
        let mut writer = Writer { kayan: self, out, done: Exported::default() };
        writer.line(&Record::Bundle {
            format: FORMAT.to_owned(),
            exported_at: timestamp::micros(self.clock.now()),
            public_keys: keys.iter().map(to_text).collect(),
        })?;
        let mut next = match tenant {
            Some(tenant) => Some(tenant.clone()),
            None => self.store.seals.next_trail(None).await?,
        };
        while let Some(one) = next {
            writer.trail(&one).await?;
            next = if tenant.is_some() { None } else { self.store.seals.next_trail(Some(&one)).await? };
        }
        let Exported { tenants, seals, events } = writer.done;
        writer.line(&Record::End { tenants, seals, events })?;
        Ok(writer.done)
    }
}

struct Writer<'a> {
    kayan: &'a Kayan,
    out: &'a mut (dyn Write + Send),
    done: Exported,
}

impl Writer<'_> {
    async fn trail(&mut self, tenant: &TenantId) -> Result<(), ExportBundleError> {
        self.done.tenants += 1;
        let (mut number, mut end) = (i64::MIN, None);
        loop {
            let seals = self.kayan.store.seals.seals(tenant, number, SEALS).await?;
            for seal in &seals {
                self.line(&Record::Seal(seal_record(seal)))?;
                self.done.seals += 1;
                self.events(tenant, end, seal.last).await?;
                (number, end) = (seal.number, Some(seal.last));
            }
            if seals.is_empty() {
                break;
            }
        }
        self.line(&Record::Unsealed { tenant_id: tenant.clone() })?;
        self.events(tenant, end, FOREVER).await
    }

    async fn events(
        &mut self,
        tenant: &TenantId,
        mut after: Option<Position>,
        until: Position,
    ) -> Result<(), ExportBundleError> {
        loop {
            let page = self.kayan.page(tenant, after, until).await?;
            for event in &page {
                self.line(&Record::Event(event_record(event)))?;
                self.done.events += 1;
            }
            match page.last() {
                Some(last) => after = Some(last.position()),
                None => return Ok(()),
            }
        }
    }

    fn line(&mut self, record: &Record<'_>) -> Result<(), ExportBundleError> {
        serde_json::to_writer(&mut *self.out, record).map_err(std::io::Error::from)?;
        Ok(self.out.write_all(b"\n")?)
    }
}

fn seal_record(seal: &Seal) -> SealRecord<'_> {
    let text = |bytes: &[u8]| Text(Cow::Owned(BASE64_URL_SAFE_NO_PAD.encode(bytes)));
    SealRecord {
        tenant_id: seal.tenant.clone(),
        number: seal.number,
        last_at: timestamp::micros(seal.last.at),
        last_id: seal.last.id.0,
        root: text(&seal.root),
        previous: text(&seal.previous),
        sealed_at: timestamp::micros(seal.sealed_at),
        public_key: text(&seal.public_key),
        signature: text(&seal.signature),
        entries: text(&seal.entries),
    }
}

fn event_record(event: &TrailEvent) -> EventRecord<'_> {
    EventRecord {
        id: event.id.0,
        created_at: timestamp::micros(event.created_at),
        tenant_id: text(event.tenant.as_str()),
        kind: text(&event.kind),
        status: text(&event.outcome),
        actor: event.actor.as_deref().map(text),
        subject: event.subject.as_deref().map(text),
        message: text(&event.message),
        metadata: text(&event.metadata),
        ip_address: event.ip.as_deref().map(text),
        user_agent: event.user_agent.as_deref().map(text),
        session_id: event.session.map(|id| id.0),
        resource: event.resource.as_deref().map(text),
        old_value: event.old_value.as_deref().map(text),
        new_value: event.new_value.as_deref().map(text),
        risk_score: event.risk,
        request_id: event.request_id.as_deref().map(text),
    }
}

fn text(text: &str) -> Text<'_> {
    Text(Cow::Borrowed(text))
}
