//! The words about an account that an attacker knows, and tries first.

use kayan_ports::{NamedIdentifier, Tenant, Traits};
use serde_json::Value;

/// The most words; the search for patterns tries each.
const MOST: usize = 48;
/// The shortest word, in characters.
const SHORTEST: usize = 3;

/// The words about an account, in lower case: its identifiers and their parts, the words of the traits that are names, and
/// the name of its tenant.
pub fn words(identifiers: &[NamedIdentifier], traits: &Traits, tenant: &Tenant) -> Vec<String> {
    let mut found = Vec::new();
    for named in identifiers {
        let whole = named.value.as_str();
        add(&mut found, whole);
        whole.split('@').for_each(|part| add(&mut found, part));
    }
    let names = traits.0.iter().filter(|(key, _)| key.to_lowercase().contains("name"));
    names.for_each(|(_, value)| add_names(&mut found, value));
    add_parts(&mut found, &tenant.name);
    add_parts(&mut found, tenant.id.as_str());
    for named in identifiers {
        add_parts(&mut found, named.value.as_str());
    }
    found
}

fn add(found: &mut Vec<String>, word: &str) {
    let word = word.to_lowercase();
    if found.len() < MOST && word.chars().count() >= SHORTEST && !found.contains(&word) {
        found.push(word);
    }
}

fn add_parts(found: &mut Vec<String>, text: &str) {
    text.split(|sign: char| !sign.is_alphanumeric()).take(MOST).for_each(|part| add(found, part));
}

/// A name may be an object, as in `{"first": "Ada", "last": "Lovelace"}`.
fn add_names(found: &mut Vec<String>, value: &Value) {
    match value {
        Value::String(text) => add_parts(found, text),
        Value::Array(items) => items.iter().for_each(|item| add_names(found, item)),
        Value::Object(members) => members.values().for_each(|member| add_names(found, member)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use kayan_ports::{Identifier, TenantId, TenantSettings, Timestamp};
    use serde_json::json;

    use super::*;

    fn tenant() -> Tenant {
        Tenant {
            id: "acme-eu".parse::<TenantId>().unwrap(),
            name: "Ärzte & Söhne".to_owned(),
            active: true,
            settings: TenantSettings::default(),
            created_at: Timestamp::UNIX_EPOCH,
            updated_at: Timestamp::UNIX_EPOCH,
            version: 1,
            epoch: 0,
        }
    }

    #[test]
    fn addresses_names_and_the_tenant_are_words_about_an_account() {
        let value = Identifier::from_canonical("ada.lovelace@mail.example.com".to_owned());
        let named = [NamedIdentifier { field: "email".to_owned(), value }];
        let traits = json!({ "Name": { "first": "Ada", "last": ["King-Noel", 7] }, "nickname": "Enchantress", "city": "London" });
        let mut words = words(&named, &serde_json::from_value(traits).unwrap(), &tenant());
        words.sort();
        let expected = [
            "acme",
            "ada",
            "ada.lovelace",
            "ada.lovelace@mail.example.com",
            "com",
            "enchantress",
            "example",
            "king",
            "lovelace",
            "mail",
            "mail.example.com",
            "noel",
            "söhne",
            "ärzte",
        ];
        assert_eq!(words, expected);
    }

    #[test]
    fn i_42_there_are_never_many_words() {
        let name: String = (100..1_000).fold(String::new(), |name, number| format!("{name}word{number} "));
        let traits = serde_json::from_value(json!({ "name": name })).unwrap();
        assert_eq!(words(&[], &traits, &tenant()).len(), MOST);
    }
}
