//! Logins by a real provider.

use std::time::Instant;

use futures_util::future::join_all;
use kayan_journeys::{Browser, CLIENT, Home, IdentityProvider, Person, Service, ask, count};
use serde_json::{Value, json};

use super::{APP, Stage, account, error_of, with_provider};
use crate::second_factors::{App, verify};

#[tokio::test]
async fn a_new_user_signs_up_by_a_provider_and_logs_in_by_it_again() {
    let stage = Stage::start(json!({ "title": "Example" }), &[]).await;
    let listed = ask(stage.service.client().get("/api/v1/oidc/providers")).await.expect(200).json();
    assert_eq!(listed, json!({ "data": [{ "name": "idp", "title": "Example", "path": "/api/v1/oidc/idp" }] }));
    let (browser, ada) = (Browser::new(), account("1", "Ada@Example.com", true));
    let first = stage.log_in(&browser, &ada).await;
    assert_eq!(first.header("location"), APP);
    let cookies = first.cookies();
    assert!(cookies.iter().any(|set| set.starts_with("kayan_session=kys_")), "{cookies:?}");
    assert!(cookies.iter().any(|set| set.starts_with("kayan_device=kyd_")), "{cookies:?}");
    let me = stage.who_am_i(&browser).await;
    assert_eq!(me["identity"]["traits"], json!({ "email": "Ada@Example.com", "name": "Ada" }));
    assert_eq!(me["identity"]["verified"], json!(["ada@example.com"]));
    assert_eq!(me["session"]["authentication_methods"][0]["method"], "oidc");
    let elsewhere = Browser::new();
    stage.log_in(&elsewhere, &ada).await;
    assert_eq!(stage.who_am_i(&elsewhere).await["identity"]["id"], me["identity"]["id"]);
    let database = stage.service.home().database().await;
    assert_eq!(count(&database, "SELECT COUNT(*) FROM credentials WHERE kind = 'oidc'").await, 1);
    assert_eq!(count(&database, "SELECT COUNT(*) FROM one_time_tokens").await, 0, "the states are used up");
}

#[tokio::test]
async fn i_28_a_browser_is_redirected_to_listed_urls_only_and_back_from_the_providers_in_the_list() {
    let provider = IdentityProvider::start("http://localhost/api/v1/oidc/mine/callback", &[]).await;
    let home = Home::new()
        .with("KAYAN_OIDC_PROVIDERS", "mine")
        .with("KAYAN_OIDC_PROVIDERS_MINE_ISSUER", provider.issuer())
        .with("KAYAN_OIDC_PROVIDERS_MINE_CLIENT_ID", CLIENT.0)
        .with("KAYAN_OIDC_PROVIDERS_MINE_REDIRECT_URL", "http://localhost/api/v1/oidc/mine/callback")
        .with("KAYAN_RETURN_TO", "https://app.example/users,https://admin.example");
    let service = Service::start_in(home).await;
    let begin = |return_to: &str| service.client().get(&format!("/api/v1/oidc/mine{return_to}"));
    let known = ["", "?return_to=https://app.example/users/1", "?return_to=https://admin.example/any?x=1"];
    for good in known {
        let page = ask(begin(good)).await.expect(302);
        let to = page.header("location");
        assert!(to.starts_with(&format!("{}/auth?response_type=code&client_id=kayan&", provider.issuer())), "{to}");
        for part in ["&code_challenge=", "&code_challenge_method=S256", "&nonce=", "&state=kyo_", "&scope=openid+email"]
        {
            assert!(to.contains(part), "{part}: {to}");
        }
        assert!(page.cookies()[0].starts_with("kayan_ceremony=kyb_"), "{page:?}");
    }
    for evil in ["https://app.example/", "https://app.example.evil.example/users", "//evil.example", "https:%5C%5Cevil"]
    {
        ask(begin(&format!("?return_to={evil}"))).await.refused(400, "invalid_return_to");
    }
    ask(service.client().get("/api/v1/oidc/other")).await.refused(404, "provider_not_found");
}

#[tokio::test]
async fn claims_that_are_at_the_userinfo_endpoint_only_are_found_there() {
    let stage = Stage::start(json!({}), &["--userinfo"]).await;
    let browser = Browser::new();
    stage.log_in(&browser, &account("1", "ada@example.com", true)).await;
    let me = stage.who_am_i(&browser).await;
    assert_eq!(me["identity"]["traits"], json!({ "email": "ada@example.com", "name": "Ada" }));
    assert_eq!(me["identity"]["verified"], json!(["ada@example.com"]));
}

