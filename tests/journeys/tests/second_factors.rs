//! Second factors: authenticator apps, whose codes `oathtool` makes, and recovery codes.

use std::{collections::BTreeMap, process::Command};

use futures_util::future::join_all;
use kayan_journeys::{Answer, Client, Home, PASSWORD, Person, Service, ask, count};
use serde_json::{Value, json};

const MANY: usize = 64;

/// An authenticator app that holds a secret.
pub(crate) struct App(pub(crate) String);

impl App {
    /// The code of the present time step, or of one that many steps from it. Verifying accepts one step either way.
    pub(crate) fn code(&self, steps: i32) -> String {
        let now = format!("now {:+} seconds", steps * 30);
        let made = Command::new("oathtool").args(["--totp", "--base32", "--now", &now, &self.0]).output();
        let made = made.expect("oathtool, which `cargo xtask test` installs");
        assert!(made.status.success(), "{made:?}");
        String::from_utf8_lossy(&made.stdout).trim().to_owned()
    }

    /// Enrolls an app for a logged-in user, confirms it with the code of the previous time step, and returns the recovery
    /// codes.
    pub(crate) async fn of(person: &Person) -> (Self, Vec<String>) {
        let client = &person.client;
        let enrolled = ask(client.post("/api/v1/mfa/totp/enroll").bearer_auth(&person.session_token)).await.expect(200);
        let app = Self(enrolled.at("/secret"));
        let codes = app.confirm(person).await.json()["recovery_codes"].as_array().cloned().unwrap_or_default();
        (app, codes.iter().filter_map(|code| code.as_str().map(str::to_owned)).collect())
    }

    /// Confirms the app by the code of the step before the present one; by another one if a step ends just then.
    pub(crate) async fn confirm(&self, person: &Person) -> Answer {
        let confirming =
            || ask(verify(&person.client, &self.code(-1), &Value::Null).bearer_auth(&person.session_token));
        let first = confirming().await;
        if first.status == 200 { first } else { confirming().await.expect(200) }
    }
}

pub(crate) fn verify(client: &Client, code: &str, mfa_token: &Value) -> reqwest::RequestBuilder {
    let mut body = json!({ "code": code });
    if !mfa_token.is_null() {
        body["mfa_token"] = mfa_token.clone();
    }
    client.tell("/api/v1/mfa/totp/verify", &body)
}

fn recover(client: &Client, code: &str, mfa_token: &Value) -> reqwest::RequestBuilder {
    client.tell("/api/v1/mfa/recovery-codes/verify", &json!({ "code": code, "mfa_token": mfa_token }))
}

/// Logs in by password, and gives the token for the factor that is missing.
async fn challenged(person: &Person) -> Value {
    let refused = ask(Person::login(&person.client, &person.email, PASSWORD)).await.refused(403, "mfa_required");
    refused.json()["details"]["mfa_token"].clone()
}

fn tally(answers: &[Answer]) -> BTreeMap<u16, usize> {
    let mut tally = BTreeMap::new();
    for answer in answers {
        *tally.entry(answer.status).or_default() += 1;
    }
    tally
}

/// A service that hears many wrong codes before it locks.
fn patient() -> Home {
    Home::new().with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_LOCKOUT_MAX_FAILURES", "1000")
}

/// One opened a session; the others used what was used up.
fn one_wins(answers: &[Answer]) {
    let tally = tally(answers);
    assert_eq!(tally.get(&200), Some(&1), "{tally:?}");
    assert_eq!(tally.get(&401), Some(&(MANY - 1)), "{tally:?}");
}

