//! Verifies a bundle: reads its lines, and reports on each tenant.

use std::collections::BTreeSet;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use kayan_ports::{EventId, Position, Seal, TenantId, timestamp};

use super::{EventRecord, FORMAT, Record, SealRecord, Text};
use crate::{
    audit::verify::VerifyTrail,
    policy::seal::{Chain, Entry, Fields, Inspected, Present, TrailReport, from_text, inspect, purged_before},
};

/// How many events beyond those that a seal covers are kept, to say what is wrong.
const SLACK: usize = 4_096;

/// Why a text is not a bundle, or so damaged that its contents can't be verified.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BundleError {
    /// The line, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub why: String,
}

/// A parsed line, with all checks done that need no other line.
#[derive(Debug)]
pub enum Line {
    /// The first line, and the public keys that it names.
    Bundle(Vec<[u8; 32]>),
    /// A seal.
    Seal(Box<(Seal, Inspected)>),
    /// An event.
    Event(Present),
    /// The events that follow are after their tenant's last seal.
    Unsealed(TenantId),
    /// The last line: how many tenants, seals and events there should be.
    End([u64; 3]),
}

/// Parses a line. Lines are independent of each other, so they can be parsed in parallel.
pub fn parse(line: &[u8]) -> Result<Line, String> {
    let record: Record<'_> = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    match record {
        Record::Event(event) => Ok(Line::Event(present(&event))),
        Record::Seal(record) => {
            let seal = seal(record).ok_or("the bytes or times of a seal can't be read")?;
            let inspected = inspect(&seal);
            Ok(Line::Seal(Box::new((seal, inspected))))
        }
        Record::Unsealed { tenant_id } => Ok(Line::Unsealed(tenant_id)),
        Record::End { tenants, seals, events } => Ok(Line::End([tenants, seals, events])),
        Record::Bundle { format, .. } if format != FORMAT => Err(format!("the format is {format:?}, not {FORMAT:?}")),
        Record::Bundle { public_keys, .. } => {
            let keys: Option<Vec<_>> = public_keys.iter().map(|key| from_text(key)).collect();
            Ok(Line::Bundle(keys.ok_or("a public key is not 32 bytes of base64url")?))
        }
    }
}

fn present(event: &EventRecord<'_>) -> Present {
    let fields = Fields {
        id: event.id,
        created_at: event.created_at,
        tenant: &event.tenant_id.0,
        kind: &event.kind.0,
        outcome: &event.status.0,
        actor: event.actor.as_ref().map(Text::as_str),
        subject: event.subject.as_ref().map(Text::as_str),
        message: &event.message.0,
        metadata: &event.metadata.0,
        ip: event.ip_address.as_ref().map(Text::as_str),
        user_agent: event.user_agent.as_ref().map(Text::as_str),
        session: event.session_id,
        resource: event.resource.as_ref().map(Text::as_str),
        old_value: event.old_value.as_ref().map(Text::as_str),
        new_value: event.new_value.as_ref().map(Text::as_str),
        risk: event.risk_score,
        request_id: event.request_id.as_ref().map(Text::as_str),
    };
    Present { entry: Entry::of(&fields), purged_before: purged_before(&event.kind.0, &event.metadata.0) }
}

fn seal(record: SealRecord<'_>) -> Option<Seal> {
    let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok();
    Some(Seal {
        number: record.number,
        last: Position { at: timestamp::from_micros(record.last_at)?, id: EventId(record.last_id) },
        entries: bytes(&record.entries.0)?,
        root: bytes(&record.root.0)?.try_into().ok()?,
        previous: bytes(&record.previous.0)?.try_into().ok()?,
        sealed_at: timestamp::from_micros(record.sealed_at)?,
        public_key: bytes(&record.public_key.0)?.try_into().ok()?,
        signature: bytes(&record.signature.0)?,
        tenant: record.tenant_id,
    })
}

/// What was read of a tenant so far.
struct Trail<'a> {
    chain: Chain<'a>,
    /// The seal whose events follow; `None`: those after the last one.
    open: Option<Box<(Seal, Inspected)>>,
    present: Vec<Present>,
}

