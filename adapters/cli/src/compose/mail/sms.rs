//! Outgoing SMS: to a webhook, or in development to the log.

use std::sync::Arc;

use kayan_ports::{Mailer, Probe};
use kayan_sms::{Guard, PATIENCE, SmsLog, Webhook};
use secrecy::ExposeSecret as _;

use crate::{
    compose::clock,
    config::{Config, Environment, settings::sms},
    exit::Exit,
    probes::DeliveryProbe,
};

/// What delivers SMS; `None`: the service sends none.
pub(super) fn sender(config: &Config) -> Result<Option<Arc<dyn Mailer>>, Exit> {
    let log = || (config.env == Environment::Development).then(|| Arc::new(SmsLog) as Arc<dyn Mailer>);
    Ok(webhook(config)?.or_else(log))
}

/// The webhook, if one is configured.
pub(crate) fn webhook(config: &Config) -> Result<Option<Arc<dyn Mailer>>, Exit> {
    let Some(given) = &config.sms else { return Ok(None) };
    let secrets = given.secrets.iter().map(|secret| secret.expose_secret().parse());
    let secrets = secrets.collect::<Result<_, _>>();
    let secrets = secrets.map_err(|why| Exit::config(format!("{}: {why}", sms::WEBHOOK_SECRET.name)))?;
    let webhook = Webhook::new(given.url.clone(), secrets, Guard::new(&config.outbound_allow), PATIENCE, clock());
    let webhook = webhook.map_err(|why| Exit::failed(format!("{}: {why}", sms::WEBHOOK_URL.name)))?;
    Ok(Some(Arc::new(webhook)))
}

/// Whether the webhook can be reached, if one is configured.
pub(super) fn probe(config: &Config, sms: Option<&Arc<dyn Mailer>>) -> Option<Arc<dyn Probe>> {
    config.sms.as_ref()?;
    Some(Arc::new(DeliveryProbe::new("sms", sms?.clone())))
}
