//! `kayan admin user`: manages users without a running service.

use std::io::{self, BufRead, IsTerminal};

use kayan_core::{
    ChangeUserError, CreateUser, CreateUserError, DeleteUser, FieldError, InviteUser, InviteUserError, ListUsers,
    ResetMfa, SetUserPassword, SetUserPasswordError, SetUserState, policy::period,
};
use kayan_ports::{Identity, Password, State, Timestamp, Traits, timestamp};
use serde_json::{Map, Value, json};
use time::Duration;

use super::{messages::DELIVERS, named, operator};
use crate::{
    args::{Format, User, Who},
    exit::Exit,
    output,
};

pub(super) async fn run(action: User) -> Result<(), Exit> {
    match action {
        User::Create { email, name, roles, password_stdin, no_password, tenant, output } => {
            let password = if no_password { None } else { Some(ask_password(password_stdin)?.into()) };
            let mut traits = Map::from_iter([("email".to_owned(), Value::String(email))]);
            traits.extend(name.map(|name| ("name".to_owned(), Value::String(name))));
            let cmd =
                CreateUser { tenant: tenant.clone(), traits: Traits(traits), password, state: State::Active, roles };
            let created =
                super::super::open().await?.create_user(&operator(Some(tenant)), cmd).await.map_err(explain)?;
            show(&created, output.format)
        }
        User::Get { who, output } => {
            let (operator, user) = named(who);
            show(&super::super::open().await?.find_user(&operator, &user).await?, output.format)
        }
        User::List { query, state, without_mfa, limit, offset, tenant, output } => {
            let query = ListUsers { state, contains: query, without_mfa, limit, offset };
            let page = super::super::open().await?.list_users(&operator(tenant), &query).await?;
            list(&page.rows, output.format)?;
            super::tell_damaged(&page.damaged);
            if output.format == Format::Table {
                output::note(format_args!("{} of {}", page.rows.len(), page.total));
            }
            Ok(())
        }
        User::Lock { who, until, reason, output } => {
            let until = until.as_deref().map(|text| period::moment("--until", text, Duration::DAY)).transpose();
            set_state(who, (State::Locked, until.map_err(Exit::usage)?), reason, output.format).await
        }
        User::Unlock { who, reason, output } => set_state(who, (State::Active, None), reason, output.format).await,
        User::Delete { who, reason } => {
            let (operator, user) = named(who);
            let kayan = super::super::open().await?;
            kayan.delete_user(&operator, DeleteUser { user, reason, expected: None }).await.map_err(unchanged)?;
            output::note("the user is deleted; the audit events are kept");
            Ok(())
        }
        User::Import(args) => super::super::import::run(args).await,
        User::Export(args) => super::super::export::run(args).await,
        User::ResetMfa { who } => {
            let (operator, user) = named(who);
            let cmd = ResetMfa { user, expected: None };
            let removed = super::super::open().await?.reset_mfa(&operator, &cmd).await.map_err(unchanged)?;
            output::note(format_args!(
                "{removed} second factors and recovery codes were removed; every session was ended"
            ));
            Ok(())
        }
        User::Invite { who, print_link } => invite(who, print_link).await,
        User::SetPassword { who, password_stdin } => {
            let (operator, user) = named(who);
            let cmd = SetUserPassword { user, password: ask_password(password_stdin)?, expected: None };
            super::super::open().await?.set_user_password(&operator, cmd).await.map_err(|error| match error {
                SetUserPasswordError::Change(error) => unchanged(error),
                other => Exit::failed(other),
            })?;
            output::note("the password is set; all sessions are revoked");
            Ok(())
        }
    }
}

/// Only the link is on standard output, for scripts.
async fn invite(who: Who, print_link: bool) -> Result<(), Exit> {
    let (operator, user) = named(who);
    let cmd = InviteUser { user, deliver: !print_link };
    let invited = super::super::open().await?.invite_user(&operator, cmd).await.map_err(|error| match error {
        InviteUserError::Change(error) => unchanged(error),
        InviteUserError::NoTenant(_) => Exit::not_found(error),
        other => Exit::failed(other),
    })?;
    match invited {
        Some(invitation) => {
            output::line(&invitation.link)?;
            output::note(format_args!("good once, until {}", timestamp::text(invitation.expires_at)));
        }
        None => output::note(format_args!("the invitation is enqueued: {DELIVERS}")),
    }
    Ok(())
}

