//! `kayan admin`: administers the database directly, without a running service.

mod keys;
mod messages;
mod roles;
mod sessions;
mod tenants;
mod tokens;
mod users;

use kayan_core::{DeniedError, FindUserError, Operator, UserRef};
use kayan_ports::{Scope, TenantId};

use crate::{
    args::{Admin, Who},
    exit::Exit,
    output::note,
};

/// Runs the command.
pub(crate) fn run(noun: Admin) -> Result<(), Exit> {
    match noun {
        Admin::User { action } => super::block_on(users::run(action)),
        Admin::Role { action } => super::block_on(roles::run(action)),
        Admin::Tenant { action } => super::block_on(tenants::run(action)),
        Admin::Sessions { action } => super::block_on(sessions::run(action)),
        Admin::Message { action } => super::block_on(messages::run(action)),
        Admin::Key { action } => super::block_on(keys::run(action)),
        Admin::Token { action } => tokens::run(action),
    }
}

pub(super) fn operator(tenant: Option<TenantId>) -> Operator {
    Operator::at_the_command_line(tenant.map_or(Scope::System, Scope::Tenant))
}

fn named(who: Who) -> (Operator, UserRef) {
    (operator(who.tenant), UserRef(who.user))
}

/// Reports the damaged entries that a list leaves out.
fn tell_damaged(ids: &[String]) {
    if !ids.is_empty() {
        note(format_args!("left out because they are damaged: {}; see kayan doctor", ids.join(", ")));
    }
}

impl From<DeniedError> for Exit {
    fn from(error: DeniedError) -> Self {
        FindUserError::from(error).into()
    }
}
