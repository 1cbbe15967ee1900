//! Everything acknowledged is on disk with its audit event, whatever happens to the process.

use futures_util::{
    StreamExt,
    future::join_all,
    stream::{self, FuturesUnordered},
};
use kayan_journeys::{Answer, Client, Database, Home, Person, Service, count, events};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::RequestBuilder;

const ROUNDS: u64 = 10;
const EACH: usize = 100;

/// What the service acknowledged, and the number of requests it did not.
#[derive(Default)]
struct Acknowledged {
    /// Identities.
    registered: Vec<String>,
    /// Session tokens, each with its identity.
    refreshed: Vec<(String, String)>,
    /// How many requests got no response.
    cut_off: usize,
}

/// Sends 100 registrations and 100 refreshes at once, kills the service as soon as it has answered some of both, and
/// notes what was answered until then.
async fn storm(service: &mut Service, round: u64, people: &[Person], deadly: usize) -> Acknowledged {
    let client = service.client();
    let registrations = (0..EACH).map(|n| Person::registration(&client, &format!("r{round}-{n}@example.com")));
    let refreshes = people.iter().map(|person| Person::refreshing(&client, &person.refresh_token));
    let mixed = registrations.zip(refreshes).flat_map(<[RequestBuilder; 2]>::from);
    let mut answers: FuturesUnordered<_> = mixed.map(Answer::to).collect();
    let mut acknowledged = Acknowledged::default();
    let (mut seen, mut struck) = (0, false);
    while let Some(answer) = answers.next().await {
        let Ok(answer) = answer else {
            acknowledged.cut_off += 1;
            continue;
        };
        match answer.status {
            201 => acknowledged.registered.push(answer.at("/identity/id")),
            200 => acknowledged.refreshed.push((answer.at("/session_token"), answer.at("/identity/id"))),
            // Too much at once for a database server: not acknowledged.
            503 => continue,
            other => panic!("{other}: {answer:?}"),
        }
        seen += 1;
        let both = !acknowledged.registered.is_empty() && !acknowledged.refreshed.is_empty();
        if seen >= deadly && both && !struck {
            service.strike();
            struck = true;
        }
    }
    acknowledged
}

/// The users whose first refresh follows.
async fn people(client: &Client, round: u64) -> Vec<Person> {
    let names: Vec<String> = (0..EACH).map(|n| format!("s{round}-{n}")).collect();
    stream::iter(&names).map(|name| Person::register(client, name)).buffered(8).collect().await
}

async fn assert_whole(database: &Database) {
    database.assert_undamaged(&["identities", "identifiers", "credentials", "sessions", "refresh_tokens"]).await;
    for (kind, sql) in [
        (
            "an identity without its event",
            "SELECT COUNT(*) FROM identities WHERE CAST(id AS CHAR(36)) NOT IN (SELECT subject FROM audit_events WHERE type = 'identity.created')",
        ),
        (
            "an event without its identity",
            "SELECT COUNT(*) FROM audit_events WHERE type = 'identity.created' AND subject NOT IN (SELECT CAST(id AS CHAR(36)) FROM identities)",
        ),
        (
            "an identity without identifier",
            "SELECT COUNT(*) FROM identities WHERE id NOT IN (SELECT identity_id FROM identifiers)",
        ),
        (
            "an identity without credential",
            "SELECT COUNT(*) FROM identities WHERE id NOT IN (SELECT identity_id FROM credentials)",
        ),
        (
            "a session without its event",
            "SELECT COUNT(*) FROM sessions WHERE id NOT IN (SELECT session_id FROM audit_events WHERE type = 'auth.session.created')",
        ),
        (
            "a rotation without its event",
            "SELECT (SELECT COUNT(*) FROM refresh_tokens WHERE spent_at IS NOT NULL) - (SELECT COUNT(*) FROM audit_events WHERE type = 'auth.session.refreshed')",
        ),
        (
            "a session without exactly one live refresh token",
            "SELECT COUNT(*) FROM sessions WHERE (SELECT COUNT(*) FROM refresh_tokens r WHERE r.session_id = sessions.id AND r.spent_at IS NULL) <> 1",
        ),
    ] {
        assert_eq!(count(database, sql).await, 0, "{kind}");
    }
}

#[tokio::test]
async fn i_33_nothing_acknowledged_is_lost_when_the_service_is_killed_ten_times_over() {
    let mut random = StdRng::seed_from_u64(33);
    let mut home = Home::new().with("KAYAN_LOG_LEVEL", "warn");
    let mut cut_off = 0;
    for round in 0..ROUNDS {
        let mut service = Service::start_in(home).await;
        let people = people(&service.client(), round).await;
        let seen = storm(&mut service, round, &people, random.random_range(10..150)).await;
        home = service.kill().await;

        let database = home.database().await;
        assert_whole(&database).await;
        for id in &seen.registered {
            assert_eq!(
                count(&database, &format!("SELECT COUNT(*) FROM identities WHERE id = '{id}'")).await,
                1,
                "{id}"
            );
            assert_eq!(events(&database, "identity.created", id).await, 1, "{id}");
        }
        for (_, id) in &seen.refreshed {
            assert_eq!(events(&database, "auth.session.refreshed", id).await, 1, "{id}");
        }
        drop(database);
        assert!(!seen.registered.is_empty() && !seen.refreshed.is_empty(), "round {round} has both kinds");
        cut_off += seen.cut_off;
        // Tokens issued before the crash are valid after the restart.
        let service = Service::start_in(home).await;
        let client = service.client();
        let tokens = seen.refreshed.iter().map(|(token, _)| kayan_journeys::ask(Person::asking(&client, token)));
        assert!(join_all(tokens).await.iter().all(|answer| answer.status == 200), "round {round}");
        home = service.kill().await;
    }
    assert!(cut_off > 0, "no request was cut off: the service was killed too late");
}
