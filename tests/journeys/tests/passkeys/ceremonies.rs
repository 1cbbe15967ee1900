//! I-20: a ceremony is finished once, in time, for what it was begun for, and by whom.

use kayan_authenticator::{Authenticator, Model};
use kayan_journeys::{Person, Service, ask};
use reqwest::RequestBuilder;
use serde_json::json;

use super::{Begun, LOGIN, Owner, REGISTRATION, UNKNOWN, begin, bytes, finish, with_acme};

/// Registers `ada@example.com` in the other tenant, too.
async fn in_acme(client: &kayan_journeys::Client) -> Person {
    let made = ask(Person::registration(client, "ada@example.com").header("X-Tenant-ID", "acme")).await.expect(201);
    Person {
        client: client.clone(),
        id: made.at("/identity/id"),
        email: "ada@example.com".to_owned(),
        session_token: made.at("/session/session_token"),
        refresh_token: made.at("/session/refresh_token"),
    }
}

async fn unknown_login(request: RequestBuilder) {
    assert_eq!(ask(request).await.refused(401, "invalid_token").at("/message"), UNKNOWN);
}

async fn unknown_registration(request: RequestBuilder) {
    assert_eq!(ask(request).await.refused(400, "ceremony_failed").at("/message"), UNKNOWN);
}

#[tokio::test]
async fn i_20_a_ceremony_is_finished_once_and_within_five_minutes() {
    let service = Service::start().await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    let database = service.home().database().await;
    let pass = |seconds: u32| {
        let earlier = database.earlier("expires_at", seconds);
        format!("UPDATE one_time_tokens SET expires_at = {earlier} WHERE purpose = 'webauthn'")
    };
    let begun = ada.begin_login().await;
    let body = begun.body(&begun.signed_by(&mut ada.key));
    let opened = ask(finish(&client, LOGIN, &body)).await.expect(200);
    unknown_login(finish(&client, LOGIN, &body)).await;
    // What was signed for another challenge.
    let other = ada.begin_login().await;
    ask(finish(&client, LOGIN, &other.body(&body["credential"]))).await.refused(401, "invalid_credentials");
    // Refused as it was, it has used the ceremony up.
    unknown_login(finish(&client, LOGIN, &other.body(&other.signed_by(&mut ada.key)))).await;

    ada.person.session_token = opened.at("/session_token");
    let begun = Begun::by(ada.begin_registration()).await;
    let mut key = Authenticator::default();
    let body = begun.body(&begun.made_by(&mut key));
    let token = ada.person.session_token.clone();
    let register = |body: &serde_json::Value| finish(&client, REGISTRATION, body).bearer_auth(&token);
    ask(register(&body)).await.expect(200);
    unknown_registration(register(&body)).await;
    let other = Begun::by(ada.begin_registration()).await;
    ask(register(&other.body(&body["credential"]))).await.refused(400, "ceremony_failed");
    unknown_registration(register(&other.body(&other.made_by(&mut Authenticator::default())))).await;

    let (login, registration) = (ada.begin_login().await, Begun::by(ada.begin_registration()).await);
    assert!(database.execute(&pass(240)).await >= 2);
    ada.finish_login(&login).await.expect(200);
    let login = ada.begin_login().await;
    database.execute(&pass(301)).await;
    unknown_login(finish(&client, LOGIN, &login.body(&login.signed_by(&mut ada.key)))).await;
    unknown_registration(register(&registration.body(&registration.made_by(&mut Authenticator::default())))).await;
    assert_eq!(ada.passkeys().await.len(), 2);
}

