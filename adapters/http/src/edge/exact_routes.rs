//! Calls the operations whose path has no parameters directly, without the router.
//!
//! The router, with what it records for middleware, would cost the hottest paths a quarter of their time.

use std::collections::HashMap;

use poem::{Endpoint, Request, Response, Result, endpoint::BoxEndpoint, http::Method};
use poem_openapi::OpenApi;

/// The operations without parameters in the path, by their exact path; everything else goes to the router.
pub(crate) struct ExactRoutes<E> {
    operations: HashMap<String, HashMap<Method, BoxEndpoint<'static>>>,
    router: E,
}

impl<E: Endpoint<Output = Response>> ExactRoutes<E> {
    /// The operations of `api` in front of its router.
    pub(crate) fn new<T: OpenApi>(api: T, router: E) -> Self {
        let mut operations = HashMap::new();
        api.add_routes(&mut operations);
        operations.retain(|path, _| !path.contains(':'));
        Self { operations, router }
    }
}

impl<E: Endpoint<Output = Response>> Endpoint for ExactRoutes<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let found = self.operations.get(request.uri().path()).and_then(|methods| methods.get(request.method()));
        match found {
            Some(operation) => operation.call(request).await,
            None => self.router.call(request).await,
        }
    }
}
