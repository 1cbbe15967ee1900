//! Devices: what is shown of one, and the response that gives it its cookie beside the one of the session.

use kayan_core::MyDevice;
use kayan_ports::Timestamp;
use poem::{
    IntoResponse, Response,
    http::{HeaderValue, header},
};
use poem_openapi::{
    ApiResponse, Object,
    registry::{MetaResponses, Registry},
};
use serde::Serialize;
use uuid::Uuid;

/// A device: a browser that the user has logged in from.
#[derive(Debug, Object, Serialize)]
#[oai(rename = "Device", skip_serializing_if_is_none)]
pub(crate) struct DeviceInfo {
    /// The id of the device, a UUIDv7.
    id: Uuid,
    /// The `User-Agent` of the last login from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
    /// The IP address of the last login from it.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<String>,
    /// When the user first logged in from it.
    #[serde(with = "kayan_ports::timestamp")]
    first_seen_at: Timestamp,
    /// When the user last logged in from it.
    #[serde(with = "kayan_ports::timestamp")]
    last_seen_at: Timestamp,
    /// Until when a login by password from it asks for no second factor.
    #[serde(with = "kayan_ports::timestamp::option", skip_serializing_if = "Option::is_none")]
    trusted_until: Option<Timestamp>,
    /// Whether the request comes from it.
    current: bool,
}

impl From<MyDevice> for DeviceInfo {
    fn from(device: MyDevice) -> Self {
        let MyDevice { id, ip, user_agent, first_seen_at, last_seen_at, trusted_until, current } = device;
        Self { id: id.0, user_agent, ip_address: ip, first_seen_at, last_seen_at, trusted_until, current }
    }
}

/// A response with the cookie of a device. The library's own responses can't set two cookies.
pub(crate) struct WithDevice<R> {
    response: R,
    cookie: Option<String>,
}

impl<R> WithDevice<R> {
    /// `cookie`: the `Set-Cookie` value, if a login has opened a session.
    pub(crate) fn new(response: R, cookie: Option<String>) -> Self {
        Self { response, cookie }
    }
}

impl<R: IntoResponse> IntoResponse for WithDevice<R> {
    fn into_response(self) -> Response {
        let mut response = self.response.into_response();
        if let Some(cookie) = self.cookie.and_then(|cookie| HeaderValue::try_from(cookie).ok()) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        response
    }
}

impl<R: ApiResponse> ApiResponse for WithDevice<R> {
    fn meta() -> MetaResponses {
        R::meta()
    }

    fn register(registry: &mut Registry) {
        R::register(registry);
    }
}