#[tokio::test]
async fn i_18_a_login_with_an_app_opens_a_session_at_aal2_and_before_it_there_is_none() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let client = &ada.client;
    let enrolled = ask(client.post("/api/v1/mfa/totp/enroll").bearer_auth(&ada.session_token)).await.expect(200);
    assert!(enrolled.at("/uri").starts_with("otpauth://totp/Kayan:ada%40example.com?secret="), "{enrolled:?}");
    assert!(enrolled.at("/qr_code").starts_with("data:image/svg+xml;base64,"), "{enrolled:?}");
    let again = ask(client.post("/api/v1/mfa/totp/enroll").bearer_auth(&ada.session_token)).await;
    again.refused(409, "already_enrolled");
    ada.log_in().await;
    let app = App(enrolled.at("/secret"));
    let confirmed = app.confirm(&ada).await;
    assert_eq!(confirmed.json()["success"], true);
    assert_eq!(confirmed.json()["recovery_codes"].as_array().map(Vec::len), Some(10));
    assert!(confirmed.cookies().is_empty(), "the session is as it was");

    let refused = ask(Person::login(client, &ada.email, PASSWORD)).await.refused(403, "mfa_required");
    assert!(refused.cookies().is_empty());
    let details = refused.json()["details"].clone();
    assert_eq!((&details["methods"], &details["enroll"]), (&json!(["totp", "recovery_code"]), &json!([])));
    assert!(details["expires_at"].is_string(), "{details}");
    let token = details["mfa_token"].as_str().unwrap();
    ask(Person::asking(client, token)).await.refused(401, "unauthorized");
    ask(Person::refreshing(client, token)).await.refused(401, "invalid_token");

    let token = &details["mfa_token"];
    ask(verify(client, &app.code(-1), token)).await.refused(401, "invalid_code");
    let opened = ask(verify(client, &app.code(0), token)).await.expect(200);
    assert_eq!((opened.at("/aal"), &opened.json()["amr"]), ("aal2".to_owned(), &json!(["pwd", "otp", "mfa"])));
    assert_eq!(opened.at("/identity/id"), ada.id);
    assert_eq!(opened.cookies().len(), 2, "of the session and the device");
    let at_aal2 = |token: &str| client.get("/api/v1/whoami?min_aal=aal2&max_age=300").bearer_auth(token);
    ask(at_aal2(&opened.at("/session_token"))).await.expect(200);
    let below = ask(at_aal2(&ada.session_token)).await.refused(403, "aal2_required");
    let challenge = below.header("www-authenticate");
    assert!(challenge.contains(r#"error="insufficient_user_authentication", acr_values="aal2""#), "{challenge}");
    ask(client.get("/api/v1/whoami?min_aal=aal9").bearer_auth(&ada.session_token)).await.refused(400, "invalid_input");
    ask(verify(client, &app.code(1), token)).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn a_step_up_gives_the_session_new_tokens_and_then_factors_can_be_changed() {
    let service = Service::start().await;
    let ada = Person::register(&service.client(), "ada").await;
    let client = &ada.client;
    let (app, _) = App::of(&ada).await;
    let remove = |token: &str| client.delete("/api/v1/mfa/totp").bearer_auth(token);
    ask(remove(&ada.session_token)).await.refused(403, "aal2_required");
    let codes = |token: &str| client.post("/api/v1/mfa/recovery-codes").bearer_auth(token);
    ask(codes(&ada.session_token)).await.refused(403, "aal2_required");
    let stepped = ask(verify(client, &app.code(0), &Value::Null).bearer_auth(&ada.session_token)).await.expect(200);
    assert_eq!(stepped.at("/aal"), "aal2");
    ada.assert_out().await;
    let token = stepped.at("/session_token");
    let new = ask(codes(&token)).await.expect(200).json();
    assert_eq!(new["recovery_codes"].as_array().map(Vec::len), Some(10));
    let mine = ask(client.get("/api/v1/mfa").bearer_auth(&token)).await.expect(200).json();
    assert_eq!((&mine["recovery_codes_left"], &mine["data"][0]["method"]), (&json!(10), &json!("totp")));
    let export = ask(client.get("/api/v1/me/export").bearer_auth(&token)).await.expect(200);
    assert!(export.text().contains(r#""kind":"totp""#) && !export.text().contains(&app.0), "I-36: {}", export.text());
    ask(remove(&token)).await.expect(204);
    ada.log_in().await;
}

#[tokio::test]
async fn i_05_and_i_06_of_64_uses_of_one_code_one_opens_a_session() {
    let service = Service::start_in(patient()).await;
    let ada = Person::register(&service.client(), "ada").await;
    let (app, codes) = App::of(&ada).await;
    let mut tokens = Vec::new();
    for _ in 0..2 * MANY {
        tokens.push(challenged(&ada).await);
    }
    let (for_codes, for_recovery) = tokens.split_at(MANY);
    let code = app.code(0);
    let answers = join_all(for_codes.iter().map(|token| ask(verify(&ada.client, &code, token)))).await;
    one_wins(&answers);
    let answers = join_all(for_recovery.iter().map(|token| ask(recover(&ada.client, &codes[3], token)))).await;
    one_wins(&answers);
    let left: Vec<_> = answers.iter().filter_map(|answer| answer.json()["recovery_codes_left"].as_u64()).collect();
    assert_eq!(left, [9]);
}

#[tokio::test]
async fn i_01_of_64_uses_of_one_mfa_token_one_opens_a_session() {
    let service = Service::start_in(patient()).await;
    let ada = Person::register(&service.client(), "ada").await;
    let (_, codes) = App::of(&ada).await;
    let token = challenged(&ada).await;
    // Ten different codes, so that only the token is contested.
    let answers = join_all((0..MANY).map(|n| ask(recover(&ada.client, &codes[n % codes.len()], &token)))).await;
    one_wins(&answers);
    let mine = ask(ada.client.get("/api/v1/mfa").bearer_auth(&ada.session_token)).await.expect(200);
    assert_eq!(mine.json()["recovery_codes_left"], 9, "a code that opened nothing is not used up");
}

#[tokio::test]
async fn i_10_wrong_codes_void_the_mfa_token_and_then_lock_the_account() {
    let service =
        Service::start_in(Home::new().with("KAYAN_LOCKOUT_ENABLED", "true").with("KAYAN_LOCKOUT_MAX_FAILURES", "7"))
            .await;
    let ada = Person::register(&service.client(), "ada").await;
    let (app, codes) = App::of(&ada).await;
    let token = challenged(&ada).await;
    let wrong = join_all((0..MANY).map(|_| ask(verify(&ada.client, "000000", &token)))).await;
    // Requests that the lockout refuses use up tries of the token, too.
    let heard = wrong.iter().filter(|answer| answer.at("/code") == "invalid_code").count();
    assert!(heard <= 5, "{:?}", tally(&wrong));
    ask(verify(&ada.client, &app.code(0), &token)).await.refused(401, "invalid_token");
    for _ in heard..7 {
        let token = challenged(&ada).await;
        ask(recover(&ada.client, "wrong", &token)).await.refused(401, "invalid_code");
    }
    let token = challenged(&ada).await;
    let locked = ask(recover(&ada.client, &codes[0], &token)).await.refused(423, "account_locked");
    assert!(!locked.header("retry-after").is_empty());
    service.home().run("admin user unlock --id ada@example.com").await;
    ask(recover(&ada.client, &codes[0], &token)).await.expect(200);
    let failures = "SELECT COUNT(*) FROM audit_events WHERE type = 'auth.mfa.failure'";
    assert_eq!(count(&service.home().database().await, failures).await, 7);
}

#[tokio::test]
async fn where_a_second_factor_is_required_it_is_enrolled_during_the_login() {
    let service = Service::start().await;
    let client = service.client();
    let ran = service.home().run(r#"admin tenant update --id default --settings {"mfa_required":true}"#).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let refused = ask(Person::registration(&client, "ada@example.com")).await.refused(403, "mfa_required");
    let details = refused.json()["details"].clone();
    assert_eq!((&details["methods"], &details["enroll"]), (&json!([]), &json!(["totp", "webauthn"])));
    let token = &details["mfa_token"];
    let body = json!({ "mfa_token": token, "name": "phone" });
    let enrolled = ask(client.tell("/api/v1/mfa/totp/enroll", &body)).await.expect(200);
    let app = App(enrolled.at("/secret"));
    let opened = ask(verify(&client, &app.code(0), token)).await.expect(200);
    assert_eq!((opened.at("/aal"), opened.cookies().len()), ("aal2".to_owned(), 2), "of the session and the device");
    assert_eq!(opened.json()["recovery_codes"].as_array().map(Vec::len), Some(10));
    ask(Person::asking(&client, &opened.at("/session_token"))).await.expect(200);
    // Who has an app can't get another one by the password alone.
    let refused = ask(Person::login(&client, "ada@example.com", PASSWORD)).await.refused(403, "mfa_required");
    let body = json!({ "mfa_token": refused.json()["details"]["mfa_token"] });
    ask(client.tell("/api/v1/mfa/totp/enroll", &body)).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn an_operator_resets_second_factors_by_api_and_by_command() {
    let office = crate::administration::Office::open().await;
    for by_api in [true, false] {
        let name = if by_api { "ada" } else { "grace" };
        let person = Person::register(&office.client, name).await;
        App::of(&person).await;
        challenged(&person).await;
        if by_api {
            let path = format!("/admin/users/{}/mfa", person.id);
            ask(office.request(reqwest::Method::DELETE, &path)).await.expect(204);
        } else {
            let ran = office.service.home().run(&format!("admin user reset-mfa --id {}", person.email)).await;
            assert_eq!(ran.code, 0, "{ran:?}");
        }
        // Other processes' session caches follow within seconds; refresh tokens are not cached.
        person.refresh().await.refused(401, "invalid_token");
        person.log_in().await;
    }
}

#[tokio::test]
async fn strange_codes_and_tokens_are_refused_and_use_nothing_up() {
    let service = Service::start_in(patient()).await;
    let ada = Person::register(&service.client(), "ada").await;
    let (app, codes) = App::of(&ada).await;
    let token = challenged(&ada).await;
    for strange in ["", "12345", "1234567", "١٢٣٤٥٦", "12 34", "abcdef", "-12345"] {
        let token = challenged(&ada).await;
        ask(verify(&ada.client, strange, &token)).await.refused(401, "invalid_code");
        ask(recover(&ada.client, strange, &token)).await.refused(401, "invalid_code");
    }
    for strange in ["", "kym_", "kys_x", &ada.session_token, &ada.refresh_token] {
        ask(verify(&ada.client, &app.code(0), &json!(strange))).await.refused(401, "invalid_token");
        ask(recover(&ada.client, &codes[0], &json!(strange))).await.refused(401, "invalid_token");
    }
    let long = "1".repeat(100_000);
    ask(verify(&ada.client, &long, &token)).await.refused(401, "invalid_code");
    let grace = Person::register(&service.client(), "grace").await;
    for name in ["x".repeat(65), "x".repeat(10_000), "a\nb".to_owned(), "a\u{202e}b".to_owned(), "a\0".to_owned()] {
        let body = json!({ "name": name });
        let named = ask(grace.client.tell("/api/v1/mfa/totp/enroll", &body).bearer_auth(&grace.session_token)).await;
        assert_eq!(named.refused(400, "invalid_input").at("/details/fields/0/pointer"), "/name");
    }
    ask(verify(&ada.client, &app.code(0), &token)).await.expect(200);
}
