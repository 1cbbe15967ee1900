//! Identifiers in the scripts of all countries, and the marks of identifiers in the schema.

use kayan_journeys::{Home, PASSWORD, Person, Service, ask};
use serde_json::json;

use crate::starting::refused;

#[tokio::test]
async fn an_address_in_any_script_is_one_account_in_all_of_its_spellings() {
    let service = Service::start().await;
    let client = service.client();
    for [first, second] in [
        ["ada@bücher.example", "Ada@XN--BCHER-KVA.example"],
        ["grace@xn--bcher-kva.example", "grace@BÜCHER.example"],
        ["jörg@example.com", "JO\u{308}RG@example.com"],
        ["user@пример.рф", "user@xn--e1afmkfd.xn--p1ai"],
        ["пользователь@пример.рф", "ПОЛЬЗОВАТЕЛЬ@Пример.РФ"],
    ] {
        ask(Person::registration(&client, first)).await.expect(201);
        ask(Person::registration(&client, second)).await.refused(409, "already_exists");
        for spelling in [first, second] {
            let opened = ask(Person::login(&client, spelling, PASSWORD)).await.expect(200);
            let me = ask(Person::asking(&client, &opened.at("/session_token"))).await.expect(200);
            assert_eq!(me.at("/identity/traits/email"), first, "the trait stays as it was written");
        }
        let made = service.home().run(&format!("admin user create --no-password --email {second}")).await;
        assert!(made.code == 1 && made.stderr.contains("exists"), "{second}: {made:?}");
    }
    for bad in ["ada@exa_mple.com", "\"ada\"@example.com", "a..b@example.com", "ada@[127.0.0.1]", "ada@exаmple.com"] {
        let refused = ask(Person::registration(&client, bad)).await.refused(400, "invalid_input");
        assert_eq!(refused.at("/details/fields/0/pointer"), "/traits/email", "{bad}");
        assert_eq!(refused.json()["details"]["fields"].as_array().map(Vec::len), Some(1), "{refused:?}");
    }
}

#[tokio::test]
async fn a_marked_trait_is_unique_wherever_the_schema_describes_it() {
    let schema = json!({
        "type": "object",
        "properties": { "login": { "properties": { "name": { "$ref": "#/$defs/name" } } } },
        "allOf": [{ "properties": { "badge": { "$ref": "#/$defs/name" } } }],
        "$defs": { "name": { "type": "string", "x-kayan-identifier": true } },
    });
    let service = Service::start_in(Home::new().with("KAYAN_IDENTITY_SCHEMA", schema.to_string())).await;
    let client = service.client();
    let register = |traits: serde_json::Value| {
        ask(client.tell("/api/v1/registration", &json!({ "traits": traits, "password": PASSWORD })))
    };
    register(json!({ "login": { "name": "Ada" }, "badge": "B7" })).await.expect(201);
    register(json!({ "login": { "name": "ADA" } })).await.refused(409, "already_exists");
    register(json!({ "badge": "b7" })).await.refused(409, "already_exists");
    for identifier in ["ada", "B7"] {
        ask(Person::login(&client, identifier, PASSWORD)).await.expect(200);
    }
}

#[tokio::test]
async fn a_mark_without_effect_keeps_the_service_from_starting() {
    for (property, pointer) in [
        (json!({ "type": "string", "x-kayan-identifier": "true" }), "/properties/x/x-kayan-identifier"),
        (json!({ "type": "number", "x-kayan-identifier": true }), "/properties/x/x-kayan-identifier"),
        (json!({ "items": { "x-kayan-identifier": true } }), "/properties/x/items/x-kayan-identifier"),
        (json!({ "anyOf": [{ "x-kayan-identifier": true }] }), "/properties/x/anyOf/0/x-kayan-identifier"),
    ] {
        let schema = json!({
            "properties": { "email": { "type": "string", "x-kayan-identifier": true }, "x": property },
        });
        let home = Home::new().with("KAYAN_IDENTITY_SCHEMA", schema.to_string());
        for line in ["serve", "config check", "admin user list"] {
            let done = home.run(line).await;
            assert_eq!(done.code, 78, "{line}: {done:?}");
            assert!(format!("{}{}", done.stdout, done.stderr).contains(pointer), "{line}: {done:?}");
        }
        refused(&home.run("serve").await, 78, "KAYAN_IDENTITY_SCHEMA", pointer);
    }
}
