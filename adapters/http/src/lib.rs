//! The REST API: each request becomes a command for one use-case, whose outcome becomes the response.
//!
//! [`api`] and [`admin`] hold the endpoints, a family a file; [`edge`] is the layer that all requests pass through;
//! [`wire`] reads bodies and writes responses; [`server`] speaks HTTP.

mod admin;
mod api;
mod edge;
mod server;
mod wire;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use ipnet::IpNet;
use kayan_core::{CheckHealth, Kayan};
use kayan_ports::{Clock, Entropy, LogControl, Profiler};
use opentelemetry_sdk::trace::SdkTracer;
use poem::IntoEndpoint;
use poem_openapi::Tags;
use tokio::net::TcpListener;

use crate::{
    api::{document, forward_auth::ForwardedUsers, who_am_i_cache::WhoAmICache},
    edge::{Edge, exact_routes::ExactRoutes, observations::Observations},
};

pub use api::document::documents;
pub use api::forward_auth::{ForwardAuthRules, ForwardAuthRulesError, ForwardAuthSettings};
pub use api::well_known::RelatedOrigins;
pub use edge::origin::{Origin, OriginError};
pub use edge::tenant_hosts::{TenantHosts, TenantHostsError};
pub use server::Limits;

/// What the API is built from.
pub struct Application {
    /// The use-cases.
    pub kayan: Arc<Kayan>,
    /// The health report.
    pub health: Arc<CheckHealth>,
    /// The time, for the cookie's lifetime.
    pub clock: Arc<dyn Clock>,
    /// The source of request ids.
    pub entropy: Arc<dyn Entropy>,
    /// Changes the log level.
    pub logs: Arc<dyn LogControl>,
    /// Takes profiles of the process.
    pub profiler: Arc<dyn Profiler>,
    /// Returns the metrics in the Prometheus text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// Starts spans; `None` if tracing is off.
    pub tracer: Option<SdkTracer>,
    /// The settings of the API.
    pub settings: HttpSettings,
}

/// The settings of the API.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Whether cookies are `Secure` and have the `__Host-` prefix (RFC 6265bis, section 4.1.3.2).
    pub secure_cookies: bool,
    /// The service's own origin, if it is configured.
    pub public_origin: Option<Origin>,
    /// The path prefix that clients use and a proxy removes, such as `/auth`; empty if there is none.
    pub public_path: String,
    /// Other origins whose pages may send requests with credentials.
    pub cors_origins: Vec<Origin>,
    /// The peers whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The addresses that may read the metrics without a token.
    pub metrics_allow: Vec<IpNet>,
    /// The tenants of host names.
    pub tenant_hosts: TenantHosts,
    /// The origins of other domains that may use the passkeys of a tenant.
    pub related_origins: RelatedOrigins,
    /// The page on which users manage their accounts.
    pub account_url: Option<String>,
    /// The domain whose hosts get the cookie of the session; `None`: this host alone does.
    pub cookie_domain: Option<String>,
    /// What proxies are answered that ask before they forward a request.
    pub forward_auth: ForwardAuthSettings,
    /// Whether this is development: `/debug` is open to clients on the same machine without a token, and there is a page to
    /// try logging in on.
    pub development: bool,
    /// The time limit for receiving a request's body.
    pub body_timeout: Duration,
}

/// Whether the service is shutting down and not ready for new requests.
#[derive(Debug, Clone, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// Makes `/health/ready` answer 503 from now on.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Tags)]
enum Tag {
    /// Log in and out, and manage your own sessions.
    Sessions,
    /// Register, and manage your own account.
    Identities,
    /// Enroll, verify and remove second factors.
    #[oai(rename = "Second factors")]
    Factors,
    /// Verify an address or a phone number, set a new password, and log in, by a link or a code in a mail or an SMS.
    Mail,
    /// Log in with accounts at identity providers (OpenID Connect), and link them.
    #[oai(rename = "Identity providers")]
    Providers,
    /// Manage users, roles, sessions, tenants, messages and the audit trail.
    Administration,
    /// Health, metrics and profiles of the service.
    System,
}