#[tokio::test]
async fn i_20_a_ceremony_is_refused_in_another_tenant_session_account_and_of_another_kind() {
    let service = with_acme().await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    ada.log_in().await;
    let token = ada.person.session_token.clone();
    let eve = Person::register(&client, "eve").await;
    let other = ada.try_log_in().await.expect(200).at("/session_token");
    let namesake = in_acme(&client).await;

    let registration = Begun::by(ada.begin_registration()).await;
    let made = registration.body(&registration.made_by(&mut Authenticator::default()));
    let step_up = Begun::by(begin(&client, LOGIN, &json!({ "step_up": true })).bearer_auth(&token)).await;
    let stepped = step_up.body(&step_up.signed_by(&mut ada.key));
    let login = ada.begin_login().await;
    let signed = login.body(&login.signed_by(&mut ada.key));

    for session in [&eve.session_token, &other] {
        unknown_registration(finish(&client, REGISTRATION, &made).bearer_auth(session)).await;
        unknown_login(finish(&client, LOGIN, &stepped).bearer_auth(session)).await;
    }
    ask(finish(&client, REGISTRATION, &made)).await.refused(401, "unauthorized");
    let abroad = |request: RequestBuilder| request.header("X-Tenant-ID", "acme");
    unknown_registration(abroad(finish(&client, REGISTRATION, &made).bearer_auth(&namesake.session_token))).await;
    unknown_login(abroad(finish(&client, LOGIN, &signed))).await;
    unknown_login(abroad(finish(&client, LOGIN, &stepped).bearer_auth(&namesake.session_token))).await;
    // The token of one kind of ceremony, with a response to the other.
    let crossed = json!({ "session_id": registration.session_id, "credential": signed["credential"] });
    unknown_login(finish(&client, LOGIN, &crossed).bearer_auth(&token)).await;
    for begun in [&login, &step_up] {
        let crossed = json!({ "session_id": begun.session_id, "credential": made["credential"] });
        unknown_registration(finish(&client, REGISTRATION, &crossed).bearer_auth(&token)).await;
    }
    for strange in ["", "kyc_x", &token, &ada.person.refresh_token, &login.session_id[..20]] {
        let (mut made, mut signed) = (made.clone(), signed.clone());
        (made["session_id"], signed["session_id"]) = (json!(strange), json!(strange));
        unknown_login(finish(&client, LOGIN, &signed)).await;
        unknown_registration(finish(&client, REGISTRATION, &made).bearer_auth(&token)).await;
    }
    // A ceremony opens nothing by itself, and none of this has used one up.
    ask(Person::asking(&client, &login.session_id)).await.refused(401, "unauthorized");
    ask(finish(&client, REGISTRATION, &made).bearer_auth(&token)).await.expect(200);
    ask(finish(&client, LOGIN, &signed)).await.expect(200);
    ask(finish(&client, LOGIN, &stepped).bearer_auth(&token)).await.expect(200);
}

#[tokio::test]
async fn i_20_a_passkey_of_another_account_is_refused_where_an_identifier_was_given() {
    let service = Service::start().await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    let mut eve = Owner::register(&client, "eve", Model::phone()).await;
    for identifier in ["ada@example.com", "nobody@example.com"] {
        for under_its_own_id in [true, false] {
            let mut begun = Begun::by(begin(&client, LOGIN, &json!({ "identifier": identifier }))).await;
            let asked = begun.options["allowCredentials"].take();
            begun.options["allowCredentials"] = json!([]);
            let mut credential = begun.signed_by(&mut eve.key);
            if !under_its_own_id {
                // Under the id that was asked for.
                (credential["id"], credential["rawId"]) = (asked[0]["id"].clone(), asked[0]["id"].clone());
            }
            ask(finish(&client, LOGIN, &begun.body(&credential))).await.refused(401, "invalid_credentials");
        }
    }
    let begun = Begun::by(begin(&client, LOGIN, &json!({}))).await;
    assert_eq!(eve.finish_login(&begun).await.expect(200).at("/identity/id"), eve.person.id);
    ada.try_log_in().await.expect(200);
}

