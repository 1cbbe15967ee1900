//! Where passwords that are known from breaches are asked for.

use std::sync::Arc;

use kayan_breach::{PATIENCE, RangeEndpoint};
use kayan_ports::BreachedPasswords;

use crate::{
    config::{Config, settings},
    exit::Exit,
};

/// The configured endpoint, if there is one.
pub(super) fn breaches(config: &Config) -> Result<Option<Arc<dyn BreachedPasswords>>, Exit> {
    let Some(url) = &config.breach_url else { return Ok(None) };
    let setting = settings::passwords::BREACH_URL.name;
    let endpoint = RangeEndpoint::new(url, PATIENCE).map_err(|why| Exit::failed(format!("{setting}: {why}")))?;
    Ok(Some(Arc::new(endpoint)))
}
