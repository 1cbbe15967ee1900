//! Reads change nothing, and see no more than they may.

use kayan_journeys::{Document, Home, Person, Service, ask};

#[tokio::test]
async fn i_07_no_get_consumes_anything() {
    let service = Service::start().await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    let document = Document::of(&client).await;
    for path in document.0["paths"].as_object().unwrap().keys() {
        // A mail scanner or a prefetching browser, with everything that a link can hold.
        let path = path.replace("{id}", &ada.id);
        // Profiles with a duration would take too long.
        let tokens = format!("refresh_token={}&session_token={}", ada.refresh_token, ada.session_token);
        let link = format!("{path}?{tokens}&seconds=1");
        for request in [client.get(&link), client.get(&link).bearer_auth(&ada.session_token)] {
            let answer = ask(request).await;
            assert!(answer.status < 500, "{link}: {answer:?}");
        }
    }
    ada.who_am_i().await.expect(200);
    ada.refresh().await.expect(200);
}

#[tokio::test]
async fn i_39_searches_take_wildcards_as_they_are_and_pages_are_bounded() {
    let home = Home::new();
    for email in ["percent%sign@example.com", "plain@example.com", "under_score@example.com"] {
        let made = home.run(&format!("admin user create --no-password --email {email}")).await;
        assert_eq!(made.code, 0, "{made:?}");
    }
    for (query, found) in [("%", 1), ("_", 1), ("%a", 0), ("example", 3), ("PLAIN", 1)] {
        let done = home.run(&format!("admin user list --format json --query {query}")).await;
        let list: Vec<serde_json::Value> = serde_json::from_str(&done.stdout).unwrap();
        assert_eq!(list.len(), found, "{query}: {done:?}");
    }
    for limit in ["0", "101", "-1", "many"] {
        let refused = home.run(&format!("admin user list --limit {limit}")).await;
        assert_eq!(refused.code, 2, "{limit}: {refused:?}");
    }
}
