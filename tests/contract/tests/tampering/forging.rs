//! The ways to tamper, one for each seed.

use kayan_core::policy::seal::{Finding, What, make};
use kayan_fakes::SeededEntropy;
use kayan_ports::{AuditEvent, Change, Commit, Entropy, EventId, Seal, SealChange, TenantId, TrailEvent};
use kayan_sql::{Driver, Value};
use time::Duration;
use uuid::Uuid;

use crate::stage::{Stage, Trail, forgers_key, make as make_event};

/// What was done, and what it may be called.
pub(crate) struct Forged {
    pub(crate) told: String,
    /// Whose trails may be found to be wrong.
    pub(crate) tenants: Vec<TenantId>,
    /// Whose last seal the auditor remembers.
    pub(crate) expected: Vec<TenantId>,
    /// The events of which one must be named; none: it is about a seal.
    events: Vec<Uuid>,
    kinds: &'static [&'static str],
    /// The seals of which one must be named.
    seals: Vec<i64>,
}

impl Forged {
    fn of(trail: &Trail, told: String) -> Self {
        let tenants = vec![trail.tenant.clone()];
        Self { told, tenants, expected: Vec::new(), events: Vec::new(), kinds: &[], seals: Vec::new() }
    }

    pub(crate) fn is_named(&self, Finding { seal, what }: &Finding) -> bool {
        let named = what.event().map_or(self.events.is_empty(), |event| self.events.contains(&event));
        let placed = self.seals.is_empty() || self.seals.contains(seal);
        named && placed && self.kinds.contains(&what.kind()) && !matches!(what, What::Unreadable(_))
    }
}

/// Chance that is the same in every run.
struct Chance(SeededEntropy);

impl Chance {
    fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % bound as u64).unwrap()
    }

    fn uuid(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.0.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn one_of<'a, T>(&self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

pub(crate) async fn forge<D: Driver>(stage: &Stage<D>, seed: u64) -> Forged {
    let chance = Chance(SeededEntropy::new(seed));
    let trail = chance.one_of(&stage.trails);
    match chance.below(10) {
        0..=3 => edit(stage, trail, &chance).await,
        4 => delete(stage, trail, &chance).await,
        5 => insert(stage, trail, &chance).await,
        6 => swap(stage, trail, &chance).await,
        7 => edit_seal(stage, trail, &chance).await,
        8 => remove_seals(stage, trail, &chance).await,
        _ => forge_seal(stage, trail, &chance).await,
    }
}

fn text(text: &str) -> Value {
    Value::text(text)
}

async fn set<D: Driver>(stage: &Stage<D>, event: &TrailEvent, column: &str, value: Value) {
    let sql = format!("UPDATE audit_events SET {column} = ? WHERE created_at = ? AND id = ?");
    stage.run(&sql, vec![value, event.created_at.into(), event.id.0.into()]).await;
}

/// One field says something else.
async fn edit<D: Driver>(stage: &Stage<D>, trail: &Trail, chance: &Chance) -> Forged {
    let event = chance.one_of(&trail.events);
    let other = |old: Option<&str>| match (old, chance.below(3)) {
        (Some(old), 0) => text(&format!("{old} ")),
        (Some(_), 1) | (None, 0) => text(""),
        (Some(_), _) => Value::Null,
        (None, _) => text("x"),
    };
    let required = |old: &str| if chance.below(2) == 0 { text(&old[1..]) } else { text(&old.to_uppercase()) };
    let json = |old: Option<&str>| match (old, chance.below(2)) {
        (Some(old), 0) => Value::Json(format!("{old} ")),
        (Some(_), _) => Value::Null,
        (None, _) => Value::Json("{}".to_owned()),
    };
    let moved = Duration::microseconds(i64::try_from(chance.below(40_000_000)).unwrap() - 20_000_000);
    let (mut events, mut kinds): (Vec<Uuid>, &'static [&'static str]) = (vec![event.id.0], &["edited"]);
    let mut forged = Forged::of(trail, String::new());
    let (column, value) = match chance.below(17) {
        0 => ("type", required(&event.kind)),
        1 => ("status", text(if event.outcome == "success" { "failure" } else { "success" })),
        2 => ("actor", other(event.actor.as_deref())),
        3 => ("subject", other(event.subject.as_deref())),
        4 => ("message", required(&event.message)),
        5 => ("metadata", Value::Json(event.metadata.replacen('{', "{ ", 1))),
        6 => ("ip_address", other(event.ip.as_deref())),
        7 => ("user_agent", other(event.user_agent.as_deref())),
        8 => ("session_id", event.session.map_or(Value::Uuid(chance.uuid()), |_| Value::Null)),
        9 => ("resource", other(event.resource.as_deref())),
        10 => ("old_value", json(event.old_value.as_deref())),
        11 => ("new_value", json(event.new_value.as_deref())),
        12 => ("risk_score", Value::Int((event.risk + 1) % 101)),
        13 => ("request_id", other(event.request_id.as_deref())),
        14 => {
            let id = chance.uuid();
            events.push(id);
            kinds = &["inserted", "removed"];
            ("id", id.into())
        }
        15 => {
            let to = stage.trails.iter().find(|other| other.tenant != trail.tenant).unwrap();
            forged.tenants.push(to.tenant.clone());
            kinds = &["inserted", "removed"];
            ("tenant_id", text(to.tenant.as_str()))
        }
        _ => {
            kinds = &["edited", "inserted", "removed"];
            ("created_at", (event.created_at + moved + Duration::microseconds(i64::from(moved.is_zero()))).into())
        }
    };
    let told = format!("{column} of {} set to {value:?}", event.id);
    set(stage, event, column, value).await;
    Forged { told, events, kinds, ..forged }
}

