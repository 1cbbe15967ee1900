//! The deletion of accounts without a password, with a real mail server.

use futures_util::future::join_all;
use kayan_journeys::{Person, ask, count};
use kayan_mail_server::MailServer;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use crate::{
    administration::Office,
    mail_flows::{MANY, complete, home},
};

const ADDRESS: &str = "grace@example.com";

fn delete(office: &Office, token: &str) -> RequestBuilder {
    office.client.tell("/api/v1/account/deletion/complete", &json!({ "token": token }))
}

#[tokio::test]
async fn i_01_i_02_an_account_without_a_password_is_deleted_once_by_a_link_of_its_own() {
    let mut server = MailServer::start(&[]).await;
    let office = Office::open_in(home(&server)).await;
    let client = &office.client;
    let make = json!({ "traits": { "email": ADDRESS } });
    office.tell(Method::POST, "/admin/users", &make).await.expect(201);
    ask(client.tell("/api/v1/magic-link/request", &json!({ "email": ADDRESS }))).await.expect(202);
    let magic = server.after(ADDRESS, "/flow/magic-link#token=").await;
    let session = ask(complete(client, "magic-link", &magic)).await.expect(200).at("/session_token");
    let request = |token: &str| client.post("/api/v1/account/deletion/request").bearer_auth(token);
    ask(request(office.token())).await.refused(409, "wrong_state");
    ask(request("kys_x")).await.refused(401, "unauthorized");
    ask(request(&session)).await.expect(202);
    let link = server.after(ADDRESS, "/flow/account-deletion#token=").await;
    ask(client.get(&format!("/flow/account-deletion?token={link}"))).await.expect(200);
    ask(complete(client, "magic-link", &link)).await.refused(401, "invalid_token");
    let ran = office.service.home().run("admin tenant create --id acme").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    ask(delete(&office, &link).header("X-Tenant-ID", "acme")).await.refused(401, "invalid_token");

    let answers = join_all((0..MANY).map(|_| ask(delete(&office, &link)))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 204).count(), 1);
    ask(Person::asking(client, &session)).await.refused(401, "unauthorized");
    let database = office.service.home().database().await;
    let tokens = "one_time_tokens WHERE purpose = 'account_deletion'";
    for left in ["identifiers WHERE value LIKE 'grace%'", "messages WHERE recipient LIKE 'grace%'", tokens] {
        assert_eq!(count(&database, &format!("SELECT COUNT(*) FROM {left}")).await, 0, "{left}");
    }
}
