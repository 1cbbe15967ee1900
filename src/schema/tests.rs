//! Tests of identity schemas: accepted traits, identifiers, and refused schemas.

use super::*;

fn errors(traits: Value) -> Vec<(String, String)> {
    let Value::Object(map) = traits else { panic!("an object") };
    let errors = IdentitySchema::default().identify(&Traits(map)).unwrap_err();
    errors.into_iter().map(|e| (e.pointer, e.code)).collect()
}

fn pair(pointer: &str, code: &str) -> Vec<(String, String)> {
    vec![(pointer.to_owned(), code.to_owned())]
}

#[test]
fn each_wrong_trait_is_named_by_its_pointer() {
    assert_eq!(errors(json!({})), pair("/traits/email", "required"));
    assert_eq!(errors(json!({"email": "nobody"})), pair("/traits/email", "format"));
    assert_eq!(errors(json!({"email": "a@b.c", "name": 7})), pair("/traits/name", "type"));
    assert_eq!(errors(json!({"email": "a@b.c", "name": "x\0"})), pair("/traits/name", "nul"));
    assert_eq!(errors(json!({"email": "a@b.c", "name": "x".repeat(201)})), pair("/traits/name", "max_length"));
}

#[test]
fn i_12_traits_cannot_set_what_is_the_servers() {
    for name in ["roles", "state", "verified", "permissions", "mfa", "id", "tenant_id"] {
        let pointer = format!("/traits/{name}");
        assert_eq!(errors(json!({"email": "a@b.c", name: "admin"})), pair(&pointer, "additional_properties"));
    }
}

#[test]
fn deep_traits_are_refused() {
    let deep = (0..40).fold(json!(1), |inner, _| json!({ "x": inner }));
    assert_eq!(errors(json!({"email": "a@b.c", "deep": deep}))[0].1, "too_deep");
}

