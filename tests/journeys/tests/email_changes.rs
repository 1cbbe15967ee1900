//! The change of an e-mail address and its undoing, with a real mail server.

use futures_util::future::join_all;
use kayan_journeys::{Client, PASSWORD, Person, ask, count};
use kayan_mail_server::MailServer;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use crate::mail_flows::{MANY, NEW, complete, recover, stage, winners};

const ADDRESS: &str = "new@example.org";

fn request(person: &Person, address: &str) -> RequestBuilder {
    let body = json!({ "email": address });
    person.client.tell("/api/v1/email-change/request", &body).bearer_auth(&person.session_token)
}

fn revert(client: &Client, token: &str) -> RequestBuilder {
    client.tell("/api/v1/email-change/revert", &json!({ "token": token }))
}

/// Requests a change, and returns the token that the new address gets.
async fn requested(server: &mut MailServer, person: &Person, address: &str) -> String {
    ask(request(person, address)).await.expect(202);
    server.after(address, "/flow/email-change#token=").await
}

/// Changes the address, and returns the token that the old one gets.
async fn changed(server: &mut MailServer, person: &Person, old: &str, new: &str) -> String {
    let link = requested(server, person, new).await;
    let answer = ask(complete(&person.client, "email-change", &link)).await.expect(200);
    assert_eq!(answer.at("/address"), new);
    server.after(old, "/flow/email-revert#token=").await
}

#[tokio::test]
async fn i_14_an_address_is_changed_by_a_link_to_the_new_one_and_put_back_by_one_to_the_old_one() {
    let (mut server, service, ada) = stage(&[]).await;
    let client = service.client();
    let back = changed(&mut server, &ada, &ada.email, ADDRESS).await;
    let me = ada.who_am_i().await.expect(200).json();
    assert_eq!(me["identity"]["traits"]["email"], ADDRESS);
    assert_eq!(me["identity"]["verified"], json!([ADDRESS]));
    ask(Person::login(&client, &ada.email, PASSWORD)).await.refused(401, "invalid_credentials");
    ask(Person::login(&client, ADDRESS, PASSWORD)).await.expect(200);

    // The attacker then changes the address again, and the password.
    let thiefs = changed(&mut server, &ada, ADDRESS, "thief@example.org").await;
    let body = json!({ "current_password": PASSWORD, "new_password": NEW });
    ask(client.tell("/api/v1/password", &body).bearer_auth(&ada.session_token)).await.expect(204);
    let pending = requested(&mut server, &ada, "third@example.org").await;
    ask(client.get(&format!("/api/v1/email-change/revert?token={back}"))).await.refused(405, "method_not_allowed");
    assert_eq!(ask(revert(&client, &back)).await.expect(200).at("/address"), ada.email);
    ada.assert_out().await;
    for password in [PASSWORD, NEW] {
        ask(Person::login(&client, &ada.email, password)).await.refused(401, "invalid_credentials");
    }
    ask(revert(&client, &thiefs)).await.refused(401, "invalid_token");
    ask(revert(&client, &back)).await.refused(401, "invalid_token");
    ask(complete(&client, "email-change", &pending)).await.refused(401, "invalid_token");
    let recovery = server.after(&ada.email, "/flow/recovery#token=").await;
    ask(recover(&client, &recovery, "an owner's battery staple 9")).await.expect(200);
    let opened = ask(Person::login(&client, &ada.email, "an owner's battery staple 9")).await.expect(200);
    assert_eq!(opened.json()["identity"]["verified"], json!([ada.email]));
    let events =
        "SELECT COUNT(*) FROM audit_events WHERE type IN ('identity.address_changed', 'identity.address_reverted')";
    assert_eq!(count(&service.home().database().await, events).await, 3);
}

#[tokio::test]
async fn i_01_of_64_uses_of_one_link_to_a_new_or_an_old_address_one_counts() {
    let (mut server, service, ada) = stage(&[]).await;
    let client = service.client();
    let link = requested(&mut server, &ada, ADDRESS).await;
    let answers = join_all((0..MANY).map(|_| ask(complete(&client, "email-change", &link)))).await;
    assert_eq!(winners(&answers), 1);
    let back = server.after(&ada.email, "/flow/email-revert#token=").await;
    // Each hashes a password, which is slow, so fewer.
    let answers = join_all((0..8).map(|_| ask(revert(&client, &back)))).await;
    assert_eq!(winners(&answers), 1);
    let addresses = "SELECT COUNT(*) FROM identifiers WHERE value = 'ada@example.com'";
    assert_eq!(count(&service.home().database().await, addresses).await, 1);
}

#[tokio::test]
async fn i_08_a_request_for_an_address_that_another_user_has_gets_the_same_bytes_and_no_mail() {
    let (mut server, service, ada) = stage(&[]).await;
    let grace = Person::register(&service.client(), "grace").await;
    server.after(&grace.email, "/flow/verification#token=").await;
    let taken = ask(request(&ada, &grace.email)).await.expect(202);
    let link = requested(&mut server, &ada, ADDRESS).await;
    let free = ask(request(&ada, ADDRESS)).await.expect(202);
    assert_eq!(taken.text(), free.text());
    let left = format!("SELECT COUNT(*) FROM messages WHERE kind = 'email_change' AND recipient = '{}'", grace.email);
    let database = service.home().database().await;
    while count(&database, &left).await > 0 {
        tokio::task::yield_now().await;
    }
    ask(complete(&service.client(), "email-change", &link)).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn an_address_that_another_user_took_meanwhile_is_refused_and_an_unverified_claim_ends() {
    let (mut server, service, ada) = stage(&[]).await;
    let client = service.client();
    let link = requested(&mut server, &ada, ADDRESS).await;
    ask(Person::registration(&client, ADDRESS)).await.expect(201);
    ask(complete(&client, "email-change", &link)).await.refused(409, "already_exists");

    let back = changed(&mut server, &ada, &ada.email, "other@example.org").await;
    let claim = Person::register(&client, "ada").await;
    ask(revert(&client, &back)).await.expect(200);
    let left = claim.who_am_i().await.expect(200).json();
    assert_eq!(left["identity"]["traits"], json!({}));
}

#[tokio::test]
async fn i_02_i_29_links_of_other_flows_and_other_tenants_are_refused() {
    let (mut server, service, ada) = stage(&[]).await;
    let client = service.client();
    let ran = service.home().run("admin tenant create --id acme").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let link = requested(&mut server, &ada, ADDRESS).await;
    ask(complete(&client, "email-change", &link).header("X-Tenant-ID", "acme")).await.refused(401, "invalid_token");
    for flow in ["verification", "magic-link"] {
        ask(complete(&client, flow, &link)).await.refused(401, "invalid_token");
    }
    ask(revert(&client, &link)).await.refused(401, "invalid_token");
    ask(complete(&client, "email-change", &link)).await.expect(200);
}

#[tokio::test]
async fn a_request_needs_a_session_and_a_new_address() {
    let (_server, service, ada) = stage(&[]).await;
    let body = json!({ "email": ADDRESS });
    let nobodys = service.client().tell("/api/v1/email-change/request", &body);
    ask(nobodys).await.refused(401, "unauthorized");
    for address in ["ada", "ADA@example.com"] {
        let refused = ask(request(&ada, address)).await.refused(400, "invalid_input");
        assert_eq!(refused.json()["details"]["fields"][0]["pointer"], Value::from("/email"));
    }
    let database = service.home().database().await;
    let kept = "SELECT COUNT(*) FROM one_time_tokens WHERE purpose = 'email_change'";
    assert_eq!(count(&database, kept).await, 0);
}
