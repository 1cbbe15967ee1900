//! Answers that are kept for requests made again.

use kayan_ports::{CommitError, KeptAnswer, TenantId, Unique};

use crate::rows::Rows;

impl Rows {
    pub(crate) fn kept_answer(&self, tenant: &TenantId, operator: &str, key: &str) -> Option<&KeptAnswer> {
        self.kept_answers.iter().find(|kept| kept.tenant == *tenant && kept.operator == operator && kept.key == key)
    }

    pub(crate) fn keep_answer(&mut self, kept: KeptAnswer) -> Result<(), CommitError> {
        if self.kept_answer(&kept.tenant, &kept.operator, &kept.key).is_some() {
            return Err(CommitError::Conflict(Unique::Answer));
        }
        self.kept_answers.push(kept);
        Ok(())
    }
}
