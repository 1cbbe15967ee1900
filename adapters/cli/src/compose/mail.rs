//! Outgoing mail: to a server, or in development to the log.

use std::sync::Arc;

use kayan_core::Messaging;
use kayan_mail::{Dkim, Limits, LogMailer, MailTemplates, Sender, SmtpMailer};
use kayan_ports::{Mailer, Probe};
use secrecy::ExposeSecret as _;

use crate::{
    config::{Config, Signing, Smtp, settings::mail},
    exit::Exit,
    probes::MailProbe,
};

/// What messages are rendered and delivered by; `None`: the service sends none.
pub(super) fn messaging(config: &Config) -> Result<Option<Messaging>, Exit> {
    let Some(mail) = &config.mail else { return Ok(None) };
    Ok(Some(Messaging {
        mailer: mail_server(config)?.unwrap_or_else(|| Arc::new(LogMailer)),
        templates: Arc::new(templates(config)?),
        link_url: mail.link_url.clone(),
        notices: mail.notices,
    }))
}

/// The templates of messages: the operator's own, before those that are compiled in.
pub(crate) fn templates(config: &Config) -> Result<MailTemplates, Exit> {
    let folder = config.mail.as_ref().and_then(|mail| mail.templates.as_deref());
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

/// The health of the mail server, if one is configured.
pub(super) fn probe(config: &Config, messaging: &Messaging) -> Option<Arc<dyn Probe>> {
    config.mail.as_ref()?.smtp.as_ref()?;
    Some(Arc::new(MailProbe::new(messaging.mailer.clone())))
}
