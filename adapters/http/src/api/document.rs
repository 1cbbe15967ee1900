//! The OpenAPI document, made from the API's types.

use std::collections::HashMap;

use poem::{endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    ExtraHeader, LicenseObject, OpenApi, OpenApiService,
    registry::{MetaApi, Registry},
};

use crate::{Api, wire::refused};

/// The operations that take an MFA token in place of a session, or need neither.
const OPTIONAL_SESSION: [&str; 9] = [
    "mfaOtpRequest",
    "mfaOtpVerify",
    "recoveryCodeVerify",
    "totpEnroll",
    "totpVerify",
    "webauthnRegisterBegin",
    "webauthnRegisterFinish",
    "webauthnLoginBegin",
    "webauthnLoginFinish",
];

/// The API's documentation, without its handlers.
struct Documented;

impl OpenApi for Documented {
    fn meta() -> Vec<MetaApi> {
        let mut apis = Api::meta();
        for path in apis.iter_mut().flat_map(|api| &mut api.paths) {
            for operation in &mut path.operations {
                refused::document(&path.path, operation);
                if operation.operation_id.is_some_and(|id| OPTIONAL_SESSION.contains(&id)) {
                    // An empty requirement makes the others optional (OpenAPI 3.0, "Security Requirement Object").
                    operation.security.insert(0, HashMap::new());
                }
            }
        }
        apis
    }

    fn register(registry: &mut Registry) {
        Api::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

/// `path` is the prefix that clients put before the paths of the API; it may be empty.
pub(crate) fn service<T: OpenApi>(api: T, path: &str) -> OpenApiService<T, ()> {
    OpenApiService::new(api, "Kayan", env!("CARGO_PKG_VERSION"))
        .description(include_str!("../description.md"))
        .license(LicenseObject::new("Apache-2.0").url("https://www.apache.org/licenses/LICENSE-2.0"))
        .server(if path.is_empty() { "/" } else { path })
        .extra_request_header::<Option<String>, _>(
            ExtraHeader::new("X-Tenant-ID").description("The tenant that the request is for. Default: `default`."),
        )
        .extra_response_header::<String, _>(
            ExtraHeader::new("X-Request-Id").description("The id of the request, as in the log and the audit trail."),
        )
}

/// The order of the tags: what a new user of the API needs first, comes first.
const TAGS: [&str; 6] = ["Sessions", "Identities", "Second factors", "Mail", "Administration", "System"];

/// The document as JSON and as YAML.
pub fn documents() -> (String, String) {
    (json(""), yaml(""))
}

/// The document as JSON, for clients that put `path` before the API's paths.
pub(crate) fn json(path: &str) -> String {
    sort_json(&service(Documented, path).spec()) + "\n"
}

/// The document as YAML.
pub(crate) fn yaml(path: &str) -> String {
    sort_tags(&service(Documented, path).spec_yaml(), "\ntags:\n- name: ", "\n- name: ", "\npaths:")
}

/// The page of Swagger UI, which contains the document.
pub(crate) fn swagger_ui(path: &str) -> String {
    sort_json(&service(Documented, path).swagger_ui_html())
}

fn sort_json(text: &str) -> String {
    const NAME: &str = "{\n      \"name\": \"";
    let (begin, between) = (format!("\n  \"tags\": [\n    {NAME}"), format!("\n    }},\n    {NAME}"));
    sort_tags(text, &begin, &between, "\n    }\n  ],")
}

/// Sorts the tags, which the library sorts by name, in the order of [`TAGS`].
fn sort_tags(text: &str, begin: &str, between: &str, end: &str) -> String {
    let around = text.split_once(begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?)));
    let Some((before, (tags, after))) = around else { return text.to_owned() };
    let mut tags: Vec<&str> = tags.split(between).collect();
    tags.sort_by_key(|tag| TAGS.iter().position(|name| tag.starts_with(name)));
    [before, begin, &tags.join(between), end, after].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tags_come_in_the_order_in_which_they_are_needed() {
        let (json, yaml) = documents();
        for (text, line) in [(json, "\"name\": \""), (swagger_ui(""), "      \"name\": \""), (yaml, "\n- name: ")] {
            let places: Vec<_> = TAGS.iter().map(|tag| text.find(&format!("{line}{tag}"))).collect();
            assert!(places.is_sorted() && places.iter().all(Option::is_some), "{line}: {places:?}");
        }
    }
    #[test]
    fn the_paths_come_in_the_order_in_which_they_are_needed() {
        let wanted = ["login", "whoami", "logout", "sessions/refresh", "sessions", "sessions/{id}", "registration"];
        let (json, yaml) = documents();
        for (text, before, after) in [(json, "\"", "\": {"), (yaml, "\n  ", ":\n")] {
            let places: Vec<_> =
                wanted.iter().map(|path| text.find(&format!("{before}/api/v1/{path}{after}"))).collect();
            assert!(places.is_sorted() && places.iter().all(Option::is_some), "{places:?}");
            let first = text.find("/api/v1/").map(|at| text.get(at..at + 13));
            assert_eq!(first, Some(Some("/api/v1/login")));
        }
    }
}
