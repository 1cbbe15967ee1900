//! What the bytes are, and that no two events share them.

use kayan_ports::{Seal, TrailEvent};
use time::macros::datetime;
use uuid::Uuid;

use super::*;

fn key() -> SealKey {
    SealKey::from_seed(&[7; 32]).unwrap()
}

fn full() -> TrailEvent {
    let text = |text: &str| Some(text.to_owned());
    TrailEvent {
        id: kayan_ports::EventId(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001)),
        tenant: kayan_ports::TenantId::default(),
        kind: "auth.login.success".to_owned(),
        outcome: "success".to_owned(),
        actor: text("ada"),
        subject: text("bob"),
        message: "Ada logged in; «willkommen» 🎉".to_owned(),
        metadata: "{\"method\":\"password\",\"tries\":1.50}".to_owned(),
        ip: text("2001:db8::1"),
        user_agent: text("a browser"),
        session: Some(kayan_ports::SessionId(Uuid::from_u128(2))),
        resource: text("session/2"),
        old_value: text("{}"),
        new_value: text("null"),
        risk: 30,
        request_id: text("req-1"),
        created_at: datetime!(2026-03-01 12:00:00.123456 UTC),
    }
}

fn bare() -> TrailEvent {
    TrailEvent {
        actor: None,
        subject: None,
        ip: None,
        user_agent: None,
        session: None,
        resource: None,
        old_value: None,
        new_value: None,
        request_id: None,
        ..full()
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// What was sealed years ago must still be what it was.
#[test]
fn the_encoding_stays_what_it_is() {
    let digests = [full(), bare()].map(|event| hex(&Fields::of(&event).digest()));
    let seal = make(None, &[bare(), full()], datetime!(2026-03-01 13:00 UTC), &key()).unwrap();
    let next = make(Some(&seal), &[full()], datetime!(2026-03-01 14:00 UTC), &key()).unwrap();
    let found = [digests[0].clone(), digests[1].clone(), hex(&seal.root), hex(&hash(&seal)), hex(&hash(&next))];
    assert_eq!(found, GOLDEN);
    assert_eq!(hex(&next.signature), SIGNATURE);
}

/// Made with another program, in another language, from what the comments say.
const GOLDEN: [&str; 5] = [
    "6d4f32cdf5081b277ff84ea335513bab4fc61286d7b74a096c6707864f56cfe6",
    "4165d80be20c2037a0402a0df995d46b8244c38961207eb39e8b93fd1ea27bdf",
    "4c8a454baa2365fa571facf6ee48f9738c0369b41ae0e475ca3dd600bcd9b20d",
    "4a935e50c4193ede91d5ed3b255d1b1e60609bf41500efd470486b2cc1a744ca",
    "c7911e7abf11b04b01d89ed3f3c58a475cda0efeeef6d3369239c4a370346824",
];
const SIGNATURE: &str = concat!(
    "92e24563a35254012291c60a29e207ec5604f09f2deb35a94828fc160fb8510b",
    "6c7c718ba75dbeb4fb4cd1d3c1a854bc0c9b086b8cbf69cea97b603fbcd1e509"
);

type Change = fn(&mut TrailEvent);

/// Every way in which one field can differ from a full event's, and from a bare one's.
const CHANGES: [Change; 42] = [
    |event| event.id.0 = Uuid::from_u128(9),
    |event| event.tenant = "other".parse().unwrap(),
    |event| event.kind.push('x'),
    |event| event.kind.clear(),
    |event| event.outcome = "failure".to_owned(),
    |event| event.outcome.clear(),
    |event| event.actor = Some(String::new()),
    |event| event.actor = Some("x".to_owned()),
    |event| event.actor = None,
    |event| event.subject = Some(String::new()),
    |event| event.subject = Some("x".to_owned()),
    |event| event.subject = None,
    |event| event.message.push(' '),
    |event| event.message.clear(),
    |event| event.metadata.push(' '),
    |event| event.metadata.clear(),
    |event| event.ip = Some(String::new()),
    |event| event.ip = Some("x".to_owned()),
    |event| event.ip = None,
    |event| event.user_agent = Some(String::new()),
    |event| event.user_agent = Some("x".to_owned()),
    |event| event.user_agent = None,
    |event| event.session = Some(kayan_ports::SessionId(Uuid::nil())),
    |event| event.session = None,
    |event| event.resource = Some(String::new()),
    |event| event.resource = Some("x".to_owned()),
    |event| event.resource = None,
    |event| event.old_value = Some(String::new()),
    |event| event.old_value = Some("x".to_owned()),
    |event| event.old_value = None,
    |event| event.new_value = Some(String::new()),
    |event| event.new_value = Some("x".to_owned()),
    |event| event.new_value = None,
    |event| event.risk += 1,
    |event| event.risk = -1,
    |event| event.request_id = Some(String::new()),
    |event| event.request_id = Some("x".to_owned()),
    |event| event.request_id = None,
    |event| event.created_at += time::Duration::MICROSECOND,
    |event| event.created_at -= time::Duration::MICROSECOND,
    |event| std::mem::swap(&mut event.actor, &mut event.subject),
    // The same letters, parted elsewhere.
    |event| (event.kind, event.outcome) = (format!("{}s", event.kind), "uccess".to_owned()),
];

#[test]
fn whatever_is_changed_changes_the_digest() {
    for event in [full(), bare()] {
        let mut seen = vec![(event.clone(), Fields::of(&event).digest())];
        for change in CHANGES {
            let mut other = event.clone();
            change(&mut other);
            let digest = Fields::of(&other).digest();
            for (event, known) in &seen {
                assert_eq!(*known == digest, *event == other, "{event:?} and {other:?}");
            }
            seen.push((other, digest));
        }
    }
}

#[test]
fn entries_come_back_as_they_went_in() {
    let (one, other) = (Entry::of(&Fields::of(&full())), Entry { at: -5, ..Entry::of(&Fields::of(&bare())) });
    let mut bytes = Vec::new();
    one.write(&mut bytes);
    other.write(&mut bytes);
    bytes.push(1);
    assert_eq!(Entry::all(&bytes), [one, other]);
}

#[test]
fn a_seal_is_good_only_as_its_key_has_signed_it() {
    let twice = make(None, &[bare(), full()], datetime!(2026-03-01 13:00 UTC), &key()).unwrap();
    assert_eq!(inspect(&twice).problem, Some(What::BadEntries), "both stand in the same place");
    let second = TrailEvent { created_at: datetime!(2026-03-01 12:30 UTC), ..bare() };
    let seal = make(None, &[full(), second], datetime!(2026-03-01 13:00 UTC), &key()).unwrap();
    assert_eq!(inspect(&seal).problem, None);
    let wrong: [fn(&mut Seal); 8] = [
        |seal| seal.number += 1,
        |seal| seal.tenant = "other".parse().unwrap(),
        |seal| seal.last.at += time::Duration::MICROSECOND,
        |seal| seal.last.id.0 = Uuid::nil(),
        |seal| seal.root[31] ^= 1,
        |seal| seal.previous[0] ^= 1,
        |seal| seal.sealed_at += time::Duration::MICROSECOND,
        |seal| seal.signature.truncate(63),
    ];
    for (number, change) in wrong.into_iter().enumerate() {
        let mut forged = seal.clone();
        change(&mut forged);
        assert_eq!(inspect(&forged).problem, Some(What::BadSignature), "{number}");
    }
    let mut forged = seal.clone();
    forged.entries[60] ^= 1;
    assert_eq!(inspect(&forged).problem, Some(What::BadEntries));
    let mut foreign = seal;
    foreign.public_key = SealKey::from_seed(&[8; 32]).unwrap().public();
    assert_eq!(inspect(&foreign).problem, Some(What::BadSignature));
}

#[test]
fn keys_and_hashes_are_read_as_they_are_shown() {
    let public = key().public();
    assert_eq!(from_text(&to_text(&public)), Some(public));
    assert_eq!(from_text("AAAA"), None);
    assert!(!format!("{:?}", key()).contains("7, 7"));
}

#[test]
fn only_a_purge_says_what_was_purged() {
    let metadata = "{\"before\":\"1970-01-01T00:00:01.5Z\",\"count\":3}";
    assert_eq!(purged_before("audit.purged", metadata), Some(1_500_000));
    assert_eq!(purged_before("auth.login.success", metadata), None);
    assert_eq!(purged_before("audit.purged", "{\"before\":5}"), None);
    assert_eq!(purged_before("audit.purged", "nonsense"), None);
}
