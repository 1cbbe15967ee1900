//! The journeys of users and programs through the service, from end to end.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "test code: what can't be set up fails the test"
)]

mod account;
mod account_deletions;
mod administration;
mod alerts;
mod audit_api;
mod backup;
mod biscuits;
mod bodies;
mod browser;
mod browsers;
mod codes;
mod commands;
mod connections;
mod cut_exports;
mod dates;
mod deliveries;
mod devices;
mod doctor;
mod durability;
mod edges;
mod email_changes;
mod failover;
mod fairness;
mod forward_auth;
mod guide;
mod hosts;
mod idempotency;
mod invitations;
mod junk;
mod jwts;
mod limits;
mod logs;
mod mail;
mod mail_flows;
mod messages;
mod metrics;
mod migrate_plan;
mod moves;
mod mysql;
mod operator;
mod outages;
mod output;
mod overload;
mod pages;
mod passkeys;
mod passwords;
mod postgres;
mod presenting;
mod profiles;
mod prometheus;
mod proof_of_work;
mod providers;
mod races;
mod reading;
mod readme;
mod redis;
mod replicas;
mod required_factors;
mod rotation;
mod seals;
mod second_factors;
mod secrets;
mod sent_codes;
mod servers;
mod session_jwts;
mod sessions;
mod settings;
mod single;
mod sms;
mod spellings;
mod sqlite;
mod starting;
mod stopping;
mod strangers;
mod tenants;
mod tokens;
mod traces;
mod trail;
mod transfer;