#[test]
fn a_schema_without_an_identifier_is_refused() {
    assert_eq!(IdentitySchema::parse(r#"{"type":"object"}"#).err(), Some(SchemaError::NoIdentifier));
    assert!(matches!(IdentitySchema::parse("{"), Err(SchemaError::NotJson(_))));
    assert!(matches!(IdentitySchema::parse(r#"{"type":"nonsense"}"#), Err(SchemaError::NotASchema(_))));
}

#[test]
fn an_address_in_any_script_is_taken_in_both_of_its_spellings_as_one_identifier() {
    let schema = IdentitySchema::default();
    let identifier = |email: &str| {
        let Value::Object(traits) = json!({ "email": email }) else { panic!("an object") };
        schema.identify(&Traits(traits)).unwrap_or_else(|errors| panic!("{email}: {errors:?}")).remove(0).value
    };
    assert_eq!(identifier("ada@bücher.example"), identifier("Ada@xn--bcher-kva.example"));
    assert_eq!(identifier("user@пример.рф"), identifier("user@xn--e1afmkfd.xn--p1ai"));
    assert_eq!(identifier("jörg@example.com"), identifier("JO\u{308}RG@example.com"));
    for bad in ["ada@exa_mple.com", "\"ada\"@example.com", "\u{430}da@example.com", "a..b@example.com"] {
        assert_eq!(errors(json!({ "email": bad })), pair("/traits/email", "format"), "{bad}");
    }
}

#[test]
fn an_address_that_is_refused_says_why() {
    let Value::Object(traits) = json!({ "email": "\u{430}da@example.com" }) else { panic!("an object") };
    let errors = IdentitySchema::default().identify(&Traits(traits)).unwrap_err();
    assert_eq!(errors[0].message, "is not an e-mail address: must not mix letters of different alphabets");
}

/// A schema's identifiers in these traits, by their fields.
fn identifiers(schema: &Value, traits: Value) -> Result<Vec<(String, String)>, Vec<FieldError>> {
    let schema = IdentitySchema::parse(&schema.to_string()).unwrap_or_else(|error| panic!("{schema}: {error}"));
    let Value::Object(traits) = traits else { panic!("an object") };
    let found = schema.identify(&Traits(traits))?;
    Ok(found.into_iter().map(|named| (named.field, named.value.as_str().to_owned())).collect())
}

#[test]
fn a_mark_counts_wherever_the_schema_describes_a_property() {
    let marked = json!({ "type": "string", MARK: true });
    let one = |field: &str| Ok(vec![(field.to_owned(), "ada".to_owned())]);
    for schema in [
        json!({ "properties": { "name": marked } }),
        json!({ "properties": { "name": { "type": ["string", "null"], MARK: true } } }),
        json!({ "properties": { "name": { MARK: true } } }),
        json!({ "allOf": [{}, { "properties": { "name": marked } }] }),
        json!({ "properties": { "name": { "allOf": [{ "type": "string" }, { "allOf": [{ MARK: true }] }] } } }),
        json!({ "properties": { "name": { "$ref": "#/$defs/a~1b" } }, "$defs": { "a/b": marked } }),
        json!({ "properties": { "name": { "$ref": "#/$defs/a", MARK: true } }, "$defs": { "a": { "type": "string" } } }),
        json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "properties": { "name": marked } } } }),
        json!({ "allOf": [{ "$ref": "#/$defs/a" }, { "$ref": "#/$defs/a" }], "$defs": { "a": { "properties": { "name": marked } } } }),
        json!({ "properties": { "name": marked, "tree": { "$ref": "#/$defs/tree" } },
                "$defs": { "tree": { "items": { "$ref": "#/$defs/tree" } } } }),
        json!({ "properties": { "name": marked, "other": { "const": { MARK: "data" }, MARK: false } } }),
    ] {
        assert_eq!(identifiers(&schema, json!({ "name": "Ada" })), one("name"), "{schema}");
    }
    let nested = json!({ "properties": { "login": { "properties": { "a/b": marked } } } });
    assert_eq!(identifiers(&nested, json!({ "login": { "a/b": "Ada" } })), one("login/a~1b"));
    assert_eq!(identifiers(&nested, json!({ "login": [] })), Ok(vec![]));
    let two = json!({ "properties": { "email": marked, "name": marked } });
    assert_eq!(
        identifiers(&two, json!({ "email": "Ada", "name": "ADA" })),
        one("email"),
        "one value is one identifier"
    );
}

#[test]
fn a_value_that_is_no_text_is_refused_as_identifier() {
    let schema = json!({ "properties": { "login": { "properties": { "name": { MARK: true } } } } });
    for value in [json!(7), json!(["ada"]), json!({}), json!(true)] {
        let errors = identifiers(&schema, json!({ "login": { "name": value } })).unwrap_err();
        assert_eq!((&*errors[0].pointer, &*errors[0].code), ("/traits/login/name", "type"));
    }
    assert_eq!(identifiers(&schema, json!({ "login": { "name": null } })), Ok(vec![]));
}

#[test]
fn a_mark_without_effect_is_refused_with_its_pointer() {
    let marked = || json!({ "type": "string", MARK: true });
    let with = |place: Value| {
        let mut schema = json!({ "properties": { "email": { "type": "string", MARK: true } } });
        let (Value::Object(whole), Value::Object(more)) = (&mut schema, place) else { panic!("objects") };
        for (keyword, value) in more {
            match (whole.get_mut(&keyword), value) {
                (Some(Value::Object(there)), Value::Object(more)) => there.extend(more),
                (_, value) => drop(whole.insert(keyword, value)),
            }
        }
        schema
    };
    let property = |property: Value| with(json!({ "properties": { "x": property } }));
    for (schema, pointer, why) in [
        (
            property(json!({ "type": "string", MARK: "true" })),
            "/properties/x/x-kayan-identifier",
            MarkError::NotABoolean,
        ),
        (property(json!({ "type": "string", MARK: 1 })), "/properties/x/x-kayan-identifier", MarkError::NotABoolean),
        (property(json!({ "type": "string", MARK: null })), "/properties/x/x-kayan-identifier", MarkError::NotABoolean),
        (property(json!({ "type": "integer", MARK: true })), "/properties/x/x-kayan-identifier", MarkError::NotAText),
        (
            property(json!({ "type": ["string", "number"], MARK: true })),
            "/properties/x/x-kayan-identifier",
            MarkError::NotAText,
        ),
        (
            property(json!({ "type": "array", "items": { "type": "string" }, MARK: true })),
            "/properties/x/x-kayan-identifier",
            MarkError::NotAText,
        ),
        (with(json!({ MARK: true })), "/x-kayan-identifier", MarkError::NotAText),
        (property(json!({ "items": marked() })), "/properties/x/items/x-kayan-identifier", MarkError::Partial("items")),
        (
            property(json!({ "anyOf": [{}, marked()] })),
            "/properties/x/anyOf/1/x-kayan-identifier",
            MarkError::Partial("anyOf"),
        ),
        (
            with(json!({ "oneOf": [{ "properties": { "y": marked() } }] })),
            "/oneOf/0/properties/y/x-kayan-identifier",
            MarkError::Partial("oneOf"),
        ),
        (
            with(json!({ "then": { "properties": { "y": marked() } } })),
            "/then/properties/y/x-kayan-identifier",
            MarkError::Partial("then"),
        ),
        (
            with(json!({ "patternProperties": { "^y": marked() } })),
            "/patternProperties/^y/x-kayan-identifier",
            MarkError::Partial("patternProperties"),
        ),
        (
            with(json!({ "additionalProperties": marked() })),
            "/additionalProperties/x-kayan-identifier",
            MarkError::Partial("additionalProperties"),
        ),
        (
            with(json!({ "dependentSchemas": { "y": { "properties": { "y": marked() } } } })),
            "/dependentSchemas/y/properties/y/x-kayan-identifier",
            MarkError::Partial("dependentSchemas"),
        ),
        (
            with(json!({ "anyOf": [{ "$ref": "#/properties/email" }] })),
            "/properties/email/x-kayan-identifier",
            MarkError::Partial("anyOf"),
        ),
        (property(json!({ "$ref": "#" })), "/properties/x/$ref", MarkError::Endless),
        (with(json!({ "$defs": { "unused": marked() } })), "/$defs/unused/x-kayan-identifier", MarkError::Unreachable),
        (with(json!({ "propertys": { "y": marked() } })), "/propertys/y/x-kayan-identifier", MarkError::Unreachable),
        (
            with(
                json!({ "properties": { "x": { "$ref": "#named" } }, "$defs": { "a": { "$anchor": "named", MARK: true } } }),
            ),
            "/$defs/a/x-kayan-identifier",
            MarkError::Unreachable,
        ),
        (
            property(json!({ "$id": "https://example.com/x", "type": "string", MARK: true })),
            "/properties/x/x-kayan-identifier",
            MarkError::Unreachable,
        ),
        (with(json!({ REQUIRED: "false" })), "/x-kayan-identifier-required", MarkError::NotABoolean),
        (property(json!({ REQUIRED: false })), "/properties/x/x-kayan-identifier-required", MarkError::NotABoolean),
        (property(json!({ "x-kayan-identifer": true })), "/properties/x/x-kayan-identifer", MarkError::UnknownKeyword),
    ] {
        let error = IdentitySchema::parse(&schema.to_string()).map(drop).unwrap_err();
        assert_eq!(error, SchemaError::Mark { pointer: pointer.to_owned(), why }, "{schema}");
    }
    for remote in ["https://example.com/name.json", "name.json", "name.json#/$defs/a"] {
        let schema = property(json!({ "$ref": remote })).to_string();
        assert!(matches!(IdentitySchema::parse(&schema), Err(SchemaError::NotASchema(_))), "{remote}");
    }
}

#[test]
fn i_42_a_regular_expression_takes_a_bounded_time_on_any_text() {
    let schema = IdentitySchema::parse(
        r#"{"properties": {"email": {"type": "string", "x-kayan-identifier": true},
            "code": {"type": "array", "items": {"type": "string", "pattern": "^(a|aa)+\\1$"}}}}"#,
    )
    .unwrap();
    let identify = |code: Value| {
        let Value::Object(traits) = json!({"email": "ada@example.com", "code": code}) else { panic!("an object") };
        schema.identify(&Traits(traits))
    };
    let errors = identify(json!(vec![format!("{}!", "a".repeat(60)); 1000])).unwrap_err();
    assert_eq!((errors[0].pointer.as_str(), errors[0].code.as_str()), ("/traits/code/0", "pattern"));
    assert_eq!(identify(json!(vec![7; 1000])).unwrap_err().len(), MOST_ERRORS);
    assert!(identify(json!(["aaaa"])).is_ok());
}

#[test]
fn i_42_traits_have_at_most_64_kib() {
    assert_eq!(errors(json!({"email": "a@b.c", "name": "x".repeat(64 * 1024)})), pair("/traits", "too_large"));
    assert_eq!(errors(json!({"email": "a@b.c", "name": vec![0; 16 * 1024]})), pair("/traits", "too_large"));
    assert_eq!(errors(json!({"email": "a@b.c", "name": "x".repeat(60 * 1024)})), pair("/traits/name", "max_length"));
}
