//! Passkeys are listed, renamed and removed by their owner.

use futures_util::future::join_all;
use kayan_authenticator::Model;
use kayan_journeys::{Person, Service, ask, count, events};
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::{Begun, MINE, Owner, REGISTRATION, begin, finish};

const MANY: usize = 64;

fn rename(person: &Person, id: &str, name: &str) -> RequestBuilder {
    let request = person.client.request(Method::PATCH, &format!("{MINE}/{id}"));
    request.json(&json!({ "name": name })).bearer_auth(&person.session_token)
}

#[tokio::test]
async fn passkeys_are_listed_renamed_and_removed_by_their_owner_alone() {
    let service = Service::start().await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    let eve = Owner::register(&client, "eve", Model::phone()).await;
    ask(client.get(MINE)).await.refused(401, "unauthorized");
    let listed = ada.passkeys().await;
    let info = &listed[0];
    assert_eq!((listed.len(), &info["id"], &info["name"]), (1, &json!(ada.id), &json!("Passkey")));
    assert_eq!(info["transports"], json!(["hybrid", "internal"]));
    assert_eq!(info["aaguid"], "00000000-0000-0000-0000-000000000000");
    for flag in ["user_verified", "backup_eligible", "backed_up"] {
        assert_eq!(info[flag], true, "{flag}");
    }
    assert!(info["created_at"].is_string() && info.get("last_used_at").is_none(), "{info}");
    ada.log_in().await;
    assert!(ada.passkeys().await[0]["last_used_at"].is_string());
    ada.key.model = Model { discoverable: true, verifies_user: true, ..Model::security_key() };
    let second = ada.add().await;
    assert!(second.json().get("recovery_codes").is_none(), "only with the first factor: {second:?}");

    let renamed = ask(rename(&ada.person, &ada.id, "Ådas 🔑 key")).await.expect(200);
    assert_eq!((renamed.at("/id"), renamed.at("/name")), (ada.id.clone(), "Ådas 🔑 key".to_owned()));
    let names: Vec<_> = ada.passkeys().await.iter().map(|info| info["name"].clone()).collect();
    assert_eq!(names, ["Ådas 🔑 key", "Passkey"]);
    ask(rename(&eve.person, &ada.id, "mine")).await.refused(404, "not_found");
    let none = "01890000-0000-7000-8000-000000000000";
    ask(rename(&ada.person, none, "x")).await.refused(404, "not_found");
    ada.remove(none).await.refused(404, "not_found");
    ada.remove("x").await.refused(400, "invalid_input");
    let mut eve = eve;
    eve.log_in().await;
    eve.remove(&ada.id).await.refused(404, "not_found");
    assert_eq!(ada.passkeys().await.len(), 2);

    ada.remove(&ada.id).await.expect(204);
    ada.remove(&ada.id).await.refused(404, "not_found");
    let mfa = |owner: &Owner| ask(client.get("/api/v1/mfa").bearer_auth(&owner.person.session_token));
    assert_eq!(mfa(&ada).await.json()["recovery_codes_left"], 10, "another factor is left");
    ada.remove(&second.at("/credential_id")).await.expect(204);
    assert_eq!(mfa(&ada).await.json()["recovery_codes_left"], 0);
    assert!(ada.passkeys().await.is_empty());
    ada.person.log_in().await;
    let database = service.home().database().await;
    for (kind, times) in [("auth.mfa.enrolled", 2), ("auth.mfa.renamed", 1), ("auth.mfa.removed", 2)] {
        assert_eq!(events(&database, kind, &ada.person.id).await, times, "{kind}");
    }
}

#[tokio::test]
async fn the_name_of_a_passkey_is_short_and_can_be_seen() {
    let service = Service::start().await;
    let ada = Owner::register(&service.client(), "ada", Model::phone()).await;
    let bert = Person::register(&service.client(), "bert").await;
    let long = ["x".repeat(65), "x".repeat(10_000)];
    let strange = ["a\nb", "a\r\nb", "a\u{2028}b", "a\u{2029}b", "a\u{202e}b", "a\0", "\u{1b}[2J"].map(str::to_owned);
    for name in long.iter().chain(&strange) {
        let named = begin(&bert.client, REGISTRATION, &json!({ "name": name })).bearer_auth(&bert.session_token);
        let refused = ask(named).await.refused(400, "invalid_input");
        assert_eq!(refused.at("/details/fields/0/pointer"), "/name", "{name:?}");
        let refused = ask(rename(&ada.person, &ada.id, name)).await.refused(400, "invalid_input");
        assert_eq!(refused.at("/details/fields/0/pointer"), "/name", "{name:?}");
    }
    for empty in ["", "  "] {
        ask(rename(&ada.person, &ada.id, empty)).await.refused(400, "invalid_input");
    }
    assert_eq!(ada.passkeys().await[0]["name"], "Passkey");
    ask(rename(&ada.person, &ada.id, &"ß".repeat(64))).await.expect(200);
}

#[tokio::test]
async fn a_user_has_20_passkeys_at_most() {
    let service = Service::start().await;
    let mut ada = Owner::register(&service.client(), "ada", Model::phone()).await;
    ada.log_in().await;
    for _ in 1..19 {
        ada.add().await;
    }
    // Both are begun while there is room for one.
    let (one, other) = (Begun::by(ada.begin_registration()).await, Begun::by(ada.begin_registration()).await);
    let finishing = |body| finish(&service.client(), REGISTRATION, &body).bearer_auth(&ada.person.session_token);
    ask(finishing(one.body(&one.made_by(&mut ada.key.clone())))).await.expect(200);
    ask(finishing(other.body(&other.made_by(&mut ada.key.clone())))).await.refused(400, "ceremony_failed");
    ask(ada.begin_registration()).await.refused(409, "already_enrolled");
    assert_eq!(ada.passkeys().await.len(), 20);
}

#[tokio::test]
async fn i_21_the_last_way_in_stays_also_when_two_are_removed_at_once() {
    let service = Service::start().await;
    let mut ada = Owner::register(&service.client(), "ada", Model::phone()).await;
    ada.log_in().await;
    let database = service.home().database().await;
    let password = format!("DELETE FROM credentials WHERE kind = 'password' AND identity_id = '{}'", ada.person.id);
    assert_eq!(database.execute(&password).await, 1);
    ada.remove(&ada.id).await.refused(409, "last_credential");
    assert_eq!(ada.passkeys().await.len(), 1);

    let second = ada.add().await.at("/credential_id");
    let ids = [&ada.id, &second];
    let answers = join_all((0..MANY).map(|n| {
        let owner = &ada;
        async move {
            loop {
                // The service asks to retry while others change the same user.
                let answer = owner.remove(ids[n % 2]).await;
                if answer.status != 503 {
                    return answer;
                }
            }
        }
    }))
    .await;
    let told = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((told(204), told(404) + told(409)), (1, MANY - 1), "{answers:?}");
    let left = ada.passkeys().await;
    assert_eq!(left.len(), 1);
    assert_eq!(count(&database, "SELECT COUNT(*) FROM credentials WHERE kind = 'webauthn'").await, 1);
    ada.remove(left[0]["id"].as_str().unwrap()).await.refused(409, "last_credential");
    // One of the two passkeys is left, and it logs in.
    let begun = ada.begin_login().await;
    ada.finish_login(&begun).await.expect(200);
}
