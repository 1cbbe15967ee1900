//! Well-known addresses (RFC 8615), by which browsers and password managers find the pages of an account.

use std::{fmt, sync::Arc};

use kayan_ports::TenantId;
use poem::Request;
use poem_openapi::{ApiResponse, Object, OpenApi};
use serde::Serialize;

use crate::{
    Application, Tag,
    edge::caller::named_tenant,
    wire::{
        codes::Code,
        refused::{Refused, never, refusals},
        reply::Reply,
    },
};

/// The endpoints of this family.
#[derive(Clone)]
pub(crate) struct WellKnown {
    /// The application that they serve.
    pub(crate) app: Arc<Application>,
}

type OriginsOf = dyn Fn(&TenantId) -> Vec<String> + Send + Sync;

/// What makes the list of the origins of other domains that may use the passkeys of a tenant.
#[derive(Clone)]
pub struct RelatedOrigins(Arc<OriginsOf>);

impl RelatedOrigins {
    /// Those that this answers.
    pub fn new(origins: impl Fn(&TenantId) -> Vec<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(origins))
    }
}

impl fmt::Debug for RelatedOrigins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RelatedOrigins(_)")
    }
}

/// The origins of other domains that may use the passkeys of this one.
#[derive(Object, Serialize)]
#[oai(rename = "RelatedOrigins")]
struct OriginList {
    /// The origins.
    origins: Vec<String>,
}

/// The pages on which a user registers and manages passkeys.
#[derive(Object, Serialize)]
struct PasskeyEndpoints {
    /// Where a passkey is registered.
    enroll: String,
    /// Where passkeys are listed and removed.
    manage: String,
}

#[derive(ApiResponse)]
enum Redirected {
    /// The page is there.
    #[oai(status = 302)]
    Found(
        /// The page's URL.
        #[oai(header = "Location")]
        String,
    ),
}

/// Nothing is configured for this address.
#[derive(Debug)]
enum NotConfigured {
    /// There is no tenant of this name or at this host.
    UnknownTenant,
    /// There are no related origins.
    NoOrigins,
    /// The service does not know the page.
    NoPage,
}

#[OpenApi(prefix_path = "/.well-known", tag = "Tag::System")]
impl WellKnown {
    /// List related origins
    ///
    /// The origins of other domains that may use the passkeys of this one, for browsers (WebAuthn, section 5.11): those of
    /// `KAYAN_WEBAUTHN_ORIGINS`, or at a host of a tenant in `KAYAN_TENANT_HOSTS`, its other hosts.
    #[expect(clippy::unused_async, reason = "the API macro wants every operation asynchronous")]
    #[oai(path = "/webauthn", method = "get", operation_id = "relatedOrigins")]
    async fn related_origins(&self, request: &Request) -> Result<Reply<OriginList>, Refused<NotConfigured>> {
        let tenant = named_tenant(request).map_err(|_| NotConfigured::UnknownTenant)?.unwrap_or_default();
        let origins = (self.app.settings.related_origins.0)(&tenant);
        if origins.is_empty() {
            return Err(NotConfigured::NoOrigins.into());
        }
        Ok(Reply::new(&OriginList { origins }))
    }

    /// Find the pages for passkeys
    ///
    /// The pages on which a user registers and manages passkeys, for password managers: `KAYAN_ACCOUNT_URL`.
    #[expect(clippy::unused_async, reason = "the API macro wants every operation asynchronous")]
    #[oai(path = "/passkey-endpoints", method = "get", operation_id = "passkeyEndpoints")]
    async fn passkey_endpoints(&self) -> Result<Reply<PasskeyEndpoints>, Refused<NotConfigured, OF_ANY_TENANT>> {
        let page = self.account_page()?;
        Ok(Reply::new(&PasskeyEndpoints { enroll: page.clone(), manage: page }))
    }

    /// Find the page for the password
    ///
    /// Redirects to the page on which a user changes the password, for password managers: `KAYAN_ACCOUNT_URL`.
    #[expect(clippy::unused_async, reason = "the API macro wants every operation asynchronous")]
    #[oai(path = "/change-password", method = "get", operation_id = "changePasswordPage")]
    async fn change_password(&self) -> Result<Redirected, Refused<NotConfigured, OF_ANY_TENANT>> {
        Ok(Redirected::Found(self.account_page()?))
    }
}

impl WellKnown {
    fn account_page(&self) -> Result<String, NotConfigured> {
        self.app.settings.account_url.clone().ok_or(NotConfigured::NoPage)
    }
}

/// The pages are the same for every tenant.
const OF_ANY_TENANT: u64 = never([Code::TenantNotFound]);

refusals! {
    NotConfigured {
        Self::UnknownTenant => TenantNotFound,
        Self::NoOrigins => NotFound.message("no related origins are configured (KAYAN_WEBAUTHN_ORIGINS, KAYAN_TENANT_HOSTS)"),
        Self::NoPage => NotFound.message("no page for accounts is configured (KAYAN_ACCOUNT_URL)"),
    }
}
