//! `kayan admin token`: creates, attenuates, inspects and revokes admin tokens.

use std::io::{self, BufRead, IsTerminal, Read};

use kayan_core::{
    AttenuateAdminToken, AttenuateAdminTokenError, CreateAdminToken, CreateAdminTokenError, InspectAdminTokenError,
    InspectedAdminToken, Operator, RevokeAdminToken, RevokeAdminTokenError, WhichAdminToken, attenuate_admin_token,
};
use kayan_ports::{AdminTokenError, AdminTokenText, Scope, TokenBlock, timestamp};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::{
    args::{Format, Token},
    commands::{block_on, open},
    compose,
    exit::Exit,
    output,
};

/// Longer than any token, so that a large file that is piped in by mistake is not read to its end.
const LONGEST_LINE: u64 = 64 * 1024;

/// Runs the command.
pub(super) fn run(action: Token) -> Result<(), Exit> {
    match action {
        Token::Create { permissions, ttl, tenant, name } => {
            block_on(create(CreateAdminToken { name, permissions, tenant, ttl }))
        }
        Token::Attenuate { permissions, ttl, tenant, .. } => {
            let cmd = AttenuateAdminToken { permissions, tenant, ttl };
            let narrowed = attenuate_admin_token(&*compose::tokens(), &*compose::clock(), &ask_token()?, &cmd)?;
            output::line(narrowed.expose())
        }
        Token::Inspect { output, .. } => block_on(inspect(ask_token()?, output.format)),
        Token::Revoke { id, reason, .. } => {
            let which = match id {
                Some(id) => WhichAdminToken::Id(id),
                None => WhichAdminToken::Text(ask_token()?),
            };
            block_on(revoke(RevokeAdminToken { which, reason }))
        }
    }
}

async fn create(cmd: CreateAdminToken) -> Result<(), Exit> {
    let operator = Operator::at_the_command_line(Scope::System);
    let made = open().await?.create_admin_token(&operator, cmd).await?;
    output::note(format_args!(
        "token {}, valid until {}; revoke it with: kayan admin token revoke --id {0}",
        made.id,
        timestamp::text(made.expires_at)
    ));
    output::line(made.token.expose())
}

async fn inspect(token: AdminTokenText, format: Format) -> Result<(), Exit> {
    let found = open().await?.inspect_admin_token(&token).await?;
    match format {
        Format::Json => output::json(&as_json(&found)),
        Format::Table => table(&found),
    }
}

async fn revoke(cmd: RevokeAdminToken) -> Result<(), Exit> {
    let operator = Operator::at_the_command_line(Scope::System);
    let revoked = open().await?.revoke_admin_token(&operator, cmd).await?;
    let when = if revoked.already { "was already revoked" } else { "is revoked" };
    output::note(format_args!("token {} {when}, with all tokens derived from it", revoked.id));
    Ok(())
}

/// Reads a token from standard input, or prompts for it without echo. Never from the command line, which every user of the
/// machine can read.
fn ask_token() -> Result<AdminTokenText, Exit> {
    let line = if io::stdin().is_terminal() {
        Zeroizing::new(rpassword::prompt_password("Token: ").map_err(Exit::failed)?)
    } else {
        let mut line = Zeroizing::new(String::new());
        io::stdin()
            .lock()
            .take(LONGEST_LINE)
            .read_line(&mut line)
            .map_err(|_| Exit::usage(AdminTokenError::Malformed))?;
        line
    };
    let text = line.trim();
    if text.is_empty() { Err(Exit::usage("there is no token on standard input")) } else { Ok(text.into()) }
}

fn table(found: &InspectedAdminToken) -> Result<(), Exit> {
    let rows = blocks(found).map(|(number, block)| {
        let bounds = &block.bounds;
        vec![
            number.to_string(),
            block.id.to_string(),
            bounds.permissions.as_ref().map_or_else(|| "unchanged".to_owned(), |patterns| patterns.join(",")),
            bounds
                .tenant
                .as_ref()
                .map_or_else(|| if number == 0 { "all" } else { "unchanged" }.to_owned(), ToString::to_string),
            bounds.expires_at.map_or_else(|| "unchanged".to_owned(), timestamp::text),
            if found.revoked.contains(&block.id) { "yes" } else { "no" }.to_owned(),
        ]
    });
    output::table(&["block", "id", "permissions", "tenant", "expires at", "revoked"], rows.collect())?;
    output::note(format_args!("{}: {}", found.token.name, state(found)));
    Ok(())
}

fn state(found: &InspectedAdminToken) -> &'static str {
    if !found.revoked.is_empty() {
        "revoked"
    } else if found.expired {
        "expired"
    } else if found.is_valid() {
        "valid"
    } else {
        "invalid: its tenant is not active, or its blocks name different tenants"
    }
}

fn as_json(found: &InspectedAdminToken) -> Value {
    let blocks = blocks(found).map(|(_, block)| {
        let bounds = &block.bounds;
        json!({
            "id": block.id,
            "permissions": bounds.permissions,
            "tenant_id": bounds.tenant,
            "expires_at": bounds.expires_at.map(timestamp::text),
            "revoked": found.revoked.contains(&block.id),
        })
    });
    json!({
        "id": found.token.first.id,
        "name": found.token.name,
        "valid": found.is_valid(),
        "expired": found.expired,
        "revoked": !found.revoked.is_empty(),
        "permissions": found.permissions().iter().map(ToString::to_string).collect::<Vec<_>>(),
        "tenant_id": found.scope.tenant(),
        "expires_at": found.expires_at.map(timestamp::text),
        "blocks": blocks.collect::<Vec<_>>(),
    })
}

fn blocks(found: &InspectedAdminToken) -> impl Iterator<Item = (usize, &TokenBlock)> {
    std::iter::once(&found.token.first).chain(&found.token.later).enumerate()
}

impl From<AdminTokenError> for Exit {
    fn from(error: AdminTokenError) -> Self {
        match error {
            AdminTokenError::Malformed | AdminTokenError::Full => Self::usage(error),
            AdminTokenError::Forged | AdminTokenError::Strange(_) | AdminTokenError::Fault(_) => Self::failed(error),
        }
    }
}

impl From<AttenuateAdminTokenError> for Exit {
    fn from(error: AttenuateAdminTokenError) -> Self {
        match error {
            AttenuateAdminTokenError::Nothing | AttenuateAdminTokenError::Bounds(_) => Self::usage(error),
            AttenuateAdminTokenError::Token(error) => error.into(),
        }
    }
}

impl From<CreateAdminTokenError> for Exit {
    fn from(error: CreateAdminTokenError) -> Self {
        match error {
            CreateAdminTokenError::Bounds(_) | CreateAdminTokenError::Name => Self::usage(error),
            CreateAdminTokenError::NoTenant(_) => Self::not_found(error),
            CreateAdminTokenError::OtherTenant(_)
            | CreateAdminTokenError::Denied(_)
            | CreateAdminTokenError::Failed(_) => Self::failed(error),
        }
    }
}

impl From<InspectAdminTokenError> for Exit {
    fn from(error: InspectAdminTokenError) -> Self {
        match error {
            InspectAdminTokenError::Token(error) => error.into(),
            InspectAdminTokenError::Failed(error) => error.into(),
        }
    }
}

impl From<RevokeAdminTokenError> for Exit {
    fn from(error: RevokeAdminTokenError) -> Self {
        match error {
            RevokeAdminTokenError::Token(error) => error.into(),
            RevokeAdminTokenError::Denied(_) | RevokeAdminTokenError::Failed(_) => Self::failed(error),
        }
    }
}