/// One event, or some that follow each other, from the beginning, the middle or up to the end.
async fn delete<D: Driver>(stage: &Stage<D>, trail: &Trail, chance: &Chance) -> Forged {
    let count = if chance.below(2) == 0 { 1 } else { 1 + chance.below(trail.events.len()) };
    let from = match chance.below(3) {
        0 => 0,
        1 => trail.events.len() - count,
        _ => chance.below(trail.events.len() - count + 1),
    };
    let gone = &trail.events[from..from + count];
    for event in gone {
        stage.delete(&trail.tenant, event.id).await;
    }
    let events = gone.iter().map(|event| event.id.0).collect();
    let forged = Forged::of(trail, format!("{count} events from {from} on deleted"));
    Forged { events, kinds: &["removed"], ..forged }
}

/// An event that never was, at a moment at which others were or between them.
async fn insert<D: Driver>(stage: &Stage<D>, trail: &Trail, chance: &Chance) -> Forged {
    let (like, id, last) = (chance.one_of(&trail.events), chance.uuid(), trail.events.last().unwrap());
    let at = like.created_at - Duration::microseconds(i64::try_from(chance.below(3)).unwrap() * 400_000);
    // At the very end it would be one of those that are not sealed yet.
    let at = if (at, id) > (last.created_at, last.id.0) { at - Duration::SECOND } else { at };
    let event = AuditEvent { id: EventId(id), created_at: at, ..make_event(&trail.tenant, 77, at) };
    stage.store.commit(vec![Change::Record(Box::new(event))]).await.unwrap();
    let forged = Forged::of(trail, format!("{id} inserted at {at}"));
    Forged { events: vec![id], kinds: &["inserted"], ..forged }
}

/// Two events change places, or what they say.
async fn swap<D: Driver>(stage: &Stage<D>, trail: &Trail, chance: &Chance) -> Forged {
    let (one, other) = loop {
        let (one, other) = (chance.one_of(&trail.events), chance.one_of(&trail.events));
        if one.created_at < other.created_at {
            break (one, other);
        }
    };
    let (told, kinds): (_, &'static [&'static str]) = if chance.below(2) == 0 {
        set(stage, one, "message", text(&other.message)).await;
        set(stage, other, "message", text(&one.message)).await;
        ("messages", &["edited"])
    } else {
        let nobody = chance.uuid();
        set(stage, one, "id", nobody.into()).await;
        set(stage, other, "id", one.id.0.into()).await;
        let sql = "UPDATE audit_events SET id = ? WHERE id = ?";
        stage.run(sql, vec![other.id.0.into(), nobody.into()]).await;
        ("ids", &["edited", "inserted", "removed"])
    };
    let forged = Forged::of(trail, format!("{told} of {} and {} swapped", one.id, other.id));
    Forged { events: vec![one.id.0, other.id.0], kinds, ..forged }
}

async fn set_of_seal<D: Driver>(stage: &Stage<D>, seal: &Seal, column: &str, value: Value) {
    let sql = format!("UPDATE audit_seals SET {column} = ? WHERE tenant_id = ? AND number = ?");
    stage.run(&sql, vec![value, text(seal.tenant.as_str()), seal.number.into()]).await;
}

