//! Checks the roles of imported users: they must exist, and grant only what the operator holds (I-30).

use std::collections::{BTreeMap, BTreeSet};

use super::{ImportOutcome, LineReport, Refusal, commit::Numbered};
use crate::{DeniedError, FieldError, Kayan, Operator, access::grants::Standing, policy::permission::Permission};

impl Kayan {
    /// Separates users whose roles may be granted from the others, with the refusal of these. A refused grant is
    /// audited once for all lines of a batch with the same roles (I-31).
    pub(super) async fn check_roles(
        &self,
        operator: &Operator,
        wanted: Vec<Numbered>,
        dry_run: bool,
    ) -> Result<(Vec<Numbered>, Vec<LineReport>), DeniedError> {
        let (mut permitted, mut reports) = (Vec::with_capacity(wanted.len()), Vec::new());
        let (mut known, mut written_down) = (BTreeMap::new(), BTreeSet::new());
        for (line, mut user) in wanted {
            if user.identity.roles.is_empty() {
                permitted.push((line, user));
                continue;
            }
            let tenant = &user.identity.tenant;
            if !known.contains_key(tenant) {
                let required = (&Permission::USERS_WRITE, super::ACTION);
                known.insert(tenant.clone(), self.standing(operator, tenant, required).await?);
            }
            let Some(Standing { grants, definitions, holds }) = known.get(tenant) else { continue };
            let missing = grants.missing(&definitions.grants(&user.identity.roles));
            let wrong = if let Err(unknown) = definitions.know(&user.identity.roles) {
                let at = user.identity.roles.iter().position(|role| *role == unknown.name).unwrap_or_default();
                let why = format!("is no role of the tenant; there are {}", unknown.known.join(", "));
                FieldError::new(format!("/roles/{at}"), "unknown_role", why)
            } else if let Some(missing) = missing {
                let why = format!("would grant `{missing}`, which you don't hold");
                if !dry_run && written_down.insert(missing.clone()) {
                    match self.forbid(operator, missing, super::ACTION).await {
                        Ok(()) | Err(DeniedError::Forbidden(_) | DeniedError::KeyReused) => {}
                        Err(failed) => return Err(failed),
                    }
                }
                FieldError::new("/roles", "not_held", why)
            } else {
                user.holds.clone_from(holds);
                permitted.push((line, user));
                continue;
            };
            reports.push(LineReport::new(line, ImportOutcome::Refused(Refusal::Invalid(vec![wrong]))));
        }
        Ok((permitted, reports))
    }
}
