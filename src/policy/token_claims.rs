//! The claims of JWTs for other services: those that the service sets, and a tenant's template for the others.

use std::ops::RangeInclusive;

use kayan_ports::JwtAudience;
use serde_json::{Map, Value};

use crate::FieldError;

/// The lifetime where none is named, in seconds.
pub const DEFAULT_TTL: u32 = 300;
/// The lifetime of a token, in seconds.
pub const TTL: RangeInclusive<u32> = 1..=3_600;

/// The claims that the service alone sets (RFC 7519, section 4.1; RFC 9068, section 2.2), and those that bind a token to a key or
/// name another party (RFC 7800, RFC 8693): a template can't set them.
pub const RESERVED: [&str; 17] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "client_id",
    "sid",
    "tid",
    "aal",
    "amr",
    "acr",
    "auth_time",
    "cnf",
    "act",
    "azp",
];

/// The most audiences of a tenant.
const MOST: usize = 20;
/// The longest name of an audience, in bytes.
const LONGEST: usize = 255;
/// The largest template, and the largest value of a placeholder, in bytes of JSON.
const LARGEST: usize = 4_096;
/// How deep a template may be nested.
const DEEPEST: usize = 8;

/// What a placeholder may name. With a `.` at its end: any member below.
const SOURCES: [&str; 9] = [
    "identity.id",
    "identity.traits",
    "identity.traits.",
    "identity.roles",
    "identity.verified",
    "tenant.id",
    "session.id",
    "session.aal",
    "session.amr",
];

/// Finds what is not valid in the audiences of a tenant.
pub fn judge(audiences: &[JwtAudience]) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let mut wrong = |pointer: String, code: &str, message: String| {
        errors.push(FieldError::new(format!("/settings/jwt_audiences{pointer}"), code, message));
    };
    if audiences.len() > MOST {
        wrong(String::new(), "maxItems", format!("must name {MOST} audiences at most"));
    }
    for (at, audience) in audiences.iter().enumerate() {
        let name = &audience.audience;
        if name.is_empty() || name.len() > LONGEST || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            let message = format!("must be 1 to {LONGEST} bytes without spaces");
            wrong(format!("/{at}/audience"), "format", message);
        }
        if audiences.iter().take(at).any(|other| other.audience == *name) {
            wrong(format!("/{at}/audience"), "uniqueItems", "is named twice: name each audience once".to_owned());
        }
        if audience.ttl.is_some_and(|ttl| !TTL.contains(&ttl)) {
            wrong(format!("/{at}/ttl"), "range", format!("must be {} to {}", TTL.start(), TTL.end()));
        }
        for name in audience.claims.keys().filter(|name| RESERVED.contains(&name.as_str())) {
            let message = format!("the service sets `{name}`: choose another name");
            wrong(format!("/{at}/claims/{name}"), "reserved", message);
        }
        if serde_json::to_string(&audience.claims).map_or(0, |text| text.len()) > LARGEST {
            wrong(format!("/{at}/claims"), "too_large", format!("must be {LARGEST} bytes of JSON at most"));
        }
        let fault = audience.claims.values().find_map(|claim| fault(claim, 1));
        if let Some(why) = fault {
            wrong(format!("/{at}/claims"), "template", why);
        }
    }
    errors
}

