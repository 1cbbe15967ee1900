//! Rate limits and the lockout.

use futures_util::future::join_all;
use kayan_journeys::{Answer, Home, PASSWORD, Person, Service, ask, count};

const MAX_FAILURES: usize = 5;

fn lockout() -> Home {
    let home = Home::new().with("KAYAN_LOCKOUT_ENABLED", "true");
    home.with("KAYAN_LOCKOUT_MAX_FAILURES", MAX_FAILURES.to_string()).with("KAYAN_LOCKOUT_DURATION", "15m")
}

/// Fails to log in until the account is locked.
async fn lock_out(service: &Service, email: &str) -> Answer {
    for _ in 0..MAX_FAILURES {
        ask(Person::login(&service.client(), email, "wrong")).await.refused(401, "invalid_credentials");
    }
    ask(Person::login(&service.client(), email, PASSWORD)).await.refused(423, "account_locked")
}

fn seconds(answer: &Answer) -> u64 {
    answer.header("retry-after").parse().unwrap_or_else(|_| panic!("no seconds: {answer:?}"))
}

#[tokio::test]
async fn requests_beyond_the_limit_are_told_when_to_come_back() {
    let home = Home::new().with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_WINDOW", "24h");
    let service = Service::start_in(home.with("KAYAN_RATE_LIMIT_REQUESTS", "5")).await;
    let ada = Person::register(&service.client(), "ada").await;
    for left in (0..4).rev() {
        let answer = ada.who_am_i().await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"ip\";q=5;w=86400");
        assert!(answer.header("ratelimit").starts_with(&format!("\"ip\";r={left};t=")), "{answer:?}");
    }
    for _ in 0..20 {
        let refused = ada.who_am_i().await.refused(429, "rate_limited");
        assert!((1..=172_800).contains(&seconds(&refused)), "{refused:?}");
        assert_eq!(refused.json().pointer("/details/retry_after"), Some(&seconds(&refused).into()));
        assert!(refused.header("ratelimit").starts_with("\"ip\";r=0;t="), "{refused:?}");
    }
    for path in ["/health", "/health/live", "/health/ready"] {
        ask(service.client().get(path)).await.expect(200);
    }
    let told = "SELECT COUNT(*) FROM audit_events WHERE type = 'security.rate_limited'";
    assert_eq!(count(&service.home().database().await, told).await, 1, "once a minute is enough");
}

#[tokio::test]
async fn registrations_and_logins_have_limits_of_their_own() {
    let home = Home::new().with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_WINDOW", "24h");
    let home = home.with("KAYAN_RATE_LIMIT_REGISTRATION_REQUESTS", "2").with("KAYAN_RATE_LIMIT_LOGIN_REQUESTS", "3");
    let service = Service::start_in(home).await;
    let client = service.client();
    let ada = Person::register(&client, "ada").await;
    let bert = Person::register(&client, "bert").await;
    let refused = ask(Person::registration(&client, "more@example.com")).await.refused(429, "rate_limited");
    assert_eq!(refused.header("ratelimit-policy"), "\"registration\";q=2;w=86400");
    for _ in 0..3 {
        ada.log_in().await;
    }
    let refused = ask(Person::login(&client, &ada.email, PASSWORD)).await.refused(429, "rate_limited");
    assert_eq!(refused.header("ratelimit-policy"), "\"login\";q=3;w=86400");
    bert.log_in().await;
}

#[tokio::test]
async fn i_09_200_parallel_wrong_passwords_cause_at_most_max_failures_verifications() {
    let service = Service::start_in(lockout()).await;
    let ada = Person::register(&service.client(), "ada").await;
    for email in [ada.email.as_str(), "nobody@example.com"] {
        let guesses = (0..200).map(|_| ask(Person::login(&ada.client, email, "wrong")));
        let answers = join_all(guesses).await;
        let heard = answers.iter().filter(|answer| answer.status == 401).count();
        assert!((1..=MAX_FAILURES).contains(&heard), "{heard} are heard for {email}");
        // A database server may be too busy for 200 at once, which the service reports.
        let others = answers.into_iter().filter(|answer| ![401, 503].contains(&answer.status));
        for answer in others {
            let locked = answer.refused(423, "account_locked");
            assert!((1..=900).contains(&seconds(&locked)), "{locked:?}");
            assert_eq!(locked.json().pointer("/details/retry_after"), Some(&seconds(&locked).into()));
            assert!(locked.at("/details/locked_until").ends_with('Z'), "{locked:?}");
        }
        for _ in heard..MAX_FAILURES {
            ask(Person::login(&ada.client, email, "wrong")).await;
        }
        ask(Person::login(&ada.client, email, PASSWORD)).await.refused(423, "account_locked");
    }
    let database = service.home().database().await;
    let such = |kind: &str| format!("SELECT COUNT(*) FROM audit_events WHERE type = '{kind}'");
    let verified = count(&database, &such("auth.login.failure")).await;
    assert!(usize::try_from(verified).unwrap() <= 2 * MAX_FAILURES, "{verified} were verified: each leaves an event");
    let told = count(&database, &such("auth.login.blocked")).await;
    assert!((1..=2).contains(&told), "one for each, however many there were: {told}");
    ada.who_am_i().await.expect(200);
}

