//! No client delays others, and no tenant learns what another one does.

use futures_util::{StreamExt, stream::FuturesUnordered};
use kayan_journeys::{Home, PASSWORD, Person, Service, ask};
use serde_json::json;

#[tokio::test]
async fn i_40_a_flood_of_logins_in_one_tenant_does_not_keep_another_out() {
    let home =
        Home::new().with("KAYAN_HASH_QUEUE", "4").with("KAYAN_HASH_CONCURRENCY", "1").with("KAYAN_BCRYPT_COST", "12");
    let service = Service::start_in(home).await;
    service.home().run("admin tenant create --id acme").await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    let mut flood: FuturesUnordered<_> = (0..64).map(|_| ask(Person::login(&client, &ada.email, PASSWORD))).collect();
    // The first refusal shows that the queue is full.
    assert_eq!(flood.next().await.unwrap().status, 503);
    let quiet = async {
        let login = Person::login(&client, "nobody@example.com", PASSWORD).header("X-Tenant-ID", "acme");
        ask(login).await.refused(401, "invalid_credentials");
    };
    let loud = async {
        let mut statuses = Vec::new();
        while let Some(answer) = flood.next().await {
            statuses.push(answer.status);
        }
        statuses
    };
    let ((), statuses) = tokio::join!(quiet, loud);
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
}

#[tokio::test]
async fn i_42_a_password_that_is_long_to_judge_is_judged_at_once() {
    let service = Service::start().await;
    let client = service.client();
    let crafted: String = "4@8({[<369!1|0$5+7%2".chars().cycle().take(64).collect();
    let registration = |password: &str| {
        client.tell("/api/v1/registration", &json!({ "traits": { "email": "ada@example.com" }, "password": password }))
    };
    ask(registration("p4$$w0rd")).await.refused(400, "weak_password");
    ask(registration(&crafted)).await.expect(201);
}

#[tokio::test]
async fn the_same_password_typed_in_another_unicode_form_logs_in() {
    let service = Service::start().await;
    let client = service.client();
    let (composed, decomposed) = ("schl\u{fc}sselbund qx-9 turmuhr", "schlu\u{308}sselbund qx-9 turmuhr");
    let register = json!({ "traits": { "email": "ada@example.com" }, "password": decomposed });
    ask(client.tell("/api/v1/registration", &register)).await.expect(201);
    for password in [composed, decomposed] {
        ask(Person::login(&client, "ada@example.com", password)).await.expect(200);
    }
    // bcrypt's 72 bytes are counted in the form that is hashed: 36 letters of two bytes, typed as three.
    let letters = "u\u{308}a\u{301}e\u{300}o\u{302}n\u{303}c\u{327}i\u{308}s\u{30c}y\u{301}".repeat(4);
    let longest = json!({ "traits": { "email": "bea@example.com" }, "password": letters });
    ask(client.tell("/api/v1/registration", &longest)).await.expect(201);
    let longer = json!({ "traits": { "email": "cleo@example.com" }, "password": letters + "z" });
    ask(client.tell("/api/v1/registration", &longer)).await.refused(400, "weak_password");
}