impl Trail<'_> {
    /// The events of a seal, or those after the last one, are complete.
    fn close(&mut self) {
        match self.open.take() {
            Some(open) => self.chain.add(&open.0, &open.1, &self.present),
            None => self.chain.add_unsealed(&self.present),
        }
        self.present.clear();
    }

    fn add(&mut self, event: Present) {
        let enough = match &self.open {
            Some(open) => open.0.entries.len() / crate::policy::seal::ENTRY + SLACK,
            None => SLACK,
        };
        match (self.present.len() < enough, &self.open) {
            (true, _) => self.present.push(event),
            // Far too many events: those kept already show which is the first one too many.
            (false, Some(_)) => {}
            (false, None) => {
                self.close();
                self.present.push(event);
            }
        }
    }
}

/// Takes a bundle's lines in order; keeps at most one seal's events in memory.
pub struct BundleReader<'a> {
    cmd: &'a VerifyTrail,
    seen: BTreeSet<TenantId>,
    trail: Option<Trail<'a>>,
    reports: Vec<TrailReport>,
    line: u64,
    /// Tenants, seals and events so far.
    counts: [u64; 3],
    /// What the end line said.
    ended: Option<[u64; 3]>,
}

impl<'a> BundleReader<'a> {
    /// The caller decides which keys to trust: those named in the bundle only prove that it is consistent in itself.
    pub fn new(cmd: &'a VerifyTrail) -> Self {
        Self { cmd, seen: BTreeSet::new(), trail: None, reports: Vec::new(), line: 0, counts: [0; 3], ended: None }
    }

    /// Takes the next line.
    pub fn take(&mut self, line: Result<Line, String>) -> Result<(), BundleError> {
        self.line += 1;
        line.and_then(|line| self.read(line)).map_err(|why| BundleError { line: self.line, why })
    }

    /// Ends the bundle. Returns the reports and, if the bundle was cut off or lines were added or removed, the error of
    /// the bundle as a whole.
    pub fn finish(mut self) -> (Vec<TrailReport>, Option<BundleError>) {
        self.end_trail();
        let lost: Vec<_> = self.cmd.lost(&self.reports).collect();
        self.reports.extend(lost);
        let why = match self.ended {
            None => Some("the bundle is incomplete: its end line is missing".to_owned()),
            Some(counts) if counts == self.counts => None,
            Some([tenants, seals, events]) => Some(format!(
                "there should be {events} events and {seals} seals of {tenants} tenants: lines were added or removed"
            )),
        };
        let line = self.line + u64::from(self.ended.is_none());
        (self.reports, why.map(|why| BundleError { line, why }))
    }

    fn read(&mut self, line: Line) -> Result<(), String> {
        if (self.line == 1) != matches!(line, Line::Bundle(_)) {
            return Err("a bundle has exactly one `bundle` line, the first".to_owned());
        }
        if self.ended.is_some() {
            return Err("there are lines after the `end` line".to_owned());
        }
        let [_, seals, events] = &mut self.counts;
        match line {
            Line::Bundle(_) => {}
            Line::Event(event) => {
                *events += 1;
                self.trail.as_mut().ok_or("an event comes before any seal")?.add(event);
            }
            Line::Seal(seal) => {
                *seals += 1;
                let trail = self.enter(&seal.0.tenant.clone())?;
                trail.open = Some(seal);
            }
            Line::Unsealed(tenant) => drop(self.enter(&tenant)?),
            Line::End(counts) => self.ended = Some(counts),
        }
        Ok(())
    }

    /// The tenant of the lines from here on; closes the trail before it.
    fn enter(&mut self, tenant: &TenantId) -> Result<&mut Trail<'a>, String> {
        if self.trail.as_ref().is_some_and(|trail| trail.chain.tenant() == tenant) {
            self.trail.iter_mut().for_each(Trail::close);
        } else {
            self.end_trail();
            if !self.seen.insert(tenant.clone()) {
                return Err(format!("the trail of {tenant} is in two places"));
            }
            let [tenants, ..] = &mut self.counts;
            *tenants += 1;
            let expected = self.cmd.expected.get(tenant).copied();
            let chain = Chain::new(tenant.clone(), &self.cmd.keys, expected);
            self.trail = Some(Trail { chain, open: None, present: Vec::new() });
        }
        self.trail.as_mut().ok_or_else(String::new)
    }

    fn end_trail(&mut self) {
        if let Some(mut trail) = self.trail.take() {
            trail.close();
            let wanted = self.cmd.tenant.as_ref().is_none_or(|only| only == trail.chain.tenant());
            let report = trail.chain.finish();
            self.reports.extend(wanted.then_some(report));
        }
    }
}

#[cfg(test)]
mod tests;