#[tokio::test]
async fn i_20_a_ceremony_that_a_browser_began_is_finished_by_that_browser() {
    let service = Service::start().await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    let from_page = |request: RequestBuilder| request.header("Sec-Fetch-Site", "same-origin");
    let cookie = |answer: &kayan_journeys::Answer| {
        let set = answer.cookies().into_iter().find(|set| set.starts_with("kayan_ceremony="));
        set.expect("a cookie of the browser")
    };
    let login = || from_page(begin(&client, LOGIN, &json!({ "identifier": "ada@example.com" })));
    let (first, foreign) = (ask(login()).await.expect(200), ask(login()).await.expect(200));
    let set = cookie(&first);
    assert!(set.contains("; HttpOnly; SameSite=Lax; Max-Age=3600") && set.contains("Path=/;"), "{set}");
    let (own, foreign) = (pair(&set), pair(&cookie(&foreign)));
    assert_ne!(own, foreign);
    let begun = Begun::in_answer(&first);
    let body = begun.body(&begun.signed_by(&mut ada.key));
    unknown_login(finish(&client, LOGIN, &body)).await;
    for wrong in [&*foreign, "kayan_ceremony=", "kayan_ceremony=kyb_x", "other=1"] {
        unknown_login(finish(&client, LOGIN, &body).header("Cookie", wrong)).await;
    }
    ask(finish(&client, LOGIN, &body).header("Cookie", &own)).await.expect(200);
    // The same browser is recognised by the cookie that it has.
    let again = ask(login().header("Cookie", &own)).await.expect(200);
    assert_eq!(pair(&cookie(&again)), own);

    let registering = from_page(ada.begin_registration());
    let registering = ask(registering).await;
    // The passkey makes the password's session too weak to register another one.
    registering.refused(403, "aal2_required");
    ada.log_in().await;
    let registering = ask(from_page(ada.begin_registration())).await.expect(200);
    let begun = Begun::in_answer(&registering);
    let body = begun.body(&begun.made_by(&mut Authenticator::default()));
    let register = |cookie: &str| {
        let request = finish(&client, REGISTRATION, &body).bearer_auth(&ada.person.session_token);
        request.header("Cookie", cookie)
    };
    unknown_registration(register("other=1")).await;
    unknown_registration(register(&own)).await;
    ask(register(&pair(&cookie(&registering)))).await.expect(200);
}

fn pair(set: &str) -> String {
    set.split(';').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_passkey_is_registered_once_in_each_tenant() {
    let service = with_acme().await;
    let client = service.client();
    let mut ada = Owner::register(&client, "ada", Model::phone()).await;
    ada.log_in().await;
    let begun = ada.begin_login().await;
    let id = begun.options["allowCredentials"][0]["id"].as_str().unwrap();
    ada.key.lies.credential_id = Some(bytes(id));
    ada.key.lies.ignores_excluded = true;
    let (eve, namesake) = (Person::register(&client, "eve").await, in_acme(&client).await);
    for (person, tenant, status) in [(&ada.person, "default", 400), (&eve, "default", 400), (&namesake, "acme", 200)] {
        let here = |request: RequestBuilder| request.bearer_auth(&person.session_token).header("X-Tenant-ID", tenant);
        let begun = Begun::by(here(begin(&client, REGISTRATION, &json!({})))).await;
        let body = begun.body(&begun.made_by(&mut ada.key.clone()));
        let answer = ask(here(finish(&client, REGISTRATION, &body))).await.expect(status);
        if status == 400 {
            assert!(answer.refused(400, "ceremony_failed").at("/message").contains("registered already"));
        }
    }
    ada.key.lies = kayan_authenticator::Lies::default();
    ada.try_log_in().await.expect(200);
}

#[tokio::test]
async fn a_credential_id_has_1023_bytes_at_most() {
    let service = Service::start().await;
    let client = service.client();
    for (length, status) in [(1, 200), (1_023, 200), (1_024, 400)] {
        let person = Person::register(&client, &format!("p{length}")).await;
        let mut key = Authenticator::default();
        key.lies.credential_id = Some(vec![9; length]);
        let request = begin(&client, REGISTRATION, &json!({})).bearer_auth(&person.session_token);
        let begun = Begun::by(request).await;
        let body = begun.body(&begun.made_by(&mut key));
        let answer = ask(finish(&client, REGISTRATION, &body).bearer_auth(&person.session_token)).await.expect(status);
        if status == 400 {
            assert_eq!(answer.refused(400, "ceremony_failed").at("/message"), "the response is too large");
            continue;
        }
        key.lies.credential_id = None;
        let begun = Begun::by(begin(&client, LOGIN, &json!({ "identifier": person.email }))).await;
        let signed = begun.signed_by(&mut key);
        ask(finish(&client, LOGIN, &begun.body(&signed))).await.expect(200);
    }
}
