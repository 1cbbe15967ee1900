//! Biscuits for other services, verified by a library of others, and the keys that sign them.

use kayan_journeys::{Answer, Client, Home, Person, Service, ask};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::jwts::{DAY, later, run};

const GUIDE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/tokens.md");
const KEYS: &str = "/.well-known/kayan/biscuit-keys.json";

/// Verifies a biscuit by the keys at a URL, some seconds after a time, as another service does, and prints what it states. If there
/// is code of another block, its holder has appended that before.
const VERIFY: &str = "
import json, sys, urllib.request
from datetime import datetime, timedelta
from biscuit_auth import Algorithm, AuthorizerBuilder, Biscuit, BlockBuilder, PublicKey, Rule, UnverifiedBiscuit
url, token, end, seconds, code, block = sys.argv[1:]
listed = json.load(urllib.request.urlopen(url))['keys']
keys = {key['root_key_id']: PublicKey.from_bytes(bytes.fromhex(key['public_key']), Algorithm.Ed25519) for key in listed}
biscuit = Biscuit.from_base64(token, keys.__getitem__)
if block:
    biscuit = Biscuit.from_base64(biscuit.append(BlockBuilder(block)).to_base64(), keys.__getitem__)
at = datetime.fromisoformat(end.replace('Z', '+00:00')) + timedelta(seconds=int(seconds))
authorizer = AuthorizerBuilder('time({at}); ' + code, {'at': at}).build(biscuit)
authorizer.authorize()
stated = {'root_key_id': UnverifiedBiscuit.from_base64(token).root_key_id()}
for name in ['user', 'tenant', 'session', 'role', 'permission', 'aal']:
    facts = authorizer.query(Rule(f'data($text) <- {name}($text)'))
    stated[name] = sorted(fact.terms[0] for fact in facts)
print(json.dumps(stated))
";

/// What the script prints, or the last line of what it fails with.
async fn python(script: &str, arguments: &[&str]) -> Result<String, String> {
    let python = std::env::var_os("KAYAN_TEST_MAIL_PYTHON").expect("`cargo xtask test` sets it");
    let ran = Command::new(python).args(["-c", script]).args(arguments).output().await.expect("Python starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if ran.status.success() {
        return Ok(text(&ran.stdout));
    }
    Err(text(&ran.stderr).lines().last().unwrap_or_default().to_owned())
}

/// A service that has got a biscuit.
struct Verifier<'a> {
    url: String,
    token: &'a str,
    end: &'a str,
    /// When it verifies, in seconds after `end`.
    seconds: i32,
}

impl<'a> Verifier<'a> {
    /// By the keys of the default tenant, a moment before the biscuit expires.
    fn new(client: &Client, token: &'a str, end: &'a str) -> Self {
        Self { url: format!("{}{KEYS}", client.origin()), token, end, seconds: -1 }
    }

    async fn reads(&self, code: &str, block: &str) -> Result<Value, String> {
        let seconds = self.seconds.to_string();
        let printed = python(VERIFY, &[&self.url, self.token, self.end, &seconds, code, block]).await?;
        Ok(serde_json::from_str(&printed).unwrap())
    }

    /// The library verifies the signature, and refuses by the checks or the policies.
    async fn refuses(&self, code: &str, block: &str) {
        let refused = self.reads(code, block).await.unwrap_err();
        assert!(refused.contains("AuthorizationError"), "{code} {block}: {refused}");
    }

    /// The library does not take the biscuit for one of these keys.
    async fn does_not_verify(&self) {
        let refused = self.reads("allow if true;", "").await.unwrap_err();
        assert!(refused.contains("BiscuitValidationError"), "{refused}");
    }
}

fn minting(client: &Client, session: &str, body: &Value) -> RequestBuilder {
    client.tell("/api/v1/tokens/biscuit", body).bearer_auth(session)
}

async fn mint(ada: &Person, body: &Value) -> Answer {
    ask(minting(&ada.client, &ada.session_token, body)).await.expect(200)
}

