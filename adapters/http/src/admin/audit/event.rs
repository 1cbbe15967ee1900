//! What the document says of an event: the same as stands in the audit log and in exports.

use std::borrow::Cow;

use kayan_ports::{AuditEvent, EventType};
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;

/// Part of the audit trail.
#[derive(Serialize)]
pub(super) struct EventList {
    /// The events.
    pub(super) data: Vec<AuditEvent>,
    /// Where to go on, unless that was all.
    pub(super) next_cursor: Option<String>,
}

const EVENT: &str = "AuditEvent";
const LIST: &str = "AuditEventList";

/// The members of an event: their type, their format, whether they are `null` at times, and what they mean.
const MEMBERS: [(&str, &str, Option<&str>, bool, &str); 17] = [
    ("id", "string", Some("uuid"), false, "Its id, a UUIDv7."),
    ("type", "string", None, false, "What happened."),
    ("tenant_id", "string", None, false, "The tenant it happened in."),
    ("actor", "string", None, true, "Who did it: a user's id, or a name such as `cli`; `null` when nobody knows."),
    ("subject", "string", None, true, "The user to whom it was done."),
    ("status", "string", None, false, "Whether what was tried came about."),
    ("message", "string", None, false, "It in a sentence."),
    ("metadata", "object", None, false, "More, by type."),
    ("ip_address", "string", None, true, "The client's address."),
    ("user_agent", "string", None, true, "The client's `User-Agent`."),
    ("session_id", "string", Some("uuid"), true, "The session it was done in or to."),
    ("resource", "string", None, true, "What was changed, as in `session/0190…`."),
    ("old_value", "", None, false, "What was there before, secrets left out; `null` where there was nothing."),
    ("new_value", "", None, false, "What is there since, secrets left out; `null` where there is nothing."),
    ("risk_score", "integer", None, false, "How alarming it is, from 0 to 100."),
    ("request_id", "string", None, true, "The request it belongs to."),
    ("created_at", "string", Some("date-time"), false, "When."),
];

/// The schema of an event, which is registered with the list.
pub(super) fn event_ref() -> MetaSchemaRef {
    MetaSchemaRef::Reference(EVENT.to_owned())
}

fn event() -> MetaSchema {
    let member = |(name, ty, format, nullable, description)| {
        let schema = MetaSchema { format, nullable, description: Some(description), ..MetaSchema::new(ty) };
        let schema = match name {
            "type" => {
                MetaSchema { enum_items: EventType::ALL.iter().map(|kind| kind.as_str().into()).collect(), ..schema }
            }
            "status" => MetaSchema { enum_items: vec!["success".into(), "failure".into()], ..schema },
            _ => schema,
        };
        (name, MetaSchemaRef::Inline(Box::new(schema)))
    };
    MetaSchema {
        description: Some("One event of the audit trail."),
        required: MEMBERS.iter().map(|(name, ..)| *name).collect(),
        properties: MEMBERS.map(member).into(),
        ..MetaSchema::new("object")
    }
}

impl Type for EventList {
    const IS_REQUIRED: bool = true;

    type RawValueType = Self;
    type RawElementValueType = Self;

    fn name() -> Cow<'static, str> {
        LIST.into()
    }

    fn schema_ref() -> MetaSchemaRef {
        MetaSchemaRef::Reference(LIST.to_owned())
    }

    fn register(registry: &mut Registry) {
        registry.create_schema::<(Self, AuditEvent), _>(EVENT.to_owned(), |_| event());
        registry.create_schema::<Self, _>(LIST.to_owned(), |_| {
            let events = MetaSchema { items: Some(Box::new(event_ref())), ..MetaSchema::new("array") };
            let cursor = MetaSchema {
                nullable: true,
                description: Some("Where to go on, as `cursor`; `null` if there are no more."),
                ..MetaSchema::new("string")
            };
            let inline = |schema| MetaSchemaRef::Inline(Box::new(schema));
            MetaSchema {
                description: Some("Part of the audit trail."),
                required: vec!["data", "next_cursor"],
                properties: vec![("data", inline(events)), ("next_cursor", inline(cursor))],
                ..MetaSchema::new("object")
            }
        });
    }

    fn as_raw_value(&self) -> Option<&Self> {
        Some(self)
    }

    fn raw_element_iter<'a>(&'a self) -> Box<dyn Iterator<Item = &'a Self> + 'a> {
        Box::new(std::iter::once(self))
    }
}
