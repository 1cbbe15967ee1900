//! Identity providers by OpenID Connect (Core 1.0 and Discovery 1.0), with the code flow and PKCE.

mod documents;
mod http;
mod id_token;
mod metadata;
mod provider;
mod user_info;

pub use kayan_outbound::{ClientError, Guard};
pub use provider::{Provider, ProviderSettings, RedirectUris};
