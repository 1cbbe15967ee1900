//! Tests of the contents of an export.

use kayan_ports::{Client, EventId, EventType, Outcome, SessionId, TenantId};
use serde_json::{Map, Value, json};
use time::macros::datetime;
use uuid::Uuid;

use super::*;

fn event() -> AuditEvent {
    AuditEvent {
        id: EventId(Uuid::from_u128(7)),
        tenant: TenantId::default(),
        kind: EventType::LoginFailure,
        outcome: Outcome::Failure,
        actor: None,
        subject: Some("anna".to_owned()),
        message: "a, \"b\"\r\nand «c» 🎉".to_owned(),
        metadata: Map::from_iter([("method".to_owned(), json!("password"))]),
        client: Client { ip: Some("192.0.2.1".to_owned()), user_agent: None },
        session: Some(SessionId(Uuid::from_u128(8))),
        resource: Some(String::new()),
        old_value: None,
        new_value: Some(json!({ "state": "active" })),
        risk: 20,
        request_id: None,
        created_at: datetime!(2026-11-25 18:00:00.000001 UTC),
    }
}

fn written(format: ExportFormat, pages: &[&[AuditEvent]]) -> String {
    let (mut writer, mut text) = (EventWriter::new(format), Vec::new());
    for page in pages {
        writer.write(page, &mut text).unwrap();
    }
    writer.end(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn json_is_one_array_whatever_the_pages() {
    for (pages, count) in [
        (&[][..], 0),
        (&[&[][..]], 0),
        (&[&[event()][..]], 1),
        (&[&[event(), event()][..], &[][..], &[event()][..]], 3),
    ] {
        let array: Vec<Value> = serde_json::from_str(&written(ExportFormat::Json, pages)).unwrap();
        assert_eq!(array, vec![serde_json::to_value(event()).unwrap(); count]);
    }
}

#[test]
fn ndjson_is_one_object_in_each_line() {
    let text = written(ExportFormat::Ndjson, &[&[event(), event()], &[event()]]);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, vec![serde_json::to_value(event()).unwrap(); 3]);
    assert!(text.ends_with('\n'));
    assert_eq!(written(ExportFormat::Ndjson, &[&[]]), "");
}

fn records(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

#[test]
fn csv_has_one_header_and_every_field() {
    assert_eq!(records(&written(ExportFormat::Csv, &[])), [HEADER.map(str::to_owned).to_vec()]);
    let text = written(ExportFormat::Csv, &[&[event()], &[event()]]);
    assert!(text.starts_with("id,type,") && text.ends_with("\r\n"), "{text}");
    let lines = records(&text);
    assert_eq!(lines.len(), 3);
    let Value::Object(fields) = serde_json::to_value(event()).unwrap() else { panic!("an object") };
    for (name, cell) in HEADER.iter().zip(&lines[2]) {
        let expected = match &fields[*name] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        assert_eq!(*cell, expected, "{name}");
    }
    assert_eq!(fields.len(), HEADER.len());
}

#[test]
fn i_35_no_cell_is_a_formula() {
    for begin in ['=', '+', '-', '@', '\t', '\r'] {
        let evil = format!("{begin}HYPERLINK(\"http://evil.example\")");
        let mut event = event();
        let texts = [&mut event.actor, &mut event.subject, &mut event.resource, &mut event.request_id];
        for text in texts {
            *text = Some(evil.clone());
        }
        event.client = Client { ip: Some(evil.clone()), user_agent: Some(evil.clone()) };
        event.message.clone_from(&evil);
        event.new_value = Some(json!(-1));
        let text = written(ExportFormat::Csv, &[&[event]]);
        let cells = records(&text).remove(1);
        assert_eq!(cells.iter().filter(|cell| **cell == format!("'{evil}")).count(), 7);
        for cell in cells {
            assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']), "{cell:?}");
        }
    }
}
