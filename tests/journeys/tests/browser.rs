//! The page to try logging in on, in a browser: runs the tests in `tests/browser`.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
};

use kayan_journeys::{Home, Person, Service, ask};
use kayan_mail_server::MailServer;
use serde_json::json;
use tokio::process::Command;

use crate::mail_flows;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../browser/all.mjs");
/// Tells where the modules of the tests are.
const MODULES: &str = "KAYAN_TEST_BROWSER";

/// A folder for a service whose port is known before it starts: passkeys are made for an origin.
fn at_known_port() -> Home {
    on_known_port(Home::new())
}

fn on_known_port(home: Home) -> Home {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr());
    home.with("KAYAN_PORT", free.expect("a free port").port().to_string())
}

/// Where browsers find it; passkeys belong to a domain, so not by its address.
fn at_localhost(service: &Service) -> String {
    format!("http://localhost:{}", service.address().port())
}

/// A service that sends mail, and the links of its mails to five users: a recovery voids all other links of its user.
async fn with_links() -> (Service, serde_json::Value) {
    let mut server = MailServer::start(&[]).await;
    let home = on_known_port(mail_flows::home(&server));
    let url = format!("http://localhost:{}/flow/{{flow}}", home.settings()["KAYAN_PORT"]);
    let home = home.with("KAYAN_LINK_URL", url);
    // The pages solve the challenges.
    let work = r#"{"proof_of_work":["verification","login"],"proof_of_work_difficulty":5000}"#;
    let ran = home.run(&format!("admin tenant update --id default --settings {work}")).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let service = Service::start_in(home).await;
    let [ada, grace, hedy] = ["ada", "grace", "hedy"].map(|name| format!("{name}@example.com"));
    for email in [&ada, &grace, &hedy] {
        ask(Person::registration(&service.client(), email)).await.expect(201);
    }
    let verification = server.link_to(&hedy, "verification").await;
    let request = |flow: &str, address: &str| {
        service.client().tell(&format!("/api/v1/{flow}/request"), &json!({ "email": address }))
    };
    ask(request("recovery", &ada)).await.expect(202);
    let recovery = server.link_to(&ada, "recovery").await;
    ask(request("magic-link", &grace)).await.expect(202);
    let magic = server.link_to(&grace, "magic-link").await;
    let ida = "ida@example.com";
    let created = service.home().run(&format!("admin user create --email {ida} --no-password")).await;
    assert_eq!(created.code, 0, "{created:?}");
    let invited = service.home().run(&format!("admin user invite --id {ida}")).await;
    assert_eq!(invited.code, 0, "{invited:?}");
    let invitation = server.link_to(ida, "invitation").await;
    let janes = Person::register(&service.client(), "jane").await.session_token;
    let kate = "kate@example.com";
    let change = service.client().tell("/api/v1/email-change/request", &json!({ "email": kate })).bearer_auth(janes);
    ask(change).await.expect(202);
    let change = server.link_to(kate, "email-change").await;
    let links = json!({
        "email": ada,
        "invited": ida,
        "verification": verification,
        "recovery": recovery,
        "magic": magic,
        "invitation": invitation,
        "change": change,
    });
    (service, links)
}

#[tokio::test]
async fn users_register_log_in_and_manage_their_factors_in_a_browser() {
    assert!(std::env::var_os(MODULES).is_some(), "{MODULES} is not set: run `cargo xtask test`, which installs them");
    let service = Service::start_in(at_known_port()).await;
    let with_mfa = at_known_port();
    let ran = with_mfa.run(r#"admin tenant update --id default --settings {"mfa_required":true}"#).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let with_mfa = Service::start_in(with_mfa).await;

    let (with_mail, links) = with_links().await;
    let mut node = Command::new("node");
    node.args(["--test-reporter=spec", TESTS]).kill_on_drop(true).envs([
        ("URL_OF_SERVICE", at_localhost(&service)),
        ("URL_WITH_MFA", at_localhost(&with_mfa)),
        ("URL_WITH_MAIL", at_localhost(&with_mail)),
        ("LINKS", links.to_string()),
        ("SCREENSHOTS", Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots").display().to_string()),
    ]);
    let ran = node.output().await.expect("node, which `cargo xtask test` installs");
    let (said, errors) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    println!("{said}{errors}");
    assert!(ran.status.success(), "tests in the browser failed:\n{said}{errors}");
}