async fn keys(client: &Client, query: &str) -> Answer {
    ask(client.get(&format!("{KEYS}{query}"))).await
}

fn ids(keys: &Answer) -> Vec<String> {
    let listed = keys.json()["keys"].as_array().unwrap().clone();
    listed.iter().map(|key| key["key_id"].as_str().unwrap().to_owned()).collect()
}

/// A user who may read and write orders.
async fn clerk(service: &Service) -> Person {
    let ada = Person::register(&service.client(), "ada").await;
    run(service.home(), "admin role create --name clerk --permissions orders:read,orders:write").await;
    run(service.home(), &format!("admin role grant --role clerk --id {}", ada.id)).await;
    ada
}

#[tokio::test]
async fn a_biscuit_is_verified_by_biscuit_python_with_the_published_keys() {
    let service = Service::start().await;
    let (client, ada) = (service.client(), clerk(&service).await);
    let minted = mint(&ada, &json!({ "ttl": 60 })).await;
    let (token, end) = (minted.at("/token"), minted.at("/expires_at"));
    let verifier = Verifier::new(&client, &token, &end);
    let stated = verifier.reads(&format!("allow if user(\"{}\");", ada.id), "").await.unwrap();
    let sessions = ask(client.get("/api/v1/sessions").bearer_auth(&ada.session_token)).await.expect(200);
    let published = keys(&client, "").await.expect(200);
    let expected = json!({
        "root_key_id": published.json()["keys"][0]["root_key_id"],
        "user": [ada.id], "tenant": ["default"], "session": [sessions.at("/data/0/id")],
        "role": ["clerk"], "permission": ["orders:read", "orders:write"], "aal": ["aal1"],
    });
    assert_eq!(stated, expected);
    assert_eq!(minted.at("/public_key"), published.at("/keys/0/public_key"));

    verifier.refuses("allow if user(\"root\");", "").await;
    for seconds in [0, 3_600] {
        Verifier { seconds, ..Verifier::new(&client, &token, &end) }.refuses("allow if true;", "").await;
    }
    let at = token.len() / 2;
    let other = if &token[at..=at] == "A" { "B" } else { "A" };
    let changed = format!("{}{other}{}", &token[..at], &token[at + 1..]);
    Verifier::new(&client, &changed, &end).does_not_verify().await;
}

#[tokio::test]
async fn an_appended_block_narrows_a_biscuit_and_adds_no_right() {
    let service = Service::start().await;
    let ada = clerk(&service).await;
    let minted = mint(&ada, &json!({ "permissions": ["orders:read"] })).await;
    let (token, end) = (minted.at("/token"), minted.at("/expires_at"));
    let verifier = Verifier::new(&ada.client, &token, &end);
    let allow = "allow if permission(\"orders:read\");";
    verifier.reads(allow, "check if permission(\"orders:read\");").await.unwrap();
    verifier.refuses(allow, "check if permission(\"orders:write\");").await;
    verifier.refuses(&format!("operation(\"write\"); {allow}"), "check if operation(\"read\");").await;
    let wider = "permission(\"orders:write\"); role(\"admin\"); user(\"root\");";
    let stated = verifier.reads(allow, wider).await.unwrap();
    assert_eq!((&stated["permission"], &stated["user"]), (&json!(["orders:read"]), &json!([ada.id])));
    for asked in ["permission(\"orders:write\")", "role(\"admin\")", "user(\"root\")"] {
        verifier.refuses(&format!("allow if {asked};"), wider).await;
    }
}

