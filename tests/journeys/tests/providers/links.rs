//! Links to accounts at a provider.

use kayan_journeys::{Answer, Browser, Person, ask, count};
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{APP, Stage, account, error_of};

const BEGIN: &str = "/api/v1/oidc/idp?link=true&return_to=https://app.example/welcome";

/// A request of a page of the service itself, in the session of this user.
fn from_own_page(stage: &Stage, browser: &Browser, path: &str, person: &Person) -> RequestBuilder {
    let cookie = format!("kayan_session={}", person.session_token);
    browser.open(&stage.url(path)).header("Sec-Fetch-Site", "same-origin").header("Cookie", cookie)
}

/// Links this account to a user; the answer of the callback.
async fn link(stage: &Stage, person: &Person, account: &Value) -> Answer {
    let browser = Browser::new();
    let begun = ask(browser.open(&stage.url(BEGIN)).bearer_auth(&person.session_token)).await.expect(302);
    let callback = browser.log_in_at(begun.header("location"), account).await;
    ask(browser.open(&callback).bearer_auth(&person.session_token)).await.expect(302)
}

fn links(person: &Person) -> RequestBuilder {
    person.client.get("/api/v1/oidc/links").bearer_auth(&person.session_token)
}

fn unlink(person: &Person) -> RequestBuilder {
    person.client.delete("/api/v1/oidc/links/idp").bearer_auth(&person.session_token)
}

#[tokio::test]
async fn a_user_links_an_account_lists_it_logs_in_by_it_and_removes_it() {
    let stage = Stage::start(json!({}), &[]).await;
    let client = stage.service.client();
    let (ada, bert) = (Person::register(&client, "ada").await, Person::register(&client, "bert").await);
    let done = link(&stage, &ada, &account("1", "other@elsewhere.example", false)).await;
    assert_eq!(done.header("location"), APP);
    let listed = ask(links(&ada)).await.expect(200).json();
    assert_eq!(listed["data"][0]["provider"], "idp");
    assert_eq!(listed["data"][0]["email"], "other@elsewhere.example");
    assert_eq!(ask(links(&bert)).await.expect(200).json(), json!({ "data": [] }));
    let exported = ask(client.get("/api/v1/me/export").bearer_auth(&ada.session_token)).await.expect(200);
    assert_eq!(exported.json()["links"][0]["provider"], "idp", "{exported:?}");
    let taken = link(&stage, &bert, &account("1", "other@elsewhere.example", false)).await;
    assert_eq!(error_of(&taken), "oidc_failed", "{taken:?}");
    assert!(!taken.header("location").contains("ada"), "{taken:?}");
    let browser = Browser::new();
    stage.log_in(&browser, &account("1", "other@elsewhere.example", false)).await;
    assert_eq!(stage.who_am_i(&browser).await["identity"]["id"], json!(ada.id));
    ask(unlink(&bert)).await.refused(404, "not_found");
    ask(unlink(&ada)).await.expect(204);
    ask(unlink(&ada)).await.refused(404, "not_found");
    let events = "SELECT COUNT(*) FROM audit_events WHERE type = 'identity.provider_unlinked'";
    assert_eq!(count(&stage.service.home().database().await, events).await, 1);
}

#[tokio::test]
async fn i_27_an_account_with_the_same_address_is_linked_only_if_both_sides_have_verified_it() {
    let stage = Stage::start(json!({}), &[]).await;
    let ada = Person::register(&stage.service.client(), "ada").await;
    for verified in [true, false] {
        let page = stage.log_in(&Browser::new(), &account("1", &ada.email, verified)).await;
        assert_eq!(error_of(&page), "link_required", "ours is not verified: {page:?}");
    }
    let database = stage.service.home().database().await;
    database.execute(&format!("UPDATE identities SET verified = '[\"{}\"]'", ada.email)).await;
    let page = stage.log_in(&Browser::new(), &account("1", &ada.email, false)).await;
    assert_eq!(error_of(&page), "link_required", "theirs is not verified: {page:?}");
    assert_eq!(count(&database, "SELECT COUNT(*) FROM credentials WHERE kind = 'oidc'").await, 0);
    let browser = Browser::new();
    let page = stage.log_in(&browser, &account("1", &ada.email, true)).await;
    assert_eq!(page.header("location"), APP);
    assert_eq!(stage.who_am_i(&browser).await["identity"]["id"], json!(ada.id));
}

#[tokio::test]
async fn i_21_the_last_way_in_is_not_unlinked() {
    let stage = Stage::start(json!({}), &[]).await;
    let browser = Browser::new();
    let page = stage.log_in(&browser, &account("1", "ada@example.com", true)).await;
    let set = page.cookies().into_iter().find(|set| set.starts_with("kayan_session=")).unwrap();
    let token = set.trim_start_matches("kayan_session=").split(';').next().unwrap().to_owned();
    let remove = stage.service.client().delete("/api/v1/oidc/links/idp").bearer_auth(token);
    ask(remove).await.refused(409, "last_credential");
}

#[tokio::test]
async fn another_site_can_not_make_its_visitor_link_an_account() {
    let stage = Stage::start(json!({}), &[]).await;
    let ada = Person::register(&stage.service.client(), "ada").await;
    let browser = Browser::new();
    let cookie = format!("kayan_session={}", ada.session_token);
    let begin = || browser.open(&stage.url(BEGIN)).header("Cookie", cookie.clone());
    for (site, from) in [
        (None, None),
        (Some("cross-site"), Some("https://evil.example/page")),
        (Some("same-site"), Some("https://sub.evil.example/")),
        (Some("cross-site"), None),
    ] {
        let request = site.into_iter().fold(begin(), |request, site| request.header("Sec-Fetch-Site", site));
        let request = from.into_iter().fold(request, |request, from| request.header("Referer", from));
        ask(request).await.refused(403, "csrf_rejected");
    }
    ask(from_own_page(&stage, &browser, BEGIN, &ada)).await.expect(302);
    ask(browser.open(&stage.url(BEGIN)).header("Sec-Fetch-Site", "none")).await.refused(401, "unauthorized");
    // A session of long ago.
    let methods = r#"[{"method": "password", "completed_at": "2020-01-01T00:00:00.000000Z"}]"#;
    let backdate = format!("UPDATE sessions SET methods = '{methods}' WHERE identity_id = '{}'", ada.id);
    stage.service.home().database().await.execute(&backdate).await;
    let late = ask(stage.service.client().get(BEGIN).bearer_auth(&ada.session_token)).await;
    assert!(late.status == 403 || late.status == 302, "a cached session may be taken for five seconds: {late:?}");
}
