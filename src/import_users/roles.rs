//! Lets in whoever's roles are there and grant nothing that the operator does not hold (I-30).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{Fate, LineReport, Refusal, bring_in::Numbered};
use crate::{DeniedError, Failure, FieldError, Kayan, Operator, policy::role::Definitions};

impl Kayan {
    /// Parts those whose roles may be given from the others, and says of these why. A refused grant is written down, once
    /// for all lines of a batch that want the same (I-31).
    pub(super) async fn let_roles_in(
        &self,
        operator: &Operator,
        wanted: Vec<Numbered>,
        dry_run: bool,
    ) -> Result<(Vec<Numbered>, Vec<LineReport>), Failure> {
        let (mut permitted, mut reports) = (Vec::with_capacity(wanted.len()), Vec::new());
        let (mut known, mut written_down) = (BTreeMap::new(), BTreeSet::new());
        for (line, mut user) in wanted {
            if user.identity.roles.is_empty() {
                permitted.push((line, user));
                continue;
            }
            let tenant = &user.identity.tenant;
            let definitions: Arc<Definitions> = match known.get(tenant) {
                Some(definitions) => Arc::clone(definitions),
                None => self.definitions_now(tenant).await?,
            };
            known.insert(tenant.clone(), Arc::clone(&definitions));
            let missing = operator.grants.missing(&definitions.grants(&user.identity.roles));
            let wrong = if let Err(unknown) = definitions.know(&user.identity.roles) {
                let at = user.identity.roles.iter().position(|role| *role == unknown.name).unwrap_or_default();
                let why = format!("is no role of the tenant; there are {}", unknown.known.join(", "));
                FieldError::new(format!("/roles/{at}"), "unknown_role", why)
            } else if let Some(missing) = missing {
                let why = format!("would grant `{missing}`, which you don't hold");
                if !dry_run && written_down.insert(missing.clone()) {
                    match self.forbid(operator, missing, super::ACTION).await {
                        Ok(()) | Err(DeniedError::Forbidden(_) | DeniedError::KeyReused) => {}
                        Err(DeniedError::Failed(failure)) => return Err(failure),
                    }
                }
                FieldError::new("/roles", "not_held", why)
            } else {
                user.roles_version = Some(definitions.version);
                permitted.push((line, user));
                continue;
            };
            reports.push(LineReport::new(line, Fate::Refused(Refusal::Invalid(vec![wrong]))));
        }
        Ok((permitted, reports))
    }
}
