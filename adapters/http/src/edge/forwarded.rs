//! The request that a proxy asks about before it forwards it, as the proxy describes it (I-37).

use kayan_core::Caller;
use poem::{
    Request, RequestBody, Result,
    http::{HeaderMap, HeaderName, Method, Uri, header, uri::PathAndQuery},
};
use poem_openapi::{ApiExtractor, ApiExtractorType, ExtractParamOptions, registry::Registry};

use crate::{
    HttpSettings,
    edge::{
        caller::{MaybeMember, NoSession},
        host::{TENANT, host},
    },
};

/// Where proxies ask.
pub(crate) const PATH: &str = "/forward-auth";

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// The path and the query that followed [`PATH`] in the target.
#[derive(Clone)]
struct Appended(PathAndQuery);

/// Whether a proxy asks with this request.
pub(crate) fn is_question(request: &Request) -> bool {
    rest_of(request.uri().path()).is_some()
}

/// What follows [`PATH`] in a path: nothing, or a path.
fn rest_of(path: &str) -> Option<&str> {
    path.strip_prefix(PATH).filter(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Prepares the request of a proxy that asks.
///
/// `X-Tenant-ID` is removed. Proxies pass it on from the client, who could choose a tenant with it, and enter the service under
/// a name that they have there. Envoy asks with the client's method, path and query, so none of them counts. A question only
/// reads, whatever its method.
pub(crate) fn receive(request: &mut Request) {
    let Some(rest) = rest_of(request.uri().path()) else { return };
    let is_appended = !rest.is_empty();
    request.headers_mut().remove(TENANT);
    if !is_appended {
        return;
    }
    let mut parts = request.uri().clone().into_parts();
    let target = parts.path_and_query.replace(PathAndQuery::from_static(PATH));
    let appended = target.and_then(|target| target.as_str().strip_prefix(PATH)?.parse().ok());
    if let (Some(appended), Ok(uri)) = (appended, Uri::from_parts(parts)) {
        *request.uri_mut() = uri;
        request.set_method(Method::GET);
        request.extensions_mut().insert(Appended(appended));
    }
}

/// The request that a proxy asks about, and its caller.
pub(crate) struct Forwarded<'a> {
    /// The caller, with its session if that was taken.
    pub(crate) caller: Caller,
    /// Why not, if it was not.
    pub(crate) no_session: NoSession,
    request: &'a Request,
}

impl Forwarded<'_> {
    /// Its host, in lower case and without a port, if a trusted proxy names one.
    pub(crate) fn host(&self, settings: &HttpSettings) -> Option<String> {
        let host = self.authority(settings)?.to_ascii_lowercase();
        let name = if host.ends_with(']') { &host } else { host.rsplit_once(':').map_or(&*host, |(name, _)| name) };
        let name = name.trim_end_matches('.');
        (!name.is_empty()).then(|| name.to_owned())
    }

    /// Its URL, if a trusted proxy names all of it.
    pub(crate) fn url(&self, settings: &HttpSettings) -> Option<String> {
        let headers = self.request.headers();
        let (host, scheme) = (self.authority(settings)?, only(headers, &FORWARDED_PROTO)?);
        let target = match self.appended() {
            Some(Appended(target)) => target.as_str(),
            None => only(headers, &FORWARDED_URI)?,
        };
        Some(format!("{scheme}://{host}{target}"))
    }

    /// Whether it is for a page, as that of a browser whose user follows a link.
    pub(crate) fn is_for_a_page(&self) -> bool {
        accepts_pages(self.request.headers())
    }

    /// Its host and port. Envoy sends them as its own, and no other proxy.
    fn authority(&self, settings: &HttpSettings) -> Option<&str> {
        let peer = self.request.remote_addr().as_socket_addr()?.ip().to_canonical();
        if !settings.trusted_proxies.iter().any(|net| net.contains(&peer)) {
            return None;
        }
        let headers = self.request.headers();
        let stated = only(headers, &FORWARDED_HOST);
        match self.appended() {
            None => stated,
            Some(_) if headers.contains_key(FORWARDED_HOST) => {
                stated.filter(|stated| host(self.request) == Some(stated))
            }
            Some(_) => host(self.request),
        }
    }

    fn appended(&self) -> Option<&Appended> {
        self.request.extensions().get()
    }
}

/// Whether a client takes HTML, as browsers say that open a page.
pub(crate) fn accepts_pages(headers: &HeaderMap) -> bool {
    let mut accepted = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    accepted.any(|line| line.contains("text/html"))
}

/// The one value of a header. Of more, some are not the proxy's.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?.trim();
    // A query may have commas.
    let is_list = *name != FORWARDED_URI && value.contains(',');
    (values.next().is_none() && !is_list && !value.is_empty()).then_some(value)
}

impl<'a> ApiExtractor<'a> for Forwarded<'a> {
    const TYPES: &'static [ApiExtractorType] = MaybeMember::TYPES;

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        MaybeMember::register(registry);
    }

    fn security_schemes() -> Vec<&'static str> {
        MaybeMember::security_schemes()
    }

    async fn from_request(
        request: &'a Request,
        body: &mut RequestBody,
        options: ExtractParamOptions<()>,
    ) -> Result<Self> {
        let MaybeMember { caller, no_session } = MaybeMember::from_request(request, body, options).await?;
        Ok(Self { caller, no_session, request })
    }
}
