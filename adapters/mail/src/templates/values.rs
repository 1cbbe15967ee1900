//! The values that a template gets.

use kayan_ports::{Channel, Failure, MessageKind};
use serde_json::{Map, Value, json};

use crate::message::one_line;

/// The longest value but a link, in characters: most of them are chosen by users, or by strangers.
const LONGEST: usize = 200;
/// The longest name of a service in an SMS, in characters: what is longer costs a second SMS.
const LONGEST_IN_SMS: usize = 20;
/// The longest host in an SMS, in bytes, for the same reason; a longer one is left out.
const LONGEST_HOST: usize = 48;

/// What every message has.
const ALWAYS: [&str; 3] = ["service", "address", "at"];
/// What a mail of any kind may have.
const MAYBE: [&str; 4] = ["name", "ip", "device", "minutes"];
/// The same for an SMS.
const MAYBE_IN_SMS: [&str; 3] = ["ip", "device", "host"];

/// What every mail of a kind has besides.
fn own(kind: MessageKind) -> &'static [&'static str] {
    match kind {
        MessageKind::Verification
        | MessageKind::Recovery
        | MessageKind::MagicLink
        | MessageKind::EmailChange
        | MessageKind::Invitation
        | MessageKind::AccountDeletion => &["link", "minutes"],
        MessageKind::EmailRevert => &["link", "minutes", "new_address"],
        MessageKind::LoginCode | MessageKind::MfaCode => &["code", "minutes"],
        MessageKind::RecoveryCodesLow => &["left"],
        MessageKind::PasswordChanged
        | MessageKind::FactorAdded
        | MessageKind::FactorRemoved
        | MessageKind::AccountLocked
        | MessageKind::NewDevice
        | MessageKind::Test => &[],
    }
}

/// The values as templates get them: each text on one line, and short enough not to hide the rest.
pub(super) fn tidy(values: &Map<String, Value>, channel: Channel) -> Result<Map<String, Value>, Failure> {
    let tidy = |(name, value): (&String, &Value)| Ok((name.clone(), tidied(name, value)?));
    let mut values: Map<_, _> = values.iter().map(tidy).collect::<Result<_, Failure>>()?;
    if channel == Channel::Sms {
        fit_sms(&mut values);
    }
    Ok(values)
}

/// Shortens what would cost a second SMS.
fn fit_sms(values: &mut Map<String, Value>) {
    if let Some(Value::String(service)) = values.get_mut("service") {
        let end = service.char_indices().nth(LONGEST_IN_SMS).map_or(service.len(), |(end, _)| end);
        service.truncate(end);
    }
    let is_long = |host: &Value| host.as_str().is_none_or(|host| host.len() > LONGEST_HOST);
    if values.get("host").is_some_and(is_long) {
        values.remove("host");
    }
}

fn tidied(name: &str, value: &Value) -> Result<Value, Failure> {
    match (name, value) {
        ("minutes" | "left", value) if !value.is_u64() => {
            Err(Failure::Fault(format!("the value {name} of a message is not a whole number")))
        }
        ("link", Value::String(link)) => Ok(Value::String(visible(link))),
        (_, Value::String(text)) => Ok(Value::String(visible(text).chars().take(LONGEST).collect())),
        (_, other) => Ok(other.clone()),
    }
}

/// The text on one line, without what turns the direction of the text around it (UAX #9).
fn visible(text: &str) -> String {
    let turns = |c: &char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}');
    one_line(text).chars().filter(|c| !turns(c)).collect()
}

/// Values to try the templates of a kind with: all that a message may have, and only what each has.
pub(super) fn samples(kind: MessageKind, channel: Channel) -> [Map<String, Value>; 2] {
    let (own, maybe): (&[&str], &[&str]) = match (channel, kind) {
        (Channel::Mail, _) => (own(kind), &MAYBE),
        (Channel::Sms, MessageKind::Test) => (&[], &MAYBE_IN_SMS),
        (Channel::Sms, _) => (&["code", "minutes"], &MAYBE_IN_SMS),
    };
    let named = |name: &&str| ((*name).to_owned(), sample(name));
    let mut least: Map<_, _> = ALWAYS.iter().chain(own).map(named).collect();
    if channel == Channel::Sms {
        least.insert("address".to_owned(), json!("+491701234567"));
    }
    let mut most = least.clone();
    most.extend(maybe.iter().map(named));
    [most, least]
}

fn sample(name: &str) -> Value {
    match name {
        "service" => json!("Example"),
        "address" => json!("ada@example.com"),
        "new_address" => json!("g***@example.org"),
        "at" => json!("2026-01-31 09:30 UTC"),
        "link" => json!("https://id.example.com/flow/recovery#token=0123456789abcdef"),
        "code" => json!("123456"),
        "minutes" => json!(15),
        "left" => json!(2),
        "name" => json!("My phone"),
        "ip" => json!("192.0.2.1"),
        "host" => json!("id.example.com"),
        "device" => json!("Mozilla/5.0 (X11; Linux x86_64) Firefox/145.0"),
        _ => Value::Null,
    }
}
