//! The proof of work, solved by a library of others.

use futures_util::future::join_all;
use kayan_journeys::{Answer, Client, Home, Metrics, PASSWORD, Person, Service, ask};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use tokio::process::Command;

const MANY: usize = 16;
/// Solves a challenge, and writes the proof as the widget does.
const SOLVE: &str = "
import json, sys
from altcha.v1 import Payload, solve_challenge
of = json.loads(sys.argv[1])
found = solve_challenge(of['challenge'], of['salt'], of['algorithm'], of['maxnumber'])
payload = Payload(of['algorithm'], of['challenge'], found.number, of['salt'], of['signature'])
nonce, expires, _ = payload.parse_salt()
assert len(nonce) == 32 and expires, of
print(payload.to_base64())
";

async fn solved(challenge: &Value) -> String {
    let python = std::env::var_os("KAYAN_TEST_MAIL_PYTHON").expect("`cargo xtask test` sets it");
    let ran = Command::new(python).args(["-c", SOLVE, &challenge.to_string()]).output().await.expect("Python starts");
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8_lossy(&ran.stdout).trim().to_owned()
}

async fn service(settings: &str) -> Service {
    let home = Home::new();
    let ran = home.run(&format!("admin tenant update --id default --settings {settings}")).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    Service::start_in(home).await
}

fn registration(client: &Client, name: &str, proof: &str) -> RequestBuilder {
    let traits = json!({ "email": format!("{name}@example.com") });
    client.tell("/api/v1/registration", &json!({ "traits": traits, "password": PASSWORD, "proof_of_work": proof }))
}

/// The challenge of a refusal.
#[track_caller]
fn required(answer: Answer) -> Value {
    answer.refused(403, "proof_of_work_required").json()["details"]["proof_of_work"].clone()
}

#[tokio::test]
async fn a_challenge_solved_by_the_library_of_altcha_is_accepted() {
    let service = service(r#"{"proof_of_work":["registration","recovery"],"proof_of_work_difficulty":20000}"#).await;
    let client = service.client();
    let challenge = required(ask(Person::registration(&client, "ada@example.com")).await);
    assert_eq!((&challenge["algorithm"], &challenge["maxnumber"]), (&json!("SHA-256"), &json!(20_000)));
    ask(registration(&client, "ada", &solved(&challenge).await)).await.expect(201);
    let asked = ask(client.get("/api/v1/proof-of-work?purpose=recovery")).await.expect(200);
    let proof = solved(&asked.json()).await;
    let recovery = json!({ "email": "ada@example.com", "proof_of_work": proof });
    ask(client.tell("/api/v1/recovery/request", &recovery)).await.expect(202);
    required(ask(client.tell("/api/v1/recovery/request", &recovery)).await);
    for query in ["", "?purpose=", "?purpose=other"] {
        ask(client.get(&format!("/api/v1/proof-of-work{query}"))).await.refused(400, "invalid_input");
    }
}

#[tokio::test]
async fn i_01_of_parallel_requests_with_one_proof_one_is_accepted() {
    let service = service(r#"{"proof_of_work":["registration"],"proof_of_work_difficulty":1000}"#).await;
    let client = service.client();
    let proof = solved(&required(ask(Person::registration(&client, "ada@example.com")).await)).await;
    let requests = (0..MANY).map(|number| ask(registration(&client, &format!("user{number}"), &proof)));
    let (accepted, refused): (Vec<_>, Vec<_>) = join_all(requests).await.into_iter().partition(|it| it.status == 201);
    assert_eq!((accepted.len(), refused.len()), (1, MANY - 1), "{refused:?}");
    for answer in refused {
        required(answer);
    }
}

#[tokio::test]
async fn failed_logins_require_work_and_a_proof_is_enough_to_log_in() {
    let service = service(r#"{"proof_of_work_after_failures":3,"proof_of_work_difficulty":1000}"#).await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    for name in [&ada.email, "grace@example.com", &ada.email] {
        ask(Person::login(&client, name, "not the password 5")).await.refused(401, "invalid_credentials");
    }
    let known = ask(Person::login(&client, &ada.email, PASSWORD)).await;
    let unknown = ask(Person::login(&client, "hedy@example.com", PASSWORD)).await;
    assert_eq!(known.at("/message"), unknown.at("/message"));
    required(unknown);
    let body =
        json!({ "identifier": ada.email, "password": PASSWORD, "proof_of_work": solved(&required(known)).await });
    ask(client.tell("/api/v1/login", &body)).await.expect(200);
    let locked = Metrics::of(&client).await.get(r#"kayan_lockout_events_total{action="locked"}"#);
    assert!(locked < 1.0, "nobody is locked out: {locked}");
}