/// One field of a seal says something else.
async fn edit_seal<D: Driver>(stage: &Stage<D>, trail: &Trail, chance: &Chance) -> Forged {
    let seal = chance.one_of(&trail.seals);
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let at = chance.below(bytes.len());
        bytes[at] ^= 1 << chance.below(8);
        Value::Bytes(bytes)
    };
    let mut kinds: &'static [&'static str] = &["bad_signature"];
    let mut seals = vec![seal.number];
    let (column, value) = match chance.below(9) {
        0 => {
            kinds = &["bad_entries"];
            ("entries", flipped(&seal.entries))
        }
        1 => ("entries", Value::Bytes(seal.entries[..seal.entries.len() - 1 - chance.below(60)].to_vec())),
        2 => ("root", flipped(&seal.root)),
        3 => ("previous", flipped(&seal.previous)),
        4 => {
            kinds = &["unknown_key"];
            ("public_key", flipped(&seal.public_key))
        }
        5 => ("signature", flipped(&seal.signature)),
        6 => ("sealed_at", (seal.sealed_at + Duration::MICROSECOND).into()),
        7 => {
            // The signature is over the number: it is wrong, too, once it is looked at.
            kinds = &["bad_signature", "bad_number"];
            let number = i64::try_from(chance.below(40)).unwrap() - 20;
            let number = if (1..=20).contains(&number) { number + 100 } else { number };
            seals = vec![number, seal.number + 1, seal.number];
            ("number", number.into())
        }
        _ => {
            let at = seal.last.at - Duration::microseconds(i64::try_from(1 + chance.below(1_000)).unwrap());
            ("last_at", at.into())
        }
    };
    set_of_seal(stage, seal, column, value).await;
    let mut forged = Forged::of(trail, format!("{column} of seal {} edited", seal.number));
    // The last one, gone from its place, leaves a chain that is merely shorter.
    forged.expected = vec![trail.tenant.clone()];
    Forged { kinds, seals, ..forged }
}

/// One seal, some from the beginning, or some up to the end: only a reader who has seen them can miss them.
async fn remove_seals<D: Driver>(stage: &Stage<D>, trail: &Trail, chance: &Chance) -> Forged {
    let last = trail.seals.len();
    let number = |place: usize| i64::try_from(place).unwrap();
    let (from, to) = match chance.below(3) {
        0 => (1, 1 + chance.below(last)),
        1 => (1 + chance.below(last), last),
        _ => {
            let one = 1 + chance.below(last);
            (one, one)
        }
    };
    let params = vec![text(trail.tenant.as_str()), number(from).into(), number(to).into()];
    stage.run("DELETE FROM audit_seals WHERE tenant_id = ? AND number BETWEEN ? AND ?", params).await;
    let forged = Forged::of(trail, format!("seals {from} to {to} removed"));
    let seals = vec![number(from) - 1, number(to) + 1];
    Forged { expected: vec![trail.tenant.clone()], kinds: &["bad_number", "truncated"], seals, ..forged }
}

/// An event is edited and all is sealed anew, with a key of one's own; or another seal is put at the end.
async fn forge_seal<D: Driver>(stage: &Stage<D>, trail: &Trail, chance: &Chance) -> Forged {
    let key = forgers_key();
    let at = chance.below(trail.seals.len());
    let seal = &trail.seals[at];
    let before = at.checked_sub(1).map(|before| &trail.seals[before]);
    let after = before.map(|before| before.last);
    let mut under: Vec<_> =
        trail.events.iter().filter(|event| after.is_none_or(|after| event.position() > after)).cloned().collect();
    under.retain(|event| event.position() <= seal.last);
    let kinds: &'static [&'static str] = if chance.below(3) == 0 {
        // With the right name on it.
        under[0].message.push('!');
        let mut forged = make(before, &under, seal.sealed_at, &key).unwrap();
        forged.public_key = seal.public_key;
        replace(stage, forged).await;
        &["bad_signature"]
    } else {
        under[0].message.push('!');
        replace(stage, make(before, &under, seal.sealed_at, &key).unwrap()).await;
        &["unknown_key"]
    };
    set(stage, &under[0], "message", text(&under[0].message)).await;
    let forged = Forged::of(trail, format!("seal {} forged", seal.number));
    Forged { kinds, seals: vec![seal.number], ..forged }
}

async fn replace<D: Driver>(stage: &Stage<D>, seal: Seal) {
    let params = vec![text(seal.tenant.as_str()), seal.number.into()];
    stage.run("DELETE FROM audit_seals WHERE tenant_id = ? AND number = ?", params).await;
    stage.store.commit(vec![Change::Seal(SealChange::Add(Box::new(seal)))]).await.unwrap();
}
