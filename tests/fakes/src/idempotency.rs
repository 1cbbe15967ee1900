//! Responses that are stored for requests made again.

use kayan_ports::{CommitError, StoredResponse, TenantId, Unique};

use crate::rows::Rows;

impl Rows {
    pub(crate) fn stored_response(&self, tenant: &TenantId, operator: &str, key: &str) -> Option<&StoredResponse> {
        self.responses
            .iter()
            .find(|stored| stored.tenant == *tenant && stored.operator == operator && stored.key == key)
    }

    pub(crate) fn store_response(&mut self, stored: StoredResponse) -> Result<(), CommitError> {
        if self.stored_response(&stored.tenant, &stored.operator, &stored.key).is_some() {
            return Err(CommitError::Conflict(Unique::Response));
        }
        self.responses.push(stored);
        Ok(())
    }
}
