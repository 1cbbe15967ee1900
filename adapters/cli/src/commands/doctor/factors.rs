//! Second factors: whether users have those that their tenant requires, and whether the secrets of apps can be opened.

use kayan_core::{Kayan, MOST_CREDENTIALS, MOST_USERS, RequiringTenant};
use kayan_ports::{KeyError, timestamp};

use super::{audit::unanswered, finding::Finding};

pub(super) const REQUIRED: &str = "factors.required";
pub(super) const SECRETS: &str = "factors.secrets";

/// The number of tenants whose users are checked.
const TENANTS: usize = 20;
/// The number of damaged secrets that are named.
const NAMED: usize = 5;

pub(super) async fn required(kayan: &Kayan) -> Vec<Finding> {
    let tenants = match kayan.check_required_factors(TENANTS).await {
        Ok(tenants) => tenants,
        Err(failure) => return unanswered(REQUIRED, &failure.to_string()),
    };
    let findings: Vec<_> = tenants.iter().flat_map(|it| unknown_roles(it).into_iter().chain(lacking(it))).collect();
    if !findings.is_empty() {
        return findings;
    }
    let told = match tenants.len() {
        0 => "no tenant requires a second factor".to_owned(),
        count => format!("{count} tenants require a second factor, and the users who were checked have one"),
    };
    vec![Finding::ok(REQUIRED, told)]
}

/// Nobody has a role that does not exist, so nobody is asked for a factor because of it.
fn unknown_roles(found: &RequiringTenant) -> Option<Finding> {
    if found.unknown_roles.is_empty() {
        return None;
    }
    let (tenant, roles) = (&found.tenant, found.unknown_roles.join(", "));
    let told = format!("tenant {tenant} requires a second factor of roles that don't exist: {roles}");
    let hint = format!("correct mfa_required_roles: kayan admin tenant update --id {tenant} --settings JSON");
    Some(Finding::warning(REQUIRED, told, hint))
}

fn lacking(found: &RequiringTenant) -> Option<Finding> {
    if found.without == 0 {
        return None;
    }
    let RequiringTenant { tenant, without, .. } = found;
    let from = found.from.map(|from| format!(" from {} on", timestamp::text(from))).unwrap_or_default();
    let told = format!(
        "tenant {tenant} requires a second factor{from}, and of the users of whom it does, {without} of the newest \
         {MOST_USERS} have none"
    );
    let hint = format!(
        "tell them to enroll one, or they have to when they log in: kayan admin user list --without-mfa --tenant {tenant}"
    );
    Some(Finding::warning(REQUIRED, told, hint))
}

pub(super) async fn secrets(kayan: &Kayan) -> Vec<Finding> {
    let checked = match kayan.check_factor_secrets().await {
        Ok(checked) => checked,
        Err(KeyError::Locked(_)) => {
            return vec![Finding::skipped(SECRETS, "the keys can't be decrypted; see secrets.keys")];
        }
        Err(KeyError::Failed(failure)) => return unanswered(SECRETS, &failure.to_string()),
    };
    if checked.damaged.is_empty() {
        let told = match checked.opened {
            0 => format!("there is no authenticator app among the newest {MOST_CREDENTIALS} credentials"),
            count => format!("the secrets of {count} authenticator apps can be opened"),
        };
        return vec![Finding::ok(SECRETS, told)];
    }
    let (count, opened) = (checked.damaged.len(), checked.opened);
    let named: Vec<_> = checked.damaged.iter().take(NAMED).map(|(_, owner)| owner.to_string()).collect();
    let told = format!(
        "the secrets of {count} authenticator apps can't be opened, those of {opened} can: they were changed, or sealed with \
         another data key; their users can't log in with them: {}{}",
        named.join(", "),
        if count > NAMED { ", …" } else { "" }
    );
    let hint = "restore the database with the secrets of its time, or let the users enroll anew: kayan admin user reset-mfa --id USER";
    vec![Finding::failed(SECRETS, told, hint)]
}
