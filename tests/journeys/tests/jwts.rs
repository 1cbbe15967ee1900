//! JWTs for other services, verified by a library of others, and the keys that sign them.

use kayan_journeys::{Answer, Client, Home, Metrics, Person, Service, ask, count};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::process::Command;

const API: &str = "https://api.example";
const ISSUER: &str = "https://id.example/auth";
pub(crate) const DAY: u32 = 86_400;
const REPLACED: &str = r#"kayan_job_runs_total{job="replace_keys",status="success"}"#;

/// Verifies a token by the keys at a URL, as another service does, and prints its header and its claims.
const VERIFY: &str = "
import json, sys, jwt
url, token, algorithm, issuer, audience = sys.argv[1:]
client = jwt.PyJWKClient(url)
key = client.get_signing_key_from_jwt(token)
required = ['iss', 'sub', 'aud', 'exp', 'iat', 'jti', 'client_id']
claims = jwt.decode(token, key, algorithms=[algorithm], issuer=issuer, audience=audience, options={'require': required})
print(json.dumps({'header': jwt.get_unverified_header(token), 'claims': claims}))
";

/// What the library reads in a token, or how it refuses it.
async fn verified(client: &Client, token: &str, algorithm: &str, audience: &str) -> Result<Value, String> {
    let python = std::env::var_os("KAYAN_TEST_MAIL_PYTHON").expect("`cargo xtask test` sets it");
    let url = format!("{}/.well-known/jwks.json", client.origin());
    let arguments = ["-c", VERIFY, &url, token, algorithm, ISSUER, audience];
    let ran = Command::new(python).args(arguments).output().await.expect("Python starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if ran.status.success() {
        return Ok(serde_json::from_slice(&ran.stdout).unwrap());
    }
    Err(text(&ran.stderr).lines().last().unwrap_or_default().to_owned())
}

fn minting(client: &Client, session: &str, audience: &str) -> RequestBuilder {
    client.tell("/api/v1/tokens/jwt", &json!({ "audience": audience })).bearer_auth(session)
}

async fn mint(ada: &Person) -> String {
    ask(minting(&ada.client, &ada.session_token, API)).await.expect(200).at("/token")
}

pub(crate) async fn run(home: &Home, line: &str) -> Value {
    let ran = home.run(line).await;
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
    serde_json::from_str(&ran.stdout).unwrap_or_default()
}

/// A service whose default tenant names this audience.
async fn service(audience: &Value) -> Service {
    let home = Home::new().with("KAYAN_PUBLIC_URL", format!("{ISSUER}/")).with("KAYAN_KEY_ROTATION", "30d");
    let settings = json!({ "jwt_audiences": [audience] });
    run(&home, &format!("admin tenant update --id default --settings {settings}")).await;
    Service::start_in(home).await
}

async fn keys(client: &Client, query: &str) -> Answer {
    ask(client.get(&format!("/.well-known/jwks.json{query}"))).await
}

fn kids(keys: &Answer) -> Vec<String> {
    let listed = keys.json()["keys"].as_array().unwrap().clone();
    listed.iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_token_of_every_algorithm_is_verified_by_pyjwt_with_the_published_keys() {
    for algorithm in ["ES256", "EdDSA", "RS256"] {
        let claims = json!({ "email": "{{identity.traits.email}}", "hasura": { "roles": "{{identity.roles}}" } });
        let audience = json!({ "audience": API, "algorithm": algorithm, "ttl": 60, "claims": claims });
        let service = service(&audience).await;
        let client = service.client();
        let ada = Person::register(&client, "ada").await;
        let minted = ask(minting(&client, &ada.session_token, API)).await.expect(200);
        let token = minted.at("/token");
        let read = verified(&client, &token, algorithm, API).await.unwrap();
        let (header, claims) = (&read["header"], &read["claims"]);
        assert_eq!((&header["alg"], &header["typ"]), (&json!(algorithm), &json!("at+jwt")));
        assert_eq!((&claims["sub"], &claims["tid"]), (&json!(ada.id), &json!("default")));
        assert_eq!((&claims["aal"], &claims["amr"]), (&json!("aal1"), &json!(["pwd"])));
        assert_eq!((&claims["email"], &claims["hasura"]), (&json!(ada.email), &json!({ "roles": [] })));
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 60);
        let sessions = ask(client.get("/api/v1/sessions").bearer_auth(&ada.session_token)).await.expect(200);
        assert_eq!(claims["sid"], sessions.json()["data"][0]["id"]);

        let refused = verified(&client, &token, algorithm, "https://other.example").await.unwrap_err();
        assert!(refused.contains("InvalidAudienceError"), "{refused}");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
        assert!(verified(&client, &forged, algorithm, API).await.is_err());
        assert_eq!(keys(&client, "").await.expect(200).json()["keys"][0]["alg"], algorithm);
    }
}

