//! The webhook for SMS: whether its host is known, and may be connected to.

use super::{Case, finding::Finding, within};
use crate::{
    compose,
    config::{
        Environment,
        settings::sms::{OUTBOUND_ALLOW, WEBHOOK_SECRET, WEBHOOK_SECRET_PREVIOUS, WEBHOOK_URL},
    },
};

const WEBHOOK: &str = "sms.webhook";

pub(super) async fn examine(case: &Case) -> Vec<Finding> {
    let settings = [WEBHOOK_URL.name, WEBHOOK_SECRET.name, WEBHOOK_SECRET_PREVIOUS.name, OUTBOUND_ALLOW.name];
    if let Some(setting) = case.unusable(&settings) {
        return vec![Finding::rests_on(WEBHOOK, setting)];
    }
    let webhook = match compose::webhook(&case.config) {
        Ok(Some(webhook)) => webhook,
        Ok(None) if case.config.env == Environment::Development => {
            let why = "KAYAN_SMS_WEBHOOK_URL is not set: in development, SMS are written to the log";
            return vec![Finding::skipped(WEBHOOK, why)];
        }
        Ok(None) => {
            return vec![Finding::skipped(WEBHOOK, "KAYAN_SMS_WEBHOOK_URL is not set: the service sends no SMS")];
        }
        Err(exit) => return vec![Finding::failed(WEBHOOK, exit.reason(), "install the certificates")],
    };
    let look = async {
        vec![match webhook.check().await {
            Ok(()) => Finding::ok(WEBHOOK, format!("{}: its host may be connected to", WEBHOOK_URL.name)),
            Err(error) => Finding::failed(
                WEBHOOK,
                format!("{}: {error}", WEBHOOK_URL.name),
                "check the host of the URL; if it is in a private network, allow that in KAYAN_OUTBOUND_ALLOW",
            ),
        }]
    };
    within(WEBHOOK, look).await
}
