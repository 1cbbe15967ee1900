//! Dates and times on the command line and over HTTP.

use kayan_journeys::{PASSWORD, Person, ask};
use reqwest::Method;
use serde_json::json;

use crate::administration::Office;

#[tokio::test]
async fn a_lock_may_last_to_the_end_of_the_last_day() {
    let office = Office::open().await;
    let ada = Person::register(&office.client, "ada").await;
    let path = format!("/admin/users/{}/lock", ada.id);
    office.tell(Method::POST, &path, &json!({ "until": "9999-12-31" })).await.expect(200);
    ask(Person::login(&office.client, &ada.email, PASSWORD)).await.refused(403, "identity_inactive");
    let find = format!("/admin/audit/events?types=admin.action&subject={}&start=0001-01-01&end=9999-12-31", ada.id);
    let found = office.get(&find).await.expect(200).json();
    assert_eq!(found["data"][0]["metadata"]["until"], "9999-12-31T23:59:59.999999Z", "{found}");
    let home = office.service.home();
    let again = home.run(&format!("admin user lock --id {} --until 9999-12-31", ada.id)).await;
    assert_eq!(again.code, 0, "{again:?}");
    assert_eq!(kayan_journeys::count(&home.database().await, "SELECT COUNT(*) FROM timed_locks").await, 1);
    let export = format!("audit export --format ndjson --types admin.action --subject {}", ada.id);
    let export = home.run(&format!("{export} --start 0001-01-01 --end 9999-12-31")).await;
    assert_eq!((export.code, export.stdout.matches("user.lock").count()), (0, 2), "{export:?}");
}
