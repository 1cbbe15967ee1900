//! Session tokens as JWTs, verified by a library of others, on several replicas and while the settings change.

use kayan_journeys::{Client, Home, Kind, PASSWORD, Person, Service, ask};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::replicas::{pair, until};

const ISSUER: &str = "https://id.example";
const SECRET: &str = "c2VjcmV0IG9mIDMyIGJ5dGVzIGZvciBIUzI1NiBqd3RzIQ==";
const OTHER: &str = "b3RoZXIgc2VjcmV0IG9mIDMyIGJ5dGVzIGZvciBIUzI1NiE=";

/// Verifies a session token by the keys at a URL, or by a secret in base64, and prints its claims.
const VERIFY: &str = "
import base64, json, sys, jwt
keys, token, algorithm, issuer, audience = sys.argv[1:]
key = jwt.PyJWKClient(keys).get_signing_key_from_jwt(token) if keys.startswith('http') else base64.b64decode(keys)
assert jwt.get_unverified_header(token)['typ'] == 'at+jwt'
required = ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id', 'sid', 'tid', 'aal', 'amr', 'auth_time']
print(json.dumps(jwt.decode(token, key, [algorithm], {'require': required}, issuer=issuer, audience=audience)))
";

async fn verified(keys: &str, token: &str, algorithm: &str, audience: &str) -> Value {
    let python = std::env::var_os("KAYAN_TEST_MAIL_PYTHON").expect("`cargo xtask test` sets it");
    let arguments = ["-c", VERIFY, keys, token, algorithm, ISSUER, audience];
    let ran = Command::new(python).args(arguments).output().await.expect("Python starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    serde_json::from_slice(&ran.stdout).unwrap()
}

const JWTS: [(&str, &str); 3] =
    [("KAYAN_PUBLIC_URL", ISSUER), ("KAYAN_SESSION_STRATEGY", "jwt"), ("KAYAN_JWT_SECRET", SECRET)];

fn home() -> Home {
    JWTS.iter().fold(Home::new(), |home, (name, value)| home.with(name, *value))
}

/// Another replica over the same database, with other settings.
async fn replica(of: &Service, settings: &[(&str, &str)]) -> Service {
    let home = Home::at(Kind::of_replicas(), of.home().dsn());
    let home = of.home().settings().iter().fold(home, |home, (name, value)| home.with(name, value.clone()));
    Service::start_in(settings.iter().fold(home, |home, (name, value)| home.with(name, *value))).await
}

/// The same person at another replica.
fn at(person: &Person, client: Client) -> Person {
    Person { client, ..person.clone() }
}

fn is_jwt(token: &str) -> bool {
    token.split('.').count() == 3
}

#[tokio::test]
async fn a_session_token_is_verified_by_pyjwt_and_opens_its_session() {
    for algorithm in ["HS256", "EdDSA", "ES256", "RS256"] {
        let home = home().with("KAYAN_JWT_ALG", algorithm).with("KAYAN_JWT_TTL", "5m");
        let settings = json!({
            "jwt_audiences": [{ "audience": "https://api.example", "claims": { "email": "{{identity.traits.email}}" } }],
            "session_audience": "https://api.example",
        });
        let ran = home.run(&format!("admin tenant update --id default --settings {settings}")).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        let service = Service::start_in(home).await;
        let client = service.client();
        let ada = Person::register(&client, "ada").await;
        let jwks = format!("{}/.well-known/jwks.json", client.origin());
        let keys = if algorithm == "HS256" { SECRET } else { &jwks };
        let of_the_tenant = (algorithm != "HS256").then_some("https://api.example");
        for audience in [Some(ISSUER), of_the_tenant].into_iter().flatten() {
            let claims = verified(keys, &ada.session_token, algorithm, audience).await;
            let email = of_the_tenant.map(|_| json!(ada.email)).unwrap_or_default();
            assert_eq!((&claims["sub"], &claims["email"]), (&json!(ada.id), &email));
            assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
        }
        ada.who_am_i().await.expect(200);
        let by_header = client.get("/api/v1/sessions").header("X-Session-Token", &ada.session_token);
        ask(by_header).await.expect(200);

        let refreshed = ada.refresh().await.expect(200);
        assert!(is_jwt(&refreshed.at("/session_token")));
        Person { session_token: refreshed.at("/session_token"), ..ada.clone() }.who_am_i().await.expect(200);
        ada.who_am_i().await.refused(401, "unauthorized");
    }
}

#[tokio::test]
async fn a_browser_keeps_the_opaque_token() {
    let service = Service::start_in(home()).await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    let answer = ask(Person::login(&client, &ada.email, PASSWORD)).await.expect(200);
    assert!(is_jwt(&answer.at("/session_token")));
    let cookie = answer.header("Set-Cookie").split(';').next().unwrap().to_owned();
    assert!(cookie.contains("kayan_session=kys_"), "{cookie}");
    ask(client.get("/api/v1/whoami").header("Cookie", cookie)).await.expect(200);
}

/// Ends the session of a user in one of four ways.
async fn revoke(service: &Service, ada: &Person, how: &str) {
    let run = async |line: String| {
        let ran = service.home().run(&line).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    };
    match how {
        "logout" => {
            ada.log_out().await.expect(204);
        }
        "lock" => run(format!("admin user lock --id {}", ada.id)).await,
        "revoke-all" => run("admin sessions revoke-all".to_owned()).await,
        _ => {
            let sql = "UPDATE sessions SET active = false WHERE active = true;";
            assert!(service.home().database().await.execute(sql).await > 0);
        }
    }
}

const REVOCATIONS: [&str; 4] = ["logout", "lock", "revoke-all", "sql"];

#[tokio::test]
async fn i_22_a_revoked_jwt_is_refused_within_five_seconds() {
    let service = Service::start_in(home()).await;
    for how in REVOCATIONS {
        let ada = Person::register(&service.client(), how).await;
        ada.who_am_i().await.expect(200);
        revoke(&service, &ada, how).await;
        until(401, async || ada.who_am_i().await).await;
        assert_ne!(ada.refresh().await.status, 200, "{how}");
    }
}

#[tokio::test]
async fn i_22_a_revoked_jwt_is_refused_by_another_replica_within_five_seconds() {
    let settings = [&JWTS[..], &[("KAYAN_JWT_ALG", "EdDSA")]].concat();
    let (one, other) = pair(&settings).await;
    for how in REVOCATIONS {
        let ada = Person::register(&one.client(), how).await;
        let there = at(&ada, other.client());
        there.who_am_i().await.expect(200);
        revoke(&one, &ada, how).await;
        until(401, async || there.who_am_i().await).await;
    }
}

#[tokio::test]
async fn while_one_kind_of_token_replaces_the_other_both_are_taken_everywhere() {
    let (jwts, _same) = pair(&JWTS).await;
    let opaque = replica(&jwts, &[("KAYAN_SESSION_STRATEGY", "database")]).await;
    let ada = Person::register(&jwts.client(), "ada").await;
    let eve = Person::register(&opaque.client(), "eve").await;
    assert!(is_jwt(&ada.session_token) && eve.session_token.starts_with("kys_"));
    at(&ada, opaque.client()).who_am_i().await.expect(200);
    at(&eve, jwts.client()).who_am_i().await.expect(200);

    // A refresh gives the kind that the replica issues.
    let refreshed = at(&ada, opaque.client()).refresh().await.expect(200);
    assert!(refreshed.at("/session_token").starts_with("kys_"));
    assert!(is_jwt(&at(&eve, jwts.client()).refresh().await.expect(200).at("/session_token")));
}

#[tokio::test]
async fn tokens_of_the_previous_secret_and_algorithm_live_out() {
    let (before, _same) = pair(&JWTS).await;
    let ada = Person::register(&before.client(), "ada").await;
    let settings = [("KAYAN_JWT_SECRET", OTHER), ("KAYAN_JWT_SECRET_PREVIOUS", SECRET)];
    let after = replica(&before, &settings).await;
    at(&ada, after.client()).who_am_i().await.expect(200);
    // A replica that knows the next secret already takes what another one signs with it.
    let ahead = replica(&before, &[("KAYAN_JWT_SECRET", SECRET), ("KAYAN_JWT_SECRET_PREVIOUS", OTHER)]).await;
    let eve = Person::register(&after.client(), "eve").await;
    at(&eve, ahead.client()).who_am_i().await.expect(200);
    let by_key = replica(&before, &[("KAYAN_JWT_ALG", "ES256")]).await;
    at(&ada, by_key.client()).who_am_i().await.expect(200);
    let without = replica(&before, &[("KAYAN_JWT_SECRET", OTHER)]).await;
    at(&ada, without.client()).who_am_i().await.refused(401, "unauthorized");
}

#[tokio::test]
async fn an_operators_jwt_administers_as_far_as_their_roles_go() {
    let service = Service::start_in(home()).await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    let eve = Person::register(&client, "eve").await;
    let ran = service.home().run(&format!("admin role grant --role viewer --id {}", ada.id)).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let users = |token| ask(client.get("/admin/users").bearer_auth(token));
    users(ada.session_token).await.expect(200);
    users(eve.session_token).await.refused(403, "forbidden");
}
