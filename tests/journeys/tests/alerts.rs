//! The shipped alerts: each fires on the metrics of a service in trouble, and is silent when all is well.

mod database_independent;

use std::{fmt::Write as _, fs};

use kayan_journeys::{Answer, Client, Home, Kind, Metrics, Person, Service, ask, promtool};
use kayan_mail_server::MailServer;

use crate::{
    cut_exports::{damage_a_late_event, over_http_2, token, with_many_events},
    mail_flows::home,
    messages::test_mail,
    seals::seal_the_future,
};

const RULES: &str = include_str!("../../../deploy/prometheus/alerts.yml");

/// The metric of the last success of background jobs.
const SUCCESSES: &str = "kayan_job_last_success_timestamp_seconds";

/// The metrics continue as between the two scrapes: counters grow by the same amount in every interval of 15 seconds,
/// and gauges have the first value for ten minutes, and then the last. promtool's time starts at 0, which is set to the latest success of a job; a job that
/// succeeded between the scrapes continues to succeed.
fn goes_on(before: &Metrics, after: &Metrics) -> String {
    let families = after.families();
    let is_success = |series: &str| series.starts_with(SUCCESSES);
    let latest = after.series.iter().filter(|(it, _)| is_success(it)).map(|(_, at)| *at).fold(0.0, f64::max);
    let mut text = String::new();
    for (series, last) in &after.series {
        let name = series.split('{').next().unwrap();
        let is_gauge = families.get(name) == Some(&"gauge") || series.contains("quantile=");
        let values = match is_gauge {
            _ if is_success(series) => {
                format!("{}+{}x120", last - latest, if *last > before.get(series) { 15 } else { 0 })
            }
            true => format!("{}+0x39 {last}+0x80", before.get(series)),
            false => format!("{last}+{}x120", last - before.get(series)),
        };
        writeln!(text, "      - series: '{series}'\n        values: '{values}'").unwrap();
    }
    text
}

/// Whether the alert fires a quarter of an hour later.
fn fires(alert: &str, before: &Metrics, after: &Metrics) -> bool {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("alerts.yml"), RULES).unwrap();
    let tells = |expected: &str| {
        let test = format!(
            "rule_files: [alerts.yml]\nevaluation_interval: 15s\ntests:\n  - interval: 15s\n    input_series:\n{}    \
             alert_rule_test:\n      - eval_time: 15m\n        alertname: {alert}\n        exp_alerts: {expected}\n",
            goes_on(before, after)
        );
        let path = folder.path().join("test.yml");
        fs::write(&path, test).unwrap();
        promtool(&["test", "rules", path.to_str().unwrap()], "")
    };
    assert!(RULES.contains(&format!("alert: {alert}\n")), "{alert} is shipped");
    let (silent, said) = tells("[]");
    assert!(silent || said.contains("alertname"), "promtool can't tell: {said}");
    !silent
}

async fn between(client: &Client, act: impl AsyncFnOnce()) -> (Metrics, Metrics) {
    let before = Metrics::of(client).await;
    act().await;
    (before, Metrics::of(client).await)
}

#[tokio::test]
async fn an_unhealthy_service_is_told() {
    let service = Service::start().await;
    let client = service.client();
    let well = Metrics::until(&client, |metrics| metrics.count("kayan_health_status") == Some(1)).await;
    assert!(!fires("KayanUnhealthy", &well, &well));
    assert_eq!(service.home().run("migrate down").await.code, 0);
    let ill = Metrics::until(&client, |metrics| metrics.count("kayan_health_status") == Some(0)).await;
    assert!(fires("KayanUnhealthy", &ill, &ill));
}

/// The time `seconds` from now, in SQL.
fn moment(seconds: i64) -> String {
    match Kind::chosen() {
        Kind::Sqlite => format!("CAST((unixepoch('subsec') + {seconds}) * 1000000 AS INTEGER)"),
        Kind::Postgres => format!("now() + interval '{seconds} s'"),
        Kind::Mysql => format!("UTC_TIMESTAMP(6) + INTERVAL {seconds} SECOND"),
    }
}

/// A service whose last events are `ago` seconds old and not sealed: another process holds the lease to seal for an hour,
/// and does not seal.
async fn happened(home: Home, ago: u32) -> (Metrics, Home) {
    let (then, before, later) = (moment(-i64::from(ago)), moment(-i64::from(ago) - 60), moment(3_600));
    let database = home.database().await;
    database.execute(&format!("UPDATE audit_events SET created_at = {then}")).await;
    let held = format!("UPDATE audit_sealing SET sealed_until = {before}, leased_until = {later}");
    database.execute(&held).await;
    let service = Service::start_in(home).await;
    let late = |metrics: &Metrics| metrics.get("kayan_audit_seal_lag_seconds") >= f64::from(ago);
    (Metrics::until(&service.client(), late).await, service.kill().await)
}

#[tokio::test]
async fn what_is_not_sealed_is_told() {
    let service = Service::start().await;
    Person::register(&service.client(), "ada").await;
    let home = service.kill().await;
    let (lately, home) = happened(home, 60).await;
    assert!(!fires("KayanAuditNotSealed", &lately, &lately));
    let (long_ago, _) = happened(home, 3_600).await;
    assert!(fires("KayanAuditNotSealed", &long_ago, &long_ago));
}

