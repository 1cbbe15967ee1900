//! The REST API: a request becomes a command, one use-case runs, its outcome becomes an answer.
//!
//! [`api`] and [`admin`] hold the endpoints, a family a file; [`edge`] is the layer that all requests pass through;
//! [`wire`] reads bodies and writes answers; [`server`] speaks HTTP.

mod admin;
mod api;
mod edge;
mod server;
mod wire;

use std::{
    collections::HashMap,
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
use poem::{IntoEndpoint, endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    ExtraHeader, LicenseObject, OpenApi, OpenApiService, Tags,
    registry::{MetaApi, Registry},
};
use tokio::net::TcpListener;

use crate::{
    api::who_am_i_cache::WhoAmICache,
    edge::{Edge, exact_routes::ExactRoutes, observations::Observations},
    wire::refused,
};

pub use edge::origin::{Origin, OriginError};
pub use edge::tenant_hosts::{TenantHosts, TenantHostsError};
pub use server::Limits;

/// What the API stands on.
pub struct Application {
    /// The use-cases.
    pub kayan: Arc<Kayan>,
    /// The health report.
    pub health: Arc<CheckHealth>,
    /// The time, for the cookie's lifetime and the access line.
    pub clock: Arc<dyn Clock>,
    /// The source of request ids.
    pub entropy: Arc<dyn Entropy>,
    /// How much is logged.
    pub logs: Arc<dyn LogControl>,
    /// Looks into the process.
    pub profiler: Arc<dyn Profiler>,
    /// Writes down the metrics in Prometheus' text format.
    pub metrics: Arc<dyn Fn() -> String + Send + Sync>,
    /// What begins spans; nothing: there are none.
    pub tracer: Option<SdkTracer>,
    /// What can be set.
    pub settings: HttpSettings,
}

/// What can be set about the API.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Whether cookies are `Secure` and bear the `__Host-` prefix (RFC 6265bis, section 4.1.3.2).
    pub secure_cookies: bool,
    /// The service's own origin, where it is known.
    pub public_origin: Option<Origin>,
    /// The path that clients put before ours, as in `/auth`, which a proxy takes off; empty when there is none.
    pub public_path: String,
    /// Other origins whose pages may call with credentials.
    pub cors_origins: Vec<Origin>,
    /// The peers whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The addresses that may read the metrics without a token.
    pub metrics_allow: Vec<IpNet>,
    /// Which host stands for which tenant.
    pub tenant_hosts: TenantHosts,
    /// Whether a developer at this machine may look into the process without saying who they are.
    pub open_debug: bool,
    /// How long a request's body may take to arrive.
    pub body_timeout: Duration,
}

/// Whether the service is about to stop: not ready for new work.
#[derive(Debug, Clone, Default)]
pub struct Draining(Arc<AtomicBool>);

impl Draining {
    /// From now on `/health/ready` answers 503.
    pub fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Tags)]
enum Tag {
    /// Registering, and what belongs to the person who did.
    Identities,
    /// Logging in and out, and who is logged in where.
    Sessions,
    /// Users, roles, sessions, tenants and the audit trail, for whoever administers them.
    Administration,
    /// Health of the service, for orchestrators and dashboards.
    System,
}

type Api = (
    api::identities::Identities,
    api::sessions::Sessions,
    (
        admin::users::Users,
        admin::roles::Roles,
        admin::sessions::AdminSessions,
        admin::tenants::Tenants,
        admin::audit::AuditTrail,
        admin::logs::Logs,
    ),
    (api::system::System, api::debug::Debug),
);

fn endpoints(app: &Arc<Application>, draining: &Draining) -> Api {
    (
        api::identities::Identities { app: app.clone() },
        api::sessions::Sessions { app: app.clone(), who_am_i: WhoAmICache::default() },
        (
            admin::users::Users { app: app.clone() },
            admin::roles::Roles { app: app.clone() },
            admin::sessions::AdminSessions { app: app.clone() },
            admin::tenants::Tenants { app: app.clone() },
            admin::audit::AuditTrail { app: app.clone() },
            admin::logs::Logs { app: app.clone() },
        ),
        (api::system::System { app: app.clone(), draining: draining.clone() }, api::debug::Debug { app: app.clone() }),
    )
}

/// The API's documentation without anything that could answer.
struct Documented;

impl OpenApi for Documented {
    fn meta() -> Vec<MetaApi> {
        let mut apis = Api::meta();
        for path in apis.iter_mut().flat_map(|api| &mut api.paths) {
            for operation in &mut path.operations {
                refused::document(&path.path, operation);
            }
        }
        apis
    }

    fn register(registry: &mut Registry) {
        Api::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// `path` is where clients find the API: `/`, or what comes before its paths.
fn service<T: OpenApi>(api: T, path: &str) -> OpenApiService<T, ()> {
    OpenApiService::new(api, "Kayan", env!("CARGO_PKG_VERSION"))
        .description(include_str!("description.md"))
        .license(LicenseObject::new("Apache-2.0").url("https://www.apache.org/licenses/LICENSE-2.0"))
        .server(if path.is_empty() { "/" } else { path })
        .extra_request_header::<Option<String>, _>(
            ExtraHeader::new("X-Tenant-ID").description("The tenant to ask in; without it, `default`."),
        )
        .extra_response_header::<String, _>(
            ExtraHeader::new("X-Request-Id")
                .description("The request's id, as it stands in the log and the audit trail."),
        )
}

/// The OpenAPI document as JSON and as YAML.
pub fn documents() -> (String, String) {
    let service = service(Documented, "");
    (service.spec() + "\n", service.spec_yaml())
}

/// Serves the whole API on a listener until `stop` is ready; then takes no more connections, and returns when requests in
/// flight are answered, or when they have had the time that [`Limits::grace`] gives them.
pub async fn serve(
    app: Arc<Application>,
    draining: &Draining,
    listener: TcpListener,
    limits: Limits,
    stop: impl Future<Output = ()>,
) {
    let api = endpoints(&app, draining);
    // Both hold the same API, and so the same cached answers.
    let router = service(api.clone(), "").into_endpoint();
    let routes = ExactRoutes::new(api, router);
    let edge = Arc::new(Edge::new(routes, app, Observations::of::<Api>()));
    let refusing = edge.clone();
    server::run(listener, edge, Arc::new(move |status| refusing.refuse_unread(status)), limits, stop).await;
}
