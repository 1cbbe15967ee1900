//! Invitations of users, with a real mail server.

use futures_util::future::join_all;
use kayan_journeys::{Answer, Client, PASSWORD, Person, ask, count};
use kayan_mail_server::MailServer;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::{
    administration::Office,
    mail_flows::{MANY, complete, home, recover, winners},
};

const ADDRESS: &str = "grace@example.com";
const MARK: &str = "/flow/invitation#token=";

/// A mail server, an administrator, and the path of grace, who has no password.
async fn stage() -> (MailServer, Office, String) {
    let server = MailServer::start(&[]).await;
    let office = Office::open_in(home(&server)).await;
    let made = office.tell(Method::POST, "/admin/users", &json!({ "traits": { "email": ADDRESS } })).await.expect(201);
    (server, office, format!("/admin/users/{}", made.at("/id")))
}

async fn invite(office: &Office, user: &str, body: &Value) -> Answer {
    office.tell(Method::POST, &format!("{user}/invite"), body).await
}

fn accept(client: &Client, token: &str, password: &str) -> RequestBuilder {
    client.tell("/api/v1/invitation/complete", &json!({ "token": token, "password": password }))
}

#[tokio::test]
async fn an_invited_user_sets_a_password_by_the_link_and_is_logged_in() {
    let (mut server, office, grace) = stage().await;
    let client = &office.client;
    invite(&office, &grace, &json!({})).await.expect(202);
    let older = server.after(ADDRESS, MARK).await;
    let ran = office.service.home().run(&format!("admin user invite --id {ADDRESS}")).await;
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{ran:?}");
    let link = server.after(ADDRESS, MARK).await;
    ask(accept(client, &older, PASSWORD)).await.refused(401, "invalid_token");
    for path in ["/flow/invitation", "/api/v1/invitation/complete"] {
        let got = ask(client.get(&format!("{path}?token={link}"))).await;
        assert!(matches!(got.status, 200 | 405), "{got:?}");
    }
    ask(accept(client, &link, "password1")).await.refused(400, "weak_password");
    let answers = join_all((0..8).map(|_| ask(accept(client, &link, PASSWORD)))).await;
    assert_eq!(winners(&answers), 1, "I-01");
    let opened = answers.iter().find(|answer| answer.status == 200).unwrap();
    assert_eq!(opened.json()["identity"]["verified"], json!([ADDRESS]));
    assert_eq!(opened.cookies().len(), 2, "of the session and the device");
    ask(Person::asking(client, &opened.at("/session_token"))).await.expect(200);
    ask(Person::login(client, ADDRESS, PASSWORD)).await.expect(200);
    invite(&office, &grace, &json!({})).await.refused(409, "wrong_state");
}

#[tokio::test]
async fn i_36_a_link_to_hand_out_is_shown_once_more_for_the_same_key_and_stored_nowhere() {
    let (_server, office, grace) = stage().await;
    let ask_for = || async {
        let request = office.request(Method::POST, &format!("{grace}/invite")).header("Idempotency-Key", "k");
        ask(request.json(&json!({ "deliver": false }))).await.expect(200).at("/link")
    };
    let (link, again) = (ask_for().await, ask_for().await);
    assert_eq!(link, again);
    let token = link.split_once("/flow/invitation#token=").expect("a link").1;
    let database = office.service.home().database().await;
    for kept in database.texts("SELECT answer FROM kept_answers").await {
        assert!(!kept.contains(token), "{kept}");
    }
    let opened = ask(complete(&office.client, "invitation", token)).await.expect(200);
    assert_eq!(opened.json()["identity"]["verified"], json!([]), "no mail was read");
    assert_eq!(count(&database, "SELECT COUNT(*) FROM messages WHERE kind = 'invitation'").await, 0);
    let ran = office.service.home().run(&format!("admin user invite --id {ADDRESS} --print-link")).await;
    let token = ran.stdout.trim().split_once("#token=").expect("a link").1.to_owned();
    let answers = join_all((0..MANY).map(|_| ask(complete(&office.client, "invitation", &token)))).await;
    assert_eq!(winners(&answers), 1, "I-01");
}

#[tokio::test]
async fn i_02_i_29_i_30_an_invitation_is_of_its_flow_its_tenant_and_those_who_may_change_the_user() {
    let (mut server, office, grace) = stage().await;
    let (_, viewer) = office.colleague("viewer", &["viewer"]).await;
    let path = format!("{grace}/invite");
    ask(office.client.post(&path).bearer_auth(viewer)).await.refused(403, "forbidden");
    let ran = office.service.home().run("admin tenant create --id acme").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    invite(&office, &grace, &json!({})).await.expect(202);
    let link = server.after(ADDRESS, MARK).await;
    ask(accept(&office.client, &link, PASSWORD).header("X-Tenant-ID", "acme")).await.refused(401, "invalid_token");
    ask(recover(&office.client, &link, PASSWORD)).await.refused(401, "invalid_token");
    ask(complete(&office.client, "magic-link", &link)).await.refused(401, "invalid_token");
    invite(&office, "/admin/users/01890000-0000-7000-8000-000000000000", &json!({})).await.refused(404, "not_found");
    ask(accept(&office.client, &link, PASSWORD)).await.expect(200);
}

#[tokio::test]
async fn a_required_second_factor_is_enrolled_before_the_first_session() {
    let (mut server, office, grace) = stage().await;
    invite(&office, &grace, &json!({})).await.expect(202);
    let link = server.after(ADDRESS, MARK).await;
    let require = r#"admin tenant update --id default --settings {"mfa_required":true}"#;
    assert_eq!(office.service.home().run(require).await.code, 0);
    let refused = ask(accept(&office.client, &link, PASSWORD)).await.refused(403, "mfa_required");
    assert_eq!(refused.json()["details"]["methods"], json!([]));
    assert!(refused.json()["details"]["enroll"].as_array().is_some_and(|methods| !methods.is_empty()), "{refused:?}");
}