#[tokio::test]
async fn a_biscuit_is_only_for_a_session_and_has_only_what_its_owner_has() {
    let service = Service::start().await;
    let (client, ada) = (service.client(), clerk(&service).await);
    let asking = |body: Value| ask(minting(&client, &ada.session_token, &body));
    let refused = asking(json!({ "permissions": ["orders:read", "users:read"] })).await.refused(403, "forbidden");
    assert_eq!(refused.at("/details/required"), "users:read");
    asking(json!({ "permissions": ["orders:*"] })).await.refused(403, "forbidden");
    let strange = asking(json!({ "permissions": ["x\"); permission(\"**"] })).await.refused(400, "invalid_input");
    assert_eq!(strange.at("/details/fields/0/pointer"), "/permissions/0");
    for ttl in [0, 301] {
        let refused = asking(json!({ "ttl": ttl })).await.refused(400, "invalid_input");
        assert_eq!(refused.at("/details/fields/0/pointer"), "/ttl");
    }
    ask(minting(&client, "kys_x", &json!({}))).await.refused(401, "unauthorized");
    let bare = client.post("/api/v1/tokens/biscuit").bearer_auth(&ada.session_token);
    let biscuit = ask(bare).await.expect(200).at("/token");
    Person { session_token: biscuit.clone(), ..ada.clone() }.who_am_i().await.refused(401, "unauthorized");
    ask(client.get("/admin/users").bearer_auth(&biscuit)).await.refused(401, "unauthorized");
    ada.log_out().await.expect(204);
    asking(json!({})).await.refused(401, "unauthorized");
}

#[tokio::test]
async fn keys_for_biscuits_are_those_of_one_tenant_and_verify_no_jwt() {
    let service = Service::start().await;
    let (client, ada) = (service.client(), clerk(&service).await);
    assert_eq!(ids(&keys(&client, "").await.expect(200)), Vec::<String>::new(), "the first biscuit makes one");
    let minted = mint(&ada, &json!({})).await;
    run(service.home(), "admin tenant create --id acme").await;
    run(service.home(), "admin key rotate --tenant acme --use biscuit --format json").await;
    run(service.home(), "admin key rotate --algorithm EdDSA --format json").await;
    let first = keys(&client, "").await.expect(200);
    let key = first.json()["keys"][0].clone();
    let id = first.at("/keys/0/key_id");
    let root = u32::from_str_radix(&id[id.len() - 8..], 16).unwrap();
    let expected =
        json!({ "key_id": id, "root_key_id": root, "algorithm": "ed25519", "public_key": minted.at("/public_key") });
    assert_eq!(key, expected);
    let jwks = ask(client.get("/.well-known/jwks.json")).await.expect(200);
    let kids = jwks.json()["keys"].as_array().unwrap().clone();
    assert!(kids.len() == 1 && kids[0]["kid"] != json!(id), "{kids:?}");

    assert_eq!(first.header("Cache-Control"), "public, max-age=300");
    let tag = first.header("ETag").to_owned();
    for (given, status) in [(tag.clone(), 304), ("\"x\"".to_owned(), 200)] {
        let again = ask(client.get(KEYS).header("If-None-Match", &given)).await.expect(status);
        assert_eq!((again.header("ETag"), again.body.is_empty()), (tag.as_str(), status == 304), "{given}");
    }
    let acme = keys(&client, "?tenant=acme").await.expect(200);
    assert_eq!(ask(client.get(KEYS).header("X-Tenant-ID", "acme")).await.expect(200).body, acme.body);
    assert!(ids(&acme).len() == 1 && ids(&acme)[0] != id);
    for query in ["?tenant=nowhere", "?tenant=%00", "?tenant="] {
        keys(&client, query).await.refused(404, "tenant_not_found");
    }
    let (token, end) = (minted.at("/token"), minted.at("/expires_at"));
    let verifier = Verifier::new(&client, &token, &end);
    verifier.reads("allow if tenant(\"default\");", "").await.unwrap();
    Verifier { url: format!("{}{KEYS}?tenant=acme", client.origin()), ..verifier }.does_not_verify().await;
}

