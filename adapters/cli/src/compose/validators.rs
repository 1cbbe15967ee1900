//! How the compiled-in adapters validate the connection strings in the settings, before anything is opened.

use std::path::Path;

use kayan_mail::{Dkim, DkimError, MailTemplates, Sender, SmtpUrl};
use kayan_sms::WebhookSecret;
use kayan_webauthn::{RelyingParty, RelyingPartyError};

use crate::config::{
    DatabaseKind,
    load::{DkimProblem, PasskeyProblem, Validators},
};

/// They open no connection and change nothing.
pub(crate) const VALIDATORS: Validators = Validators {
    dsn,
    #[cfg(feature = "redis")]
    redis: Some(redis),
    #[cfg(not(feature = "redis"))]
    redis: None,
    passkeys,
    smtp,
    sender,
    dkim,
    webhook_secret,
    templates,
};

fn dsn(kind: DatabaseKind, text: &str, files: bool) -> Result<(), String> {
    match kind {
        #[cfg(feature = "sqlite")]
        DatabaseKind::Sqlite => {
            use kayan_sqlite::{Dsn, Mode, Place};
            let dsn: Dsn = text.parse().map_err(message)?;
            if !files {
                return Ok(());
            }
            kayan_sqlite::check(&dsn).map_err(message)?;
            match (&dsn.place, dsn.mode) {
                (Place::File(path), Mode::Create) => crate::config::files::writable(path).map_err(message),
                _ => Ok(()),
            }
        }
        #[cfg(feature = "postgres")]
        DatabaseKind::Postgres => {
            let dsn: kayan_postgres::Dsn = text.parse().map_err(message)?;
            if files { dsn.check_files().map_err(message) } else { Ok(()) }
        }
        #[cfg(feature = "mysql")]
        DatabaseKind::Mysql => {
            let dsn: kayan_mysql::Dsn = text.parse().map_err(message)?;
            if files { dsn.check_files().map_err(message) } else { Ok(()) }
        }
        // a backend that is not compiled in is reported elsewhere
        #[cfg(not(all(feature = "sqlite", feature = "postgres", feature = "mysql")))]
        _ => Ok(()),
    }
}

#[cfg(feature = "redis")]
fn redis(text: &str, files: bool) -> Result<(), String> {
    let url: kayan_redis::RedisUrl = text.parse().map_err(message)?;
    if files { url.check_files().map_err(message) } else { Ok(()) }
}

fn passkeys(id: &str, origins: &[String]) -> Result<(), PasskeyProblem> {
    let problem = |why: RelyingPartyError| match why {
        RelyingPartyError::Address | RelyingPartyError::NotADomain => PasskeyProblem::RpId(message(why)),
        RelyingPartyError::Origin { .. } => PasskeyProblem::Origins(message(why)),
        RelyingPartyError::NoOrigin(_) => PasskeyProblem::NoOrigin,
    };
    RelyingParty::new(id, id, origins).map(drop).map_err(problem)
}

fn smtp(text: &str, files: bool) -> Result<bool, String> {
    let url: SmtpUrl = text.parse().map_err(message)?;
    if files {
        url.check_files().map_err(message)?;
    }
    Ok(url.is_encrypted())
}

fn sender(text: &str) -> Result<String, String> {
    text.parse::<Sender>().map(|sender| sender.domain().to_owned()).map_err(message)
}

fn dkim(key: &Path, domain: &str, selector: &str) -> Result<(), DkimProblem> {
    let problem = |why: DkimError| match why {
        DkimError::Domain(_) => DkimProblem::Domain(message(why)),
        DkimError::Selector(_) => DkimProblem::Selector(message(why)),
        DkimError::Unread { .. } | DkimError::Exposed { .. } | DkimError::NoKey(_) | DkimError::Unusable(_) => {
            DkimProblem::Key(message(why))
        }
    };
    Dkim::read(key, domain, selector).map(drop).map_err(problem)
}

fn webhook_secret(text: &str) -> Result<(), String> {
    text.parse::<WebhookSecret>().map(drop).map_err(message)
}

fn templates(folder: &Path) -> Result<(), String> {
    MailTemplates::new(Some(folder)).map(drop).map_err(message)
}

fn message<E: std::fmt::Display>(error: E) -> String {
    error.to_string()
}
