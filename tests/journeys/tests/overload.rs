//! Floods, and clients that disconnect.

use std::time::{Duration, Instant};

use futures_util::{StreamExt, future::join_all, stream::FuturesUnordered};
use kayan_journeys::{Answer, Home, PASSWORD, Person, Service, ask, count};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::RequestBuilder;
use tokio::time::timeout;

#[tokio::test]
async fn i_40_a_flood_of_logins_is_bounded_while_whoami_keeps_answering() {
    let home =
        Home::new().with("KAYAN_HASH_QUEUE", "4").with("KAYAN_HASH_CONCURRENCY", "1").with("KAYAN_BCRYPT_COST", "12");
    let service = Service::start_in(home).await;
    let ada = Person::register(&service.client(), "ada").await;
    let mut logins: FuturesUnordered<_> =
        (0..64).map(|_| ask(Person::login(&ada.client, &ada.email, PASSWORD))).collect();
    // The first refusal shows that the queue is full; from here on only four logins wait.
    let mut answers = vec![logins.next().await.unwrap()];
    assert_eq!(answers[0].status, 503, "a refusal is faster than any hash: {:?}", answers[0]);
    let questions = async {
        for _ in 0..20 {
            ada.who_am_i().await.expect(200);
        }
        Instant::now()
    };
    let rest = async {
        let mut good_at = Vec::new();
        while let Some(answer) = logins.next().await {
            good_at.extend((answer.status == 200).then(Instant::now));
            answers.push(answer);
        }
        good_at
    };
    let (asked_at, good_at) = tokio::join!(questions, rest);
    let last = good_at.last().expect("some come through");
    assert!(asked_at < *last, "twenty questions are answered before the last login is");
    let good = answers.iter().filter(|answer| answer.status == 200).count();
    assert!((1..=6).contains(&good), "one is hashed and four wait: {good}");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((answer.status, &*answer.at("/code")), (503, "overloaded"), "{answer:?}");
        assert_eq!(answer.header("retry-after"), "1");
    }
    ada.log_in().await.who_am_i().await.expect(200);
}

/// Sends a request and disconnects at this moment, unless the response comes before.
async fn cut_off(request: RequestBuilder, moment: Duration) {
    drop(timeout(moment, Answer::to(request)).await);
}

#[tokio::test]
async fn i_41_clients_that_go_away_in_mid_request_leave_nothing_behind() {
    // Room for everything that a slow machine has not noticed yet, and far less than leaked places would take.
    let home = Home::new().with("KAYAN_LOG_LEVEL", "warn").with("KAYAN_HASH_QUEUE", "1000");
    let service = Service::start_in(home).await;
    let client = service.client();
    let mut random = StdRng::seed_from_u64(41);
    let people: Vec<String> = (0..8).map(|n| format!("p{n}")).collect();
    let people = join_all(people.iter().map(|name| Person::register(&client, name))).await;
    for round in 0..200 {
        let requests = (0..32).map(|n| {
            let person = &people[n % people.len()];
            let request = match n % 3 {
                0 => Person::login(&client, &person.email, PASSWORD),
                1 => Person::refreshing(&client, &person.refresh_token),
                _ => Person::registration(&client, &format!("x{round}-{n}@example.com")),
            };
            cut_off(request, Duration::from_micros(random.random_range(0..20_000)))
        });
        join_all(requests.collect::<Vec<_>>()).await;
    }
    // A busy machine may still be working on the requests; leaked places would never be free.
    let probe = || async { ask(Person::login(&client, &people[0].email, PASSWORD)).await.status };
    let drained = async { while probe().await == 503 {} };
    timeout(Duration::from_secs(30), drained).await.expect("the hashing queue never empties: places have leaked");
    // All at once: nothing is waited for.
    let names: Vec<String> = (0..8).map(|n| format!("later{n}")).collect();
    let later = join_all(names.iter().map(|name| Person::register(&client, name))).await;
    for person in &later {
        let person = person.log_in().await;
        person.who_am_i().await.expect(200);
        person.refresh().await.expect(200);
    }
    let health = ask(client.get("/health")).await.expect(200);
    assert_eq!(health.at("/status"), "healthy", "{health:?}");
    let database = service.home().database().await;
    for sql in [
        "SELECT COUNT(*) FROM identities WHERE id NOT IN (SELECT identity_id FROM credentials)",
        "SELECT COUNT(*) FROM identities WHERE CAST(id AS CHAR(36)) NOT IN (SELECT subject FROM audit_events WHERE type = 'identity.created')",
        "SELECT COUNT(*) FROM sessions WHERE id NOT IN (SELECT session_id FROM refresh_tokens WHERE spent_at IS NULL)",
    ] {
        assert_eq!(count(&database, sql).await, 0, "{sql}");
    }
    // No lock is held: another connection can write.
    for sql in ["UPDATE identities SET version = version", "UPDATE sessions SET active = active"] {
        timeout(Duration::from_secs(30), database.execute(sql)).await.expect("no row is locked");
    }
    // A server may have been too busy, and reported that.
    let log = service.log();
    let wrong = log.lines().find(|line| {
        line.contains("panicked") || (line.contains("ERROR") && !line.contains("the database is unavailable"))
    });
    assert_eq!(wrong, None);
}
