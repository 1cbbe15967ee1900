//! Who is limited, and how it is told.

use std::time::Duration;

use kayan_ports::{Client, EventType, Outcome, RateLimit};

use crate::{Caller, LimitError, Limited, LogInError, RateLimits, RegisterError, stage::Stage};

const LIMIT: RateLimit = RateLimit { name: "ip", requests: 3, window: Duration::from_mins(1) };

fn stage() -> Stage {
    Stage::with(|settings| {
        settings.limits = RateLimits {
            ip: Some(LIMIT),
            login: Some(RateLimit { name: "login", ..LIMIT }),
            registration: Some(RateLimit { name: "registration", ..LIMIT }),
        };
    })
}

fn from(ip: &str) -> Caller {
    Caller { client: Client { ip: Some(ip.to_owned()), user_agent: None }, ..Stage::stranger() }
}

#[tokio::test]
async fn a_client_is_heard_so_often_and_then_told_how_long_to_wait() {
    let stage = stage();
    for left in (0..LIMIT.requests).rev() {
        let allowance = stage.kayan.limit_client(&from("192.0.2.1")).await.unwrap().unwrap();
        assert_eq!((allowance.limit, allowance.remaining), (LIMIT, left));
    }
    let Err(LimitError::Limited(Limited { limit, retry_after })) = stage.kayan.limit_client(&from("192.0.2.1")).await
    else {
        panic!("a fourth request is heard");
    };
    assert_eq!(limit, LIMIT);
    stage.clock.advance(retry_after);
    assert!(stage.kayan.limit_client(&from("192.0.2.1")).await.is_ok());
}

#[tokio::test]
async fn i_37_addresses_of_one_64_are_one_client() {
    let stage = stage();
    for host in 1..=LIMIT.requests {
        stage.kayan.limit_client(&from(&format!("2001:db8::{host}"))).await.unwrap();
    }
    assert!(stage.kayan.limit_client(&from("2001:db8::ffff:1")).await.is_err());
    assert!(stage.kayan.limit_client(&from("2001:db8:0:1::1")).await.is_ok());
}

#[tokio::test]
async fn logins_with_one_identifier_are_limited_from_wherever_they_come() {
    let stage = stage();
    stage.person("anna@example.org").await;
    let login = async |ip: &str, name: &str| stage.kayan.log_in(&from(ip), Stage::login(name, "wrong")).await;
    for host in 1..=LIMIT.requests {
        let error = login(&format!("192.0.2.{host}"), "ANNA@example.org").await.unwrap_err();
        assert_eq!(error, LogInError::InvalidCredentials);
    }
    assert!(matches!(login("192.0.2.99", "anna@example.org").await, Err(LogInError::Limited(_))));
    assert!(matches!(login("192.0.2.99", "bert@example.org").await, Err(LogInError::InvalidCredentials)));
}

#[tokio::test]
async fn registrations_from_one_client_are_limited() {
    let stage = stage();
    for number in 1..=LIMIT.requests {
        stage.person(&format!("{number}@example.org")).await;
    }
    let more = stage.kayan.register(&Stage::stranger(), Stage::registration("more@example.org")).await;
    assert!(matches!(more, Err(RegisterError::Limited(_))));
}

#[tokio::test]
async fn i_34_a_limited_client_is_audited_once_a_minute() {
    let stage = stage();
    for _ in 0..100 {
        let _ = stage.kayan.limit_client(&from("192.0.2.1")).await;
    }
    assert_eq!(stage.count(EventType::RateLimited, Outcome::Failure), 1);
    let event = stage.store.events().pop().unwrap();
    assert_eq!(event.kind.as_str(), "security.rate_limited");
    assert_eq!(event.metadata["limit"], "ip");
    assert_eq!(event.client.ip.as_deref(), Some("192.0.2.1"));
}

#[tokio::test]
async fn without_limits_everybody_is_heard() {
    let stage = Stage::new();
    for _ in 0..100 {
        assert_eq!(stage.kayan.limit_client(&from("192.0.2.1")).await, Ok(None));
    }
}

#[tokio::test]
async fn i_34_a_flood_in_one_tenant_leaves_the_audit_of_the_others_alone() {
    let stage = stage();
    stage.store.add_tenant("acme".parse().unwrap(), true);
    stage.store.add_tenant("bolt".parse().unwrap(), true);
    let ask = async |tenant: &str, ip: String| {
        for _ in 0..=LIMIT.requests {
            let caller = Caller { tenant: tenant.parse().unwrap(), ..from(&ip) };
            let _ = stage.kayan.limit_client(&caller).await;
        }
    };
    let told = |tenant: &str| stage.store.events().iter().filter(|event| event.tenant.as_str() == tenant).count();
    for host in 0..150 {
        ask("acme", format!("192.0.2.{host}")).await;
    }
    ask("bolt", "198.51.100.1".to_owned()).await;
    assert_eq!((told("acme"), told("bolt")), (100, 1));
    stage.clock.advance(time::Duration::MINUTE);
    stage.kayan.record_left_out().await.unwrap();
    stage.kayan.record_left_out().await.unwrap();
    let summaries: Vec<_> =
        stage.store.events().into_iter().filter(|event| event.metadata.contains_key("untold")).collect();
    assert_eq!(summaries.len(), 1, "{summaries:?}");
    assert_eq!((summaries[0].tenant.as_str(), summaries[0].kind), ("acme", EventType::RateLimited));
    assert_eq!((&summaries[0].metadata["untold"], &summaries[0].metadata["limit"]), (&50.into(), &"ip".into()));
}

#[tokio::test]
async fn i_34_made_up_tenants_share_one_budget() {
    let stage = stage();
    for host in 0..150 {
        for _ in 0..=LIMIT.requests {
            let caller =
                Caller { tenant: format!("made-up-{host}").parse().unwrap(), ..from(&format!("192.0.2.{host}")) };
            let _ = stage.kayan.limit_client(&caller).await;
        }
    }
    let events = stage.store.events();
    assert_eq!(events.len(), 100);
    assert!(events.iter().all(|event| event.tenant.as_str() == "default"));
}
