//! Every setting changes something, and a test shows what.

use kayan_house::none_of;
use kayan_journeys::Home;
use serde_json::Value;

use crate::inventory::{inventory, of_kind, source};

/// How many settings may have no test that shows their effect; this number only goes down.
const MOST_UNPROVEN: usize = 3;

#[tokio::test]
async fn a_test_shows_what_each_setting_changes() {
    let done = Home::newcomers().run("config check --format json").await;
    let rows: Vec<Value> = serde_json::from_str(&done.stdout).unwrap_or_else(|error| panic!("{error}: {done:?}"));
    let settings: Vec<&str> = rows.iter().filter_map(|row| row["setting"].as_str()).collect();
    let inventory = inventory();
    let (proved, unproven) = (of_kind(&inventory, "setting"), of_kind(&inventory, "unproven"));
    let listed = |name: &str| proved.iter().chain(&unproven).filter(|(it, _)| it == name).count();

    let mut offences = Vec::new();
    offences.extend(settings.iter().filter(|name| listed(name) != 1).map(|name| format!("{name} is not listed once")));
    for (name, test) in &proved {
        match source(test) {
            _ if !settings.contains(&name.as_str()) => offences.push(format!("there is no setting {name}")),
            None => offences.push(format!("{name}: there is no test {test}")),
            Some(text) if !text.contains(&format!("\"{name}\"")) => {
                offences.push(format!("{name}: {test} and its file don't mention it"));
            }
            Some(_) => {}
        }
    }
    none_of(offences, "name a test that shows what it changes in tests/guide/inventory.toml, under [setting]");

    println!("Settings whose effect no test shows:");
    for (name, why) in &unproven {
        println!("{name:<34} {why}");
    }
    assert!(unproven.len() <= MOST_UNPROVEN, "{} are more than {MOST_UNPROVEN}", unproven.len());
}