async fn set_state(
    who: Who,
    (state, until): (State, Option<Timestamp>),
    reason: Option<String>,
    format: Format,
) -> Result<(), Exit> {
    let (operator, user) = named(who);
    let cmd = SetUserState { user, state, until, reason, expected: None };
    let changed = super::super::open().await?.set_user_state(&operator, cmd).await.map_err(unchanged)?;
    show(&changed, format)
}

/// The error of a change that was not made.
pub(super) fn unchanged(error: ChangeUserError) -> Exit {
    match error {
        ChangeUserError::Find(error) => error.into(),
        ChangeUserError::LockIsOver | ChangeUserError::NotIn(_) => Exit::usage(error),
        other => Exit::failed(other),
    }
}

/// Reads a password from standard input, or prompts for it twice without echo. Never from the command line, which every
/// user of the machine can read.
fn ask_password(stdin: bool) -> Result<Password, Exit> {
    if stdin {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map_err(Exit::failed)?;
        return Ok(line.trim_end_matches(['\r', '\n']).into());
    }
    if !io::stdin().is_terminal() {
        return Err(Exit::usage("there is no terminal to prompt for the password: use --password-stdin"));
    }
    let first = rpassword::prompt_password("Password: ").map_err(Exit::failed)?;
    let second = rpassword::prompt_password("Repeat password: ").map_err(Exit::failed)?;
    if first == second { Ok(first.into()) } else { Err(Exit::usage("the passwords differ; nothing was changed")) }
}

fn explain(error: CreateUserError) -> Exit {
    match error {
        CreateUserError::InvalidTraits(fields) => {
            let told: Vec<String> =
                fields.iter().map(|FieldError { pointer, message, .. }| format!("{pointer} {message}")).collect();
            Exit::usage(told.join("; "))
        }
        CreateUserError::NoTenant(_) => Exit::not_found(error),
        CreateUserError::UnknownRole(_) | CreateUserError::WeakPassword(_) | CreateUserError::Hash(_) => {
            Exit::usage(error)
        }
        CreateUserError::Denied(_) | CreateUserError::AlreadyExists | CreateUserError::Failed(_) => Exit::failed(error),
    }
}

pub(super) fn show(identity: &Identity, format: Format) -> Result<(), Exit> {
    match format {
        Format::Json => output::json(&as_json(identity)),
        Format::Table => table(std::slice::from_ref(identity)),
    }
}

/// Always an array, even of one user, because scripts rely on it.
fn list(identities: &[Identity], format: Format) -> Result<(), Exit> {
    match format {
        Format::Json => output::json(&identities.iter().map(as_json).collect::<Vec<_>>()),
        Format::Table => table(identities),
    }
}

fn table(identities: &[Identity]) -> Result<(), Exit> {
    let rows = identities.iter().map(|identity| {
        let email = identity.traits.0.get("email").and_then(Value::as_str).unwrap_or_default();
        vec![
            identity.id.to_string(),
            identity.tenant.to_string(),
            email.to_owned(),
            identity.state.as_str().to_owned(),
            identity.roles.join(","),
            timestamp::text(identity.created_at),
            identity.last_login_at.map(timestamp::text).unwrap_or_default(),
        ]
    });
    output::table(&["id", "tenant", "email", "state", "roles", "created at", "last login at"], rows.collect())
}

fn as_json(identity: &Identity) -> Value {
    json!({
        "id": identity.id,
        "tenant_id": identity.tenant,
        "traits": identity.traits,
        "state": identity.state,
        "verified": identity.verified,
        "roles": identity.roles,
        "created_at": timestamp::text(identity.created_at),
        "updated_at": timestamp::text(identity.updated_at),
        "last_login_at": identity.last_login_at.map(timestamp::text),
    })
}
