//! The operator of an administration request: the owner of the token in `Authorization: Bearer`; cookies are not accepted.

use kayan_core::{AuthenticateAdminTokenError, DeniedError, Failure, Operator};
use kayan_ports::{AdminTokenText, Scope, TenantId};
use poem::{Request, RequestBody, Result};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use crate::{
    edge::{
        Request as Context,
        caller::{self, TO_AAL2},
    },
    wire::{
        codes::Code,
        problem::Problem,
        refused::{Refusal, refusals},
    },
};

/// An authenticated operator. The use-case checks its permissions.
pub(crate) struct Admin(pub(crate) Operator);

impl Admin {
    /// The tenant in which something is created: the one that the request names or the operator's own, else `default`.
    pub(crate) fn tenant(&self) -> TenantId {
        self.0.tenant()
    }
}

const SCHEME: &str = "admin";

impl<'a> ApiExtractor<'a> for Admin {
    const TYPES: &'static [ApiExtractorType] = &[ApiExtractorType::SecurityScheme];

    type ParamType = ();
    type ParamRawType = ();

    fn register(registry: &mut Registry) {
        registry.create_security_scheme(
            SCHEME,
            MetaSecurityScheme {
                ty: "http",
                description: Some(
                    "An admin token from `kayan admin token create`, or the `session_token` of a user whose roles grant the \
                     required permission. Such a user administers only their own tenant, and at `aal2` where it requires a second \
                     factor of them.",
                ),
                name: None,
                key_in: None,
                scheme: Some("bearer"),
                bearer_format: Some("kya_…, kys_… or a JWT"),
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let token = bearer(request)?;
        if token.starts_with(AdminTokenText::PREFIX) {
            return Ok(Self(by_admin_token(request, token).await?));
        }
        let mut caller = caller::caller(request)?;
        let kayan = &Context::of(request)?.app.kayan;
        caller.token = kayan.presented_token(&caller.tenant, token).await.map_err(Refusal::problem)?;
        Ok(Self(kayan.authenticate_operator(&caller).await.map_err(Refusal::problem)?))
    }
}

/// A token for all tenants acts in the tenant that the request names, if any. A token bound to one tenant is not valid in
/// another.
async fn by_admin_token(request: &Request, token: &str) -> Result<Operator> {
    let context = Context::of(request)?;
    let named = caller::named_tenant(request)?;
    let (text, client) = (AdminTokenText::from(token), caller::client(request)?);
    let authenticated = context.app.kayan.authenticate_admin_token(&text, client, Some(context.id.clone())).await;
    let mut operator = authenticated.map_err(Refusal::problem)?;
    match (operator.scope.tenant(), named) {
        (Some(own), Some(named)) if *own != named => Err(Problem::new(Code::Unauthorized).into()),
        (None, Some(named)) => {
            operator.scope = Scope::Tenant(named);
            Ok(operator)
        }
        _ => Ok(operator),
    }
}

fn bearer(request: &Request) -> Result<&str> {
    let mut given = caller::bearers(request.headers());
    let message = "send the token of an administrator as `Authorization: Bearer`";
    let first = given.next().flatten().ok_or_else(|| Problem::new(Code::Unauthorized).message(message))?;
    if given.any(|other| other != Some(first)) {
        return Err(Problem::new(Code::Unauthorized).message("two different tokens were sent; send one").into());
    }
    Ok(first)
}

refusals! {
    AuthenticateAdminTokenError {
        Self::Unauthorized => Unauthorized
            .message("the admin token is forged, expired, revoked, or valid only in another tenant"),
        Self::Failed(failure) => (failure: Failure),
    }
    DeniedError {
        Self::KeyReused => IdempotencyKeyReused,
        ref error @ Self::Forbidden(ref required) => Forbidden
            .message(error.to_string())
            .required(required.to_string()),
        Self::LacksFactor => Aal2Required.challenge(TO_AAL2.to_owned()),
        Self::Failed(failure) => (failure: Failure),
    }
}