/// All operations, in the order of the document: what a new user of the API needs first, comes first.
type Api = (
    api::sessions::Sessions,
    api::identities::Identities,
    api::factors::Factors,
    (api::otp::Otp, api::ceremonies::Ceremonies, api::passkeys::Passkeys),
    (
        api::mail_flows::MailFlows,
        api::phone_verifications::PhoneVerifications,
        api::email_changes::EmailChanges,
        api::invitations::Invitations,
        api::account_deletions::AccountDeletions,
        api::devices::Devices,
        api::proof_of_work::ProofOfWork,
        api::tokens::Tokens,
        api::providers::Providers,
    ),
    (
        admin::users::Users,
        admin::second_factors::SecondFactors,
        admin::invitations::Invitations,
        admin::roles::Roles,
        admin::sessions::AdminSessions,
        admin::tenants::Tenants,
        admin::audit::AuditTrail,
        admin::messages::Messages,
        admin::keys::Keys,
        admin::logs::Logs,
    ),
    (
        api::system::System,
        api::forward_auth::ForwardAuth,
        api::public_keys::PublicKeys,
        api::well_known::WellKnown,
        api::debug::Debug,
    ),
);

fn endpoints(app: &Arc<Application>, draining: &Draining) -> Api {
    (
        api::sessions::Sessions { app: app.clone(), who_am_i: WhoAmICache::default() },
        api::identities::Identities { app: app.clone() },
        api::factors::Factors { app: app.clone() },
        (
            api::otp::Otp { app: app.clone() },
            api::ceremonies::Ceremonies { app: app.clone() },
            api::passkeys::Passkeys { app: app.clone() },
        ),
        (
            api::mail_flows::MailFlows { app: app.clone() },
            api::phone_verifications::PhoneVerifications { app: app.clone() },
            api::email_changes::EmailChanges { app: app.clone() },
            api::invitations::Invitations { app: app.clone() },
            api::account_deletions::AccountDeletions { app: app.clone() },
            api::devices::Devices { app: app.clone() },
            api::proof_of_work::ProofOfWork { app: app.clone() },
            api::tokens::Tokens { app: app.clone() },
            api::providers::Providers { app: app.clone() },
        ),
        (
            admin::users::Users { app: app.clone() },
            admin::second_factors::SecondFactors { app: app.clone() },
            admin::invitations::Invitations { app: app.clone() },
            admin::roles::Roles { app: app.clone() },
            admin::sessions::AdminSessions { app: app.clone() },
            admin::tenants::Tenants { app: app.clone() },
            admin::audit::AuditTrail { app: app.clone() },
            admin::messages::Messages { app: app.clone() },
            admin::keys::Keys { app: app.clone() },
            admin::logs::Logs { app: app.clone() },
        ),
        (
            api::system::System { app: app.clone(), draining: draining.clone() },
            api::forward_auth::ForwardAuth { app: app.clone(), users: ForwardedUsers::default() },
            api::public_keys::PublicKeys { app: app.clone() },
            api::well_known::WellKnown { app: app.clone() },
            api::debug::Debug { app: app.clone() },
        ),
    )
}

/// Serves the API on a listener until `stop` is ready. Then accepts no more connections, and returns when all requests
/// in flight are answered or [`Limits::grace`] has passed.
pub async fn serve(
    app: Arc<Application>,
    draining: &Draining,
    listener: TcpListener,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let api = endpoints(&app, draining);
    // Both hold the same API, and so share the cached responses.
    let router = document::service(api.clone(), "").into_endpoint();
    let routes = ExactRoutes::new(api, router);
    let edge = Arc::new(Edge::new(routes, app, Observations::of::<Api>()));
    let refusing = edge.clone();
    server::run(listener, edge, Arc::new(move |status| refusing.refuse_unread(status)), limits, stop).await;
}
