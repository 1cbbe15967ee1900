//! Who administers: the owner of the token in `Authorization: Bearer`, and nobody by cookie.

use kayan_core::{Operator, Purpose, Token};
use kayan_ports::{Scope, TenantId};
use poem::{Request, RequestBody, Result, http::header};
use poem_openapi::{
    ApiExtractor, ApiExtractorType, ExtractParamOptions,
    registry::{MetaSecurityScheme, Registry},
};

use crate::{caller, edge::Request as Context, errors::Code, problem::Problem, refused::Refusal};

/// Somebody who may administer something; what, the use-case asks.
pub(crate) struct Admin(pub(crate) Operator);

impl Admin {
    /// The tenant that something new is made in: the one that is named or the operator's own, else `default`.
    pub(crate) fn tenant(&self) -> TenantId {
        self.0.scope.tenant().cloned().unwrap_or_default()
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
                    "The `session_token` of somebody with a role that grants what is asked for, who then administers \
                     their own tenant.",
                ),
                name: None,
                key_in: None,
                scheme: Some("bearer"),
                bearer_format: Some("kys_…"),
                flows: None,
                openid_connect_url: None,
            },
        );
    }

    fn security_schemes() -> Vec<&'static str> {
        vec![SCHEME]
    }

    async fn from_request(request: &'a Request, _: &mut RequestBody, _: ExtractParamOptions<()>) -> Result<Self> {
        let mut caller = caller::caller(request)?;
        let token = bearer(request)?;
        let kayan = &Context::of(request)?.app.kayan;
        caller.token = Token::read(Purpose::Session, token).map(|token| token.hash());
        let mut operator = kayan.authenticate_operator(&caller).await.map_err(Refusal::problem)?;
        if operator.scope == Scope::System
            && let Some(named) = caller::named_tenant(request)?
        {
            operator.scope = Scope::Tenant(named);
        }
        Ok(Self(operator))
    }
}

fn bearer(request: &Request) -> Result<&str> {
    let mut given = request.headers().get_all(header::AUTHORIZATION).iter();
    let told = "send the token of an administrator as `Authorization: Bearer`";
    let missing = || Problem::new(Code::Unauthorized).message(told);
    let first = given.next().ok_or_else(missing)?;
    let bearer = first.to_str().ok().and_then(|value| value.split_once(' '));
    let (_, token) = bearer.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).ok_or_else(missing)?;
    if given.any(|other| other != first) {
        return Err(Problem::new(Code::Unauthorized).message("two different tokens were sent; send one").into());
    }
    Ok(token.trim())
}