/// What is wrong with a claim of a template.
fn fault(claim: &Value, depth: usize) -> Option<String> {
    if depth > DEEPEST {
        return Some(format!("must be nested {DEEPEST} levels deep at most"));
    }
    match claim {
        Value::String(text) => parts(text).err(),
        Value::Array(values) => values.iter().find_map(|value| fault(value, depth + 1)),
        Value::Object(members) => members.values().find_map(|value| fault(value, depth + 1)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// A part of a text in a template.
#[derive(Debug, PartialEq, Eq)]
enum Part<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

/// The parts of a text: placeholders, as in `{{identity.id}}`, and what is between them.
fn parts(text: &str) -> Result<Vec<Part<'_>>, String> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while let Some((before, behind)) = rest.split_once("{{") {
        let (name, after) = behind.split_once("}}").ok_or_else(|| "has a `{{` without `}}`".to_owned())?;
        let name = name.trim();
        let is_in = |source: &str| name == source || source.ends_with('.') && name.starts_with(source);
        if !SOURCES.into_iter().any(is_in) {
            let known = SOURCES.iter().filter(|source| !source.ends_with('.')).copied().collect::<Vec<_>>().join(", ");
            return Err(format!("`{{{{{name}}}}}` is no known placeholder: use one of {known}"));
        }
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        parts.push(Part::Placeholder(name));
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

/// The claims of a template, with its placeholders replaced by `values`. A text that is one placeholder becomes the value itself,
/// such as a list; within a longer text only texts, numbers and booleans can stand. What has no value is left out.
///
/// **Invariant**: no reserved claim comes from a template, whatever the database holds.
pub fn fill(template: &Map<String, Value>, values: &Value) -> Map<String, Value> {
    let claims = template.iter().filter(|(name, _)| !RESERVED.contains(&name.as_str()));
    claims.filter_map(|(name, claim)| Some((name.clone(), filled(claim, values)?))).collect()
}

fn filled(claim: &Value, values: &Value) -> Option<Value> {
    match claim {
        Value::String(text) => filled_text(text, values),
        Value::Array(items) => Some(items.iter().filter_map(|item| filled(item, values)).collect()),
        Value::Object(members) => {
            let filled = members.iter().filter_map(|(name, value)| Some((name.clone(), filled(value, values)?)));
            Some(Value::Object(filled.collect()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Some(claim.clone()),
    }
}

fn filled_text(text: &str, values: &Value) -> Option<Value> {
    let parts = parts(text).ok()?;
    if let [Part::Placeholder(name)] = parts[..] {
        let found = value(name, values)?;
        let size = serde_json::to_string(found).map_or(0, |text| text.len());
        return (size <= LARGEST).then(|| found.clone());
    }
    let mut filled = String::new();
    for part in parts {
        match part {
            Part::Text(text) => filled.push_str(text),
            Part::Placeholder(name) => match value(name, values)? {
                Value::String(text) if text.len() <= LARGEST => filled.push_str(text),
                Value::Number(number) => filled.push_str(&number.to_string()),
                Value::Bool(truth) => filled.push_str(&truth.to_string()),
                Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => return None,
            },
        }
    }
    Some(Value::String(filled))
}

fn value<'a>(name: &str, values: &'a Value) -> Option<&'a Value> {
    let found = name.split('.').try_fold(values, |inside, member| inside.as_object()?.get(member))?;
    (!found.is_null()).then_some(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("{value} is no object") };
        members
    }

    fn audience(claims: Value) -> JwtAudience {
        let audience = "https://api.example".to_owned();
        JwtAudience { audience, algorithm: None, ttl: None, claims: object(claims) }
    }

    fn values() -> Value {
        json!({
            "identity": {
                "id": "42", "roles": ["user", "editor"], "verified": [],
                "traits": { "email": "ada@example.com", "age": 36, "name": { "first": "Ada" }, "none": null },
            },
            "tenant": { "id": "default" },
            "session": { "id": "7", "aal": "aal1", "amr": ["pwd"] },
        })
    }

    fn filled(claims: Value) -> Value {
        Value::Object(fill(&object(claims), &values()))
    }

    fn codes(audiences: &[JwtAudience]) -> Vec<(String, String)> {
        judge(audiences).into_iter().map(|error| (error.pointer, error.code)).collect()
    }

    #[test]
    fn a_placeholder_alone_is_replaced_by_the_value_itself() {
        let hasura = json!({ "https://hasura.io/jwt/claims": {
            "x-hasura-allowed-roles": "{{identity.roles}}", "x-hasura-user-id": "{{ identity.id }}",
            "x-hasura-default-role": "user",
        } });
        let expected = json!({ "https://hasura.io/jwt/claims": {
            "x-hasura-allowed-roles": ["user", "editor"], "x-hasura-user-id": "42", "x-hasura-default-role": "user",
        } });
        assert_eq!(filled(hasura), expected);
        assert_eq!(filled(json!({ "age": "{{identity.traits.age}}" })), json!({ "age": 36 }));
    }

    #[test]
    fn placeholders_in_a_text_are_replaced_by_texts_and_numbers() {
        let claims =
            json!({ "who": "{{identity.traits.name.first}} ({{identity.traits.age}}) <{{identity.traits.email}}>" });
        assert_eq!(filled(claims), json!({ "who": "Ada (36) <ada@example.com>" }));
    }

    #[test]
    fn what_has_no_value_is_left_out() {
        for missing in [
            "{{identity.traits.phone}}",
            "{{identity.traits.none}}",
            "a{{identity.traits.phone}}",
            "a{{identity.roles}}",
        ] {
            let claims = json!({ "gone": missing, "list": [missing, "stays"], "inside": { "gone": missing } });
            assert_eq!(filled(claims), json!({ "list": ["stays"], "inside": {} }), "{missing}");
        }
    }

    #[test]
    fn a_value_is_never_read_as_a_template() {
        let values = json!({ "identity": { "traits": { "name": "{{identity.id}}" }, "id": "42" } });
        let claims = object(json!({ "name": "{{identity.traits.name}}", "text": "I am {{identity.traits.name}}" }));
        let expected = json!({ "name": "{{identity.id}}", "text": "I am {{identity.id}}" });
        assert_eq!(Value::Object(fill(&claims, &values)), expected);
    }

    #[test]
    fn a_template_sets_no_reserved_claim() {
        for name in RESERVED {
            let mut claims = Map::new();
            claims.insert(name.to_owned(), json!("mine"));
            claims.insert("mine".to_owned(), json!(1));
            assert_eq!(
                codes(&[audience(Value::Object(claims.clone()))]),
                [(format!("/settings/jwt_audiences/0/claims/{name}"), "reserved".to_owned())]
            );
            assert_eq!(fill(&claims, &values()), object(json!({ "mine": 1 })), "{name}, whatever the database holds");
        }
    }

    #[test]
    fn audiences_that_are_not_valid_are_each_told() {
        let fine = audience(json!({ "a": "{{tenant.id}}", "b": [1, true, null] }));
        assert!(codes(std::slice::from_ref(&fine)).is_empty());
        let named = |audience: &str| JwtAudience { audience: audience.to_owned(), ..fine.clone() };
        let deep = (0..9).fold(json!("x"), |inside, _| json!([inside]));
        for (wrong, pointer, code) in [
            (named(""), "/audience", "format"),
            (named("two words"), "/audience", "format"),
            (named(&"a".repeat(256)), "/audience", "format"),
            (JwtAudience { ttl: Some(0), ..fine.clone() }, "/ttl", "range"),
            (JwtAudience { ttl: Some(3_601), ..fine.clone() }, "/ttl", "range"),
            (audience(json!({ "a": "x".repeat(4_096) })), "/claims", "too_large"),
            (audience(json!({ "a": deep })), "/claims", "template"),
            (audience(json!({ "a": "{{identity.id" })), "/claims", "template"),
            (audience(json!({ "a": [{ "b": "{{identity.password}}" }] })), "/claims", "template"),
            (audience(json!({ "a": "{{}}" })), "/claims", "template"),
        ] {
            let expected = [(format!("/settings/jwt_audiences/0{pointer}"), code.to_owned())];
            assert_eq!(codes(&[wrong]), expected, "{pointer} {code}");
        }
        let twice = [fine.clone(), fine.clone()];
        assert_eq!(codes(&twice), [("/settings/jwt_audiences/1/audience".to_owned(), "uniqueItems".to_owned())]);
        let many: Vec<_> = (0..21).map(|number| named(&format!("https://{number}.example"))).collect();
        assert_eq!(codes(&many), [("/settings/jwt_audiences".to_owned(), "maxItems".to_owned())]);
    }
}