#[tokio::test]
async fn an_account_without_an_address_is_refused_and_one_with_an_unverified_address_is_not_verified() {
    let stage = Stage::start(json!({}), &[]).await;
    let refused = stage.log_in(&Browser::new(), &json!({ "sub": "1" })).await;
    assert_eq!(error_of(&refused), "email_required", "{refused:?}");
    let browser = Browser::new();
    stage.log_in(&browser, &account("2", "ada@example.com", false)).await;
    assert_eq!(stage.who_am_i(&browser).await["identity"]["verified"], json!([]));
}

#[tokio::test]
async fn a_login_that_its_user_cancels_ends_where_it_began_with_an_error() {
    let stage = Stage::start(json!({}), &[]).await;
    let cancelled = stage.log_in(&Browser::new(), &Value::Null).await;
    assert_eq!(error_of(&cancelled), "oidc_failed", "{cancelled:?}");
    assert!(cancelled.header("location").starts_with(&format!("{APP}#error=oidc_failed&error_description=")));
}

#[tokio::test]
async fn i_26_a_callback_is_good_once_in_its_browser_for_its_tenant_and_its_provider() {
    let stage = Stage::start(json!({}), &[]).await;
    let ran = stage.service.home().run("admin tenant create --id acme").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let (browser, ada) = (Browser::new(), account("1", "ada@example.com", true));
    let callback = stage.callback(&browser, &ada).await;
    ask(Browser::new().open(&callback)).await.refused(401, "oidc_failed");
    ask(browser.open(&callback).header("X-Tenant-ID", "acme")).await.refused(401, "oidc_failed");
    ask(browser.open(&callback.replace("/idp/", "/other/"))).await.refused(401, "oidc_failed");
    ask(browser.open(&callback.replace("state=kyo_", "state=kyo_A"))).await.refused(401, "oidc_failed");
    let twice = format!("{callback}&state=kyo_x");
    ask(browser.open(&twice)).await.refused(401, "oidc_failed");
    let mixed_up = callback.replace("&iss=http", "&iss=https");
    assert!(mixed_up != callback, "{callback}");
    let refused = ask(browser.open(&mixed_up)).await.expect(302);
    assert_eq!(error_of(&refused), "oidc_failed");
    ask(browser.open(&callback)).await.refused(401, "oidc_failed");
    let callback = stage.callback(&browser, &ada).await;
    ask(browser.open(&callback)).await.expect(302);
    ask(browser.open(&callback)).await.refused(401, "oidc_failed");
    stage.who_am_i(&browser).await;
}

#[tokio::test]
async fn i_01_a_callback_opens_one_session_under_64_parallel_requests() {
    let stage = Stage::start(json!({}), &[]).await;
    let browser = Browser::new();
    let callback = stage.callback(&browser, &account("1", "ada@example.com", true)).await;
    let answers = join_all((0..64).map(|_| ask(browser.open(&callback)))).await;
    let opened = answers.iter().filter(|answer| answer.status == 302).count();
    assert_eq!(opened, 1, "{answers:?}");
    let database = stage.service.home().database().await;
    assert_eq!(count(&database, "SELECT COUNT(*) FROM sessions").await, 1);
    assert_eq!(count(&database, "SELECT COUNT(*) FROM identities").await, 1);
}

#[tokio::test]
async fn i_13_of_64_parallel_first_logins_one_creates_the_account_and_no_other_does() {
    let stage = Stage::start(json!({}), &[]).await;
    let ada = account("1", "ada@example.com", true);
    let mut begun = Vec::new();
    for _ in 0..64 {
        let browser = Browser::new();
        let callback = stage.callback(&browser, &ada).await;
        begun.push((browser, callback));
    }
    let pages = join_all(begun.iter().map(|(browser, callback)| ask(browser.open(callback)))).await;
    let mut owners = Vec::new();
    for ((browser, _), page) in begun.iter().zip(&pages) {
        // A busy machine may refuse some: the provider is waited for ten seconds, and the database for a few.
        let is_busy = page.status == 503 || page.header("location").contains("not+available");
        assert!(is_busy || page.header("location") == APP, "{page:?}");
        if !is_busy {
            owners.push(stage.who_am_i(browser).await["identity"]["id"].clone());
        }
    }
    assert!(owners.len() > 1 && owners.iter().all(|owner| *owner == owners[0]), "{owners:?}");
    let database = stage.service.home().database().await;
    assert_eq!(count(&database, "SELECT COUNT(*) FROM identities").await, 1);
    assert_eq!(count(&database, "SELECT COUNT(*) FROM credentials").await, 1);
}

