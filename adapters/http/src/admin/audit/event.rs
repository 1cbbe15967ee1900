//! The schema of an audit event, as in the audit log and in exports.

use std::borrow::Cow;

use kayan_ports::{AuditEvent, EventType};
use poem_openapi::{
    registry::{MetaSchema, MetaSchemaRef, Registry},
    types::Type,
};
use serde::Serialize;

/// A page of the audit trail.
#[derive(Serialize)]
pub(super) struct EventList {
    /// The events.
    pub(super) data: Vec<AuditEvent>,
    /// The cursor of the next page, if there is one.
    pub(super) next_cursor: Option<String>,
}

const EVENT: &str = "AuditEvent";
const LIST: &str = "AuditEventList";

/// The members of an event: their type, their format, whether they are `null` at times, and what they mean.
const MEMBERS: [(&str, &str, Option<&str>, bool, &str); 17] = [
    ("id", "string", Some("uuid"), false, "The id of the event, a UUIDv7."),
    ("type", "string", None, false, "The type of the event."),
    ("tenant_id", "string", None, false, "The tenant that the event belongs to."),
    ("actor", "string", None, true, "Who caused the event: a user's id, or a name such as `cli`; `null` if unknown."),
    ("subject", "string", None, true, "The id of the user that the event is about."),
    ("status", "string", None, false, "The outcome."),
    ("message", "string", None, false, "A description of the event in a sentence."),
    ("metadata", "object", None, false, "Details that depend on the type."),
    ("ip_address", "string", None, true, "The client's IP address."),
    ("user_agent", "string", None, true, "The client's `User-Agent`."),
    ("session_id", "string", Some("uuid"), true, "The session in which the event happened, or that it is about."),
    ("resource", "string", None, true, "The resource that was changed, such as `session/0190…`."),
    ("old_value", "", None, false, "The value before the change, without secrets; `null` if there was none."),
    ("new_value", "", None, false, "The value after the change, without secrets; `null` if there is none."),
    ("risk_score", "integer", None, false, "The risk of the event, from 0 to 100."),
    ("request_id", "string", None, true, "The id of the request that caused the event."),
    ("created_at", "string", Some("date-time"), false, "When the event happened."),
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
        description: Some("An event of the audit trail."),
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
                description: Some("The `cursor` of the next page; `null` on the last one."),
                ..MetaSchema::new("string")
            };
            let inline = |schema| MetaSchemaRef::Inline(Box::new(schema));
            MetaSchema {
                description: Some("A page of the audit trail."),
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
