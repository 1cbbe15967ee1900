//! A PostgreSQL server that is killed or frozen. Time is measured, so nothing else runs meanwhile.

use super::KIND;
use crate::{doctor, outages};

#[tokio::test]
async fn a_killed_postgres_server_costs_no_acknowledged_write_and_no_restart() {
    outages::killed_under_load(KIND).await;
}

#[tokio::test]
async fn a_frozen_postgres_server_makes_nobody_hang() {
    outages::frozen_under_load(KIND).await;
}

#[tokio::test]
async fn a_frozen_a_strict_and_a_dead_postgres_server_keep_no_doctor_waiting() {
    doctor::outlasts_a_server_that_does_not_answer(KIND).await;
}
