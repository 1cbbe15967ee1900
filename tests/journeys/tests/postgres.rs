//! Journeys that need a PostgreSQL server.

use kayan_journeys::{Home, Kind};

use crate::{cut_exports, doctor, failover, guide, migrate_plan, servers, strangers};

mod outages;
mod pool;

const KIND: Kind = Kind::Postgres;

#[tokio::test]
async fn an_account_lives_on_a_postgres_server() {
    servers::keeps_an_account(KIND).await;
}

#[tokio::test]
async fn the_guides_lines_run_as_printed_on_postgres() {
    guide::three_sections_run_as_printed(KIND).await;
}

#[tokio::test]
async fn a_wrong_postgres_dsn_is_named_without_its_password() {
    for dsn in [
        "postgres://u:hunter2@127.0.0.1:1/kayan?allowAllFiles=true",
        "postgres://u:hunter2@127.0.0.1:x/kayan",
        "postgres://u:hunter2@/kayan",
        "postgres://u:hunter2%@127.0.0.1/kayan",
        "postgres://u:hunter2@127.0.0.1:1/kayan?sslmode=maybe",
        "postgres://u:hunter2@127.0.0.1:1/kayan?sslmode=verify-full&sslrootcert=nowhere.pem",
        "host=127.0.0.1 user=u password='hunter2",
    ] {
        servers::refuses(&Home::at(KIND, dsn), "hunter2").await;
    }
}

#[tokio::test]
async fn a_postgres_server_that_lets_nobody_in_is_named_without_the_password() {
    let home = Home::on(KIND);
    let dsn = home.dsn().to_owned();
    for (good, bad) in [("throw-away@", "hunter2@"), ("//kayan:", "//nobody:"), ("/kayan_", "/none_")] {
        assert!(dsn.contains(good), "the test knows its server's DSN");
        servers::refuses(&Home::at(KIND, &dsn.replacen(good, bad, 1)), "throw-away").await;
    }
    // Its certificate is by an authority that this machine does not trust.
    let strict = dsn.replace("sslmode=disable", "sslmode=verify-full");
    servers::refuses(&Home::at(KIND, &strict), "throw-away").await;
}

#[tokio::test]
async fn the_service_starts_before_its_postgres_server() {
    crate::outages::started_before_its_server(KIND).await;
}

#[tokio::test]
async fn a_plan_for_a_postgres_server_tells_all_and_changes_nothing() {
    migrate_plan::tells_all_and_changes_nothing(KIND).await;
}

#[tokio::test]
async fn a_sound_postgres_database_is_found_in_order() {
    doctor::finds_a_sound_database_in_order(KIND).await;
}

#[tokio::test]
async fn a_postgres_database_that_is_not_utf_8_is_refused() {
    strangers::refuses_an_encoding_that_is_not_utf_8().await;
}

/// A function of the same name stands before PostgreSQL's own in the search path.
#[tokio::test]
async fn cockroachdb_and_aurora_dsql_are_refused_with_the_reason() {
    for (version, told) in [
        (
            "CockroachDB CCL v24.1.0 (x86_64-pc-linux-gnu, built 2024/05/15)",
            "the database is CockroachDB, with which Kayan can't",
        ),
        ("PostgreSQL 16", "the database is Aurora DSQL, with which Kayan can't"),
    ] {
        let home = Home::on(KIND);
        let sql = format!(
            "CREATE SCHEMA other; CREATE FUNCTION other.version() RETURNS text LANGUAGE sql AS $$ SELECT '{version}' $$"
        );
        home.database().await.execute(&sql).await;
        let dsn = format!("{}&options=-csearch_path%3Dother%2Cpg_catalog", home.dsn());
        strangers::refuses_an_unusable_server(&home.with("KAYAN_DB_DSN", dsn), told).await;
    }
}

#[tokio::test]
async fn missing_rights_and_connections_on_a_postgres_server_are_found() {
    doctor::finds_missing_rights_and_connections(KIND).await;
}

#[tokio::test]
async fn i_35_an_export_cut_by_the_loss_of_a_postgres_server_does_not_look_whole() {
    cut_exports::survives_no_cut(KIND).await;
}

#[tokio::test]
async fn a_postgres_server_that_becomes_read_only_is_told_and_written_again_when_it_may_be() {
    failover::tells_of_a_read_only_server(KIND).await;
}

#[tokio::test]
async fn after_a_failover_writes_go_to_the_new_postgres_primary_within_two_seconds() {
    failover::finds_the_new_primary(KIND).await;
}

#[tokio::test]
async fn a_postgres_standby_is_written_as_soon_as_it_is_promoted() {
    failover::follows_a_promotion().await;
}

#[tokio::test]
async fn of_several_postgres_hosts_the_one_that_takes_writes_is_found() {
    failover::finds_the_writable_host().await;
}
