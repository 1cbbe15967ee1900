//! Outgoing messages: mail to a server, or in development to the log, and SMS.

mod sms;

use std::sync::Arc;

use kayan_core::Messaging;
use kayan_mail::{Dkim, Limits, LogMailer, MailTemplates, Sender, SmtpMailer};
use kayan_ports::{Mailer, Probe};
use secrecy::ExposeSecret as _;
use url::Url;

pub(crate) use self::sms::webhook;
use crate::{
    config::{Config, Signing, Smtp, settings::mail},
    exit::Exit,
    probes::DeliveryProbe,
};

/// What messages are rendered and delivered by; `None`: the service sends none.
pub(super) fn messaging(config: &Config) -> Result<Option<Messaging>, Exit> {
    let (mail, sms) = (config.mail.as_ref(), sms::sender(config)?);
    if mail.is_none() && sms.is_none() {
        return Ok(None);
    }
    let mailer = match mail {
        Some(_) => Some(mail_server(config)?.unwrap_or_else(|| Arc::new(LogMailer))),
        None => None,
    };
    Ok(Some(Messaging {
        mailer,
        sms,
        templates: Arc::new(templates(config)?),
        link_url: mail.map(|mail| mail.link_url.clone()).unwrap_or_default(),
        code_host: config.public_url.as_ref().and_then(Url::domain).map(str::to_owned),
        notices: mail.is_some_and(|mail| mail.notices),
    }))
}

/// The templates of messages: the operator's own, before those that are compiled in.
pub(crate) fn templates(config: &Config) -> Result<MailTemplates, Exit> {
    let folder = config.templates.as_deref();
    MailTemplates::new(folder).map_err(|why| Exit::config(format!("{}: {why}", mail::TEMPLATES.name)))
}

/// The mail server, if one is configured.
pub(crate) fn mail_server(config: &Config) -> Result<Option<Arc<dyn Mailer>>, Exit> {
    let Some(Smtp { url, from, dkim }) = config.mail.as_ref().and_then(|mail| mail.smtp.as_ref()) else {
        return Ok(None);
    };
    let url = url.expose_secret().parse();
    let url = url.map_err(|why| Exit::config(format!("{}: {why}", mail::SMTP_URL.name)))?;
    let from = from.parse::<Sender>().map_err(|why| Exit::config(format!("{}: {why}", mail::FROM.name)))?;
    let from = match dkim {
        Some(dkim) => from.signing(signing(dkim)?),
        None => from,
    };
    let mailer = SmtpMailer::new(url, from, Limits::default());
    let mailer = mailer.map_err(|why| Exit::config(format!("{}: {why}", mail::SMTP_URL.name)))?;
    Ok(Some(Arc::new(mailer)))
}

/// The key that signs mail.
pub(crate) fn signing(Signing { key, domain, selector }: &Signing) -> Result<Dkim, Exit> {
    Dkim::read(key, domain, selector).map_err(|why| Exit::config(format!("{}: {why}", mail::DKIM_KEY.name)))
}

/// The health of the mail server and of the webhook for SMS, where they are configured.
pub(super) fn probes(config: &Config, messaging: &Messaging) -> Vec<Arc<dyn Probe>> {
    let smtp = config.mail.as_ref().and_then(|mail| mail.smtp.as_ref());
    let mailer = messaging.mailer.as_ref().filter(|_| smtp.is_some());
    let mail = mailer.map(|mailer| Arc::new(DeliveryProbe::new("mail", mailer.clone())) as Arc<dyn Probe>);
    mail.into_iter().chain(sms::probe(config, messaging.sms.as_ref())).collect()
}
