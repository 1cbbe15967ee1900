//! Tests of the measurements.

use crate::stage::Stage;

#[tokio::test]
async fn what_is_not_sealed_is_as_late_as_its_oldest_and_where_nothing_happened_nothing_is_late() {
    let stage = Stage::new();
    stage.clock.advance(std::time::Duration::from_hours(1));
    assert_eq!(stage.kayan.seal_lag().await, Ok(time::Duration::ZERO));
    stage.person("ada@example.com").await;
    stage.clock.advance(std::time::Duration::from_mins(20));
    stage.person("bert@example.com").await;
    assert_eq!(stage.kayan.seal_lag().await, Ok(time::Duration::minutes(20)));
    stage.clock.advance(std::time::Duration::from_mins(5));
    stage.kayan.seal_events().await.unwrap();
    stage.clock.advance(std::time::Duration::from_hours(8));
    assert_eq!(stage.kayan.seal_lag().await, Ok(time::Duration::ZERO), "a quiet night");
}

#[tokio::test]
async fn sessions_are_counted_by_tenant() {
    let stage = Stage::new();
    assert_eq!(stage.kayan.count_sessions().await, Ok(vec![]));
    stage.person("ada@example.com").await;
    let counted = stage.kayan.count_sessions().await.unwrap();
    assert_eq!(counted.iter().map(|(tenant, count)| (tenant.as_str(), *count)).collect::<Vec<_>>(), [("default", 1)]);
}