#[tokio::test]
async fn a_login_survives_that_the_provider_changes_its_keys_in_between() {
    let stage = Stage::start(json!({}), &[]).await;
    stage.log_in(&Browser::new(), &account("1", "ada@example.com", true)).await;
    let browser = Browser::new();
    let callback = stage.callback(&browser, &account("2", "bert@example.com", true)).await;
    stage.provider.rotate().await;
    let page = ask(browser.open(&callback)).await.expect(302);
    assert_eq!(page.header("location"), APP, "{page:?}");
}

#[tokio::test]
async fn a_login_that_lacks_a_factor_ends_with_what_completes_it() {
    let stage = Stage::start(json!({}), &[]).await;
    let (browser, ada) = (Browser::new(), account("1", "ada@example.com", true));
    let first = stage.log_in(&browser, &ada).await;
    let cookie = first.cookies().into_iter().find(|set| set.starts_with("kayan_session=")).unwrap();
    let token = cookie.trim_start_matches("kayan_session=").split(';').next().unwrap().to_owned();
    let client = stage.service.client();
    let enroll = client.post("/api/v1/mfa/totp/enroll").bearer_auth(&token);
    let app = App(ask(enroll).await.expect(200).at("/secret"));
    let person = Person {
        client: client.clone(),
        id: String::new(),
        email: "ada@example.com".to_owned(),
        session_token: token,
        refresh_token: String::new(),
    };
    app.confirm(&person).await;
    let page = stage.log_in(&Browser::new(), &ada).await;
    let (to, fragment) = page.header("location").split_once('#').unwrap();
    assert_eq!(to, APP);
    let value = |name: &str| fragment.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap();
    assert_eq!(value("methods"), "totp%2Crecovery_code");
    assert!(page.cookies().iter().all(|set| !set.starts_with("kayan_session=")), "{page:?}");
    let opened = ask(verify(&client, &app.code(1), &json!(value("mfa_token")))).await.expect(200);
    assert_eq!(opened.json()["aal"], "aal2");
    assert_eq!(opened.json()["amr"], json!(["fed", "otp", "mfa"]));
}

#[tokio::test]
async fn a_provider_that_is_away_stops_nothing_and_is_found_again() {
    let port = super::free_port();
    let origin = format!("http://localhost:{port}");
    let redirect = format!("{origin}/api/v1/oidc/idp/callback");
    let idp = super::free_port();
    let home = with_provider(Home::new(), &format!("http://localhost:{idp}"), &json!({}));
    let service = Service::start_in(home.with("KAYAN_PORT", port.to_string())).await;
    Person::register(&service.client(), "bert").await;
    let begin = || Browser::new().open(&format!("{origin}/api/v1/oidc/idp"));
    let begun = Instant::now();
    let answers = join_all((0..16).map(|_| ask(begin()))).await;
    assert!(begun.elapsed().as_secs() < 10, "nobody waits for the others in turn");
    for answer in answers {
        answer.refused(503, "unavailable");
    }
    ask(service.client().get("/health/ready")).await.expect(200);
    let provider = IdentityProvider::start(&redirect, &["--port", &idp.to_string()]).await;
    // After a failure, the next attempt waits for five seconds.
    let back = async {
        while ask(begin()).await.status != 302 {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), back).await.expect("it is found again");
    let stage = Stage { service, provider, origin };
    let (browser, ada) = (Browser::new(), account("1", "ada@example.com", true));
    let callback = stage.callback(&browser, &ada).await;
    drop(stage.provider);
    let page = ask(browser.open(&callback)).await.expect(302);
    assert_eq!(error_of(&page), "oidc_failed", "{page:?}");
    assert!(page.header("location").contains("not+available"), "{page:?}");
}