#[tokio::test]
async fn a_biscuit_of_a_retiring_key_still_verifies() {
    let service = Service::start_in(Home::new().with("KAYAN_KEY_ROTATION", "30d")).await;
    let ada = clerk(&service).await;
    let minted = mint(&ada, &json!({})).await;
    let (token, end) = (minted.at("/token"), minted.at("/expires_at"));
    let first = ids(&keys(&service.client(), "").await.expect(200));

    let service = later(service, "active", 30 * DAY).await;
    let published = ids(&keys(&service.client(), "").await.expect(200));
    assert_eq!((published.len(), &published[1]), (2, &first[0]), "the next one is published, and does not sign yet");
    let service = later(service, "next", 600).await;
    let client = service.client();
    assert_eq!(ids(&keys(&client, "").await.expect(200)), published);
    let ada = Person { client: client.clone(), ..ada };
    let new = mint(&ada, &json!({})).await;
    assert_ne!(new.at("/public_key"), minted.at("/public_key"));
    for token in [&token, &new.at("/token")] {
        Verifier::new(&client, token, &end).reads("allow if tenant(\"default\");", "").await.unwrap();
    }
    let service = later(service, "retiring", 25 * 3_600).await;
    assert_eq!(ids(&keys(&service.client(), "").await.expect(200)), [published[0].clone()]);
    Verifier::new(&service.client(), &token, &end).does_not_verify().await;
}

#[tokio::test]
async fn keys_for_biscuits_are_listed_replaced_and_retired_by_operators() {
    let service = Service::start().await;
    let (client, home) = (service.client(), service.home());
    let token = home.run("admin token create --permissions keys:* --ttl 1h").await.stdout.trim().to_owned();
    let rotate = |body: Value| ask(client.tell("/admin/keys/rotate", &body).bearer_auth(&token));
    let first = rotate(json!({ "use": "biscuit" })).await.expect(200);
    let shown = |at: &str| first.at(&format!("/data/0/{at}"));
    assert_eq!(
        (shown("use").as_str(), shown("algorithm").as_str(), shown("state").as_str()),
        ("biscuit", "EdDSA", "active")
    );
    let wrong = rotate(json!({ "use": "biscuit", "algorithm": "ES256" })).await.refused(400, "invalid_input");
    assert_eq!(wrong.at("/details/fields/0/pointer"), "/algorithm");
    rotate(json!({ "use": "cookie" })).await.refused(400, "invalid_input");
    rotate(json!({ "use": "jwt" })).await.expect(200);
    let listed = run(home, "admin key list --format json").await;
    let uses: Vec<_> = listed.as_array().unwrap().iter().map(|key| key["use"].as_str().unwrap()).collect();
    assert_eq!(uses, ["jwt", "biscuit"]);
    let table = home.run("admin key list").await;
    assert!(table.stdout.contains("biscuit"), "{table:?}");
    assert_eq!(home.run("admin key rotate --use biscuit --algorithm RS256").await.code, 2);
    assert_eq!(home.run("admin key rotate --use cookie").await.code, 2);
    run(home, &format!("admin key retire {} --format json", first.at("/data/0/id"))).await;
    let published = ids(&keys(&client, "").await.expect(200));
    assert!(published.len() == 1 && published[0] != first.at("/data/0/id"), "a new one signs from then on");
}

#[tokio::test]
async fn the_verifier_of_the_guide_runs_as_printed() {
    let guide = std::fs::read_to_string(GUIDE).expect("there is a docs/tokens.md");
    let script = guide.split("```python\n").nth(1).and_then(|rest| rest.split("```").next()).expect("one in Python");
    let service = Service::start().await;
    let (client, ada) = (service.client(), clerk(&service).await);
    let token = mint(&ada, &json!({ "permissions": ["orders:read"] })).await.at("/token");
    let url = format!("{}{KEYS}", client.origin());
    assert_eq!(python(script, &[&url, &token, "orders:read"]).await, Ok(ada.id));
    let refused = python(script, &[&url, &token, "orders:write"]).await.unwrap_err();
    assert!(refused.contains("AuthorizationError"), "{refused}");
}