#[tokio::test]
async fn a_token_is_only_for_a_session_and_for_an_audience_of_its_tenant() {
    let service = service(&json!({ "audience": API, "ttl": 60 })).await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    let refused = ask(minting(&client, &ada.session_token, "https://other.example")).await;
    refused.refused(403, "audience_not_allowed");
    ask(minting(&client, "kys_x", API)).await.refused(401, "unauthorized");
    let long =
        client.tell("/api/v1/tokens/jwt", &json!({ "audience": API, "ttl": 61 })).bearer_auth(&ada.session_token);
    assert_eq!(ask(long).await.refused(400, "invalid_input").at("/details/fields/0/pointer"), "/ttl");
    let jwt = mint(&ada).await;
    Person { session_token: jwt, ..ada.clone() }.who_am_i().await.refused(401, "unauthorized");
    ada.log_out().await.expect(204);
    ask(minting(&client, &ada.session_token, API)).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn an_audience_that_sets_reserved_claims_is_refused() {
    let home = Home::new();
    let settings = json!({ "jwt_audiences": [{ "audience": API, "claims": { "sub": "root" } }] });
    let ran = home.run(&format!("admin tenant update --id default --settings {settings}")).await;
    assert!(ran.code != 0 && ran.stderr.contains("/settings/jwt_audiences/0/claims/sub"), "{ran:?}");
}

#[tokio::test]
async fn published_keys_are_cached_by_their_tag_and_are_those_of_one_tenant() {
    let service = service(&json!({ "audience": API })).await;
    let client = service.client();
    run(service.home(), "admin tenant create --id acme").await;
    let first = keys(&client, "").await.expect(200);
    assert_eq!(first.header("Cache-Control"), "public, max-age=300");
    assert_eq!(first.header("Content-Type"), "application/json");
    let tag = first.header("ETag").to_owned();
    for (given, status) in [(tag.clone(), 304), (format!("\"x\", W/{tag}"), 304), ("\"x\"".to_owned(), 200)] {
        let again = ask(client.get("/.well-known/jwks.json").header("If-None-Match", &given)).await.expect(status);
        assert_eq!(again.header("ETag"), tag, "{given}");
        assert_eq!(again.body.is_empty(), status == 304);
    }
    let acme = keys(&client, "?tenant=acme").await.expect(200);
    assert_eq!(kids(&acme), Vec::<String>::new(), "each tenant has keys of its own");
    let by_header = ask(client.get("/.well-known/jwks.json").header("X-Tenant-ID", "acme")).await.expect(200);
    assert_eq!(by_header.body, acme.body);
    run(service.home(), "admin key rotate --tenant acme --algorithm EdDSA --format json").await;
    assert_eq!(kids(&keys(&client, "?tenant=acme").await.expect(200)).len(), 1);
    assert_eq!(keys(&client, "").await.expect(200).body, first.body);
    for query in ["?tenant=nowhere", "?tenant=%00", "?tenant="] {
        keys(&client, query).await.refused(404, "tenant_not_found");
    }
    let both = ask(client.get("/.well-known/jwks.json?tenant=acme").header("X-Tenant-ID", "default")).await;
    both.refused(404, "tenant_not_found");
}

/// Moves the keys in this state into the past, and lets a service start that replaces them.
pub(crate) async fn later(service: Service, state: &str, seconds: u32) -> Service {
    let database = service.home().database().await;
    let since = database.earlier("since", seconds);
    let moved = format!("UPDATE issuer_keys SET since = {since} WHERE state = '{state}'");
    assert_eq!(database.execute(&moved).await, 1, "{state}");
    let service = Service::start_in(service.kill().await).await;
    Metrics::until(&service.client(), |metrics| metrics.count(REPLACED) > Some(0)).await;
    service
}

#[tokio::test]
async fn a_running_service_replaces_its_keys_and_tokens_stay_valid() {
    let service = service(&json!({ "audience": API, "ttl": 600 })).await;
    let ada = Person::register(&service.client(), "ada").await;
    let token = mint(&ada).await;
    let first = kids(&keys(&service.client(), "").await.expect(200));
    assert_eq!(first.len(), 1);

    let service = later(service, "active", 30 * DAY).await;
    let published = kids(&keys(&service.client(), "").await.expect(200));
    assert_eq!((published.len(), &published[1]), (2, &first[0]), "the next one is published, and does not sign yet");
    let ada = Person { client: service.client(), ..ada };
    let read = verified(&service.client(), &mint(&ada).await, "ES256", API).await.unwrap();
    assert_eq!(read["header"]["kid"], json!(first[0]));

    let service = later(service, "next", 600).await;
    let ada = Person { client: service.client(), ..ada };
    let read = verified(&service.client(), &mint(&ada).await, "ES256", API).await.unwrap();
    assert_eq!(read["header"]["kid"], json!(published[0]));
    verified(&service.client(), &token, "ES256", API).await.expect("the key of before is still published");

    let service = later(service, "retiring", 25 * 3_600).await;
    assert_eq!(kids(&keys(&service.client(), "").await.expect(200)), [published[0].clone()]);
    let refused = verified(&service.client(), &token, "ES256", API).await.unwrap_err();
    assert!(refused.contains("PyJWKClientError"), "{refused}");
    let actions = "SELECT COUNT(*) FROM audit_events WHERE metadata LIKE '%\"key.%'";
    let actions = actions.replace("metadata", "CAST(metadata AS CHAR(999))");
    assert_eq!(count(&service.home().database().await, &actions).await, 4);
}

#[tokio::test]
async fn keys_are_listed_replaced_and_retired_by_operators() {
    let service = service(&json!({ "audience": API })).await;
    let (client, home) = (service.client(), service.home());
    let token = |permission: &'static str| async move {
        home.run(&format!("admin token create --permissions {permission} --ttl 1h")).await.stdout.trim().to_owned()
    };
    let (reader, writer) = (token("keys:read").await, token("keys:write").await);
    let listed = ask(client.get("/admin/keys").bearer_auth(&reader)).await.expect(200);
    let first = listed.at("/data/0/id");
    assert_eq!((listed.at("/data/0/state"), listed.at("/data/0/algorithm")), ("active".to_owned(), "ES256".to_owned()));
    assert!(!listed.text().contains("secret") && !listed.text().contains("private"), "{}", listed.text());
    ask(client.get("/admin/keys").bearer_auth(&writer)).await.refused(403, "forbidden");
    ask(client.post("/admin/keys/rotate").bearer_auth(&reader)).await.refused(403, "forbidden");

    let rotating = || client.post("/admin/keys/rotate").bearer_auth(&writer).header("Idempotency-Key", "once");
    let rotated = ask(rotating()).await.expect(200);
    assert_eq!(ask(rotating()).await.expect(200).body, rotated.body);
    assert_eq!((rotated.at("/data/0/state"), rotated.at("/data/1/id")), ("next".to_owned(), first.clone()));
    let unknown = client.tell("/admin/keys/rotate", &json!({ "algorithm": "none" })).bearer_auth(&writer);
    ask(unknown).await.refused(400, "invalid_input");

    let retired = run(home, &format!("admin key retire {first} --reason leaked --format json")).await;
    assert_eq!((&retired["id"], &retired["state"]), (&json!(first), &json!("retired")));
    assert_eq!(kids(&keys(&client, "").await.expect(200)), [rotated.at("/data/0/id")]);
    assert_eq!(home.run(&format!("admin key retire {first}")).await.code, 1, "it is retired already");
    assert_eq!(home.run("admin key retire 01890000-0000-7000-8000-000000000000").await.code, 4);
    let listed = run(home, "admin key list --format json").await;
    let states: Vec<_> = listed.as_array().unwrap().iter().map(|key| key["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["active", "retired"]);
    assert_eq!(home.run("admin key rotate --tenant nowhere").await.code, 4);
    let table = home.run("admin key list --tenant default").await;
    assert!(table.code == 0 && table.stdout.contains(&first), "{table:?}");
}

#[tokio::test]
async fn i_36_private_keys_are_sealed_and_in_no_response() {
    let service = service(&json!({ "audience": API, "algorithm": "RS256" })).await;
    let database = service.home().database().await;
    let sealed = count(&database, "SELECT COUNT(*) FROM issuer_keys WHERE LENGTH(secret) > 1000").await;
    assert_eq!(sealed, 1);
    let text = keys(&service.client(), "").await.expect(200).json();
    let members: Vec<_> = text["keys"][0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
}
