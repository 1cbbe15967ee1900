//! Journeys that need a MySQL or MariaDB server.

mod outages;

use kayan_journeys::{Database, Home, Kind, Server};

use crate::{cut_exports, doctor, failover, guide, migrate_plan, servers, strangers};

const KIND: Kind = Kind::Mysql;

#[tokio::test]
async fn an_account_lives_on_a_mysql_server() {
    servers::keeps_an_account(KIND).await;
}

#[tokio::test]
async fn the_guides_lines_run_as_printed_on_mysql() {
    guide::three_sections_run_as_printed(KIND).await;
}

#[tokio::test]
async fn a_wrong_mysql_dsn_is_named_without_its_password() {
    for dsn in [
        "u:hunter2@tcp(127.0.0.1:1)/kayan?allowAllFiles=true",
        "u:hunter2@tcp(127.0.0.1:x)/kayan",
        "u:hunter2@tcp(127.0.0.1:1)/",
        "u:hunter2@tcp(127.0.0.1:1)/kayan?tls=maybe",
        "u:hunter2@tcp(127.0.0.1:1)/kayan?tls=true&tls-ca=nowhere.pem",
    ] {
        servers::refuses(&Home::at(KIND, dsn), "hunter2").await;
    }
}

#[tokio::test]
async fn a_mysql_server_that_lets_nobody_in_is_named_without_the_password() {
    let home = Home::on(KIND);
    let dsn = home.dsn().to_owned();
    for (good, bad) in [("throw-away@", "hunter2@"), ("kayan:", "nobody:"), ("/kayan_", "/none_"), ("?", "?tls=true&")]
    {
        assert!(dsn.contains(good), "the test knows its server's DSN");
        servers::refuses(&Home::at(KIND, &dsn.replacen(good, bad, 1)), "throw-away").await;
    }
}

#[tokio::test]
async fn the_service_starts_before_its_mysql_server() {
    crate::outages::started_before_its_server(KIND).await;
}

#[tokio::test]
async fn vitess_and_tidb_are_refused_with_the_reason() {
    let vitess: &[&str] = &["--version=8.0.30-Vitess"];
    let tidb: &[&str] = &["--version=8.0.11-TiDB-v8.1.0"];
    for (options, product) in [(vitess, "Vitess"), (tidb, "TiDB")] {
        let server = Server::start_with(KIND, options).await;
        let home = Home::at(KIND, &server.dsn());
        let reason = format!("the database is {product}, with which Kayan can't");
        strangers::refuses_an_unusable_server(&home, &reason).await;
    }
}

#[tokio::test]
async fn a_plan_for_a_mysql_server_tells_all_and_changes_nothing() {
    migrate_plan::tells_all_and_changes_nothing(KIND).await;
}

#[tokio::test]
async fn a_sound_mysql_database_is_found_in_order() {
    doctor::finds_a_sound_database_in_order(KIND).await;
}

#[tokio::test]
async fn missing_rights_and_connections_on_a_mysql_server_are_found() {
    doctor::finds_missing_rights_and_connections(KIND).await;
}

#[tokio::test]
async fn i_35_an_export_cut_by_the_loss_of_a_mysql_server_does_not_look_whole() {
    cut_exports::survives_no_cut(KIND).await;
}

#[tokio::test]
async fn a_mysql_server_that_becomes_read_only_is_told_and_written_again_when_it_may_be() {
    failover::tells_of_a_read_only_server(KIND).await;
}

#[tokio::test]
async fn after_a_failover_writes_go_to_the_new_mysql_primary_within_two_seconds() {
    failover::finds_the_new_primary(KIND).await;
}

#[tokio::test]
async fn a_mysql_server_that_logs_statements_alone_is_told_with_what_to_set() {
    let server = Server::start_with(KIND, &["--log-bin=log", "--binlog-format=STATEMENT"]).await;
    let home = Home::at(KIND, &server.dsn());
    let refused = home.run("migrate up").await;
    assert!(refused.code != 0 && refused.stderr.contains("set binlog_format to ROW or MIXED"), "{refused:?}");
    let told = doctor::doctor(&home, "").await.is("database.binlog", "failed");
    let remedy = "SET GLOBAL binlog_format = 'ROW'";
    assert!(told.contains(remedy), "{told}");
    Database::connect(KIND, &server.dsn()).await.unwrap().execute(remedy).await;
    assert_eq!(home.run("migrate up").await.code, 0);
    let found = doctor::doctor(&home, "").await;
    assert!(!format!("{found:?}").contains("database.binlog"), "{found:#?}");
}