#[tokio::test]
async fn an_export_that_breaks_off_is_told() {
    let home = Home::new();
    let database = with_many_events(&home).await;
    let token = token(&home).await;
    let service = Service::start_in(home).await;
    let client = service.client();
    let export = || over_http_2(&client, "/admin/audit/export").bearer_auth(&token);
    let (before, after) = between(&client, async || drop(ask(export()).await.expect(200))).await;
    assert!(!fires("KayanAnswersBreakOff", &before, &after));
    damage_a_late_event(&database).await;
    let (before, after) = between(&client, async || drop(Answer::to(export()).await)).await;
    assert!(fires("KayanAnswersBreakOff", &before, &after));
}

#[tokio::test]
async fn a_clock_that_is_behind_is_told() {
    let service = Service::start().await;
    let well = Metrics::until(&service.client(), |it| it.series.contains_key("kayan_clock_behind_seconds")).await;
    assert!(!fires("KayanClockBehind", &well, &well));
    let home = service.kill().await;
    seal_the_future(&home.database().await).await;
    let service = Service::start_in(home).await;
    let ill = Metrics::until(&service.client(), |it| it.get("kayan_clock_behind_seconds") > 0.0).await;
    assert!(fires("KayanClockBehind", &ill, &ill));
}

#[tokio::test]
async fn messages_that_are_stuck_or_given_up_are_told() {
    let server = MailServer::start(&[]).await;
    let service = Service::start_in(home(&server)).await;
    let (client, home) = (service.client(), service.home());
    let measured = |metrics: &Metrics| metrics.series.contains_key("kayan_messages_dead");
    let well = Metrics::until(&client, measured).await;
    assert!(well.get("kayan_messages_dead") < 0.5);
    test_mail(home, "greylisted@example.com").await;
    let waits = Metrics::until(&client, |metrics| metrics.get("kayan_messages_waiting") > 0.5).await;
    assert!(!fires("KayanMessagesStuck", &well, &waits), "a minute is nothing");
    let long_ago = format!("UPDATE messages SET created_at = {} WHERE state = 'due'", moment(-1_000));
    home.database().await.execute(&long_ago).await;
    let old = Metrics::until(&client, |metrics| metrics.get("kayan_message_oldest_age_seconds") >= 1_000.0).await;
    assert!(!fires("KayanMessagesStuck", &well, &old), "one recipient is deferred");
    test_mail(home, "leaving@example.com").await;
    let unreachable = "kayan_message_failures_total{reason=\"unreachable\"}";
    let stuck = Metrics::until(&client, |metrics| metrics.get(unreachable) > 0.5).await;
    assert!(fires("KayanMessagesStuck", &old, &stuck));
    assert!(!fires("KayanMessagesDead", &well, &stuck));
    test_mail(home, "rejected@example.com").await;
    let dead = Metrics::until(&client, |metrics| metrics.get("kayan_messages_dead") > 0.5).await;
    assert!(fires("KayanMessagesDead", &stuck, &dead));
    assert!(!fires("KayanMessagesDead", &dead, &dead), "the alert ends");
}

#[tokio::test]
async fn a_quiet_night_is_no_alert() {
    let service = Service::start().await;
    let measured = |metrics: &Metrics| metrics.series.contains_key("kayan_audit_seal_lag_seconds");
    let quiet = Metrics::until(&service.client(), measured).await;
    for alert in ["KayanAuditNotSealed", "KayanHighAuthFailureRate", "KayanHighLatency", "KayanUnhealthy"] {
        assert!(!fires(alert, &quiet, &quiet), "{alert}");
    }
}

/// The same with this job alone.
fn of_job(job: &str, metrics: Metrics) -> Metrics {
    let label = format!("job=\"{job}\"");
    let series = metrics.series.into_iter().filter(|(series, _)| series.contains(&label)).collect();
    Metrics { series, ..metrics }
}

#[tokio::test]
async fn i_43_a_job_that_fails_is_logged_counted_told_and_tried_again() {
    const JOB: &str = "measure_seal_lag";
    let mut service = Service::start().await;
    let client = service.client();
    let runs = async |status: &str, more_than: &Metrics| {
        let series = format!("kayan_job_runs_total{{job=\"{JOB}\",status=\"{status}\"}}");
        of_job(JOB, Metrics::until(&client, |it| it.get(&series) > more_than.get(&series)).await)
    };
    let database = service.home().database().await;
    database.execute("ALTER TABLE audit_sealing RENAME TO gone").await;
    let ill = runs("failure", &Metrics::of(&client).await).await;
    let still_ill = runs("failure", &ill).await;
    assert!(fires("KayanJobFailing", &ill, &still_ill));
    let told = service.log_with("a background job failed").await;
    assert!(told.contains(JOB), "{told}");

    database.execute("ALTER TABLE gone RENAME TO audit_sealing").await;
    let better = runs("success", &still_ill).await;
    assert!(!fires("KayanJobFailing", &still_ill, &better));
    assert!(service.still_runs());
}