#[tokio::test]
async fn a_lockout_outlives_a_restart_and_ends_when_an_operator_says_so() {
    let service = Service::start_in(lockout()).await;
    let email = Person::register(&service.client(), "ada").await.email;
    lock_out(&service, &email).await;
    let service = Service::start_in(service.kill().await).await;
    ask(Person::login(&service.client(), &email, PASSWORD)).await.refused(423, "account_locked");
    let done = service.home().run(&format!("admin user unlock --id {email}")).await;
    assert_eq!(done.code, 0, "{done:?}");
    ask(Person::login(&service.client(), &email, PASSWORD)).await.expect(200);
}

#[tokio::test]
async fn a_stranger_who_guesses_does_not_lock_the_owner_out() {
    let service = Service::start_in(lockout().with("KAYAN_TRUSTED_PROXIES", "127.0.0.0/8")).await;
    let from = |request: reqwest::RequestBuilder, ip: &str| ask(request.header("x-forwarded-for", ip));
    let client = service.client();
    from(Person::registration(&client, "ada@example.com"), "192.0.2.1").await.expect(201);
    let login = |password| Person::login(&client, "ada@example.com", password);
    for _ in 0..MAX_FAILURES {
        from(login("wrong"), "198.51.100.7").await.refused(401, "invalid_credentials");
    }
    from(login(PASSWORD), "198.51.100.8").await.refused(423, "account_locked");
    from(login(PASSWORD), "192.0.2.1").await.expect(200);
}

#[tokio::test]
async fn without_known_networks_a_stranger_who_guesses_locks_the_owner_out() {
    let home = lockout().with("KAYAN_LOCKOUT_KNOWN_NETWORKS", "false");
    let service = Service::start_in(home.with("KAYAN_TRUSTED_PROXIES", "127.0.0.0/8")).await;
    let from = |request: reqwest::RequestBuilder, ip: &str| ask(request.header("x-forwarded-for", ip));
    let client = service.client();
    from(Person::registration(&client, "ada@example.com"), "192.0.2.1").await.expect(201);
    let login = |password| Person::login(&client, "ada@example.com", password);
    for _ in 0..MAX_FAILURES {
        from(login("wrong"), "198.51.100.7").await.refused(401, "invalid_credentials");
    }
    from(login(PASSWORD), "192.0.2.1").await.refused(423, "account_locked");
}

#[tokio::test]
async fn i_37_bytes_that_are_no_text_do_not_hide_the_client_behind_a_proxy() {
    let home = Home::new().with("KAYAN_RATE_LIMIT_ENABLED", "true").with("KAYAN_RATE_LIMIT_WINDOW", "24h");
    let home = home.with("KAYAN_RATE_LIMIT_REQUESTS", "2").with("KAYAN_TRUSTED_PROXIES", "127.0.0.1/32");
    let service = Service::start_in(home).await;
    let client = service.client();
    let from = async |hops: &[u8]| {
        let hops = reqwest::header::HeaderValue::from_bytes(hops).unwrap();
        ask(client.get("/api/v1/whoami").header("X-Forwarded-For", hops)).await
    };
    from(b"198.51.100.7").await.refused(401, "unauthorized");
    from(b"\xe9, 198.51.100.7").await.refused(401, "unauthorized");
    from(b"\xff\xfe, 198.51.100.7").await.refused(429, "rate_limited");
    from(b"\xe9, 198.51.100.8").await.refused(401, "unauthorized");
    let database = service.home().database().await;
    let told = database.texts("SELECT ip_address FROM audit_events WHERE type = 'security.rate_limited'").await;
    assert_eq!(told, ["198.51.100.7"]);
}
