//! The effects of settings that no other journey covers.

use kayan_journeys::{Home, PASSWORD, Person, Service, ask};
use serde_json::json;

use crate::starting::refused;

#[tokio::test]
async fn new_passwords_are_hashed_in_the_form_and_at_the_cost_that_are_set() {
    for (hasher, cost, form) in [
        ("bcrypt", "4", "$2b$04$"),
        ("bcrypt", "5", "$2b$05$"),
        ("argon2id", "4", "$argon2id$"),
        ("scrypt", "4", "$scrypt$"),
    ] {
        let home = Home::new().with("KAYAN_PASSWORD_HASHER", hasher).with("KAYAN_BCRYPT_COST", cost);
        let service = Service::start_in(home).await;
        let ada = Person::register(&service.client(), "ada").await;
        let hashes = service.home().database().await.texts("SELECT secret FROM credentials").await;
        assert!(hashes.len() == 1 && hashes[0].starts_with(form), "{hasher} at {cost}: {hashes:?}");
        ada.log_in().await;
    }
}

#[tokio::test]
async fn a_password_is_as_long_as_is_set_or_refused() {
    let service = Service::start_in(Home::new().with("KAYAN_PASSWORD_MIN_LENGTH", "16")).await;
    let client = service.client();
    let register = |password: &str| {
        ask(client
            .tell("/api/v1/registration", &json!({ "traits": { "email": "ada@example.com" }, "password": password })))
    };
    register("mauve otter 717").await.refused(400, "weak_password");
    register("mauve otter 7171").await.expect(201);
}

#[tokio::test]
async fn traits_are_what_the_schema_that_is_set_says() {
    let schema = json!({
        "type": "object",
        "required": ["badge"],
        "properties": { "badge": { "type": "string", "pattern": "^[A-Z]{3}[0-9]+$", "x-kayan-identifier": true } },
        "additionalProperties": false,
    });
    for in_a_file in [false, true] {
        let home = Home::new();
        std::fs::write(home.path("badges.json"), schema.to_string()).unwrap();
        let given = if in_a_file { "badges.json".to_owned() } else { schema.to_string() };
        let service = Service::start_in(home.with("KAYAN_IDENTITY_SCHEMA", given)).await;
        let client = service.client();
        ask(Person::registration(&client, "ada@example.com")).await.refused(400, "invalid_input");
        let badge = json!({ "traits": { "badge": "ABC7" }, "password": PASSWORD });
        ask(client.tell("/api/v1/registration", &badge)).await.expect(201);
        ask(Person::login(&client, "ABC7", PASSWORD)).await.expect(200);
    }
}

#[tokio::test]
async fn a_service_does_not_start_with_passkeys_that_browsers_would_refuse() {
    for (name, value, words) in [
        ("KAYAN_WEBAUTHN_RP_ID", "example.com", "the origin of KAYAN_PUBLIC_URL"),
        ("KAYAN_WEBAUTHN_RP_ID", "192.0.2.1", "is an IP address"),
        ("KAYAN_WEBAUTHN_ORIGINS", "https://example.com", "KAYAN_WEBAUTHN_RP_ID"),
        ("KAYAN_WEBAUTHN_ORIGINS", "http://example.com", "is not https"),
    ] {
        refused(&Home::new().with(name, value).run("serve").await, 78, name, words);
        let check = Home::new().with(name, value).run("config check").await;
        assert!(check.code == 78 && check.stdout.contains(words), "{check:?}");
    }
}

#[tokio::test]
async fn nothing_is_migrated_where_that_is_not_wanted() {
    let home = Home::new().with("KAYAN_AUTO_MIGRATE", "false");
    let service = Service::launch_in(home).await;
    ask(service.client().get("/health/ready")).await.refused(503, "unavailable");
    let home = service.kill().await.with("KAYAN_AUTO_MIGRATE", "true");
    Service::start_in(home).await;
}
