//! Authenticates an operator by a session.

use kayan_ports::Scope;

use crate::{AuthenticateError, Caller, Kayan, Operator};

impl Kayan {
    /// The caller as an operator: bound to its own tenant, with the permissions of its roles.
    pub async fn authenticate_operator(&self, caller: &Caller) -> Result<Operator, AuthenticateError> {
        let now = self.clock.now();
        let me = self.authenticate_at_any_level(caller, now).await?;
        Ok(Operator {
            scope: Scope::Tenant(me.identity.tenant.clone()),
            name: me.identity.id.to_string(),
            credential: format!("session/{}", me.session.id),
            identity: Some(me.identity.id),
            grants: self.grants_of(&me.identity).await?,
            lacks_factor: self.i_lack_factor(&me, now).await?,
            client: caller.client.clone(),
            request_id: caller.request_id.clone(),
            idempotency: None,
        })
    }
}
